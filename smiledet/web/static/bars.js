// A task's scores, a bar each.

import { html } from "./vendor/preact-htm.js";
import { percent } from "./labels.js";

// `scores`: pairs of a label and its score; `named`: what a label is called.
export function Bars({ scores, named = (label) => label }) {
  return scores.map(([label, score]) => html`<div class="bar" key=${label}><span>${named(label)}</span><meter min="0" max="1" value=${score} aria-label=${named(label)}></meter><span>${percent(score)}</span></div>`);
}
