// The best of several photographs: how many smile, have open eyes, are sharp and wholly in the picture.

const CRITERIA = [
  ["smile", 2, "smiling", (face) => face.smile?.intensity ?? 0],
  ["eyes", 3, "with open eyes", (face) => Math.min(1, Math.max(0, ((face.eyesOpen ?? 0) - 0.15) / 0.25))],
  ["sharp", 3, "sharp", (face, _, sharpest) => (sharpest ? face.sharpness / sharpest : 1)],
  ["whole", 2, "wholly in the picture", ({ box }, { width, height }) => Number(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height)],
];

// Of items {reading}: the best with its reasons, or null where none shows a face.
export function bestOf(items) {
  const shown = items.filter(({ reading }) => reading?.faces.length);
  if (!shown.length) return null;
  const most = Math.max(...shown.map(({ reading }) => reading.faces.length));
  const sharpest = Math.max(...shown.flatMap(({ reading }) => reading.faces.map((face) => face.sharpness)));
  const total = CRITERIA.reduce((sum, [, weight]) => sum + weight, 0);
  const ranked = shown.map((item) => {
    let score = 0;
    const reasons = [];
    for (const [, weight, words, value] of CRITERIA) {
      const values = item.reading.faces.map((face) => value(face, item.reading, sharpest)), good = values.filter((each) => each >= 0.5).length;
      score += (weight * values.reduce((one, other) => one + other, 0)) / most / total; // who is missing counts as nothing
      reasons.push(`${good} of ${values.length} ${words}`);
    }
    return { item, score, reasons };
  });
  return ranked.reduce((one, other) => (other.score > one.score ? other : one));
}
