// Finding faces in grey pictures: smiledet.detection.detectors.fcos.

import { overlap } from "./geometry.js";
import { shrunk, warped } from "./pixels.js";
import { Network } from "./runtime.js";

const SIZES_KEPT = 8; // two of each shape of photograph, upright and lying, a frame's, a second look's

const area = ({ width, height }) => width * height;
const side = ({ box }) => Math.sqrt(area(box));
const logit = (score) => Math.log(score / (1 - score));
const bySureness = (one, other) => other.score - one.score;

// The part of two boxes that both cover, in pixels.
function shared(one, other) {
  const width = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
  const height = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
  return Math.max(0, width) * Math.max(0, height);
}

export class Detector {
  // `bytes`: the network's file, which is that of a square of `constants.frame` pixels.
  static async create(bytes, constants) {
    const detector = new Detector(bytes, constants);
    for (const [width, height] of [[constants.around, constants.around], [constants.frame, constants.frame]]) await detector.sized(width, height);
    return detector;
  }

  constructor(bytes, constants) { this.bytes = bytes; this.constants = constants; this.networks = new Map(); }

  // The network for pictures of a size: LiteRT's runtime for browsers cannot resize one, so the size is written into a
  // copy of the file.
  async sized(width, height) {
    const key = `${width} ${height}`, { places, frame, file } = this.constants;
    let network = this.networks.get(key);
    this.networks.delete(key);
    if (!network) {
      const copy = this.bytes.slice(), view = new DataView(copy.buffer);
      places.forEach((place, number) => view.setInt32(place, (view.getInt32(place, true) * (number % 2 ? width : height)) / frame, true));
      network = await Network.load(copy, file);
    }
    this.networks.set(key, network); // the last used stands last
    const [[oldest, unused]] = this.networks;
    if (this.networks.size > SIZES_KEPT) { this.networks.delete(oldest); unused.close(); }
    return network;
  }

  // The faces, surest first: {box, score, points}. A photograph is looked at in two sizes, a video's frame in one.
  async find(picture, photograph) {
    const { frame, photograph: whole, possible, largest, least, score } = this.constants, longer = Math.max(picture.width, picture.height);
    let rows;
    if (photograph && longer > frame) {
      const scale = Math.max(1, longer / whole); // sizes are those of the picture as the larger square shows it
      const close = await this.candidates(picture, whole, possible), far = await this.candidates(picture, frame, possible);
      rows = [...close.filter((row) => side(row) <= largest * scale), ...far.filter((row) => side(row) >= least * scale)];
    } else {
      rows = await this.candidates(picture, frame, possible);
    }
    const found = this.suppressed(rows);
    for (const row of found) {
      if (row.score < this.constants.clear) row.score = 1 / (1 + Math.exp(-(logit(row.score) + logit(await this.secondLook(row, picture))) / 2));
    }
    return found.filter((row) => row.score >= score).sort(bySureness).map((row) => ({ ...row, box: this.framed(row.box) }));
  }

  // What may be a face, several times over, in a picture that is shrunk to fit a square; its edges are repeated up to
  // the size that the network's cells ask for.
  async candidates(picture, square, least) {
    const scale = Math.min(1, square / Math.max(picture.width, picture.height));
    const width = Math.max(1, Math.round(picture.width * scale)), height = Math.max(1, Math.round(picture.height * scale));
    const { cell, smallest } = this.constants, padded = (side) => Math.max(smallest, Math.ceil(side / cell) * cell);
    const small = shrunk(picture, width, height), w = padded(width), h = padded(height), pixels = new Float32Array(w * h);
    for (let y = 0; y < h; y += 1) {
      const from = Math.min(y, height - 1) * width, to = y * w;
      for (let x = 0; x < width; x += 1) pixels[to + x] = small.data[from + x];
      pixels.fill(small.data[from + width - 1], to + width, to + w);
    }
    return this.rows(pixels, w, h, least, { x: picture.width / width, y: picture.height / height });
  }

