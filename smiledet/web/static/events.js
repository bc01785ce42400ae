// Server-sent events that come back by themselves: after a lost connection, a refusal, and the end of the run.

const RETRY = 2000; // milliseconds; a browser tries again by itself only where the connection broke

// `message` is given each one's data, `state` "live", "connecting" or "ended". Returns what ends it.
export function follow(address, { message, state }) {
  let events, timer, ended = false;
  const open = () => {
    events = new EventSource(address);
    events.onopen = () => { ended = false; state("live"); };
    events.onmessage = (event) => message(JSON.parse(event.data));
    events.onerror = () => { if (!ended) state("connecting"); if (events.readyState === EventSource.CLOSED) again(); };
    events.addEventListener("end", () => { ended = true; state("ended"); again(); });
  };
  const again = () => { events.close(); clearTimeout(timer); timer = setTimeout(open, RETRY); };
  open();
  return () => { clearTimeout(timer); events.close(); };
}
