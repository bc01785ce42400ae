// Everything that computes, away from the page: pictures in, readings out, one at a time.

import { Detector } from "./detector.js";
import { FaceNetworks } from "./faces.js";
import { Exposure, Pyramid, boxBefore, grey, pointsBefore, sharpness, turned } from "./pixels.js";
import { Network } from "./runtime.js";
import { LabelSmoother } from "./tasks.js";
import { FaceTracker } from "./tracker.js";

let constants, detector, faces, video;

async function fetched(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} cannot be had: ${answer.status}`);
  return answer;
}

async function bytesOf({ file, sha256 }) {
  const bytes = new Uint8Array(await (await fetched(file)).arrayBuffer());
  if (crypto.subtle) { // there is none on http:// beyond localhost
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== sha256) throw new Error(`${file} is damaged: its hash is another one`);
  }
  return bytes;
}

const network = async (row) => Network.load(await bytesOf(row), row.file);

async function start({ tasks }) {
  constants = await (await fetched("constants.json")).json();
  tasks ??= Object.keys(constants.tasks);
  checkTasks(tasks, constants.tasks);
  const models = [...new Map(tasks.map((task) => [constants.tasks[task].model.file, constants.tasks[task].model])).values()];
  const [finder, landmarks, ...classifiers] = await Promise.all([bytesOf(constants.detector), ...[constants.landmarks, ...models].map(network)]);
  detector = await Detector.create(finder, constants.detector);
  faces = new FaceNetworks(landmarks, Object.fromEntries(models.map(({ file }, place) => [file, classifiers[place]])), constants);
  constants.tasks = Object.fromEntries(tasks.map((task) => [task, constants.tasks[task]]));
  return constants;
}

function checkTasks(tasks, known) {
  const unknown = tasks.find((task) => !Object.hasOwn(known, task));
  if (unknown !== undefined) throw new Error(`no task ${unknown}; there are ${Object.keys(known).join(", ")}`);
}

// A photograph, or a frame of a video where `time` is given, in seconds.
async function read({ image, tasks, time = null }) {
  const began = performance.now();
  checkTasks(tasks, constants.tasks);
  const picture = grey(image);
  if (time === null) return { ...await photograph(picture, tasks), milliseconds: performance.now() - began };
  video ||= { exposure: new Exposure(constants.exposure), tracker: new FaceTracker(constants.tracker), labels: new Map(), frame: 0 };
  video.frame += 1;
  const even = video.exposure.evened(picture, time), pyramid = new Pyramid(even, constants.halvings);
  const tracked = video.tracker.update(await detector.find(even, false), time), known = new Map(), found = [];
  for (const { track, box, detected, score, points } of tracked) {
    const held = video.labels.get(track) || { smoothers: {}, last: {} };
    known.set(track, held);
    if (points) held.last = await faces.read(pyramid, { box: detected, points }, tasks, video.frame);
    const readings = {};
    for (const task of tasks) {
      const smoother = (held.smoothers[task] ||= new LabelSmoother(constants.tasks[task]));
      if (points) smoother.update(held.last.scores[task], time);
      if (smoother.prediction) readings[task] = smoother.prediction;
    }
    found.push({ track, box, score, landmarks: held.last.landmarks, eyesOpen: held.last.eyesOpen, ...readings });
  }
  video.labels = known;
  return { width: picture.width, height: picture.height, faces: found, milliseconds: performance.now() - began };
}

// A photograph lies as its surest face stands: a camera without a position sensor says nothing of its orientation.
async function photograph(picture, tasks) {
  const even = new Exposure(constants.exposure).evened(picture), { width, height } = picture;
  let surest = null;
  for (const degrees of [0, 90, 180, 270]) {
    const upright = turned(even, degrees), seen = await detector.find(upright, true);
    if (seen.length && (!surest || seen[0].score > surest.seen[0].score)) surest = { degrees, upright, seen };
    if (surest && surest.seen[0].score >= constants.sure) break;
  }
  if (!surest) return { width, height, turned: 0, faces: [] };
  const { degrees, upright, seen } = surest, pyramid = new Pyramid(upright, constants.halvings), found = [];
  for (const face of seen) {
    const { landmarks, eyesOpen, scores } = await faces.read(pyramid, face, tasks);
    found.push({
      track: null, box: boxBefore(face.box, degrees, width, height), score: face.score, landmarks: landmarks && pointsBefore(landmarks, degrees, width, height),
      eyesOpen, sharpness: sharpness(upright, face.box, constants.sharpness_side), ...Object.fromEntries(tasks.map((task) => [task, faces.settle(task, scores[task])])),
    });
  }
  const area = ({ box }) => box.width * box.height;
  return { width, height, turned: degrees, faces: found.sort((one, other) => area(other) - area(one)) };
}

async function crops({ task, chips }) {
  checkTasks([task], constants.tasks);
  const { model } = constants.tasks[task], { size } = model, found = [], wrong = chips.find((chip) => chip.length !== size * size);
  if (wrong) throw new Error(`a chip of ${wrong.length} pixels; ${task} reads ${size} times ${size}`);
  for (const chip of chips) found.push(faces.settle(task, faces.scores(task, await faces.ask(model, chip))));
  return found;
}

const actions = { start, read, crops, forget: () => { video = null; } };
let last = Promise.resolve();

self.onmessage = ({ data: { id, action, given } }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id, answer: await actions[action](given) });
    } catch (problem) {
      self.postMessage({ id, problem: problem.message || String(problem) });
    }
  });
};
