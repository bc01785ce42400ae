// One photograph, large: boxes, every score as a bar, corrections, the reason for a label, and its stack.

import { html, useState, useEffect, useRef } from "/static/vendor/preact-htm.js";
import { get, send, picture, thumbnail, why } from "./api.js";
import { Bars } from "/static/bars.js";
import { emoji, percent } from "/static/labels.js";

const SWIPE = 60;

export function Viewer({ item, index, total, tasks, onStep, onClose, onChange, canRead, t }) {
  const [photograph, setPhotograph] = useState(null);
  const [face, setFace] = useState(0);
  const [boxes, setBoxes] = useState(true);
  const [zoomed, setZoomed] = useState(false);
  const [reason, setReason] = useState(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const dialog = useRef(null);
  const [member, setMember] = useState(null);
  const id = member || (item && item.id);
  useEffect(() => setMember(null), [item && item.id]);

  useEffect(() => { if (!dialog.current.open) dialog.current.showModal(); }, []);
  const current = useRef(id);
  current.current = id;
  const load = () => get(`/api/photographs/${id}`).then((found) => { if (found.id === current.current) setPhotograph(found); }).catch((error) => setProblem(error.message));
  useEffect(() => {
    if (!id) return;
    setFace(0); setReason(null); setZoomed(false); setProblem(""); setPhotograph(null);
    load();
  }, [id]);

  const mark = async (wanted) => {
    const value = photograph && photograph.mark === wanted ? null : wanted;
    try {
      await send("/api/marks", { ids: [id], mark: value });
      onChange({ id, mark: value });
      await load();
    } catch (error) { setProblem(error.message); }
  };
  const correct = async (number, task, label) => {
    try {
      await send("/api/corrections", { photograph: id, face: number, task, label });
      await load();
      onChange({ id }, true);
    } catch (error) { setProblem(error.message); }
  };
  const read = async () => {
    setBusy(true);
    try {
      const { id: stored } = await send(`/api/photographs/${id}/read`, {});
      if (stored === id) await load();
      else setMember(stored); // it has an id of its own once it is read
      onChange({ id: stored }, true);
    } catch (error) { setProblem(error.message); }
    setBusy(false);
  };
  const keys = (event) => {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = { ArrowRight: () => onStep(1), ArrowLeft: () => onStep(-1), k: () => mark("keep"), x: () => mark("reject"), b: () => setBoxes(!boxes) };
    if (actions[event.key]) { event.preventDefault(); actions[event.key](); }
  };
  // Of the document: what had the focus may be gone with the photograph before.
  useEffect(() => {
    document.addEventListener("keydown", keys);
    return () => document.removeEventListener("keydown", keys);
  });
  const from = useRef(null);
  const down = (event) => { from.current = zoomed ? null : { x: event.clientX, y: event.clientY }; };
  const up = (event) => {
    if (!from.current) return;
    const x = event.clientX - from.current.x;
    if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(event.clientY - from.current.y)) onStep(x < 0 ? 1 : -1);
    from.current = null;
  };

  const shown = photograph && photograph.faces[face];
  const side = zoomed ? 4096 : 1600;
  return html`<dialog class="viewer" ref=${dialog} onClose=${onClose} aria-label=${item ? item.name : ""}>
    <header>
      <button onClick=${() => dialog.current.close()} aria-label=${t("back")}>←<span class="wide"> ${t("back")}</span></button>
      <h2>${photograph ? photograph.name : item ? item.name : ""}</h2>
      <span class="place">${index + 1} / ${total}</span>
      ${canRead && html`<button onClick=${read} disabled=${busy}>${busy ? "…" : t("filterOne")}</button>`}
      <button aria-pressed=${boxes} onClick=${() => setBoxes(!boxes)} title="B">▢<span class="wide"> ${t("boxes")}</span></button>
      <button class="keep" aria-pressed=${!!photograph && photograph.mark === "keep"} onClick=${() => mark("keep")} title="K">✓<span class="wide"> ${t("keep")}</span></button>
      <button class="reject" aria-pressed=${!!photograph && photograph.mark === "reject"} onClick=${() => mark("reject")} title="X">✕<span class="wide"> ${t("reject")}</span></button>
    </header>
    <div class="stage ${zoomed ? "zoomed" : ""}" onPointerDown=${down} onPointerUp=${up} onDblClick=${() => setZoomed(!zoomed)}>
      ${id && html`<figure style=${photograph && photograph.width ? { "--ratio": photograph.width / photograph.height } : {}}>
        <img key=${`${id}/${side}`} src=${reason ? why(id, reason.face, reason.task) : picture(id, side)} alt=${item.name} draggable="false"/>
        ${photograph && boxes && !reason && html`<svg viewBox=${`0 0 ${photograph.width} ${photograph.height}`} aria-hidden="true">
          ${photograph.faces.map((each, number) => html`<rect key=${number} class=${number === face ? "on" : ""} x=${each.box[0]} y=${each.box[1]}
            width=${each.box[2]} height=${each.box[3]} onClick=${() => setFace(number)}/>`)}
        </svg>`}
      </figure>`}
      <button class="step previous" onClick=${() => onStep(-1)} disabled=${index === 0} aria-label=${t("previous")}>‹</button>
      <button class="step next" onClick=${() => onStep(1)} disabled=${index >= total - 1} aria-label=${t("next")}>›</button>
    </div>
    <aside tabindex="0" aria-label=${t("details")}>
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      ${photograph && html`<${Details} photograph=${photograph} t=${t}/>`}
      ${photograph && photograph.faces.length > 1 && html`<nav class="faces" aria-label=${t("faces")}>${photograph.faces.map((_, number) =>
        html`<button key=${number} aria-pressed=${number === face} onClick=${() => { setFace(number); setReason(null); }}>${number + 1}</button>`)}</nav>`}
      ${shown && tasks.map((task) => shown.readings[task.name] && html`<${Answer} key=${task.name} task=${task} answer=${shown.readings[task.name]}
        reasonShown=${reason && reason.task === task.name} t=${t}
        onWhy=${() => setReason(reason && reason.task === task.name ? null : { face: shown.number, task: task.name })}
        onCorrect=${(label) => correct(shown.number, task.name, label)}/>`)}
      ${shown && html`<${Attributes} face=${shown} t=${t}/>`}
      ${photograph && photograph.stack && html`<${Stack} stack=${photograph.stack} id=${id} onChoose=${setMember} t=${t}/>`}
    </aside>
  </dialog>`;
}

