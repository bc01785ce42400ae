// Smiles over time, by folder, and how emotions share the faces.

import { html, useState, useEffect, useRef, useMemo } from "/static/vendor/preact-htm.js";
import { TimePlot } from "/static/plot.js";
import { get } from "./api.js";
import { emoji, percent } from "/static/labels.js";

export function Summary({ query, onClose, onFilter, t }) {
  const [summary, setSummary] = useState(null);
  const [problem, setProblem] = useState("");
  const dialog = useRef(null);
  useEffect(() => { if (!dialog.current.open) dialog.current.showModal(); }, []);
  useEffect(() => { get(`/api/summary?${query}`).then(setSummary).catch((error) => setProblem(error.message)); }, [query]);
  return html`<dialog class="summary" ref=${dialog} onClose=${onClose} aria-label=${t("summary")}>
    <header><button onClick=${() => dialog.current.close()}>← ${t("back")}</button><h2>${t("summary")}</h2></header>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    ${summary && html`<div class="cards">
      ${[["photographs", summary.photographs], ["faces", summary.faces], ["smiles", summary.smiling]].map(
        ([name, value]) => html`<div class="card" key=${name}><b>${value}</b><span>${t(name)}</span></div>`)}
    </div>
    ${summary.dates.length > 1 && html`<h3>${t("overTime")}</h3><${Plot} dates=${summary.dates} t=${t}/>`}
    ${Object.entries(summary.shares).map(([task, labels]) => html`<section key=${task}><h3>${t.task(task)}</h3><${Bars} rows=${labels.map(([label, count]) =>
      ({ name: `${emoji(label)} ${t.label(label)}`, count, filter: { labels: { [task]: [label] } } }))} onFilter=${onFilter}/></section>`)}
    ${summary.folders.length > 0 && html`<h3>${t("byFolder")}</h3><${Bars} rows=${summary.folders.map((each) =>
      ({ name: each.name, count: each.smile || 0, shown: `${percent(each.smile || 0)} · ${each.photographs}`, filter: { labels: {}, folder: each.name } }))} onFilter=${onFilter}/>`}`}
  </dialog>`;
}

function Bars({ rows, onFilter }) {
  const most = Math.max(...rows.map((row) => row.count), 1e-9);
  return html`<div class="bars">${rows.map((row) => html`<button class="bar" key=${row.name} onClick=${() => onFilter(row.filter)}>
    <span>${row.name}</span><meter min="0" max=${most} value=${row.count} aria-label=${row.name}></meter><span>${row.shown || row.count}</span></button>`)}</div>`;
}

const DAY = 86400; // seconds

// Dates are months, 2026-11, or days, 2026-11-30.
function Plot({ dates, t }) {
  const data = useMemo(() => [dates.map((each) => Date.UTC(+each.name.slice(0, 4), +each.name.slice(5, 7) - 1, +each.name.slice(8) || 1) / 1000),
    dates.map((each) => (each.smile === null ? null : 100 * each.smile)), dates.map((each) => each.photographs)], [dates]);
  const series = [{ label: t("smileShare"), colour: "--accent", percent: true, points: true }, { label: t("photographs"), colour: "--muted", scale: "count", points: true }];
  const said = (seconds, parts) => new Date(seconds * 1000).toLocaleDateString(t.language, { timeZone: "UTC", ...parts });
  const when = (seconds, step) => said(seconds, step < 28 * DAY ? { day: "numeric", month: "numeric" } : { month: "short", year: "2-digit" });
  const whole = dates[0].name.length > 7 ? { dateStyle: "medium" } : { month: "long", year: "numeric" };
  const time = { label: t("date"), value: (_, seconds) => (seconds === null || seconds === undefined ? "–" : said(seconds, whole)) };
  return html`<div><${TimePlot} data=${data} series=${series} label=${t("overTime")} time=${time} when=${when} utc=${true}/></div>`;
}
