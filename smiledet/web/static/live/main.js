// The live page: video, faces with their scores, the last minutes, and how each stage is.

import { html, render, useState, useEffect, useMemo } from "/static/vendor/preact-htm.js";
import { TimePlot } from "/static/plot.js";
import { Bars } from "/static/bars.js";
import { emoji, percent } from "/static/labels.js";
import { follow } from "/static/events.js";

const KEPT = 600; // seconds of history, as the server keeps them
const REFRESH = 1000;
const MACHINE = { cpu_percent: "processors, %", gpu_percent: "GPU, %", board_memory_mb: "memory, MB", temperature_c: "temperature, °C", power_w: "power, W", power_mode: "power mode" };
const COLOURS = ["--accent", "--chosen", "--good", "--bad", "--violet", "--teal", "--muted", "--text"];

function useFaces(source) {
  const [faces, setFaces] = useState(null);
  const [history, setHistory] = useState([]);
  const [connection, setConnection] = useState("connecting");
  useEffect(() => {
    let next = 0;
    let newest = null;
    setFaces(null);
    setHistory([]);
    const message = (told) => {
      newest = told;
      const { seconds } = newest;
      if (seconds) setHistory((old) => [...old.filter((each) => each.time < seconds[0].time), ...seconds].slice(-KEPT));
      if (!next) next = requestAnimationFrame(() => { next = 0; setFaces(newest); });
    };
    const end = follow(`/api/faces?${ofSource(source)}`, { message, state: setConnection });
    return () => { end(); cancelAnimationFrame(next); };
  }, [source]);
  return { faces, history, connection };
}

function useFigures(first, source) {
  const [figures, setFigures] = useState(first);
  const refresh = () => ask(`/api/figures?${ofSource(source)}`).then(setFigures).catch(() => {});
  useEffect(() => {
    refresh();
    const timer = setInterval(refresh, REFRESH);
    return () => clearInterval(timer);
  }, [source]);
  return [figures, refresh];
}

const ofSource = (source) => new URLSearchParams({ source }).toString();

const STATUS = { live: "live", connecting: "connecting …", ended: "the run is over" };

const ask = (address) => fetch(address).then((answer) => answer.json());

