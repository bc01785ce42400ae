// The camera: faces with their labels, a smile shutter, recording, and what was read as a table.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { Bars } from "./bars.js";
import { emoji, percent } from "./labels.js";
import { Rows, csv, faceRow, save, stamp } from "./rows.js";

const STRIP = 150; // readings
const AGAIN = 3; // seconds after which the shutter may go off again
const SHOTS = 12;
const KINDS = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];
const KIND = KINDS.find((each) => globalThis.MediaRecorder?.isTypeSupported(each));

const REASONS = {
  NotAllowedError: "The camera is not permitted. Permit it in the browser's settings of this page, and press again.",
  NotFoundError: "There is no camera here.",
  NotReadableError: "The camera is in use by another program.",
};

export function Camera({ reader, shown }) {
  const [running, setRunning] = useState(false);
  const [facing, setFacing] = useState("user");
  const [problem, setProblem] = useState("");
  const [seen, setSeen] = useState(null);
  const [fps, setFps] = useState(null);
  const [shutter, setShutter] = useState(false);
  const [shots, setShots] = useState([]);
  const [recording, setRecording] = useState(false);
  const canvas = useRef(null), strip = useRef(null), held = useRef({ rows: new Rows(), recorder: null, stop: null, attempt: 0 });
  held.current.shutter = shutter;

  const stop = () => { held.current.attempt += 1; held.current.stop?.(); held.current.stop = null; setRunning(false); setSeen(null); };
  useEffect(() => (shown ? stop : undefined), [shown]);

  const start = async (which) => {
    stop();
    setProblem("");
    const { attempt } = held.current;
    if (!navigator.mediaDevices?.getUserMedia) {
      setProblem("The browser gives no camera to this address: open it over https:// or on localhost.");
      return;
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: which, width: { ideal: 640 }, height: { ideal: 480 } } });
    } catch (error) {
      if (attempt === held.current.attempt) setProblem(REASONS[error.name] || `The camera cannot be opened: ${error.message || error.name}`);
      return;
    }
    const video = document.createElement("video");
    Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
    await video.play().catch(() => {});
    await reader.forget();
    if (attempt !== held.current.attempt) { end(stream); return; } // something else was pressed meanwhile
    held.current.stop = watch(video, stream, which === "user");
    setRunning(true);
  };

  const watch = (video, stream, mirrored) => {
    let going = true, frames = [], happySince = null, lastShot = -Infinity, smiles = [], count = 0;
    const began = performance.now();
    const ended = () => { if (going) { setProblem("The camera has ended."); stop(); } };
    stream.getVideoTracks()[0].addEventListener("ended", ended);
    const next = async () => {
      if (!going) return;
      if (video.readyState >= 2 && video.videoWidth) {
        try {
          const moment = performance.now(), reading = await reader.read(video, { time: moment / 1000 });
          if (!going) return;
          count += 1;
          draw(canvas.current, video, reading, mirrored, reader);
          frames = [...frames.filter((each) => moment - each < 1000), moment];
          smiles = [...smiles, reading.faces.length ? Math.max(...reading.faces.map((face) => face.smile?.intensity ?? 0)) : null].slice(-STRIP);
          drawStrip(strip.current, smiles);
          keepRows(reading, (moment - began) / 1000, count);
          const happy = reading.faces.length > 0 && reading.faces.every((face) => face.smile?.label === "smiling" && (face.eyesOpen ?? 0) >= reader.constants.shutter.open);
          happySince = happy ? (happySince ?? moment) : null;
          if (held.current.shutter && happySince !== null && moment - happySince >= 1000 * reader.constants.shutter.hold && moment - lastShot >= 1000 * AGAIN) {
            lastShot = moment;
            shoot();
          }
          setSeen(reading);
          setFps(frames.length);
        } catch (error) {
          setProblem(error.message);
          stop();
          return;
        }
      }
      if (video.requestVideoFrameCallback && !document.hidden) video.requestVideoFrameCallback(next);
      else setTimeout(next, 30);
    };
    next();
    return () => {
      going = false;
      end(stream);
      if (held.current.recorder?.state === "recording") held.current.recorder.stop();
    };
  };

  const keepRows = (reading, timestamp, frame) => {
    const { rows } = held.current, time = new Date().toISOString();
    for (const face of reading.faces) rows.add({ source: "camera", frame, timestamp: Number(timestamp.toFixed(3)), time, ...faceRow(face, reader.names, reader.tasks, reading) });
  };

  const shoot = () => canvas.current.toBlob((blob) => setShots((old) => {
    const kept = [{ url: URL.createObjectURL(blob), name: `smile-${stamp()}.jpg` }, ...old];
    kept.slice(SHOTS).forEach(({ url }) => URL.revokeObjectURL(url));
    return kept.slice(0, SHOTS);
  }), "image/jpeg", 0.92);

  const record = () => {
    const known = held.current;
    if (known.recorder?.state === "recording") { known.recorder.stop(); return; }
    const parts = [];
    known.recorder = new MediaRecorder(canvas.current.captureStream(30), { mimeType: KIND });
    known.recorder.ondataavailable = ({ data }) => { if (data.size) parts.push(data); };
    known.recorder.onstop = () => {
      setRecording(false);
      save(new Blob(parts), `smiledet-${stamp()}.${KIND.startsWith("video/mp4") ? "mp4" : "webm"}`, KIND.split(";")[0]);
    };
    known.recorder.start(1000);
    setRecording(true);
  };

  const table = async (kind) => {
    const { rows } = held.current;
    if (kind === "csv") save(csv(await rows.all(), reader.names, reader.tasks), `smiledet-${stamp()}.csv`, "text/csv");
    else save(rows.jsonLines(), `smiledet-${stamp()}.jsonl`, "application/jsonl");
  };
  const flip = () => { const other = facing === "user" ? "environment" : "user"; setFacing(other); start(other); };
  const none = !held.current.rows.count;

  return html`
    <section class="tools" aria-label="camera">
      <button class="main" disabled=${!reader} onClick=${() => (running ? stop() : start(facing))}>${running ? "stop" : "start the camera"}</button>
      <button disabled=${!running} onClick=${flip}>${facing === "user" ? "back camera" : "front camera"}</button>
      <button aria-pressed=${shutter} onClick=${() => setShutter(!shutter)}>smile shutter</button>
      <button disabled=${!running || !KIND} aria-pressed=${recording} onClick=${record}>${recording ? "end the recording" : "record"}</button>
      <button disabled=${none} onClick=${() => table("csv")}>CSV</button>
      <button disabled=${none} onClick=${() => table("jsonl")}>JSON lines</button>
    </section>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="stage">
      <div class="picture">${!running && html`<p class="note">The camera starts when you press the button. Its pictures stay on this device.</p>`}
        <canvas ref=${canvas} width="640" height="480" hidden=${!running} role="img" aria-label="the camera's picture with faces"></canvas></div>
      <div class="side" tabindex="0" role="region" aria-label="readings">
        <div class="cards"><div class="card"><b>${running && fps !== null ? fps : "–"}</b><span>FPS</span></div><div class="card"><b>${seen ? seen.faces.length : "–"}</b><span>faces</span></div>
          <div class="card"><b>${seen ? seen.milliseconds.toFixed(0) : "–"}</b><span>ms a frame</span></div></div>
        <canvas ref=${strip} class="strip" width="300" height="48" role="img" aria-label="how much was smiled of late" hidden=${!running}></canvas>
        ${seen?.faces.map((face) => html`<${FaceCard} key=${face.track} face=${face} names=${reader.names}/>`)}
        ${shots.length > 0 && html`<h2>Smiles</h2><div class="shots">${shots.map(({ url, name }) => html`<a key=${url} href=${url} download=${name}><img src=${url} alt=${name}/></a>`)}</div>`}
      </div>
    </div>`;
}

