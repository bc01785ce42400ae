// Reading faces: landmarks, chips and what the networks say of them; smiledet.alignment and smiledet.engines.

import { boxMap, chipMap, distortion, inverse, similarity, transform } from "./geometry.js";
import { blurred, warped } from "./pixels.js";
import { settle } from "./tasks.js";

export class FaceNetworks {
  constructor(landmarks, classifiers, constants) {
    this.landmarks = landmarks;
    this.classifiers = classifiers; // by the model's file
    this.constants = constants;
    this.template = constants.template.flat();
    this.first = 2 * constants.inner; // brows, nose, eyes and mouth follow: the jaw is left out of the fit
    this.inner = this.template.slice(this.first);
    this.seen = transform(chipMap([1, 0, 0, 0, 1, 0], constants.view), this.template);
    const middle = (first, last) => [0, 1].map((axis) => constants.template.slice(first, last).reduce((sum, point) => sum + point[axis], 0) / (last - first));
    this.five = [...middle(36, 42), ...middle(42, 48), ...constants.template[30], ...constants.template[48], ...constants.template[54]];
  }

  // A face of a picture's pyramid: {landmarks, eyesOpen, scores by task}. `frame` says whose turn it is, the chip's or
  // its mirror image's; of a photograph (null) both are read.
  async read(pyramid, face, tasks, frame = null) {
    const points = await this.place(pyramid, face.points);
    const inner = points && points.slice(this.first);
    const aligned = points && distortion(inner, this.inner, this.constants.on_a_line) <= this.constants.max_distortion;
    const map = aligned ? similarity(inner, this.inner) : boxMap(face.box);
    const scores = {}, answers = new Map(); // tasks whose models name the same file cost one inference
    for (const task of tasks) {
      const { model } = this.constants.tasks[task];
      if (!answers.has(model.file)) answers.set(model.file, await this.ask(model, pyramid.square(chipMap(map, model), model.size), frame));
      scores[task] = this.scores(task, answers.get(model.file));
    }
    return { landmarks: points, eyesOpen: points ? eyesOpen(pyramid.levels[0], points, this.constants.eyes) : null, scores };
  }

  // The 68 points, from the five that the detector has found: each look starts where the last one ended.
  async place(pyramid, five) {
    let map = similarity(five, this.five), points = null;
    for (let look = 0; map && look < this.constants.looks; look += 1) {
      const into = chipMap(map, this.constants.view), back = inverse(into);
      const [{ data }] = await this.landmarks.run(pyramid.square(into, this.constants.view.size));
      points = transform(back, this.seen.map((value, place) => value + data[place] * this.constants.view.size));
      map = similarity(points.slice(this.first), this.inner);
    }
    return points;
  }

  // What a model's network answers to a chip, float32 grey levels (size * size): the mean of the views that are asked for.
  async ask(model, chip, frame = null) {
    const asked = model.mirror_averaging && frame !== null ? [(frame * this.constants.mirror_turn) % 1 >= 0.5] : model.mirror_averaging ? [false, true] : [false];
    let mean = null;
    for (const mirrored of asked) {
      const [{ data }] = await this.classifiers[model.file].run(mirrored ? mirror(chip, model.size) : chip);
      mean ||= new Float64Array(data.length);
      data.forEach((value, place) => { mean[place] += value / asked.length; });
    }
    return mean;
  }

  // Probability by label, of what a task's network has answered.
  scores(task, answer) {
    const { labels, model } = this.constants.tasks[task];
    const scores = calibrated(labels.map((_, place) => answer[model.outputs.length ? model.outputs[place] : place]), model);
    return Object.fromEntries(labels.map((label, place) => [label, scores[place]]));
  }

  settle(task, scores) { return settle(this.constants.tasks[task], scores); }
}

function mirror(chip, size) {
  const out = new Float32Array(chip.length);
  for (let row = 0; row < size; row += 1) for (let column = 0; column < size; column += 1) out[row * size + column] = chip[row * size + size - 1 - column];
  return out;
}

// Probabilities of the labels alone, at the temperature that calibrates them: smiledet.engines.answers.
function calibrated(scores, { outputs, temperature }) {
  if (!outputs.length && temperature === 1) return scores;
  const raised = scores.map((score) => score ** (1 / temperature)), sum = raised.reduce((one, other) => one + other, 0);
  return raised.map((score) => (sum > 0 ? score / sum : 1 / scores.length));
}

// How far eyes are open, 0 to 1: smiledet.alignment.eyes.
export function eyesOpen(picture, points, { pairs, patch, shown, core, closed, open }) {
  const ratios = pairs.map(([first, last]) => slopes(picture, [points[2 * first], points[2 * first + 1]], [points[2 * last], points[2 * last + 1]], patch, shown, core));
  return Math.max(0, Math.min(1, (ratios.reduce((one, other) => one + other) / ratios.length - closed) / (open - closed)));
}

function slopes(picture, left, right, [width, height], shown, [top, bottom, first, last]) {
  const across = [right[0] - left[0], right[1] - left[1]];
  if (Math.hypot(...across) < 1) return 0;
  const step = across.map((value) => (value * shown) / width), down = [-step[1], step[0]];
  const corner = [0, 1].map((axis) => (left[axis] + right[axis]) / 2 - (step[axis] * width) / 2 - (down[axis] * height) / 2);
  const smooth = blurred(warped(picture, inverse([step[0], down[0], corner[0], step[1], down[1], corner[1]]), width, height), width, height);
  let level = 0, upright = 0;
  for (let y = top; y < bottom; y += 1) {
    for (let x = first; x < last; x += 1) {
      const at = (dx, dy) => smooth[(y + dy) * width + x + dx];
      level += Math.abs(at(1, -1) - at(-1, -1) + 2 * (at(1, 0) - at(-1, 0)) + at(1, 1) - at(-1, 1));
      upright += Math.abs(at(-1, 1) - at(-1, -1) + 2 * (at(0, 1) - at(0, -1)) + at(1, 1) - at(1, -1));
    }
  }
  return upright ? level / upright : 0;
}
