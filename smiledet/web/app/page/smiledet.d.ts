/** Reads faces in the browser; nothing leaves the device. */

export interface Box { x: number; y: number; width: number; height: number }

/** What a task says of a face. `score` is the probability of `label`, 0 to 1; `scores` holds all of them. */
export interface Prediction {
  label: string;
  score: number;
  scores: Record<string, number>;
  /** How much of a smile there is, 0 to 1; null for tasks that have no such thing. */
  intensity: number | null;
}

/** A face. Boxes and points are pixels of the picture as it was read; see `Reading.width`. */
export interface Face {
  /** Its number along a video; null in a photograph. */
  track: number | null;
  box: Box;
  /** The detector's, 0 to 1. */
  score: number;
  /** The 68 iBUG points, x and y in turn; null where they were not found. */
  landmarks: Float64Array | null;
  /** How far its eyes are open, 0 to 1. */
  eyesOpen: number | null;
  /** How much neighbouring pixels of the face differ; of photographs alone, to compare them. */
  sharpness?: number;
  /** The task's answer, such as `face.smile`. */
  [task: string]: any;
}

export interface Reading {
  /** Of the picture as it was read: the longer side has at most 1,920 pixels. */
  width: number;
  height: number;
  /** A photograph's largest first, a video's by track. */
  faces: Face[];
  /** Degrees clockwise by which a photograph had to be turned until faces were found. */
  turned?: number;
  milliseconds: number;
}

export interface Options {
  /** Default: all that the page was built for (`smiledet web-app build --tasks`). */
  tasks?: string[] | null;
}

export type Source = HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | HTMLVideoElement | VideoFrame | ImageBitmap | ImageData | Blob;

export class Reader {
  /** Loads the networks. Rejects where a file is missing or damaged, or the browser has no WebAssembly SIMD. */
  static create(options?: Options): Promise<Reader>;
  /** The names of what is read. */
  names: string[];
  /** By name: labels, the colour of each (`#rrggbb`), and how its chips are cut. */
  tasks: Record<string, { labels: string[]; colours: Record<string, string>; model: { size: number; margin: number } }>;
  /**
   * Frames of a video, or of whatever is given a `time` in seconds, are followed from one to the next; one reader follows
   * one video. Rejects what is no picture that the browser reads.
   */
  read(source: Source, options?: { tasks?: string[]; time?: number | null }): Promise<Reading>;
  /** Faces cut out already: grey levels 0 to 255, row by row, of `tasks[task].model.size` pixels a side. */
  readCrops(task: string, chips: ArrayLike<number>[]): Promise<Prediction[]>;
  /** Forget the faces of the last frames. */
  forget(): Promise<void>;
  /** Ends the worker and frees its memory; what is still being read is rejected. */
  close(): void;
}

export function createReader(options?: Options): Promise<Reader>;