function Details({ photograph, t }) {
  const rows = [[t("date"), photograph.taken && photograph.taken.replace("T", " ")], [t("size"), photograph.width ? `${photograph.width} × ${photograph.height}` : null],
    [t("folder"), photograph.folder], [t("faces"), photograph.pending || photograph.failed ? null : photograph.faces.length], [t("damaged"), photograph.failed]];
  return html`<dl>${rows.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function Answer({ task, answer, onWhy, reasonShown, onCorrect, t }) {
  const scores = (task.number ? [] : Object.entries(answer.scores)).sort((a, b) => b[1] - a[1]);
  return html`<section class="answer">
    <h3>${t.task(task.name)}: ${task.number ? "" : emoji(answer.label)} ${t.label(answer.label)}${answer.corrected ? ` (${t("corrected")})` : ""}
      ${task.labels.length > 0 && html`<button class="why" aria-pressed=${reasonShown} onClick=${onWhy}>${t("why")}</button>`}</h3>
    <${Bars} scores=${scores} named=${t.label}/>
    ${task.labels.length > 0 && html`<label class="correct">${t("correct")} <select value=${answer.corrected || ""} onChange=${(event) => onCorrect(event.target.value || null)}>
      <option value="">–</option>${task.labels.map((label) => html`<option key=${label} value=${label}>${t.label(label)}</option>`)}</select></label>`}
  </section>`;
}

function Attributes({ face, t }) {
  const rows = [["eyesOpen", face.eyes_open, percent], ["smileIntensity", face.smile_intensity, percent],
    ["turned", face.yaw, (value) => `${Math.round(value)}°`]].filter(([, value]) => value !== null && value !== undefined);
  return rows.length ? html`<dl>${rows.map(([name, value, shown]) => html`<dt>${t(name)}</dt><dd>${shown(value)}</dd>`)}</dl>` : null;
}

function Stack({ stack, id, onChoose, t }) {
  return html`<section class="stack"><h3>${t("stackOf", stack.members.length)}</h3>
    <div class="strip">${stack.members.map((member) => html`<button key=${member} aria-pressed=${member === id} onClick=${() => onChoose(member)}
      aria-label=${member === stack.best ? t("best") : t("another")}><img src=${thumbnail(member)} alt=""/>${member === stack.best && html`<span class="crown" aria-hidden="true">★</span>`}</button>`)}</div>
    ${stack.reasons.length > 0 && html`<ul>${stack.reasons.map((reason) => html`<li key=${reason}>${t.reason(reason)}</li>`)}</ul>`}
  </section>`;
}
