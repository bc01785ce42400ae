// What is shown, and its address: the query of the page is the query of the server's API.

export const ORDERS = ["date", "name", "smile", "doubt", "faces", "sharpness"];
export const NO_FACE = "no face";
export const SEVERAL_FACES = "more than one face";
const SINGLE = ["text", "taken_from", "taken_to", "folder", "least_smile", "least_eyes_open", "least_faces", "most_faces", "mark", "every_shot", "failed", "order"];
const MANY = /^(label|low|high)\./;

export function fromAddress(search) {
  const query = new URLSearchParams(search);
  const filter = { labels: {} };
  for (const [name, value] of query) {
    if (name.startsWith("label.")) (filter.labels[name.slice(6)] ||= []).push(value);
    else if (SINGLE.includes(name) || MANY.test(name)) filter[name] = value;
  }
  return filter;
}

export function toQuery(filter) {
  const query = new URLSearchParams();
  for (const [task, labels] of Object.entries(filter.labels)) for (const label of labels) query.append(`label.${task}`, label);
  for (const [name, value] of Object.entries(filter)) if (name !== "labels" && value) query.set(name, value);
  return query.toString();
}

export function toggled(filter, task, label) {
  const chosen = filter.labels[task] || [];
  const next = chosen.includes(label) ? chosen.filter((other) => other !== label) : [...chosen, label];
  const labels = { ...filter.labels, [task]: next };
  if (!next.length) delete labels[task];
  return { ...filter, labels };
}

export const withValue = (filter, name, value) => {
  const next = { ...filter, [name]: value };
  if (!value) delete next[name];
  return next;
};

export const isEmpty = (filter) => !toQuery({ ...filter, order: "" });
