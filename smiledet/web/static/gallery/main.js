// The gallery: filter bar, grid, and what opens above them.

import { html, render, useState, useEffect, useMemo, useRef, useCallback } from "/static/vendor/preact-htm.js";
import { get, send } from "./api.js";
import { ORDERS, NO_FACE, SEVERAL_FACES, fromAddress, toQuery, toggled, withValue, isEmpty } from "./filters.js";
import { emoji } from "/static/labels.js";
import { Grid, usePages } from "./grid.js";
import { Viewer } from "./viewer.js";
import { Summary } from "./summary.js";
import { LANGUAGES, translator, preferred } from "./text.js";

function stored(name, first) {
  const [value, setValue] = useState(() => localStorage.getItem(name) || first);
  return [value, (next) => { localStorage.setItem(name, next); setValue(next); }];
}

function Gallery({ first }) {
  const [state, setState] = useState(first);
  const [language, setLanguage] = stored("language", preferred());
  const [theme, setTheme] = stored("theme", "");
  const t = useMemo(() => translator(language), [language]);
  const [filter, setFilter] = useState(() => fromAddress(location.search));
  const [indexing, setIndexing] = useState(first.indexing);
  const [counts, setCounts] = useState(null);
  const [revision, setRevision] = useState(0);
  const [open, setOpen] = useState(null);
  const [single, setSingle] = useState(() => new URLSearchParams(location.search).get("photograph"));
  const [selected, setSelected] = useState(new Set());
  const [panel, setPanel] = useState("");
  const [problem, setProblem] = useState("");
  const lastPicked = useRef(0);
  const task = state.tasks.find((each) => each.name === Object.keys(filter.labels)[0]) || state.tasks.find((each) => each.name === "emotion") || state.tasks[0];
  const query = toQuery(filter);
  const list = usePages(query, revision);

  useEffect(() => { document.documentElement.lang = language; }, [language]);
  useEffect(() => { document.documentElement.dataset.theme = theme; }, [theme]);
  useEffect(() => { // after the photographs: they are what is waited for
    if (list.query === query) get(`/api/counts?${query}`).then(setCounts).catch((error) => setProblem(error.message));
  }, [query, revision, list.query]);
  useEffect(() => {
    const back = () => { setFilter(fromAddress(location.search)); setSingle(new URLSearchParams(location.search).get("photograph")); };
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  useEffect(() => {
    if (!indexing.running) return undefined;
    const timer = setInterval(() => get("/api/indexing").then((next) => {
      setIndexing(next);
      setRevision((n) => n + 1);
      if (!next.running) get("/api/state").then(setState); // folders that were not known before
    }).catch((error) => setProblem(error.message)), 1000);
    return () => clearInterval(timer);
  }, [indexing.running]);

  const show = (next) => {
    setFilter(next);
    setOpen(null);
    const text = toQuery(next);
    history.pushState(null, "", text ? `?${text}` : location.pathname);
  };
  const run = (action) => action().catch((error) => setProblem(error.message));
  const filterAll = () => run(async () => setIndexing(await send("/api/indexing", {})));
  const cancel = () => run(async () => setIndexing(await send("/api/indexing", undefined, "DELETE")));
  const pick = useCallback((index, range) => {
    setSelected((old) => {
      const next = new Set(old);
      const item = list.item(index);
      if (range) {
        for (let at = Math.min(index, lastPicked.current); at <= Math.max(index, lastPicked.current); at++) if (list.item(at)) next.add(list.item(at).id);
      } else if (!next.delete(item.id)) next.add(item.id);
      lastPicked.current = index;
      return next;
    });
  }, [list]);
  const closeSingle = () => {
    setSingle(null);
    const text = toQuery(filter);
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
  };
  const changed = (item, all) => (all ? setRevision((n) => n + 1) : list.replace(item));

  return html`
    <header class="top">
      <h1><img src="/static/icon.svg" alt=""/> smiledet</h1>
      <span class="total" role="status">${list.total === null ? "…" : t("count", list.total)}</span>
      ${indexing.running ? html`<button onClick=${cancel}>${t("cancel")}</button>` : html`<button class="main" onClick=${filterAll}>${t("filterAll")}</button>`}
      ${!isEmpty(filter) && html`<button onClick=${() => show(withValue({ labels: {} }, "order", filter.order))}>${t("back")}</button>`}
      <label class="sort"><span>${t("sort")}</span> <select aria-label=${t("sort")} value=${filter.order || ORDERS[0]} onChange=${(event) => show(withValue(filter, "order", event.target.value))}>
        ${ORDERS.map((name) => html`<option key=${name} value=${name}>${t(`order_${name}`)}</option>`)}</select></label>
      <button aria-expanded=${panel === "filters"} onClick=${() => setPanel(panel === "filters" ? "" : "filters")}>${t("filters")}</button>
      <button onClick=${() => setPanel("summary")}>${t("summary")}</button>
      <button aria-expanded=${panel === "settings"} onClick=${() => setPanel(panel === "settings" ? "" : "settings")} aria-label=${t("settings")}>⚙</button>
    </header>
    ${indexing.running && html`<${Progress} indexing=${indexing} t=${t}/>`}
    ${!indexing.running && indexing.problem && html`<p class="problem" role="alert">${indexing.problem}</p>`}
    ${(problem || list.problem) && html`<p class="problem" role="alert">${t(problem || list.problem)} <button onClick=${() => { setProblem(""); setRevision((n) => n + 1); }}>${t("again")}</button></p>`}
    <${LabelBar} tasks=${state.tasks} counts=${counts} filter=${filter} onChange=${show} t=${t}/>
    ${panel === "filters" && html`<${Filters} filter=${filter} state=${state} onChange=${show} t=${t}/>`}
    ${panel === "settings" && html`<div class="panel">
      <label>${t("language")} <select value=${language} onChange=${(event) => setLanguage(event.target.value)}>${Object.entries(LANGUAGES).map(([code, name]) => html`<option key=${code} value=${code}>${name}</option>`)}</select></label>
      <label>${t("theme")} <select value=${theme} onChange=${(event) => setTheme(event.target.value)}>${["", "light", "dark"].map((name) => html`<option key=${name} value=${name}>${t(`theme_${name || "system"}`)}</option>`)}</select></label>
      <a href="/api/labelled.zip" download>${t("labelled")}</a>
    </div>`}
    ${selected.size > 0 && html`<${Selection} selected=${selected} copies=${state.copies} onClear=${() => setSelected(new Set())} onProblem=${setProblem}
      onMarked=${() => setRevision((n) => n + 1)} t=${t}/>`}
    <main>
      ${list.total === 0 ? html`<p class="nothing">${isEmpty(filter) ? t("empty") : t("noMatch")}</p>` : null}
      <${Grid} list=${list} task=${task && task.name} selected=${selected} onOpen=${setOpen} onSelect=${pick} focus=${open} t=${t}/>
    </main>
    ${open !== null && list.item(open) && html`<${Viewer} item=${list.item(open)} index=${open} total=${list.total} tasks=${state.tasks} canRead=${state.reads}
      onStep=${(step) => { const next = Math.min(list.total - 1, Math.max(0, open + step)); if (!list.item(next)) list.fetchItem(next); if (list.item(next)) setOpen(next); }}
      onClose=${() => setOpen(null)} onChange=${changed} t=${t}/>`}
    ${open === null && single && html`<${Alone} id=${single} tasks=${state.tasks} canRead=${state.reads} onClose=${closeSingle} onChange=${changed} t=${t}/>`}
    ${panel === "summary" && html`<${Summary} query=${query} onClose=${() => setPanel("")} onFilter=${(next) => { setPanel(""); show(next); }} t=${t}/>`}`;
}

// A photograph that was opened by its address.
function Alone({ id, ...rest }) {
  const [item, setItem] = useState(null);
  useEffect(() => { get(`/api/photographs/${encodeURIComponent(id)}`).then(setItem).catch(rest.onClose); }, [id]);
  return item && html`<${Viewer} item=${item} index=${0} total=${1} onStep=${() => {}} ...${rest}/>`;
}

function Progress({ indexing, t }) {
  const left = indexing.seconds_left;
  return html`<div class="progress"><progress max=${indexing.total || 1} value=${indexing.done} aria-label=${t("filterAll")}></progress>
    <span role="status">${t("progress", indexing.done, indexing.total, indexing.rate.toFixed(1))}${left === null || left === undefined ? "" : ` · ${t("left", Math.ceil(left))}`}${indexing.failed ? ` · ${t("failed", indexing.failed)}` : ""}</span></div>`;
}

function LabelBar({ tasks, counts, filter, onChange, t }) {
  const chip = (key, pressed, face, name, count, act) => html`<button key=${key} class="chip" aria-pressed=${pressed} onClick=${act}>
    <span class="face" aria-hidden="true">${face}</span> ${name} <span class="n">${count === undefined || count === null ? "" : count}</span></button>`;
  const groups = counts ? counts.labels : {};
  const ordered = [...tasks].sort((a, b) => (b.name === "emotion") - (a.name === "emotion"));
  return html`<nav class="labels" aria-label=${t("labels")} tabindex="0">
    ${ordered.map((task) => task.labels.map((label) => chip(`${task.name}/${label}`, (filter.labels[task.name] || []).includes(label), emoji(label), t.label(label),
      (groups[task.name] || {})[label] || 0, () => onChange(toggled(filter, task.name, label)))))}
    ${[NO_FACE, SEVERAL_FACES].map((label) => chip(label, (filter.labels.faces || []).includes(label), emoji(label), t(label === NO_FACE ? "noFace" : "moreThanOne"),
      (groups.faces || {})[label] || 0, () => onChange(toggled(filter, "faces", label))))}
    ${counts && counts.failed > 0 && chip("failed", !!filter.failed, "⚠️", t("damaged"), counts.failed, () => onChange(withValue(filter, "failed", filter.failed ? "" : "1")))}
  </nav>`;
}

// An input whose text stays while the page is drawn anew around it, as it is every second while photographs are read.
function Typed({ value, onValue, ...more }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return html`<input value=${text} onInput=${(event) => setText(event.target.value)} onChange=${(event) => onValue(event.target.value)} ...${more}/>`;
}

const LEAST = [["0.5", "50 %"], ["0.8", "80 %"], ["0.95", "95 %"]];

function Filters({ filter, state, onChange, t }) {
  const numbers = state.tasks.filter((task) => task.number);
  const field = (name, type, more = {}) => html`<label>${t(`filter_${name}`)} <${Typed} type=${type} value=${filter[name] || ""} ...${more}
    onValue=${(value) => onChange(withValue(filter, name, value))}/></label>`;
  const choice = (name, values) => html`<label>${t(`filter_${name}`)} <select value=${filter[name] || ""} onChange=${(event) => onChange(withValue(filter, name, event.target.value))}>
    <option value="">–</option>${values.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}</select></label>`;
  const above = state.folders[0].replace(/[^/\\]+$/, ""); // what all folders have in common, mostly, is not shown
  const limit = (words, name, most) => html`<${Typed} type="number" min="0" max=${most} aria-label=${words} value=${filter[name] || ""}
    onValue=${(value) => onChange(withValue(filter, name, value))}/>`;
  const range = (words, low, high, most) => html`<label key=${low}>${words} ${limit(`${words} ${t("filter_low")}`, low, most)} – ${limit(`${words} ${t("filter_high")}`, high, most)}</label>`;
  return html`<div class="panel">
    ${field("text", "search")}
    ${field("taken_from", "date")}${field("taken_to", "date")}
    ${choice("folder", state.folders.map((each) => [each, each.startsWith(above) ? each.slice(above.length) : each]))}
    ${choice("least_smile", LEAST)}${choice("least_eyes_open", LEAST)}
    ${range(t("faces"), "least_faces", "most_faces", 999)}
    ${numbers.map((task) => range(t.task(task.name), `low.${task.name}`, `high.${task.name}`, 120))}
    ${choice("mark", [["keep", t("keep")], ["reject", t("reject")], ["none", t("unmarked")]])}
    <label><input type="checkbox" checked=${!!filter.every_shot} onChange=${(event) => onChange(withValue(filter, "every_shot", event.target.checked ? "1" : ""))}/> ${t("filter_every_shot")}</label>
  </div>`;
}

function Selection({ selected, copies, onClear, onProblem, onMarked, t }) {
  const ids = [...selected];
  const run = (action) => action().catch((error) => onProblem(error.message));
  const download = (format) => run(async () => {
    const { key } = await send("/api/selections", { ids });
    const link = document.createElement("a");
    link.href = `/api/selections/${key}.${format}`;
    link.download = "";
    link.click();
  });
  const mark = (value) => run(async () => { await send("/api/marks", { ids, mark: value }); onMarked(); });
  return html`<div class="selection" role="toolbar" aria-label=${t("selection")}><b>${t("chosen", ids.length)}</b>
    <button onClick=${() => download("csv")}>CSV</button><button onClick=${() => download("zip")}>ZIP</button>
    ${copies && html`<button onClick=${() => run(async () => alert(t("copied", (await send("/api/copies", { ids })).copied)))}>${t("copies")}</button>`}
    <button onClick=${() => mark("keep")}>✓ ${t("keep")}</button><button onClick=${() => mark("reject")}>✕ ${t("reject")}</button>
    <button onClick=${onClear}>${t("clear")}</button></div>`;
}

const app = document.getElementById("app");
get("/api/state").then((state) => render(html`<${Gallery} first=${state}/>`, app)).catch((error) => { app.textContent = error.message; });
