// Smiles over time, by folder, and how emotions share the faces.

import { html, useState, useEffect, useRef } from "/static/vendor/preact-htm.js";
import UPlot from "/static/vendor/uplot.js";
import { get } from "./api.js";
import { emoji, percent } from "./labels.js";

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
    ${summary.months.length > 1 && html`<h3>${t("overTime")}</h3><${Plot} months=${summary.months} t=${t}/>`}
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

function Plot({ months, t }) {
  const box = useRef(null);
  useEffect(() => {
    // A canvas takes no var() and no light-dark(): the browser works them out.
    const colour = (name) => { box.current.style.color = `var(${name})`; return getComputedStyle(box.current).color; };
    const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 } };
    const times = months.map((each) => Date.UTC(+each.name.slice(0, 4), +each.name.slice(5, 7) - 1) / 1000);
    const series = [{}, { label: t("smileShare"), stroke: colour("--accent"), width: 2, points: { show: true }, value: (_, value) => (value === null || value === undefined ? "" : `${Math.round(value)} %`) },
      { label: t("photographs"), stroke: colour("--muted"), width: 1, scale: "count", points: { show: true } }];
    const data = [times, months.map((each) => (each.smile === null ? null : 100 * each.smile)), months.map((each) => each.photographs)];
    const made = new UPlot({ width: box.current.clientWidth, height: 260, series, tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { y: { range: [0, 100] }, count: { range: (_, low, high) => [0, high || 1] } }, axes: [axis, { ...axis, values: (_, all) => all.map((each) => `${each} %`) }, { ...axis, side: 1, scale: "count", grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000] }] }, data, box.current);
    const watching = new ResizeObserver(() => made.setSize({ width: box.current.clientWidth, height: 260 }));
    watching.observe(box.current);
    return () => { watching.disconnect(); made.destroy(); };
  }, [months]);
  return html`<div class="plot" ref=${box} role="img" aria-label=${t("overTime")}></div>`;
}
