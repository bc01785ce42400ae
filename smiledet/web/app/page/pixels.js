// Grey pictures {data, width, height}: made of a canvas' pixels, evened out, shrunk, halved and warped.

// Grey as OpenCV computes it.
export function grey({ data, width, height }) {
  const out = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < out.length; i += 1, j += 4) {
    out[i] = (data[j] * 4899 + data[j + 1] * 9617 + data[j + 2] * 1868 + 8192) >> 14;
  }
  return { data: out, width, height };
}

export function half({ data, width, height }) {
  const w = width >> 1, h = height >> 1, out = new Uint8Array(w * h);
  for (let y = 0, at = 0; y < h; y += 1) {
    for (let x = 0, row = 2 * y * width; x < w; x += 1, row += 2, at += 1) {
      out[at] = (data[row] + data[row + 1] + data[row + width] + data[row + width + 1] + 2) >> 2;
    }
  }
  return { data: out, width: w, height: h };
}

// The picture turned by 90, 180 or 270 degrees clockwise.
export function turned(picture, degrees) {
  if (!degrees) return picture;
  const { data, width, height } = picture, upright = degrees === 180, w = upright ? width : height, h = upright ? height : width;
  const out = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      if (degrees === 90) out[x * w + w - 1 - y] = data[at];
      else if (degrees === 180) out[(h - 1 - y) * w + w - 1 - x] = data[at];
      else out[(h - 1 - x) * w + y] = data[at];
    }
  }
  return { data: out, width: w, height: h };
}

// A box of a picture that was turned so, in the picture as it is, of (width, height) pixels.
export function boxBefore({ x, y, width: w, height: h }, degrees, width, height) {
  if (degrees === 90) return { x: y, y: height - x - w, width: h, height: w };
  if (degrees === 180) return { x: width - x - w, y: height - y - h, width: w, height: h };
  if (degrees === 270) return { x: width - y - h, y: x, width: h, height: w };
  return { x, y, width: w, height: h };
}

// The same of points, x and y in turn, whose whole numbers are the middles of pixels.
export function pointsBefore(points, degrees, width, height) {
  const out = new Float64Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    const { x, y } = boxBefore({ x: points[i], y: points[i + 1], width: 0, height: 0 }, degrees, width - 1, height - 1);
    out[i] = x;
    out[i + 1] = y;
  }
  return out;
}

// The picture shrunk: each pixel the mean of the area that it covers, as cv2.INTER_AREA.
export function shrunk(picture, width, height) {
  const { data } = picture;
  if (width === picture.width && height === picture.height) return picture;
  const columns = spans(picture.width, width), rows = spans(picture.height, height);
  const between = new Float32Array(width * picture.height);
  for (let y = 0; y < picture.height; y += 1) {
    const from = y * picture.width, to = y * width;
    for (let x = 0; x < width; x += 1) {
      const { first, weights } = columns[x];
      let sum = 0;
      for (let k = 0; k < weights.length; k += 1) sum += weights[k] * data[from + first + k];
      between[to + x] = sum;
    }
  }
  const out = new Uint8Array(width * height), line = new Float32Array(width);
  for (let y = 0; y < height; y += 1) {
    const { first, weights } = rows[y];
    line.fill(0);
    for (let k = 0; k < weights.length; k += 1) {
      const weight = weights[k], from = (first + k) * width;
      for (let x = 0; x < width; x += 1) line[x] += weight * between[from + x];
    }
    for (let x = 0; x < width; x += 1) out[y * width + x] = line[x] + 0.5;
  }
  return { data: out, width, height };
}

function spans(length, count) {
  const step = length / count;
  return Array.from({ length: count }, (_, place) => {
    const start = place * step, end = Math.min(length, start + step), first = Math.floor(start), weights = [];
    for (let k = first; k < end - 1e-9; k += 1) weights.push((Math.min(end, k + 1) - Math.max(start, k)) / (end - start));
    return { first, weights };
  });
}

// A picture with what is left of it when it is halved again and again; squares are warped out of the level that fits.
export class Pyramid {
  constructor(picture, halvings) { this.levels = [picture]; this.halvings = halvings; }

  level(number) {
    while (this.levels.length <= number) this.levels.push(half(this.levels.at(-1)));
    return this.levels[number];
  }

  // A square of `side` pixels, float32, by the map from the picture's pixels to the square's; edges are repeated.
  square(map, side) {
    let scale = Math.hypot(map[0], map[3]), halvings = 0;
    const shorter = Math.min(this.levels[0].width, this.levels[0].height);
    while (scale < 0.5 && halvings < this.halvings && shorter >> (halvings + 1)) { scale *= 2; halvings += 1; }
    const step = 1 << halvings, origin = (step - 1) / 2, [a, b, x, c, d, y] = map;
    return warped(this.level(halvings), [a * step, b * step, a * origin + b * origin + x, c * step, d * step, c * origin + d * origin + y], side, side);
  }
}

