// Following faces from frame to frame: smiledet.detection.following.tracker, without a second detector.

import { overlap } from "./geometry.js";

export class FaceTracker {
  constructor(settings) { this.settings = settings; this.tracks = []; this.next = 1; }

  // The confirmed faces of a frame, by track: {track, box, score, points}. `now` in seconds, never backwards.
  update(detections, now) {
    for (const [track, detection] of this.match(detections, now)) {
      this.place(track, detection.box, now);
      Object.assign(track, { score: detection.score, seen: now, hits: track.hits + 1, points: detection.points });
    }
    const { keep, confirm, unconfirmed_share: share } = this.settings;
    this.tracks = this.tracks.filter((track) => track.seen === now || now - track.seen <= keep * (track.confirmed ? 1 : share));
    for (const track of this.tracks) track.confirmed ||= track.hits >= confirm;
    return this.tracks.filter((track) => track.confirmed)
      .map(({ number, box, detected, score, points, seen }) => ({ track: number, box, detected, score, points: seen === now ? points : null }));
  }

  expected(track, now) {
    const elapsed = now - track.placed, { x, y, width, height } = track.detected;
    return { x: x + track.velocity[0] * elapsed, y: y + track.velocity[1] * elapsed, width, height };
  }

  match(detections, now) {
    const rows = [];
    for (const track of this.tracks) detections.forEach((detection, which) => rows.push({ share: overlap(this.expected(track, now), detection.box), which, track }));
    rows.sort((one, other) => other.share - one.share || one.which - other.which);
    const pairs = [], taken = new Set(), matched = new Set();
    for (const { share, which, track } of rows) {
      if (share < this.settings.min_overlap) break;
      if (matched.has(track) || taken.has(which)) continue;
      matched.add(track); taken.add(which);
      pairs.push([track, detections[which]]);
    }
    detections.forEach((detection, which) => {
      if (taken.has(which) || this.covered(detection.box, now)) return;
      const track = { number: this.next, box: detection.box, detected: detection.box, velocity: [0, 0], score: detection.score, seen: now, hits: 0, placed: now, confirmed: false };
      this.next += 1;
      this.tracks.push(track);
      pairs.push([track, detection]);
    });
    return pairs;
  }

  covered(box, now) {
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    return this.tracks.some((track) => {
      const known = this.expected(track, now);
      return known.x <= x && x <= known.x + known.width && known.y <= y && y <= known.y + known.height;
    });
  }

  place(track, box, now) {
    const elapsed = now - track.placed, old = track.detected;
    if (elapsed > 0) {
      const measured = [(box.x + box.width / 2 - old.x - old.width / 2) / elapsed, (box.y + box.height / 2 - old.y - old.height / 2) / elapsed], share = this.settings.new_speed;
      track.velocity = track.velocity.map((before, axis) => (1 - share) * before + share * measured[axis]);
    }
    const share = this.settings.smoothing ? 1 - Math.exp(-elapsed / this.settings.smoothing) : 1, mix = (name) => track.box[name] + share * (box[name] - track.box[name]);
    track.box = { x: mix("x"), y: mix("y"), width: mix("width"), height: mix("height") };
    Object.assign(track, { detected: box, placed: now });
  }
}
