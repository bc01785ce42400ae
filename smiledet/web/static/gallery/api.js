// What the page asks of the server. Every function throws an Error whose message can be shown.

async function asked(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error("offline");
  }
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status}`);
  return answer;
}

export const get = async (path, signal) => (await asked(path, { signal })).json();

export const send = async (path, body, method = "POST") =>
  (await asked(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();

// On a screen of one dot a pixel a quarter of the dots is enough: they are decoded and drawn while the grid is scrolled.
export const thumbnail = (id) => `/api/photographs/${id}/thumbnail?side=${devicePixelRatio > 1 ? 320 : 192}`;
export const picture = (id, side) => `/api/photographs/${id}/picture?side=${side}`;
export const why = (id, face, task) => `/api/photographs/${id}/why?face=${face}&task=${encodeURIComponent(task)}`;

// A browser has six connections to a server. Thumbnails take four of them at most, so that a search need not wait for any.
const AT_ONCE = 4;
const waiting = [];
let loading = 0;

/** Have `start` called when there is a connection for one more thumbnail; call what is returned once it is there, or not wanted. */
export function loadInTurn(start) {
  const mine = { start, started: false, over: false };
  waiting.push(mine);
  startNext();
  return () => {
    if (mine.over) return;
    mine.over = true;
    if (mine.started) loading--;
    else waiting.splice(waiting.indexOf(mine), 1);
    startNext();
  };
}

function startNext() {
  while (loading < AT_ONCE && waiting.length) {
    const next = waiting.shift();
    loading++;
    next.started = true;
    next.start();
  }
}
