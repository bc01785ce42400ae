// What the page asks of the server. Every function throws an Error whose message can be shown.

async function asked(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error("offline");
  }
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status}`);
  return answer;
}

export const get = async (path, signal) => (await asked(path, { signal })).json();

export const send = async (path, body, method = "POST") =>
  (await asked(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();

// On a screen of one dot a pixel a quarter of the dots is enough: they are decoded and drawn while the grid is scrolled.
export const thumbnail = (id) => `/api/photographs/${id}/thumbnail?side=${devicePixelRatio > 1 ? 320 : 192}`;
export const picture = (id, side) => `/api/photographs/${id}/picture?side=${side}`;
export const why = (id, face, task) => `/api/photographs/${id}/why?face=${face}&task=${encodeURIComponent(task)}`;
