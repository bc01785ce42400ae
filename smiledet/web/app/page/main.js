// The page: the camera or photographs, read on this device.

import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { Camera } from "./camera.js";
import { useNewVersion } from "./offline.js";
import { Photographs } from "./photographs.js";
import { createReader } from "./smiledet.js";

const VIEWS = { camera: ["Camera", Camera], photographs: ["Photographs", Photographs] };

function App() {
  const [view, setView] = useState(location.hash === "#photographs" ? "photographs" : "camera");
  const [reader, setReader] = useState(null);
  const [problem, setProblem] = useState("");
  const change = useNewVersion();
  useEffect(() => { createReader().then(setReader, (error) => setProblem(`The networks cannot be loaded: ${error.message}`)); }, []);
  const choose = (name) => { history.replaceState(null, "", `#${name}`); setView(name); };
  return html`
    <header class="top">
      <h1><img src="icon.svg" alt=""/> smiledet</h1>
      <nav aria-label="what is read">${Object.entries(VIEWS).map(([name, [title]]) => html`<button key=${name} aria-pressed=${view === name} onClick=${() => choose(name)}>${title}</button>`)}</nav>
      <span class="status" role="status">${problem ? "" : reader ? "ready" : "loading the networks …"}</span>
      ${change && html`<button onClick=${change}>load the new version</button>`}
    </header>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <main>${Object.entries(VIEWS).map(([name, [, View]]) => html`<div key=${name} class="view" hidden=${name !== view}><${View} reader=${reader} shown=${name === view}/></div>`)}</main>
    <footer>Everything is computed on this device. No picture and no reading leaves it. What a network says of a face is no more than a guess: do not judge people by it.</footer>`;
}

render(html`<${App}/>`, document.getElementById("app"));
