// Reads faces in the browser: the module for pages of one's own. Types and units: smiledet.d.ts.

const LARGEST = 1920; // pixels of the longer side to which a larger picture is shrunk

export class Reader {
  static async create({ tasks = null } = {}) {
    if (tasks !== null) checked(tasks);
    const reader = new Reader();
    try {
      reader.constants = await reader.ask("start", { tasks });
      reader.tasks = reader.constants.tasks;
      reader.names = Object.keys(reader.tasks);
    } catch (problem) {
      reader.close();
      throw problem;
    }
    return reader;
  }

  constructor() {
    this.waiting = new Map();
    this.next = 1;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data: { id, answer, problem } }) => {
      const { resolve, reject } = this.waiting.get(id) || {};
      this.waiting.delete(id);
      if (problem === undefined) resolve?.(answer);
      else reject?.(new Error(problem));
    };
    this.worker.onerror = (event) => this.fail(new Error(event.message || "the worker cannot be started"));
  }

  fail(problem) {
    for (const { reject } of this.waiting.values()) reject(problem);
    this.waiting.clear();
  }

  ask(action, given, moved = []) {
    if (!this.worker) return Promise.reject(new Error("the reader is closed"));
    return new Promise((resolve, reject) => {
      this.waiting.set(this.next, { resolve, reject });
      this.worker.postMessage({ id: this.next, action, given }, moved);
      this.next += 1;
    });
  }

  // An image, canvas, ImageBitmap, ImageData, Blob or File is read as a photograph; a playing video's frames, or
  // whatever comes with a time, as frames that follow one another.
  async read(source, { tasks = this.names, time = null } = {}) {
    checked(tasks);
    if (time !== null && !Number.isFinite(time)) throw new Error(`the time ${time} is not a number of seconds`);
    const image = await pixelsOf(source);
    const moment = time ?? (isVideo(source) ? performance.now() / 1000 : null);
    return this.ask("read", { image, tasks, time: moment }, [image.data.buffer]);
  }

  // Faces cut out already: grey levels 0 to 255, row by row, of the size that `tasks[task].model` names.
  async readCrops(task, chips) { return this.ask("crops", { task, chips: Array.from(chips, (chip) => Float32Array.from(chip)) }); }

  // The next frame has nothing to do with the last.
  forget() { return this.ask("forget", {}); }

  close() {
    this.worker?.terminate();
    this.worker = null;
    this.fail(new Error("the reader is closed"));
  }
}

export const createReader = (options) => Reader.create(options);

function checked(tasks) {
  if (!Array.isArray(tasks) || !tasks.length || tasks.some((task) => typeof task !== "string")) throw new Error("tasks: expected a list of names, such as [\"smile\"]");
  return tasks;
}

const isA = (source, ...names) => names.some((name) => name in globalThis && source instanceof globalThis[name]);
const isVideo = (source) => isA(source, "HTMLVideoElement");

let canvas = null;

async function pixelsOf(source) {
  const drawn = await drawable(source);
  const [width, height] = ["Width", "Height"].map((side) => drawn[`video${side}`] ?? drawn[`natural${side}`] ?? drawn[`display${side}`] ?? drawn[side.toLowerCase()]);
  if (!width || !height) throw new Error(isVideo(source) ? "the video has no picture yet" : "the picture has no pixels");
  const scale = Math.min(1, LARGEST / Math.max(width, height)), columns = Math.max(1, Math.round(width * scale)), rows = Math.max(1, Math.round(height * scale));
  if (!canvas || canvas.width !== columns || canvas.height !== rows) canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, columns, rows);
  context.drawImage(drawn, 0, 0, columns, rows);
  if (drawn !== source) drawn.close();
  return context.getImageData(0, 0, columns, rows);
}

// What a canvas can draw; an image that still loads is waited for.
async function drawable(source) {
  const unreadable = () => { throw new Error(`${source.name || source.currentSrc || "the picture"} is no picture that this browser reads`); };
  if (isA(source, "HTMLImageElement")) await source.decode().catch(unreadable);
  else if (isA(source, "Blob", "ImageData")) return createImageBitmap(source).catch(unreadable);
  else if (!isA(source, "HTMLCanvasElement", "OffscreenCanvas", "HTMLVideoElement", "ImageBitmap", "VideoFrame")) throw new Error("expected an image, a canvas, a video, ImageBitmap, ImageData or a file");
  return source;
}