const end = (stream) => stream.getTracks().forEach((track) => track.stop());

export function FaceCard({ face, names, title }) {
  return html`<article class="face"><h2>${title || `Face ${face.track}`}</h2>${names.map((name) => face[name] && html`<section key=${name}><h3>${name}: ${emoji(face[name].label)} ${face[name].label}</h3>
    <${Bars} scores=${Object.entries(face[name].scores)}/></section>`)}</article>`;
}

function draw(canvas, video, reading, mirrored, reader) {
  if (canvas.width !== reading.width || canvas.height !== reading.height) Object.assign(canvas, { width: reading.width, height: reading.height });
  const context = canvas.getContext("2d");
  context.save();
  if (mirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  context.restore();
  const size = Math.max(14, canvas.width / 28);
  context.font = `${size}px system-ui, sans-serif`;
  context.lineWidth = Math.max(2, canvas.width / 300);
  for (const face of reading.faces) {
    const { box } = face, left = mirrored ? canvas.width - box.x - box.width : box.x;
    const colour = reader.tasks.smile?.colours[face.smile?.label] || "#ffffff";
    context.strokeStyle = colour;
    context.strokeRect(left, box.y, box.width, box.height);
    reader.names.forEach((name, line) => {
      if (!face[name]) return;
      const text = `${emoji(face[name].label)} ${face[name].label} ${percent(face[name].score)}`, wide = context.measureText(text).width;
      const down = Math.min(canvas.height - 4, box.y + box.height + (line + 1) * size * 1.3), start = Math.max(0, Math.min(left, canvas.width - wide - 8));
      context.fillStyle = "rgba(0, 0, 0, .65)";
      context.fillRect(start, down - size, wide + 8, size * 1.3);
      context.fillStyle = reader.tasks[name].colours[face[name].label] || "#ffffff";
      context.fillText(text, start + 4, down);
    });
  }
}

function drawStrip(canvas, values) {
  if (!canvas) return;
  const context = canvas.getContext("2d"), { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  context.fillStyle = getComputedStyle(canvas).color;
  values.forEach((value, place) => {
    if (value !== null) context.fillRect((place * width) / STRIP, height - value * height, Math.ceil(width / STRIP), Math.max(1, value * height));
  });
}
