// Which of several photographs of one moment is the best, and why: smiledet.photographs.best_shot, without the gaze.

// Of items {reading}: the best with its reasons, or null where none shows a face.
export function bestOf(items, constants) {
  const shots = items.filter(({ reading }) => reading?.faces.length), ranked = rank(shots.map(({ reading }) => reading), constants);
  return ranked.length ? { ...ranked[0], item: shots[ranked[0].place] } : null;
}

// The readings, best first: {place, score, reasons}. Faces are matched by their places alone.
export function rank(shots, k) {
  const people = matched(shots, k);
  if (!people.length) return [];
  const criteria = criteriaOf(shots, people, k), total = criteria.reduce((sum, { weight }) => sum + weight, 0) || 1;
  return shots
    .map((_, place) => ({ place, score: criteria.reduce((sum, { weight, values }) => sum + weight * values[place], 0) / total, reasons: reasonsOf(criteria, place, k) }))
    .sort((one, other) => other.score - one.score);
}

// The faces of each person, null where they are not seen; people who are seen in half of the shots or more, or everybody
// where nobody is: they may be shots of different people.
function matched(shots, k) {
  const people = [];
  shots.forEach(({ faces }, number) => {
    const pairs = [], placed = new Map(), taken = new Set();
    people.forEach((seen, person) => faces.forEach((face, which) => {
      const distance = distanceOf(seen.findLast(Boolean).box, face.box, k);
      if (distance !== null) pairs.push([distance, person, which]);
    }));
    pairs.sort((one, other) => one[0] - other[0] || one[1] - other[1] || one[2] - other[2]);
    for (const [, person, which] of pairs) {
      if (placed.has(person) || taken.has(which)) continue;
      placed.set(person, which);
      taken.add(which);
    }
    people.forEach((seen, person) => seen.push(placed.has(person) ? faces[placed.get(person)] : null));
    faces.forEach((face, which) => { if (!taken.has(which)) people.push([...Array(number).fill(null), face]); });
  });
  const often = people.filter((seen) => seen.filter(Boolean).length >= Math.ceil(shots.length / 2));
  return often.length ? often : people;
}

// Between the middles of two boxes, in their mean width; null where they cannot be one person's.
function distanceOf(one, other, { near, like_size: like }) {
  if (Math.min(one.width, other.width) < like * Math.max(one.width, other.width)) return null;
  const across = one.x + one.width / 2 - other.x - other.width / 2, down = one.y + one.height / 2 - other.y - other.height / 2;
  const distance = Math.hypot(across, down) / ((one.width + other.width) / 2);
  return distance <= near ? distance : null;
}

function criteriaOf(shots, people, k) {
  const most = (value) => people.map((seen) => Math.max(0, ...seen.filter(Boolean).map((face) => value(face) ?? 0)));
  const widest = most((face) => face.eyesOpen), sharpest = most((face) => face.sharpness), count = people.length;
  const has = (name) => people.some((seen) => seen.some((face) => face?.[name]));
  const criterion = (weight, value, words) => {
    const rows = shots.map((shot, number) => people.map((seen, person) => (seen[number] ? value(seen[number], person, shot) : 0)));
    return { weight, values: rows.map((row) => row.reduce((one, other) => one + other, 0) / count), words: rows.map(words) };
  };
  const open = (face, person) => Math.min(1, Math.max(0, ((face.eyesOpen ?? 0) / Math.max(k.wide, widest[person]) - k.closed) / (k.open - k.closed)));
  const mood = ({ emotion }) => (emotion ? 1 - k.unhappy.reduce((sum, label) => sum + (emotion.scores[label] ?? 0), 0) : 0);
  return [
    criterion(has("smile") ? k.weights.smile : 0, (face) => face.smile?.intensity ?? 0, counted("smiling")),
    criterion(has("emotion") ? k.weights.mood : 0, mood, counted("at ease")),
    criterion(k.weights.eyes, open, counted("with open eyes")),
    criterion(k.weights.sharpness, (face, person) => (face.sharpness ?? 0) / (sharpest[person] || 1), sharpWords(k.blurred)),
    criterion(k.weights.framing, (face, _, shot) => Number(isWhole(face, shot, k.edge)), counted("wholly in the picture")),
  ];
}

function isWhole({ box }, { width, height }, edge) {
  const across = edge * width, down = edge * height;
  return across <= box.x && box.x + box.width <= width - across && down <= box.y && box.y + box.height <= height - down;
}

// What sets a shot apart from the others.
function reasonsOf(criteria, place, { telling }) {
  const found = [];
  for (const { weight, values, words } of criteria) {
    const apart = Math.abs(values[place] - values.reduce((one, other) => one + other, 0) / values.length);
    if (weight && apart >= telling) found.push([weight * apart, words[place]]);
  }
  return found.sort((one, other) => other[0] - one[0]).map(([, words]) => words);
}

const counted = (words) => (row) => {
  const count = row.filter((value) => value >= 0.5).length;
  if (row.length === 1) return count ? words : `not ${words}`;
  return `${count === row.length ? "all" : count || "none"} of ${row.length} ${words}`;
};

const sharpWords = (limit) => (row) => {
  const blurred = row.filter((value) => value < limit).length;
  if (row.length === 1) return blurred ? "blurred face" : "sharp face";
  return blurred ? `${blurred} of ${row.length} faces blurred` : "sharp faces";
};