async function send(method, address, body) {
  const answer = await fetch(address, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(typeof told.detail === "string" ? told.detail : "this cannot be");
  return told;
}

function Live({ state }) {
  const [source, setSource] = useState("");
  const { faces, history, connection } = useFaces(source);
  const [figures, refresh] = useFigures(state, source);
  const [view, setView] = useState("labels");
  const [paused, setPaused] = useState(false);
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState("");
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (connection !== "live") return;
    setAttempt((n) => n + 1);
    if (attempt) ask("/api/state").then(({ started }) => { if (started !== state.started) location.reload(); }).catch(() => {}); // another run
  }, [connection]);
  const several = state.sources.length > 1;
  const all = several && source === "";
  const kind = view === "labels" ? "annotated" : "clean";
  const video = `${paused ? `/snapshot.jpg?kind=${kind}&` : `/video/${kind}.mjpeg?`}${ofSource(source)}`;
  const draw = figures.stages.draw || {};
  const recordings = Object.entries(figures.recordings || {}).filter(([name, each]) => each.file && (source === "" || name === source));
  const failures = Object.entries(figures.recordings || {}).filter(([, each]) => each.problem);
  const record = () => send(recordings.length ? "DELETE" : "POST", "/api/recordings", { source }).then(() => { setProblem(""); refresh(); }).catch((error) => setProblem(error.message));
  const choose = (face) => {
    const name = face.source ?? source;
    const track = figures.explained[name] === face.track ? null : face.track;
    send("PUT", "/api/explained", { source: name, track }).then(() => { setProblem(""); refresh(); }).catch((error) => setProblem(error.message));
  };
  const explained = figures.explained || {};
  const explains = Object.keys(explained).length > 0;
  const isChosen = (face) => explained[face.source ?? (source || Object.keys(explained)[0])] === face.track;
  const described = state.sources.filter((each) => each.name === source || !several).map((each) => each.description)[0] || `${state.sources.length} sources`;
  return html`
    <header class="top">
      <h1><img src="/static/icon.svg" alt=""/> smiledet</h1>
      <span class="status ${connection === "live" ? "on" : ""}" role="status">${STATUS[connection]}</span>
      <span class="source">${described}</span>
      ${several && html`<select aria-label="source" value=${source} onChange=${(event) => setSource(event.target.value)}>
        <option value="">all sources</option>${state.sources.map((each) => html`<option key=${each.name} value=${each.name}>${each.name}</option>`)}</select>`}
      <select aria-label="view" value=${view} onChange=${(event) => setView(event.target.value)}>
        <option value="labels">boxes and labels</option>${!all && html`<option value="boxes">boxes</option>`}<option value="clean">picture alone</option></select>
      <button aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? "go on" : "pause"}</button>
      <a class="button" href=${`/snapshot.jpg?kind=${kind}&${ofSource(source)}`} download="smiledet.jpg">snapshot</a>
      ${state.records && html`<button class=${recordings.length ? "recording" : ""} aria-pressed=${recordings.length > 0} onClick=${record}>${recordings.length ? `stop ${Math.round(recordings[0][1].seconds)} s` : "record"}</button>`}
      <button aria-expanded=${open} onClick=${() => setOpen(!open)}>settings</button>
    </header>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${Object.entries(figures.lost || {}).map(([name, why]) => html`<p class="problem" role="alert" key=${name}>${name ? `${name} is lost: ` : ""}${why}</p>`)}
    ${failures.map(([name, each]) => html`<p class="problem" role="alert" key=${name}>recording${name ? ` of ${name}` : ""} ended: ${each.problem}</p>`)}
    <main>
      <section class="video"><img key=${`${video}${attempt}`} src=${`${video}&${attempt}`} alt="the newest frame"/>
        ${view === "boxes" && !all && !paused && faces && html`<${Boxes} faces=${faces} width=${faces.width}/>`}
        ${explains && view === "labels" && !all && !paused && faces && html`<${Boxes} faces=${faces} width=${faces.annotated_width} choose=${choose}/>`}</section>
      <section class="side" tabindex="0" aria-label="readings">
        ${open && html`<${Settings} onChange=${refresh}/>`}
        <div class="cards">
          <div class="card"><b>${faces ? faces.faces.length : "–"}</b><span>faces</span></div>
          <div class="card"><b>${figures.smiles}</b><span>smiles</span></div>
          <div class="card"><b>${draw.fps ?? "–"}</b><span>FPS</span></div>
          <div class="card"><b>${draw.latency_ms === null || draw.latency_ms === undefined ? "–" : draw.latency_ms.toFixed(draw.latency_ms < 100 ? 1 : 0)}</b><span>ms latency</span></div>
        </div>
        ${faces && faces.faces.map((face) => html`<${Face} key=${`${face.source} ${face.track}`} face=${face} tasks=${figures.tasks} chosen=${explains && isChosen(face)} choose=${explains ? choose : null}/>`)}
        <${History} history=${history} tasks=${figures.tasks}/>
        <${Stages} figures=${figures} device=${state.device} detector=${figures.detector}/>
      </section>
    </main>`;
}

function Settings({ onChange }) {
  const [settings, setSettings] = useState(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => { ask("/api/settings").then(setSettings); }, []);
  if (!settings) return null;
  const { choices } = settings;
  const change = async (changes) => {
    setBusy(true);
    // Shown as it was asked for; what the server says takes its place.
    setSettings({ ...settings, ...changes, models: { ...settings.models, ...changes.models }, unsure_below: { ...settings.unsure_below, ...changes.unsure_below } });
    try {
      setSettings(await send("PATCH", "/api/settings", changes));
      setProblem("");
    } catch (error) {
      setProblem(error.message);
      setSettings(settings);
    }
    setBusy(false);
    onChange();
  };
  const toggle = (task, on) => change({ tasks: choices.tasks.filter((each) => (each === task ? on : settings.tasks.includes(each))) });
  return html`<form class="settings" aria-label="settings" aria-busy=${busy} onSubmit=${(event) => event.preventDefault()}>
    <h2>Settings</h2>${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${choices.tasks.map((task) => {
      const on = settings.tasks.includes(task);
      const doubt = settings.unsure_below[task];
      return html`<fieldset key=${task} class=${on ? "" : "off"} disabled=${busy}><legend><label><input type="checkbox" checked=${on} disabled=${on && settings.tasks.length === 1} onChange=${(event) => toggle(task, event.target.checked)}/> ${task}</label></legend>
        ${on && choices.models[task].length > 1 && html`<label>model <select value=${settings.models[task]} onChange=${(event) => change({ models: { [task]: event.target.value } })}>
          ${choices.models[task].map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`}
        ${on && doubt !== undefined && html`<label>unsure below a lead of <output>${percent(doubt)}</output>
          <input type="range" min="0" max="1" step="0.05" value=${doubt} aria-label=${`${task}: unsure below`} onChange=${(event) => change({ unsure_below: { [task]: Number(event.target.value) } })}/></label>`}</fieldset>`;
    })}
    <fieldset disabled=${busy}><legend>faces</legend>
      <label>detector <select value=${settings.detector} onChange=${(event) => change({ detector: event.target.value })}>${choices.detectors.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
      <label>smallest face <output>${percent(settings.min_face)}</output> of the picture
        <input type="range" min="0.05" max="0.5" step="0.01" value=${settings.min_face} aria-label="smallest face" onChange=${(event) => change({ min_face: Number(event.target.value) })}/></label></fieldset></form>`;
}

