// A task's scores, a bar each.

import { html } from "./vendor/preact-htm.js";
import { percent } from "./labels.js";

// `scores`: by label; `named`: what a label is called.
export function Bars({ scores, named = (label) => label }) {
  return Object.entries(scores).map(([label, score]) => html`<div class="bar" key=${label}><span>${named(label)}</span><meter min="0" max="1" value=${score} aria-label=${named(label)}></meter><span>${percent(score)}</span></div>`);
}
