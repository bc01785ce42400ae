// What a network's scores stand for, and labels that do not flicker: smiledet.tasks.base, smiledet.workers.track_labels.

const lead = (scores, label) => scores[label] - Math.max(0, ...Object.entries(scores).filter(([other]) => other !== label).map(([, score]) => score));

// The answer to show: {label, score, scores, intensity}; `shown` is what is shown now.
export function settle(task, scores, shown = null) {
  const label = labelOf(task, scores, shown);
  const score = label in scores ? scores[label] : Math.max(...Object.values(scores));
  return { label, score, scores, intensity: task.strength ? intensity(task, scores[task.strength]) : null };
}

function labelOf(task, scores, shown) {
  const best = Object.keys(scores).reduce((one, other) => (scores[other] > scores[one] ? other : one));
  if (shown in scores && lead(scores, shown) >= task.unsure_below - task.hysteresis) return shown;
  const wanted = task.unsure_below + (shown === task.unsure ? task.hysteresis : 0);
  return lead(scores, best) >= Math.min(wanted, 1) ? best : task.unsure;
}

function intensity(task, share) {
  const held = Math.min(Math.max(share, task.smallest), 1 - task.smallest);
  return Math.min(1, Math.max(0, 0.5 + Math.log(held / (1 - held)) / (2 * task.full_odds)));
}

export class LabelSmoother {
  constructor(task) { this.task = task; this.scores = null; this.prediction = null; this.time = 0; }

  update(scores, time) {
    if (!this.scores) {
      this.scores = { ...scores };
    } else {
      const elapsed = Math.max(0, time - this.time), share = this.task.smoothing ? 1 - Math.exp(-elapsed / this.task.smoothing) : 1;
      for (const [label, score] of Object.entries(scores)) this.scores[label] += share * (score - this.scores[label]);
    }
    this.time = time;
    this.prediction = settle(this.task, { ...this.scores }, this.prediction?.label ?? null);
    return this.prediction;
  }
}