// The faces over a picture of some width, of which the frame is the left part; without lines where one can be chosen.
function Boxes({ faces, width, choose }) {
  return html`<svg class=${choose ? "choose" : ""} viewBox=${`0 0 ${width} ${faces.height}`} aria-hidden="true">${faces.faces.map((face) => html`<rect key=${face.track} x=${face.x} y=${face.y} width=${face.width} height=${face.height} onClick=${choose && (() => choose(face))}/>`)}</svg>`;
}

function Face({ face, tasks, chosen, choose }) {
  const name = `${face.source ? `${face.source}, face` : "Face"} ${face.track}`;
  return html`<article class="face"><h2>${name}${choose && html` <button aria-pressed=${chosen} aria-label=${`explain ${name}`} onClick=${() => choose(face)}>explain</button>`}</h2>${tasks.map((task) => {
    const label = face[task.name];
    if (label === null || label === undefined) return null;
    const scores = task.labels.length ? Object.entries(face[`${task.name}_scores`] || {}) : [];
    return html`<section key=${task.name}><h3>${task.name}: ${task.labels.length ? emoji(label) : ""} ${label}</h3>
      <${Bars} scores=${scores}/></section>`;
  })}</article>`;
}

function History({ history, tasks }) {
  const lines = useMemo(() => tasks.flatMap((task) => (task.name === "smile" ? task.labels.filter((label) => label === "smiling") : task.name === "emotion" ? task.labels : [])
    .map((label) => [task.name, label])), [tasks]);
  const data = useMemo(() => [history.map((each) => each.time), ...lines.map(([task, label]) => history.map((each) => {
    const score = each.scores[task] && each.scores[task][label];
    return score === undefined ? null : 100 * score;
  })), history.map((each) => each.people)], [history, lines]);
  if (history.length < 2) return null;
  const series = [...lines.map(([, label], number) => ({ label, colour: COLOURS[number % COLOURS.length], percent: true })), { label: "people", colour: "--muted", scale: "count" }];
  return html`<h2>The last minutes</h2><${TimePlot} data=${data} series=${series} label="smile and emotions over the last minutes" height=${220}/>`;
}

function Stages({ figures, device, detector }) {
  const machine = Object.entries(figures.machine || {}).filter(([, value]) => value !== null);
  return html`<h2>Stages</h2><div class="scroll" tabindex="0" role="region" aria-label="stages"><table><thead><tr><th>stage</th><th>FPS</th><th>ms</th><th>failed</th><th>dropped</th></tr></thead><tbody>
    ${Object.entries(figures.stages).map(([name, stage]) => html`<tr key=${name} class=${stage.stale ? "stale" : ""}><td>${name}</td><td>${stage.fps}</td><td>${stage.latency_ms ?? "–"}</td><td>${stage.failed}</td>
      <td>${Object.entries(stage.dropped).map(([cause, n]) => `${n} ${cause}`).join(", ") || 0}</td></tr>`)}</tbody></table></div>
    <p class="note">${detector} · ${device}</p>${machine.length > 0 && html`<dl class="machine" aria-label="machine">${machine.map(([name, value]) => html`<div key=${name}><dt>${MACHINE[name] || name}</dt><dd>${value}</dd></div>`)}</dl>`}
    <p class="note"><a href="/api">What other programs can ask</a></p>`;
}

const app = document.getElementById("app");
const begin = () => fetch("/api/state").then(async (answer) => {
  if (!answer.ok) throw new Error((await answer.text()).trim());
  render(html`<${Live} state=${await answer.json()}/>`, app);
}).catch((error) => { app.textContent = error.message; setTimeout(begin, 2000); });
begin();
