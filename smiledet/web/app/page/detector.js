// Finding faces: smiledet.detection.detectors.fcos and smiledet.detection.photographs, in a square picture.

import { overlap } from "./geometry.js";
import { shrunk } from "./pixels.js";

export class Detector {
  // `networks`: by the side of the square that each takes.
  constructor(networks, constants) { this.networks = networks; this.constants = constants; }

  // The faces, surest first: {box, score, points}. A photograph is looked at in two sizes, a video's frame in one.
  async find(picture, photograph) {
    const sides = Object.keys(this.networks).map(Number).sort((one, other) => one - other);
    const rows = [];
    for (const side of photograph && Math.max(picture.width, picture.height) > sides[0] ? sides : sides.slice(0, 1)) {
      rows.push(...await this.candidates(picture, side));
    }
    return this.suppressed(rows).map((row) => ({ ...row, box: this.framed(row.box) }));
  }

  async candidates(picture, side) {
    const scale = Math.min(1, side / Math.max(picture.width, picture.height));
    const width = Math.max(1, Math.round(picture.width * scale)), height = Math.max(1, Math.round(picture.height * scale));
    const small = shrunk(picture, width, height), pixels = new Float32Array(side * side);
    for (let y = 0; y < side; y += 1) {
      const from = Math.min(y, height - 1) * width, to = y * side;
      for (let x = 0; x < side; x += 1) pixels[to + x] = small.data[from + Math.min(x, width - 1)];
    }
    const back = { x: picture.width / width, y: picture.height / height }, found = [];
    for (const { data, shape } of await this.networks[side].run(pixels)) this.decode(data, shape, side, back, found);
    return found;
  }

  // See `decoded` there; here the answers of a cell lie one after the other.
  decode(data, [, rows, columns, answers], side, back, found) {
    const stride = side / columns, least = Math.log(this.constants.score / (1 - this.constants.score));
    for (let row = 0, at = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1, at += answers) {
        if (data[at] < least) continue;
        const cx = column + 0.5, cy = row + 0.5, size = (value) => Math.exp(Math.min(6, Math.max(-4, value))) * stride;
        const width = size(data[at + 3]) * back.x, height = size(data[at + 4]) * back.y;
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

  // Without those that lie over a surer one, or within one.
  suppressed(rows) {
    const kept = [], area = ({ width, height }) => width * height;
    for (const row of rows.sort((one, other) => other.score - one.score).slice(0, this.constants.most)) {
      const own = row.box;
      const known = kept.some(({ box }) => {
        if (overlap(own, box) > this.constants.overlap) return true;
        const width = Math.min(own.x + own.width, box.x + box.width) - Math.max(own.x, box.x);
        const height = Math.min(own.y + own.height, box.y + box.height) - Math.max(own.y, box.y);
        return Math.max(0, width) * Math.max(0, height) > this.constants.within * Math.min(area(own), area(box));
      });
      if (!known) kept.push(row);
    }
    return kept;
  }

  // The square box that Viola-Jones would report.
  framed(box) {
    const { right, down, side: share } = this.constants.framing, own = Math.sqrt(box.width * box.height), side = own * share;
    return { x: box.x + box.width / 2 + own * right - side / 2, y: box.y + box.height / 2 + own * down - side / 2, width: side, height: side };
  }
}
