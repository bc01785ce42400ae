// Photographs: read one after the other, filtered by what they show, looked at, compared, exported.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { bestOf } from "./best.js";
import { FaceCard } from "./camera.js";
import { emoji, percent } from "./labels.js";
import { csv, faceRow, jsonLines, save, stamp } from "./rows.js";

const MANY = "more than one face", NONE = "no face";
const UNKNOWN = /\.(avif|dng|heic|heif|jxl|tiff?)$/i; // photographs for which some browsers name no type

// The labels that a photograph is filtered by.
export function labelsOf(reading, names) {
  if (!reading) return [];
  if (!reading.faces.length) return [NONE];
  return [...new Set([...(reading.faces.length > 1 ? [MANY] : []), ...reading.faces.flatMap((face) => names.map((name) => face[name].label))])];
}

export function Photographs({ reader }) {
  const [items, setItems] = useState([]);
  const [progress, setProgress] = useState(null);
  const [filters, setFilters] = useState([]);
  const [chosen, setChosen] = useState(new Set());
  const [opened, setOpened] = useState(null);
  const [best, setBest] = useState(null);
  const [others, setOthers] = useState(0);
  const cancel = useRef(false), made = useRef([]);
  useEffect(() => () => { cancel.current = true; made.current.forEach((url) => URL.revokeObjectURL(url)); }, []);

  const add = (files) => {
    const pictures = Array.from(files).filter((file) => file.type.startsWith("image/") || UNKNOWN.test(file.name));
    setOthers(files.length - pictures.length);
    setItems((old) => {
      const known = new Set(old.map(({ key }) => key));
      const fresh = pictures.map((file) => ({ key: `${file.webkitRelativePath || file.name}/${file.size}/${file.lastModified}`, file, name: file.webkitRelativePath || file.name })).filter(({ key }) => !known.has(key));
      fresh.forEach((item) => { item.url = URL.createObjectURL(item.file); made.current.push(item.url); });
      return [...old, ...fresh];
    });
  };
  const put = (key, change) => setItems((old) => old.map((item) => (item.key === key ? { ...item, ...change } : item)));
  const readOne = async (item) => {
    try {
      put(item.key, { reading: await reader.read(item.file), problem: null });
    } catch (error) {
      put(item.key, { problem: error.message });
    }
  };
  const readAll = async () => {
    const waiting = items.filter(({ reading, problem }) => !reading && !problem);
    cancel.current = false;
    for (let done = 0; done < waiting.length && !cancel.current; done += 1) {
      setProgress({ done, of: waiting.length });
      await readOne(waiting[done]);
    }
    setProgress(null);
  };

  const names = reader?.names ?? [];
  const counts = useMemo(() => {
    const found = new Map();
    for (const { reading } of items) for (const label of labelsOf(reading, names)) found.set(label, (found.get(label) || 0) + 1);
    return [...found].sort((one, other) => other[1] - one[1]);
  }, [items, reader]);
  const shown = useMemo(() => (filters.length ? items.filter(({ reading }) => labelsOf(reading, names).some((label) => filters.includes(label))) : items), [items, filters, reader]);
  const toggle = (label) => setFilters((old) => (old.includes(label) ? old.filter((each) => each !== label) : [...old, label]));
  const mark = (key) => setChosen((old) => { const copy = new Set(old); if (!copy.delete(key)) copy.add(key); return copy; });
  const marked = items.filter(({ key }) => chosen.has(key));
  const propose = () => setBest(bestOf(marked.length > 1 ? marked : shown, reader.constants.best) || { item: null });
  const rows = () => (marked.length ? marked : shown).filter(({ reading }) => reading).flatMap(({ name, reading }) => (reading.faces.length ? reading.faces : [null]).map((face) => ({ file: name, ...(face ? faceRow(face, names, reader.tasks, reading) : {}) })));
  const place = shown.findIndex(({ key }) => key === opened);
  const read = items.filter(({ reading }) => reading).length, damaged = items.filter(({ problem }) => problem);

  return html`
    <section class="tools" aria-label="photographs">
      <label class="button">pick photographs<input type="file" accept="image/*" multiple onChange=${(event) => add(event.target.files)}/></label>
      <label class="button">pick a folder<input type="file" webkitdirectory multiple onChange=${(event) => add(event.target.files)}/></label>
      ${progress ? html`<button onClick=${() => { cancel.current = true; }}>cancel</button>` : html`<button class="main" disabled=${!reader || read + damaged.length === items.length} onClick=${readAll}>filter all</button>`}
      <button disabled=${!read} onClick=${propose}>best shot</button>
      <button disabled=${!read} onClick=${() => save(csv(rows(), names, reader.tasks), `photographs-${stamp()}.csv`, "text/csv")}>CSV</button>
      <button disabled=${!read} onClick=${() => save(jsonLines(rows()), `photographs-${stamp()}.jsonl`, "application/jsonl")}>JSON lines</button>
    </section>
    ${progress && html`<progress max=${progress.of} value=${progress.done} aria-label="photographs read"></progress>`}
    ${counts.length > 0 && html`<section class="filters" aria-label="filters">${counts.map(([label, count]) => html`<button key=${label} aria-pressed=${filters.includes(label)} onClick=${() => toggle(label)}>${emoji(label)} ${label} ${count}</button>`)}</section>`}
    <p class="note" role="status">${items.length ? `${shown.length} of ${items.length} photographs, ${read} read${damaged.length ? `, ${damaged.length} cannot be read` : ""}${chosen.size ? `, ${chosen.size} selected` : ""}.` : "Pick photographs or a folder. They are read on this device and go nowhere."}${others ? ` ${others} other ${others === 1 ? "file is" : "files are"} left out.` : ""}</p>
    ${best && html`<p class="best" role="status">${best.item ? html`<button onClick=${() => setOpened(best.item.key)}>${best.item.name}</button> is the best${best.reasons.length ? `: ${best.reasons.join(", ")}` : ""}` : "None of them shows a face."} <button onClick=${() => setBest(null)}>close</button></p>`}
    <ul class="grid">${shown.map((item) => html`<${Tile} key=${item.key} item=${item} names=${names} chosen=${chosen.has(item.key)} best=${best?.item?.key === item.key} onOpen=${() => setOpened(item.key)} onMark=${() => mark(item.key)}/>`)}</ul>
    ${place >= 0 && html`<${Single} item=${shown[place]} names=${names} onRead=${() => readOne(shown[place])} onClose=${() => setOpened(null)}
      onStep=${(step) => setOpened(shown[(place + step + shown.length) % shown.length].key)}/>`}`;
}

