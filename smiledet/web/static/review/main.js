// The review page: a clip, its curves, what changes, and corrections.

import { html, render, useState, useEffect, useMemo, useRef, useCallback } from "/static/vendor/preact-htm.js";
import UPlot from "/static/vendor/uplot.js";

const COLOURS = ["--good", "--accent", "--chosen", "--bad", "--muted", "--text"];
const shownTime = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`;

// The place of the last frame at or before a time.
function indexAt(times, time) {
  let low = 0, high = times.length;
  while (low < high) { const middle = (low + high) >> 1; if (times[middle] <= time + 1e-3) low = middle + 1; else high = middle; }
  return low - 1;
}

// One picture is asked for at a time: the newest that is wanted, so that scrubbing never queues.
function usePicture(time) {
  const [shown, setShown] = useState(null);
  const wanted = useRef(time);
  const busy = useRef(false);
  const ask = useCallback(async () => {
    if (busy.current) return;
    busy.current = true;
    const asked = wanted.current;
    try {
      const answer = await fetch(`/api/picture.jpg?t=${asked.toFixed(4)}`);
      if (answer.ok) {
        const url = URL.createObjectURL(await answer.blob());
        const size = ["x-width", "x-height"].map((name) => Number(answer.headers.get(name)));
        setShown((old) => { if (old) URL.revokeObjectURL(old.url); return { url, size, time: asked }; });
      }
    } catch { /* the server has ended; the next one may be answered */ }
    busy.current = false;
    if (wanted.current !== asked) ask();
  }, []);
  useEffect(() => { wanted.current = time; ask(); }, [time]);
  return shown;
}

function Review({ state }) {
  const [time, setTime] = useState(state.tracks[0].times[0]);
  const [number, setNumber] = useState(state.tracks[0].number);
  const [playing, setPlaying] = useState(false);
  const [corrections, setCorrections] = useState(state.corrections);
  const [problem, setProblem] = useState("");
  const picture = usePicture(time);
  const track = state.tracks.find((each) => each.number === number);
  const go = (to) => setTime(Math.max(0, Math.min(state.end, to)));
  const changes = state.changes;
  const jump = (way) => {
    const found = way > 0 ? changes.find((each) => each.time > time + 1e-3) : [...changes].reverse().find((each) => each.time < time - 1e-3);
    if (found) { setNumber(found.track); setTime(found.time); }
  };
  useEffect(() => {
    if (!playing) return undefined;
    let last = performance.now(), next = 0;
    const step = (now) => { setTime((at) => { const to = at + (now - last) / 1000; last = now; if (to >= state.end) setPlaying(false); return Math.min(to, state.end); }); next = requestAnimationFrame(step); };
    next = requestAnimationFrame(step);
    return () => cancelAnimationFrame(next);
  }, [playing]);
  useEffect(() => {
    const keys = { ArrowRight: () => go(time + state.step), ArrowLeft: () => go(time - state.step), n: () => jump(1), p: () => jump(-1), " ": () => setPlaying((on) => !on) };
    const pressed = (event) => {
      const own = event.target.closest(event.key === " " ? "select, input, button, a" : "select, input"); // keys with a meaning there
      if (own && event.key !== "n" && event.key !== "p") return;
      if (keys[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); keys[event.key](); }
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  });
  const correct = async (task, label, begin, end) => {
    const answer = await fetch("/api/corrections", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ track: number, task, label, begin, end }) }).catch(() => null);
    if (answer && answer.ok) { setCorrections(await answer.json()); setProblem(""); } else setProblem(answer ? (await answer.text()).trim() : "the server does not answer");
  };
  return html`
    <header class="top"><h1><img src="/static/icon.svg" alt=""/> smiledet</h1><span class="clip">${state.clip}</span>
      <a class="button" href="/api/labelled.zip" download="labelled.zip">export ${corrections.length} corrected</a></header>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <main>
      <section class="video">${picture && html`<img src=${picture.url} alt=${`the clip at ${shownTime(picture.time)}`}/>
        <${Boxes} tracks=${state.tracks} size=${picture.size} time=${picture.time} chosen=${number} choose=${setNumber}/>`}</section>
      <section class="below">
        <div class="scrub"><button onClick=${() => setPlaying(!playing)}>${playing ? "pause" : "play"}</button>
          <button onClick=${() => jump(-1)} aria-label="previous change">◀ change</button><button onClick=${() => jump(1)} aria-label="next change">change ▶</button>
          <input type="range" aria-label="time" min="0" max=${state.end} step=${state.step} value=${time} onInput=${(event) => go(Number(event.target.value))}/>
          <output>${shownTime(time)}</output></div>
        <${Curves} key=${number} track=${track} time=${time} go=${go}/>
      </section>
      <section class="side" tabindex="0" aria-label="faces and labels">
        <h2>Faces</h2><div class="faces">${state.tracks.map((each) => html`<button key=${each.number} aria-pressed=${each.number === number} onClick=${() => { setNumber(each.number); if (time < each.times[0] || time > each.times[each.times.length - 1]) go(each.times[0]); }}>face ${each.number}</button>`)}</div>
        <${Labels} state=${state} track=${track} time=${time} corrections=${corrections} correct=${correct}/>
        <h2>Changes</h2><ul class="list">${changes.map((each, at) => html`<li key=${at}><button class=${Math.abs(each.time - time) < state.step / 2 && each.track === number ? "on" : ""} onClick=${() => { setNumber(each.track); go(each.time); }}>${shownTime(each.time)} · face ${each.track} · ${each.task} ${each.label}</button></li>`)}</ul>
        <p class="note">Keys: ← → a frame, p n a change, space plays.</p>
      </section>
    </main>`;
}

function Boxes({ tracks, size, time, chosen, choose }) {
  const there = tracks.flatMap((track) => {
    const at = indexAt(track.times, time);
    return at >= 0 && time - track.times[at] < 0.5 ? [[track, track.boxes[at]]] : [];
  });
  return html`<svg viewBox=${`0 0 ${size[0]} ${size[1]}`} aria-hidden="true">${there.map(([track, [x, y, width, height]]) => html`<rect key=${track.number} class=${track.number === chosen ? "on" : ""} x=${x} y=${y} width=${width} height=${height} onClick=${() => choose(track.number)}/>`)}</svg>`;
}

// The stretch around a time in which a face's label stays the same.
function stretch(track, task, at, step) {
  const labels = track.labels[task];
  let first = at, last = at;
  while (first > 0 && labels[first - 1] === labels[at]) first -= 1;
  while (last + 1 < labels.length && labels[last + 1] === labels[at]) last += 1;
  return [track.times[first], last + 1 < track.times.length ? track.times[last + 1] : track.times[last] + step];
}

function Labels({ state, track, time, corrections, correct }) {
  const at = indexAt(track.times, time);
  if (at < 0) return html`<p class="note">This face is not there yet.</p>`;
  return html`<h2>Face ${track.number} at ${shownTime(track.times[at])}</h2>${state.tasks.filter((task) => track.labels[task.name]).map((task) => {
    const [begin, end] = stretch(track, task.name, at, state.step);
    const said = corrections.find((each) => each.track === track.number && each.task === task.name && each.begin <= track.times[at] && track.times[at] < each.end);
    return html`<div key=${task.name}><div class="row"><label for=${`correct-${task.name}`}>${task.name}: ${said ? `${said.label} (corrected)` : track.labels[task.name][at] || "not read"}</label>
      <select id=${`correct-${task.name}`} value=${said ? said.label : ""} onChange=${(event) => correct(task.name, event.target.value || null, said ? said.begin : begin, said ? said.end : end)}>
        <option value="">as it was read</option>${task.labels.map((label) => html`<option key=${label} value=${label}>${label}</option>`)}</select></div>
      <div class="note">${shownTime(said ? said.begin : begin)} to ${shownTime(said ? said.end : end)}</div></div>`;
  })}`;
}

function Curves({ track, time, go }) {
  const box = useRef(null);
  const plot = useRef(null);
  const now = useRef(time);
  const series = useMemo(() => {
    const smiles = track.curves.filter((each) => each.task === "smile" && each.label === "smiling");
    return [...smiles, ...track.curves.filter((each) => each.task === "emotion")].concat(smiles.length ? [] : track.curves.filter((each) => each.task !== "emotion"));
  }, [track]);
  useEffect(() => {
    const colour = (name) => { box.current.style.color = `var(${name})`; return getComputedStyle(box.current).color; };
    const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 } };
    const mark = colour("--chosen");
    const draw = (u) => {
      const x = u.valToPos(now.current, "x", true);
      u.ctx.save(); u.ctx.setLineDash([]); u.ctx.strokeStyle = mark; u.ctx.lineWidth = 2; u.ctx.beginPath(); u.ctx.moveTo(x, u.bbox.top); u.ctx.lineTo(x, u.bbox.top + u.bbox.height); u.ctx.stroke(); u.ctx.restore();
    };
    const lines = series.map((each, at) => ({ label: each.label, stroke: colour(COLOURS[at % COLOURS.length]), width: at ? 1.5 : 2.5, dash: at >= COLOURS.length ? [5, 4] : undefined, points: { show: false }, value: (_, value) => (value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`) }));
    box.current.style.color = "";
    const made = new UPlot({ width: box.current.clientWidth, height: 190, series: [{ label: "s", value: (_, value) => (value === null || value === undefined ? "–" : value.toFixed(2)) }, ...lines], axes: [axis, { ...axis, size: 58, values: (_, all) => all.map((each) => `${Math.round(100 * each)} %`) }],
      scales: { x: { time: false }, y: { range: [0, 1] } }, hooks: { draw: [draw] } }, [track.times, ...series.map((each) => each.values)], box.current);
    plot.current = made;
    made.over.addEventListener("click", (event) => go(made.posToVal(event.offsetX, "x")));
    const watching = new ResizeObserver(() => made.setSize({ width: box.current.clientWidth, height: 190 }));
    watching.observe(box.current);
    return () => { watching.disconnect(); made.destroy(); };
  }, [track]);
  useEffect(() => { now.current = time; if (plot.current) plot.current.redraw(false); }, [time]);
  return html`<div class="plot" ref=${box} role="img" aria-label=${`what face ${track.number} showed over the clip`}></div>`;
}

const app = document.getElementById("app");
fetch("/api/state").then(async (answer) => {
  if (!answer.ok) throw new Error((await answer.text()).trim());
  render(html`<${Review} state=${await answer.json()}/>`, app);
}).catch((error) => { app.textContent = error.message; });
