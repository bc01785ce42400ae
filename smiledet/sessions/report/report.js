const { x, plots } = JSON.parse(document.getElementById("data").textContent);
const HEIGHT = 240;
const PAPER = 660; // pixels between the margins of a printed page
const made = [];
const DATES = [["{h}:{mm}{aa}", "{HH}:{mm}"], ["{h}:{mm}:{ss}{aa}", "{HH}:{mm}:{ss}"], ["{h}{aa}", "{HH}:00"], ["{M}/{D}/{YY}", "{YYYY}-{MM}-{DD}"], ["{M}/{D}", "{MM}-{DD}"]];
const fmtDate = (form) => uPlot.fmtDate(DATES.reduce((text, [from, to]) => text.replaceAll(from, to), form));
const people = document.querySelector(".people");

function zoomed(plot, scale) {
  if (scale !== "x") return;
  const { min, max } = plot.scales.x;
  for (const other of made) if (other !== plot && (other.scales.x.min !== min || other.scales.x.max !== max)) other.setScale("x", { min, max });
  if (!people || !people.dataset.begin) return;
  const begin = Number(people.dataset.begin), end = Number(people.dataset.end);
  const whole = min === null || (min <= x[0] && max >= x[x.length - 1]);
  const from = whole ? 0 : 1000 * (min - begin) / (end - begin), to = whole ? 1000 : 1000 * (max - begin) / (end - begin);
  for (const row of people.querySelectorAll(".person svg")) row.setAttribute("viewBox", `${from} 0 ${Math.max(to - from, 1e-3)} 16`);
}

for (const box of document.querySelectorAll("[data-plot]")) {
  const { series } = plots[Number(box.dataset.plot)];
  const counts = series.some((each) => each.count);
  const axis = { stroke: "#1a1b1e", grid: { stroke: "#e4e4e6", width: 1 } };
  const lines = series.map((each) => ({ label: each.label, stroke: each.colour, width: each.count ? 1 : 2, dash: each.count ? [4, 3] : undefined,
    scale: each.count ? "count" : "y", spanGaps: false, value: (_, value) => (value === null || value === undefined ? "–" : each.count ? `${value}` : `${Math.round(value)} %`) }));
  const axes = [axis, { ...axis, size: 58, values: (_, all) => all.map((each) => `${each} %`) }];
  if (counts) axes.push({ ...axis, side: 1, scale: "count", grid: { show: false } });
  made.push(new uPlot({ fmtDate, width: box.clientWidth, height: HEIGHT, series: [{}, ...lines], axes, cursor: { sync: { key: "report" } }, hooks: { setScale: [zoomed] },
    scales: { x: { range: ({ data: [times] }, low, high) => (times.length === 1 ? [times[0] - 30, times[0] + 30] : [low, high]) }, y: { range: [0, 100] }, count: { range: (_, low, high) => [0, Math.max(1, high || 1)] } } }, [x, ...series.map((each) => each.values)], box));
}

// Of a wide table of hours the first that holds something is shown.
for (const box of document.querySelectorAll(".scroll")) {
  const first = box.querySelector(".hours tbody td:not(:empty)");
  if (first) box.scrollLeft = first.offsetLeft - box.offsetLeft - box.clientWidth / 2;
}

const fit = (width) => made.forEach((plot) => plot.setSize({ width: width || plot.root.parentElement.clientWidth, height: HEIGHT }));
new ResizeObserver(() => fit()).observe(document.body);
addEventListener("beforeprint", () => fit(PAPER));
addEventListener("afterprint", () => fit());
