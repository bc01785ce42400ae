// The photo booth: the video full screen, a countdown, the photograph with the code of its address.

import { follow } from "/static/events.js";
import { html, render, useState, useEffect } from "/static/vendor/preact-htm.js";

function useBooth() {
  const [state, setState] = useState(null);
  const [connected, setConnected] = useState(false);
  useEffect(() => follow("/api/shutter", { message: setState, state: (now) => { setConnected(now === "live"); if (now === "ended") setState(null); } }), []);
  return { state, connected };
}

const words = ({ phase, faces, happy, problem }) => {
  if (problem) return problem;
  if (phase === "countdown") return "Keep smiling!";
  if (phase === "burst") return "Click!";
  if (!faces) return "Step in front of the camera";
  if (happy < faces) return faces === 1 ? "Smile, with your eyes open" : `Everybody smile, eyes open: ${happy} of ${faces}`;
  return "Smile once more for another one";
};

function Booth() {
  const { state, connected } = useBooth();
  const [full, setFull] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => { if (connected) setAttempt((n) => n + 1); }, [connected]);
  useEffect(() => {
    const changed = () => setFull(Boolean(document.fullscreenElement));
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  const phase = state ? state.phase : "ready";
  return html`<main class="booth ${phase}">
    <img class="video" key=${attempt} src=${`/video/clean.mjpeg?${attempt}`} alt="the camera"/>
    ${phase === "countdown" && html`<div class="number" role="timer">${state.seconds}</div>`}
    ${phase === "burst" && html`<div class="flash"></div>`}
    ${phase === "shown" && state.photo && html`<section class="print"><img src=${`/photo/${state.photo}.jpg`} alt="the photograph"/>
      <aside><img src=${`/api/shutter/${state.photo}.svg`} alt="the code of its address"/>
      <p>${state.reachable ? "Scan to take the photograph along" : "This page is served to this machine alone: other machines cannot fetch the photograph"}</p></aside></section>`}
    ${!(phase === "shown" && state.photo) && html`<div class="say" role="status"><p>${connected && state ? words(state) : "connecting …"}</p></div>`}
    ${!full && document.fullscreenEnabled && html`<button class="full" onClick=${() => document.documentElement.requestFullscreen()}>full screen</button>`}
  </main>`;
}

render(html`<${Booth}/>`, document.getElementById("app"));
