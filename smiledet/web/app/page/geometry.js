// Points and 2x3 maps, as smiledet.alignment.similarity has them. A map is [a, b, x, c, d, y]: x' = a x + b y + x.

// The moments of two sets of points, about their means; points are flat: x and y in turn.
function moments(source, target) {
  const count = source.length / 2;
  let sx = 0, sy = 0, tx = 0, ty = 0;
  for (let i = 0; i < source.length; i += 2) { sx += source[i]; sy += source[i + 1]; tx += target[i]; ty += target[i + 1]; }
  sx /= count; sy /= count; tx /= count; ty /= count;
  let xx = 0, xy = 0, yy = 0, a = 0, b = 0, c = 0, d = 0;
  for (let i = 0; i < source.length; i += 2) {
    const px = source[i] - sx, py = source[i + 1] - sy, qx = target[i] - tx, qy = target[i + 1] - ty;
    xx += px * px; xy += px * py; yy += py * py;
    a += px * qx; b += px * qy; c += py * qx; d += py * qy;
  }
  return { sx, sy, tx, ty, xx, xy, yy, a, b, c, d };
}

const aboutMeans = (m, a, b, c, d) => [a, b, m.tx - a * m.sx - b * m.sy, c, d, m.ty - c * m.sx - d * m.sy];

// The rotation, scale and translation that takes the source nearest to the target; null where its points coincide.
export function similarity(source, target) {
  const m = moments(source, target), spread = m.xx + m.yy;
  if (!(spread > 0)) return null;
  const cosine = (m.a + m.d) / spread, sine = (m.b - m.c) / spread;
  return aboutMeans(m, cosine, -sine, sine, cosine);
}

// How far the affine map that fits best would distort: its largest over its smallest singular value. `onALine`: the
// determinant over the squared trace of the source's spread below which it has no such map.
export function distortion(source, target, onALine) {
  const m = moments(source, target), determinant = m.xx * m.yy - m.xy * m.xy;
  if (!(determinant > onALine * (m.xx + m.yy) ** 2)) return Infinity;
  const a = (m.yy * m.a - m.xy * m.c) / determinant, b = (m.xx * m.c - m.xy * m.a) / determinant;
  const c = (m.yy * m.b - m.xy * m.d) / determinant, d = (m.xx * m.d - m.xy * m.b) / determinant;
  const largest = (Math.hypot(a + d, c - b) + Math.hypot(a - d, b + c)) / 2, product = Math.abs(a * d - b * c);
  return product > 0 ? (largest * largest) / product : Infinity;
}

export function inverse([a, b, x, c, d, y]) {
  const determinant = a * d - b * c;
  const [p, q, r, s] = [d / determinant, -b / determinant, -c / determinant, a / determinant];
  return [p, q, -p * x - q * y, r, s, -r * x - s * y];
}

export function transform([a, b, x, c, d, y], points) {
  const mapped = new Float64Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    mapped[i] = a * points[i] + b * points[i + 1] + x;
    mapped[i + 1] = c * points[i] + d * points[i + 1] + y;
  }
  return mapped;
}

// From the frame to a chip's pixels, given the map from the frame to face boxes; see smiledet.alignment.chips.
export function chipMap(map, { size, margin }) {
  const scale = size / margin, shift = (size - scale) / 2 - 0.5;
  return map.map((value, place) => value * scale + (place % 3 === 2 ? shift : 0));
}

// From the frame to the coordinates of a face box that stands upright, its longer side kept square.
export function boxMap(box) {
  const scale = 1 / Math.max(box.width, box.height);
  return [scale, 0, 0.5 - (box.x + box.width / 2) * scale, 0, scale, 0.5 - (box.y + box.height / 2) * scale];
}

export function overlap(one, other) {
  const width = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
  const height = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / (one.width * one.height + other.width * other.height - width * height);
}
