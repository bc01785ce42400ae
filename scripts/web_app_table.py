"""The page that reads faces in the browser beside human.js and face-api.js, in one run of the same Chromium.

    npm install --prefix PEERS @vladmandic/human @vladmandic/face-api @tensorflow/tfjs-backend-wasm
    python scripts/web_app_table.py --peers PEERS [--photographs ../shared/data/genki4k.tar.gz]

Each finds the faces of a picture of 640x480 that shows one, and reads smile or emotion, in WebAssembly with one thread,
picture after picture for some seconds, in turns. "Download" is what its page asked for until the first reading,
compressed. Of held-out photographs of GENKI-4K (the fifth that no network here has learnt from) each says whether a
smile is seen: ours where `smile` says so, theirs where `happy` leads; a photograph without a face counts as wrong.
"""

from __future__ import annotations

import argparse
import base64
import functools
import gzip
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import cv2

from smiledet.lab.datasets.base import read_samples
from smiledet.lab.training.evaluation.tables import markdown
from smiledet.sources.demo import portrait_path
from smiledet.web.app.build import build

TURNS = 3

OURS = """
import { createReader } from "/app/smiledet.js";
const reader = await createReader();
globalThis.frame = (canvas) => reader.read(canvas, { time: performance.now() / 1000 });
globalThis.smiles = async (bitmap) => {
  const { faces } = await reader.read(bitmap);
  return faces.length ? faces[0].smile.label === "smiling" : null;
};
"""
HUMAN = """
import { Human } from "/npm/@vladmandic/human/dist/human.esm.js";
const off = { enabled: false };
const face = { enabled: true, detector: { rotation: false }, mesh: { enabled: true }, emotion: { enabled: true } };
const human = new Human({
  backend: "wasm",
  wasmPath: "/npm/@tensorflow/tfjs-backend-wasm/dist/",
  modelBasePath: "/npm/@vladmandic/human/models/",
  cacheSensitivity: 0, filter: off, gesture: off, body: off, hand: off, object: off, segmentation: off,
  face: { ...face, iris: off, description: off, antispoof: off, liveness: off },
});
await human.load();
globalThis.frame = (canvas) => human.detect(canvas);
globalThis.smiles = async (bitmap) => {
  const { face } = await human.detect(bitmap);
  return face.length ? face[0].emotion?.[0]?.emotion === "happy" : null;
};
"""
FACE_API = """
import * as faceapi from "/npm/@vladmandic/face-api/dist/face-api.esm.js";
faceapi.tf.setWasmPaths("/npm/@tensorflow/tfjs-backend-wasm/dist/");
await faceapi.tf.setBackend("wasm");
await faceapi.tf.ready();
const models = "/npm/@vladmandic/face-api/model";
const { tinyFaceDetector, faceLandmark68Net, faceExpressionNet } = faceapi.nets;
for (const network of [tinyFaceDetector, faceLandmark68Net, faceExpressionNet]) await network.loadFromUri(models);
const options = new faceapi.TinyFaceDetectorOptions({ inputSize: 320 });
const read = (image) => faceapi.detectAllFaces(image, options).withFaceLandmarks().withFaceExpressions();
globalThis.frame = read;
globalThis.smiles = async (bitmap) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const found = await read(canvas);
  return found.length ? found[0].expressions.asSortedArray()[0].expression === "happy" : null;
};
"""
READERS = {"smiledet": OURS, "human.js": HUMAN, "face-api.js": FACE_API}

SPEED = """async ([file, seconds]) => {
  const bytes = Uint8Array.from(atob(file), (each) => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  for (let n = 0; n < 5; n += 1) await frame(canvas);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < 1000 * seconds) { await frame(canvas); count += 1; }
  return (1000 * count) / (performance.now() - start);
}"""
SMILES = """async (file) => {
  const bytes = Uint8Array.from(atob(file), (each) => each.charCodeAt(0));
  return smiles(await createImageBitmap(new Blob([bytes])));
}"""


