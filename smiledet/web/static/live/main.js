// The live page: video, faces with their scores, the last minutes, and how each stage is.

import { html, render, useState, useEffect, useMemo, useRef } from "/static/vendor/preact-htm.js";
import { TimePlot } from "/static/plot.js";
import { emoji, percent } from "/static/labels.js";

const KEPT = 600; // seconds of history, as the server keeps them
const REFRESH = 1000;
const COLOURS = ["--accent", "--chosen", "--good", "--bad", "--violet", "--teal", "--muted", "--text"];

function useFaces() {
  const [faces, setFaces] = useState(null);
  const [connected, setConnected] = useState(false);
  const [ended, setEnded] = useState(false);
  useEffect(() => {
    const events = new EventSource("/api/faces"); // reconnects by itself
    let next = 0;
    let newest = null;
    events.onopen = () => setConnected(true);
    events.onerror = () => setConnected(false);
    events.onmessage = (event) => {
      newest = event.data;
      if (!next) next = requestAnimationFrame(() => { next = 0; setFaces(JSON.parse(newest)); });
    };
    events.addEventListener("end", () => { setEnded(true); events.close(); });
    return () => { events.close(); cancelAnimationFrame(next); };
  }, []);
  return { faces, connected, ended };
}

function useFigures(first) {
  const [figures, setFigures] = useState(first);
  useEffect(() => {
    const timer = setInterval(() => fetch("/api/figures").then((answer) => answer.json()).then(setFigures).catch(() => {}), REFRESH);
    return () => clearInterval(timer);
  }, []);
  return figures;
}

function useHistory(first, faces) {
  const [history, setHistory] = useState(first);
  const second = useRef({ at: 0, frames: 0, people: 0, sums: {}, counts: {} });
  useEffect(() => {
    if (!faces) return;
    const now = Math.floor(Date.now() / 1000);
    const held = second.current;
    if (now !== held.at) {
      if (held.frames) {
        const scores = Object.fromEntries(Object.entries(held.sums).map(([task, sums]) => [task, Object.fromEntries(Object.entries(sums).map(([label, sum]) => [label, sum / held.counts[task]]))]));
        const done = { time: held.at, people: held.people / held.frames, scores };
        setHistory((old) => [...old.filter((each) => each.time < done.time), done].slice(-KEPT));
      }
      second.current = { at: now, frames: 0, people: 0, sums: {}, counts: {} };
    }
    const sums = second.current;
    sums.frames += 1;
    sums.people += faces.faces.length;
    for (const face of faces.faces) {
      for (const [key, scores] of Object.entries(face)) {
        if (!key.endsWith("_scores") || !scores) continue;
        const task = key.slice(0, -7);
        sums.counts[task] = (sums.counts[task] || 0) + 1;
        const sum = (sums.sums[task] ||= {});
        for (const [label, score] of Object.entries(scores)) sum[label] = (sum[label] || 0) + score;
      }
    }
  }, [faces]);
  return history;
}

function Live({ state }) {
  const { faces, connected, ended } = useFaces();
  const figures = useFigures(state);
  const history = useHistory(state.history, faces);
  const [drawn, setDrawn] = useState(true);
  const [paused, setPaused] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => { if (connected) setAttempt((n) => n + 1); }, [connected]);
  const status = ended ? "the run is over" : connected ? "live" : "connecting …";
  const source = paused ? "/snapshot.jpg" : `/video/${drawn ? "annotated" : "clean"}.mjpeg`;
  const draw = figures.stages.draw || {};
  return html`
    <header class="top">
      <h1><img src="/static/icon.svg" alt=""/> smiledet</h1>
      <span class="status ${connected && !ended ? "on" : ""}" role="status">${status}</span>
      <span class="source">${state.source}</span>
      <button aria-pressed=${drawn} onClick=${() => setDrawn(!drawn)}>drawing</button>
      <button aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? "go on" : "pause"}</button>
      <a class="button" href="/snapshot.jpg" download="smiledet.jpg">snapshot</a>
    </header>
    <main>
      <section class="video"><img key=${`${source}${attempt}`} src=${`${source}?${attempt}`} alt="the newest frame"/>
        ${!drawn && !paused && faces && html`<${Boxes} faces=${faces}/>`}</section>
      <section class="side" tabindex="0" aria-label="readings">
        <div class="cards">
          <div class="card"><b>${faces ? faces.faces.length : "–"}</b><span>faces</span></div>
          <div class="card"><b>${figures.smiles}</b><span>smiles</span></div>
          <div class="card"><b>${draw.fps ?? "–"}</b><span>FPS</span></div>
          <div class="card"><b>${draw.latency_ms === null || draw.latency_ms === undefined ? "–" : draw.latency_ms.toFixed(1)}</b><span>ms latency</span></div>
        </div>
        ${faces && faces.faces.map((face) => html`<${Face} key=${face.track} face=${face} tasks=${state.tasks}/>`)}
        <${History} history=${history} tasks=${state.tasks}/>
        <${Stages} figures=${figures} device=${state.device} detector=${state.detector}/>
      </section>
    </main>`;
}

function Boxes({ faces }) {
  return html`<svg viewBox=${`0 0 ${faces.width} ${faces.height}`} aria-hidden="true">${faces.faces.map((face) => html`<rect key=${face.track} x=${face.x} y=${face.y} width=${face.width} height=${face.height}/>`)}</svg>`;
}

function Face({ face, tasks }) {
  return html`<article class="face"><h2>Face ${face.track}</h2>${tasks.map((task) => {
    const label = face[task.name];
    if (label === null || label === undefined) return null;
    const scores = task.labels.length ? Object.entries(face[`${task.name}_scores`] || {}) : [];
    return html`<section key=${task.name}><h3>${task.name}: ${task.labels.length ? emoji(label) : ""} ${label}</h3>
      ${scores.map(([name, score]) => html`<div class="bar" key=${name}><span>${name}</span><meter min="0" max="1" value=${score} aria-label=${name}></meter><span>${percent(score)}</span></div>`)}</section>`;
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
    <p class="note">${detector} · ${device}${machine.map(([name, value]) => ` · ${name} ${value}`).join("")}</p>`;
}

const app = document.getElementById("app");
const begin = () => fetch("/api/state").then(async (answer) => {
  if (!answer.ok) throw new Error((await answer.text()).trim());
  render(html`<${Live} state=${await answer.json()}/>`, app);
}).catch((error) => { app.textContent = error.message; setTimeout(begin, 2000); });
begin();
