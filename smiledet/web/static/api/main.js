// What other programs can ask of a run: /api/openapi.json, readable.

import { html, render } from "/static/vendor/preact-htm.js";

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return schema.additionalProperties && schema.additionalProperties !== true ? `${typeOf(schema.additionalProperties)} by name` : schema.type || "";
};

const told = (field) => [typeOf(field.schema || field), field.description || (field.schema || {}).description].filter(Boolean).join(": ");

function Call({ method, path, call, schemas }) {
  const body = call.requestBody && Object.values(call.requestBody.content)[0].schema;
  const fields = body && body.$ref ? Object.entries(schemas[typeOf(body)].properties) : [];
  const rows = [...(call.parameters || []).map((each) => [each.in === "query" ? `?${each.name}=` : each.name, told(each)]), ...fields.map(([name, field]) => [name, told(field)])];
  return html`<section class="call"><h2><b>${method.toUpperCase()}</b>${method === "get" && !path.includes("{") ? html`<a href=${path}>${path}</a>` : path}</h2><p>${call.description || ""}</p>
    ${rows.length > 0 && html`<dl>${rows.map(([name, what]) => html`<dt key=${name}><code>${name}</code></dt><dd>${what}</dd>`)}</dl>`}</section>`;
}

const app = document.getElementById("app");
fetch("/api/openapi.json").then((answer) => answer.json()).then((api) => {
  const calls = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, call]) => ({ method, path, call })));
  render(html`<header class="top"><h1><img src="/static/icon.svg" alt=""/> ${api.info.title} ${api.info.version}</h1></header>
    <main class="page" tabindex="0"><p><a href="/api/openapi.json">openapi.json</a> for programs. <code>/api/faces</code> is a WebSocket, too, with the same messages. Beyond loopback send <code>Authorization: Bearer TOKEN</code>.</p>
    ${calls.map((each) => html`<${Call} key=${each.method + each.path} ...${each} schemas=${(api.components || {}).schemas || {}}/>`)}</main>`, app);
}).catch((error) => { app.textContent = error.message; });