class Handler(SimpleHTTPRequestHandler):
    """Files of the folder, without a word."""

    extensions_map: ClassVar = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A folder's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def opened(browser: Any, address: str, name: str, folder: Path) -> tuple[Any, float, float]:
    """A reader's page, megabytes that it asked for, compressed, and seconds until it was ready."""
    page = browser.new_page()
    page.set_default_timeout(300_000)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.goto(f"{address}/{name}.html")
    for _ in range(6000):
        if page.evaluate("globalThis.smiles !== undefined"):
            break
        page.wait_for_timeout(50)
    seconds = page.evaluate("performance.now()") / 1000
    paths = [
        folder / url.removeprefix(address).partition("?")[0].lstrip("/") for url in asked if url.startswith(address)
    ]
    size = sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths if path.is_file())
    return page, size / 1e6, seconds


def picture() -> str:
    """The demo's portrait at 640x480, as base64."""
    portrait = cv2.imread(str(portrait_path()))
    assert portrait is not None
    size = (round(portrait.shape[1] * 480 / portrait.shape[0]), 480)
    image = cv2.resize(portrait, size, interpolation=cv2.INTER_AREA)
    left = (640 - size[0]) // 2
    image = cv2.copyMakeBorder(image, 0, 0, left, 640 - size[0] - left, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    return base64.b64encode(cv2.imencode(".jpg", image)[1].tobytes()).decode()


def accuracy(page: Any, samples: list[tuple[str, bool]]) -> tuple[float, int]:
    """Share of photographs of which a reader says rightly whether a smile is seen, and in how many it finds a face."""
    said = [page.evaluate(SMILES, file) for file, _ in samples]
    right = sum(answer == smiling for answer, (_, smiling) in zip(said, samples, strict=True))
    return right / len(samples), sum(answer is not None for answer in said)


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="folder with node_modules")
    parser.add_argument("--photographs", type=Path, help="GENKI-4K, an archive or a folder")
    parser.add_argument("--count", type=int, default=0, help="of its held-out photographs (default: all)")
    parser.add_argument("--seconds", type=float, default=3, help="a turn")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    samples: list[tuple[str, bool]] = []
    if arguments.photographs:
        _, found = read_samples(f"genki4k:{arguments.photographs}", "smile")
        held_out = [each for each in found if each.split == "test"]
        step = max(1, len(held_out) // arguments.count) if arguments.count else 1
        samples = [
            (base64.b64encode(each.image.read_bytes()).decode(), each.label == "smiling") for each in held_out[::step]
        ]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        build(folder / "app")
        (folder / "npm").symlink_to((arguments.peers / "node_modules").resolve())
        for reader, module in READERS.items():
            (folder / f"{reader}.mjs").write_text(module)
            head = f'<!doctype html><meta charset="utf-8"><title>{reader}</title>'
            (folder / f"{reader}.html").write_text(f'{head}<script type="module" src="/{reader}.mjs"></script>')
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        rows = []
        with serving(folder) as address:
            pages = {reader: opened(browser, address, reader, folder) for reader in READERS}
            shown = picture()
            frames: dict[str, list[float]] = {reader: [] for reader in READERS}
            for _ in range(TURNS):
                for reader, (page, _, _) in pages.items():
                    frames[reader].append(page.evaluate(SPEED, [shown, arguments.seconds]))
            for reader, (page, size, seconds) in pages.items():
                row = [reader, f"{statistics.median(frames[reader]):.1f}", f"{size:.1f}", f"{seconds:.1f}"]
                if samples:
                    share, found = accuracy(page, samples)
                    row += [f"{found} of {len(samples)}", f"{100 * share:.1f} %"]
                rows.append(row)
        browser.close()
    head = ["", "frames a second", "MB to download", "seconds to load"]
    head += ["faces found in", "smiles read rightly"] if samples else []
    print(markdown(head, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