  async rows(pixels, width, height, least, back) {
    const found = [], network = await this.sized(width, height);
    for (const { data, shape } of await network.run(pixels)) decode(data, shape, width, logit(least), this.constants.sides, back, found);
    return found;
  }

  // Without those that lie over a surer one; one that shares a part of its area with a surer one loses that part of its score.
  suppressed(every) {
    const { overlap: same, agreed, most, possible } = this.constants, rows = every.sort(bySureness).slice(0, most), kept = [];
    for (const row of rows) if (kept.every(({ box }) => overlap(row.box, box) <= same)) kept.push(row);
    const found = kept.map((row) => voted(row, rows, agreed)), alone = found.map(() => 1);
    found.forEach(({ box, score }, place) => {
      if (score * alone[place] < possible) return;
      for (let later = place + 1; later < found.length; later += 1) alone[later] *= 1 - shared(box, found[later].box) / Math.min(area(box), area(found[later].box));
    });
    return found.map((row, place) => ({ ...row, score: row.score * alone[place] })).filter(({ score }) => score >= possible).sort(bySureness);
  }

  // The score of a face in a picture of it alone, at a size that the network knows well.
  async secondLook({ box }, picture) {
    const { looked_at: size, around, same_place: same, unlikely } = this.constants, scale = size / Math.max(1, Math.sqrt(area(box)));
    const map = [scale, 0, around / 2 - scale * (box.x + box.width / 2), 0, scale, around / 2 - scale * (box.y + box.height / 2)];
    const seen = await this.rows(warped(picture, map, around, around), around, around, unlikely, { x: 1, y: 1 });
    const own = { x: around / 2 - (scale * box.width) / 2, y: around / 2 - (scale * box.height) / 2, width: scale * box.width, height: scale * box.height };
    return Math.max(unlikely, ...seen.filter((row) => overlap(own, row.box) > same).map(({ score }) => score));
  }

  // The square box that Viola-Jones would report.
  framed(box) {
    const { right, down, side: share } = this.constants.framing, own = Math.sqrt(area(box)), wide = own * share;
    return { x: box.x + box.width / 2 + own * right - wide / 2, y: box.y + box.height / 2 + own * down - wide / 2, width: wide, height: wide };
  }
}

// The cells of a map that are at least so sure; the answers of a cell lie one after the other.
function decode(data, [, rows, columns, answers], across, least, [narrow, wide], back, found) {
  const stride = across / columns, size = (value) => Math.exp(Math.min(wide, Math.max(narrow, value))) * stride;
  for (let row = 0, at = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1, at += answers) {
      if (data[at] < least) continue;
      const cx = column + 0.5, cy = row + 0.5, width = size(data[at + 3]) * back.x, height = size(data[at + 4]) * back.y;
      const x = (data[at + 1] + cx) * stride * back.x - width / 2, y = (data[at + 2] + cy) * stride * back.y - height / 2;
      const points = new Float64Array(10);
      for (let k = 0; k < 10; k += 2) {
        points[k] = (data[at + 5 + k] + cx) * stride * back.x - 0.5;
        points[k + 1] = (data[at + 6 + k] + cy) * stride * back.y - 0.5;
      }
      found.push({ box: { x, y, width, height }, score: 1 / (1 + Math.exp(-data[at])), points });
    }
  }
}

// A row with the mean place of the candidates that lie over it, the surer weighing more.
function voted({ box, score }, rows, agreed) {
  const near = rows.filter((row) => overlap(row.box, box) > agreed), total = near.reduce((sum, row) => sum + row.score, 0);
  const mean = (value) => near.reduce((sum, row) => sum + row.score * value(row), 0) / total;
  return {
    box: { x: mean((row) => row.box.x), y: mean((row) => row.box.y), width: mean((row) => row.box.width), height: mean((row) => row.box.height) },
    score, points: Float64Array.from({ length: 10 }, (_, place) => mean((row) => row.points[place])),
  };
}
