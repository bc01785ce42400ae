// Pictures for labels, in the filter bar and under the photographs.

const EMOJI = {
  smiling: "😊", "not smiling": "😶", happy: "😄", sad: "😢", angry: "😠", surprise: "😮", fear: "😨", disgust: "🤢",
  neutral: "😐", contempt: "😒", unsure: "🤔", man: "👨", woman: "👩", "no face": "🚫", "more than one face": "👥", "one face": "👤",
};

export const emoji = (label) => EMOJI[label] || "🏷️";
export const percent = (score) => `${Math.round(score * 100)} %`;
