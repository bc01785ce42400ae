// Tables of what was read, with the columns of smiledet's own: CSV and JSON lines.

const round = (value, digits) => (value === null || value === undefined ? null : Number(value.toFixed(digits)));

export function faceRow(face, names, tasks, { width, height }) {
  const left = Math.min(width, Math.max(0, Math.round(face.box.x))), top = Math.min(height, Math.max(0, Math.round(face.box.y)));
  const right = Math.min(width, Math.max(0, Math.round(face.box.x + face.box.width))), bottom = Math.min(height, Math.max(0, Math.round(face.box.y + face.box.height)));
  const row = { track: face.track, x: left, y: top, width: right - left, height: bottom - top, detection_score: round(face.score, 4) };
  for (const name of names) {
    const answer = face[name];
    row[name] = answer?.label ?? null;
    row[`${name}_score`] = round(answer?.score, 4);
    row[`${name}_scores`] = answer ? Object.fromEntries(Object.entries(answer.scores).map(([label, score]) => [label, round(score, 4)])) : null;
    if (tasks[name].strength) row[`${name}_intensity`] = round(answer?.intensity, 4);
  }
  row.eyes_open = round(face.eyesOpen, 3);
  return row;
}

export const jsonLines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

// Rows of a run that may take hours: as text, most of it in blobs, which lie outside the page's memory.
export class Rows {
  constructor() { this.kept = new Blob([]); this.last = []; this.count = 0; }

  add(row) {
    this.last.push(row);
    this.count += 1;
    if (this.last.length === 500) { this.kept = this.jsonLines(); this.last = []; }
  }

  jsonLines() { return new Blob([this.kept, jsonLines(this.last)]); }

  async all() { return (await this.jsonLines().text()).split("\n").filter(Boolean).map((line) => JSON.parse(line)); }
}

// Scores become a column a label.
export function csv(rows, names, tasks) {
  const columns = [];
  for (const key of Object.keys(rows.reduce((one, other) => (Object.keys(other).length > Object.keys(one).length ? other : one), {}))) {
    const task = names.find((name) => key === `${name}_scores`);
    if (task) columns.push(...tasks[task].labels.map((label) => [`${task}_${label.replaceAll(" ", "_")}`, (row) => row[key]?.[label]]));
    else columns.push([key, (row) => row[key]]);
  }
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, value]) => cell(value(row))))].map((line) => `${line.join(",")}\r\n`).join("");
}

export function save(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(":", "-");