function Tile({ item, names, chosen, best, onOpen, onMark }) {
  const face = item.reading?.faces[0], answers = face && names.map((name) => face[name]), answer = answers?.find(({ label }) => label !== "not smiling") ?? answers?.[0];
  const label = item.problem ? "cannot be read" : !item.reading ? "" : !face ? NONE : item.reading.faces.length > 1 ? `${item.reading.faces.length} faces` : `${emoji(answer.label)} ${answer.label} ${percent(answer.score)}`;
  return html`<li class=${best ? "best" : ""}><button class="open" onClick=${onOpen} aria-label=${`${item.name} ${label}`}><img class=${item.problem ? "unseen" : ""} src=${item.url} alt="" loading="lazy" decoding="async"/><span>${label || item.name}</span></button>
    <label class="mark"><input type="checkbox" checked=${chosen} onChange=${onMark} aria-label=${`select ${item.name}`}/></label></li>`;
}

function Single({ item, names, onRead, onClose, onStep }) {
  const dialog = useRef(null);
  useEffect(() => { dialog.current.showModal(); }, []);
  const key = (event) => {
    if (event.key === "ArrowRight") onStep(1);
    if (event.key === "ArrowLeft") onStep(-1);
  };
  const { reading } = item;
  return html`<dialog ref=${dialog} onClose=${onClose} onKeyDown=${key} aria-label=${item.name}>
    <header class="top"><button onClick=${() => dialog.current.close()}>back</button><button onClick=${() => onStep(-1)}>previous</button><button onClick=${() => onStep(1)}>next</button><button disabled=${Boolean(reading)} onClick=${onRead}>filter</button><span class="name">${item.name}</span></header>
    <div class="stage"><div class="picture"><div class="frame"><img class=${item.problem ? "unseen" : ""} src=${item.url} alt=${item.name}/>
      ${reading && html`<svg viewBox=${`0 0 ${reading.width} ${reading.height}`} aria-hidden="true">${reading.faces.map(({ box }, place) => html`<rect key=${place} x=${box.x} y=${box.y} width=${box.width} height=${box.height}/>`)}</svg>`}</div></div>
      <div class="side" tabindex="0" role="region" aria-label="readings">${item.problem ? html`<p class="problem">${item.problem}</p>` : !reading ? html`<p class="note">Not read yet.</p>` : !reading.faces.length ? html`<p>${emoji(NONE)} ${NONE}</p>`
    : reading.faces.map((face, place) => html`<${FaceCard} key=${place} face=${face} names=${names} title=${`Face ${place + 1}`}/>`)}</div></div>
  </dialog>`;
}