// Bilinear; `map` leads from the picture's pixels to the result's.
export function warped({ data, width, height }, [a, b, x, c, d, y], columns, rows) {
  const determinant = a * d - b * c, p = d / determinant, q = -b / determinant, r = -c / determinant, s = a / determinant;
  const out = new Float32Array(columns * rows), right = width - 1, bottom = height - 1;
  const clip = (value, most) => (value < 0 ? 0 : value > most ? most : value);
  for (let v = 0, at = 0; v < rows; v += 1) {
    for (let u = 0; u < columns; u += 1, at += 1) {
      // To a thirty-second of a pixel, as OpenCV rounds.
      const gx = Math.round((p * (u - x) + q * (v - y)) * 32) / 32, gy = Math.round((r * (u - x) + s * (v - y)) * 32) / 32;
      const x0 = Math.floor(gx), y0 = Math.floor(gy), fx = gx - x0, fy = gy - y0;
      const l = clip(x0, right), m = clip(x0 + 1, right), t = clip(y0, bottom) * width, n = clip(y0 + 1, bottom) * width;
      const upper = data[t + l] * (1 - fx) + data[t + m] * fx, lower = data[n + l] * (1 - fx) + data[n + m] * fx;
      out[at] = Math.floor(upper * (1 - fy) + lower * fy + 0.5);
    }
  }
  return out;
}

// The part of a picture that a box covers, in whole pixels; null where there is hardly any.
export function cropped({ data, width, height }, box) {
  const left = Math.max(0, Math.round(box.x)), top = Math.max(0, Math.round(box.y));
  const w = Math.min(width, Math.round(box.x + box.width)) - left, h = Math.min(height, Math.round(box.y + box.height)) - top;
  if (w < 2 || h < 2) return null;
  const out = new Uint8Array(w * h);
  for (let y = 0; y < h; y += 1) out.set(data.subarray((top + y) * width + left, (top + y) * width + left + w), y * w);
  return { data: out, width: w, height: h };
}

// How sharp a face is: smiledet.photographs.quality.face_sharpness, without the pixels at the edge.
export function sharpness(picture, box, side) {
  const part = cropped(picture, box);
  if (!part) return 0;
  const scale = Math.min(1, side / Math.max(part.width, part.height));
  const { data, width, height } = shrunk(part, Math.max(1, Math.round(part.width * scale)), Math.max(1, Math.round(part.height * scale)));
  const contrast = deviation(data);
  if (contrast < 1) return 0;
  const smooth = blurred(data, width, height), edges = [];
  for (let y = 2; y < height - 2; y += 1) {
    for (let x = 2, at = y * width + 2; x < width - 2; x += 1, at += 1) edges.push(smooth[at - 1] + smooth[at + 1] + smooth[at - width] + smooth[at + width] - 4 * smooth[at]);
  }
  return edges.length ? (100 * deviation(edges)) / contrast / 4 : 0;
}

function deviation(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

// Evening out what is too dark, too flat or too bright: smiledet.exposure.
export class Exposure {
  constructor(constants) { this.constants = constants; this.levels = null; this.time = 0; this.corrected = false; }

  // The picture for one look, or for the next frame of a video at a time in seconds.
  evened(picture, time = null) {
    const seen = this.measure(picture), k = this.constants;
    if (time === null) return applied(picture, this.table(seen, k.dark, k.bright));
    const last = this.levels, ratio = (one, other) => (Math.max(one, other) + k.noticed) / (Math.min(one, other) + k.noticed);
    if (!last || ratio(seen.high, last.high) > k.jump || ratio(seen.middle, last.middle) > k.jump) this.levels = seen;
    else {
      const share = 1 - Math.exp(-Math.max(0, time - this.time) / k.settle), mix = (name) => last[name] + share * (seen[name] - last[name]);
      this.levels = { low: mix("low"), middle: mix("middle"), high: mix("high") };
    }
    this.time = time;
    const table = this.corrected ? this.table(this.levels, k.light_again, k.dim_again) : this.table(this.levels, k.dark, k.bright);
    this.corrected = table !== null;
    return applied(picture, table);
  }

  measure({ data, width, height }) {
    const counts = new Uint32Array(256), { step, shares } = this.constants;
    let total = 0;
    for (let y = 0; y < height; y += step) for (let x = 0; x < width; x += step) { counts[data[y * width + x]] += 1; total += 1; }
    const at = (share) => {
      let below = 0;
      for (let level = 0; level < 256; level += 1) { below += counts[level]; if (below >= share * total) return level; }
      return 255;
    };
    const [low, middle, high] = shares.map(at);
    return { low, middle, high };
  }

  table({ low, middle, high }, dark, bright) {
    if (high >= dark && middle <= bright) return null;
    const power = high >= dark ? this.constants.highlights : 1, span = Math.max(this.constants.least_span, high - low);
    return Uint8Array.from({ length: 256 }, (_, level) => Math.floor(255 * Math.min(1, Math.max(0, (level - low) / span)) ** power));
  }
}

function applied(picture, table) {
  return table ? { ...picture, data: picture.data.map((level) => table[level]) } : picture;
}

// By 1 2 1 in both directions; the patch's border does not count.
export function blurred(patch, width, height) {
  const out = new Float32Array(patch.length);
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const at = y * width + x, row = (place) => patch[place - 1] + 2 * patch[place] + patch[place + 1];
      out[at] = Math.round((row(at - width) + 2 * row(at) + row(at + width)) / 16);
    }
  }
  return out;
}
