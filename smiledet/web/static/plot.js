// Lines over time; per cents on the left, counts on the right.

import { html, useEffect, useRef } from "/static/vendor/preact-htm.js";
import UPlot from "/static/vendor/uplot.js";

const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000];

// `when` says a moment in words, once for the axis, with the seconds between two of its marks, and once alone.
export function TimePlot({ data, series, label, time = {}, when = null, utc = false, height = 260 }) {
  const box = useRef(null);
  const plot = useRef(null);
  useEffect(() => {
    // A canvas takes no var() and no light-dark(): the browser works them out.
    const colour = (name) => { box.current.style.color = `var(${name})`; return getComputedStyle(box.current).color; };
    const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 } };
    const moments = when ? { values: (_, all, _axis, _space, step) => all.map((each) => when(each, step)) } : {};
    const axes = [{ ...axis, ...moments }, { ...axis, size: 58, values: (_, all) => all.map((each) => `${each} %`) }];
    if (series.some((each) => each.scale === "count")) axes.push({ ...axis, side: 1, scale: "count", grid: { show: false }, incrs: COUNTS });
    const lines = series.map((each) => ({ label: each.label, stroke: colour(each.colour), width: each.scale ? 1 : 2, scale: each.scale || "y", points: { show: !!each.points },
      value: (_, value) => (value === null || value === undefined ? "–" : each.percent ? `${Math.round(value)} %` : `${value}`) }));
    const made = new UPlot({ width: box.current.clientWidth, height, series: [time, ...lines], axes,
      ...(utc ? { tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), "UTC") } : {}),
      scales: { x: { range: ({ data: [times] }, low, high) => (times.length === 1 ? [times[0] - 30, times[0] + 30] : [low, high]) }, y: { range: [0, 100] }, count: { range: (_, low, high) => [0, Math.max(1, high || 1)] } } }, data, box.current);
    plot.current = made;
    const watching = new ResizeObserver(() => made.setSize({ width: box.current.clientWidth, height }));
    watching.observe(box.current);
    return () => { watching.disconnect(); made.destroy(); };
  }, [series.map((each) => each.label).join()]);
  useEffect(() => { if (plot.current) plot.current.setData(data); }, [data]);
  return html`<div class="plot" ref=${box} role="img" aria-label=${label}></div>`;
}
