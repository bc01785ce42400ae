"""The page that reads faces in the browser beside human.js and face-api.js, in one run of the same Chromium.

    npm install --prefix PEERS @vladmandic/human @vladmandic/face-api @tensorflow/tfjs-backend-wasm
    python scripts/web_app_table.py measure --peers PEERS --output docs/benchmarks/web-app.json
    python scripts/web_app_table.py print

Each finds the faces that a camera of 640x480 shows, one, and reads smile and emotion, or emotion alone where it knows
no smile, in WebAssembly with one thread, frame after frame for some seconds, in turns. "Download" is what its page
asked for until the first reading, compressed; it is loaded once more from the browser's cache. Of held-out photographs
of GENKI-4K (the fifth that no network here has learnt from) each says whether a smile is seen: ours where `smile` says
so, theirs where `happy` leads; a photograph without a face counts as wrong. Beside the frames a second stands the
processor time of the browser's processes: on a machine that does other things as well the first says little.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import functools
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Iterator
from datetime import datetime, timezone
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import cv2
import psutil

from smiledet.lab.datasets.base import read_samples
from smiledet.lab.machine import describe_machine
from smiledet.lab.training.evaluation.tables import markdown
from smiledet.sources.demo import portrait_path
from smiledet.web.app.build import build

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "benchmarks" / "web-app.json"
TURNS = 3
WARM_UP = 5
LONGEST = 600.0
"""Seconds that one step may take; then that reader's figure is missing, and the others go on."""

OURS = """
import { createReader } from "/app/smiledet.js";
const reader = await createReader();
globalThis.frame = (video) => reader.read(video);
globalThis.seen = ({ faces }) => faces.length;
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
globalThis.frame = (video) => human.detect(video);
globalThis.seen = ({ face }) => face.length;
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
globalThis.seen = (found) => found.length;
globalThis.smiles = async (bitmap) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  const found = await read(canvas);
  return found.length ? found[0].expressions.asSortedArray()[0].expression === "happy" : null;
};
"""
READERS = {"smiledet": OURS, "human.js": HUMAN, "face-api.js": FACE_API}

CAMERA = """async () => {
  const video = document.createElement("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  video.muted = true;
  await video.play();
  globalThis.video = video;
  return [video.videoWidth, video.videoHeight];
}"""
SPEED = """async ([warmUp, seconds]) => {
  let found;
  for (let n = 0; n < warmUp; n += 1) found = await frame(video);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < 1000 * seconds) { found = await frame(video); count += 1; }
  return [count, (performance.now() - start) / 1000, seen(found)];
}"""
SMILES = """async (file) => {
  const bytes = Uint8Array.from(atob(file), (each) => each.charCodeAt(0));
  return smiles(await createImageBitmap(new Blob([bytes])));
}"""
READY = "() => globalThis.smiles !== undefined"

FEATURES = {
    "smiledet": "smile, 7 emotions, 68 points, eyes; faces and labels followed over time; an app and a module, offline",
    "human.js": "7 emotions, 478 points, age, gender, gaze, identity, bodies, hands; a module",
    "face-api.js": "7 emotions, 68 points, age, gender, identity; a module",
}
"""What each reads and is, by its documentation."""

AFFECTIVE = (
    *("Affective (seed 001)", "8 emotions of photographs; filters and single view; an Android app"),
    *("0.5 (2.2 s a photograph)", "", "30 MB of parameters", "", "", "75.1 % of 8 emotions (AffectNet)"),
)
"""As its thesis reports it: table 8 on a phone of 2018, 7,509,672 parameters of 4 bytes, table 6."""

HEAD = (
    *(
        "",
        "what it reads",
        "frames a second",
        "processor ms a frame",
        "MB to download",
        "seconds to load, and from cache",
    ),
    *("faces found in", "smiles read rightly"),
)


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


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A folder's address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def page_of(name: str) -> str:
    """The page of a reader, whose module lies beside it."""
    head = f'<!doctype html><meta charset="utf-8"><title>{name}</title>'
    return f'{head}<script type="module" src="/{name}.mjs"></script>'


def browser_path() -> str:
    """Where Chromium lies."""
    return shutil.which("chromium") or shutil.which("google-chrome") or "chromium"


def camera_flags(clip: Path) -> list[str]:
    """What gives the browser a camera that shows a clip, without a question."""
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    return ["--no-sandbox", *fake, f"--use-file-for-fake-video-capture={clip}"]


def browser_version() -> str:
    """Such as "Chromium 156.0.8078.108"."""
    said = subprocess.run([browser_path(), "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:2])


async def within(step: Awaitable[Any], seconds: float = LONGEST) -> Any:
    """What a step answers.

    Raises:
        TimeoutError: It takes longer: a page may wait for what never comes.
    """
    return await asyncio.wait_for(step, seconds)


def processor_seconds() -> float:
    """Of the browser's processes so far."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


class Measured:
    """One reader's page in the browser, and its figures.

    Args:
        page: Playwright's.
        name: The reader's.
    """

    def __init__(self, page: Any, name: str) -> None:
        self._page = page
        page.set_default_timeout(1000 * LONGEST)
        self.name = name
        self.frames: list[float] = []
        self.processor: list[float] = []
        self.figures: dict[str, Any] = {}

    async def open(self, address: str, folder: Path) -> None:
        """Load it: the megabytes that it asked for, compressed, and the seconds until it was ready."""
        asked: set[str] = set()
        self._page.on("request", lambda request: asked.add(request.url))
        first = await self._load(f"{address}/{self.name}.html")
        assert await self._page.evaluate(CAMERA) == [640, 480]
        await self._page.evaluate("async () => { await frame(video); }")
        paths = [folder / url.removeprefix(f"{address}/").partition("?")[0] for url in asked if url.startswith(address)]
        size = sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths if path.is_file())
        again = await self._load(f"{address}/{self.name}.html")
        await self._page.evaluate(CAMERA)
        self.figures |= {"download_mb": round(size / 1e6, 2), "load_s": first, "cached_s": again}

    async def _load(self, address: str) -> float:
        await self._page.goto(address)
        while not await self._page.evaluate(READY):
            await asyncio.sleep(0.05)
        return round(await self._page.evaluate("performance.now()") / 1000, 2)

    async def speed(self, seconds: float) -> None:
        """One turn."""
        await self._page.bring_to_front()  # a page in the background may be held up
        before = processor_seconds()
        count, took, faces = await self._page.evaluate(SPEED, [WARM_UP, seconds])
        assert faces == 1, f"{self.name} sees {faces} faces"
        self.frames.append(count / took)
        self.processor.append(1000 * (processor_seconds() - before) / (count + WARM_UP))
        self.figures |= {
            "fps": round(statistics.median(self.frames), 1),
            "processor_ms": round(statistics.median(self.processor), 1),
        }

    async def accuracy(self, samples: list[tuple[str, bool]]) -> None:
        """Of how many photographs it says rightly whether a smile is seen, and in how many it finds a face."""
        await self._page.bring_to_front()
        said = [await self._page.evaluate(SMILES, file) for file, _ in samples]
        right = sum(answer == smiling for answer, (_, smiling) in zip(said, samples, strict=True))
        found = sum(answer is not None for answer in said)
        self.figures |= {"photographs": len(samples), "faces_found": found, "right": right}


async def measured(arguments: argparse.Namespace, samples: list[tuple[str, bool]]) -> dict[str, Any]:
    """Every reader's figures."""
    from playwright.async_api import async_playwright

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder / "app")
        (folder / "npm").symlink_to((arguments.peers / "node_modules").resolve())
        for reader, module in READERS.items():
            (folder / f"{reader}.mjs").write_text(module)
            (folder / f"{reader}.html").write_text(page_of(reader))
        flags = camera_flags(camera_clip(folder / "camera.y4m"))
        with serving(folder) as address:
            async with async_playwright() as driver:
                browser = await driver.chromium.launch(executable_path=browser_path(), args=flags)
                readers = [Measured(await browser.new_page(), reader) for reader in READERS]
                steps = [lambda each: each.open(address, folder)]
                steps += TURNS * [lambda each: each.speed(arguments.seconds)]
                steps += [lambda each: each.accuracy(samples)] if samples else []
                for number, step in enumerate(steps):
                    for each in readers:
                        if "problem" not in each.figures:
                            print(f"step {number + 1} of {len(steps)}: {each.name}", file=sys.stderr)
                            await attempt(each, step(each))
                await asyncio.wait_for(browser.close(), 60)
    return {each.name: each.figures for each in readers}


async def attempt(reader: Measured, step: Awaitable[None]) -> None:
    """A step of a reader; what goes wrong is its figure."""
    from playwright.async_api import Error

    try:
        await within(step)
    except asyncio.TimeoutError:
        reader.figures["problem"] = f"no answer within {LONGEST:.0f} s"
    except (Error, AssertionError) as problem:
        reader.figures["problem"] = str(problem).splitlines()[0]


def camera_clip(path: Path) -> Path:
    """What the browser's camera shows: the demo's portrait, 640x480, as YUV4MPEG2."""
    portrait = cv2.imread(str(portrait_path()))
    assert portrait is not None
    size = (round(portrait.shape[1] * 480 / portrait.shape[0]), 480)
    image = cv2.resize(portrait, size, interpolation=cv2.INTER_AREA)
    left = (640 - size[0]) // 2
    image = cv2.copyMakeBorder(image, 0, 0, left, 640 - size[0] - left, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    frame = b"FRAME\n" + cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes()
    path.write_bytes(b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420mpeg2\n" + 30 * frame)
    return path


def held_out(data: Path, count: int) -> list[tuple[str, bool]]:
    """Photographs that no network here has learnt from, as base64, and whether a smile is seen."""
    _, found = read_samples(f"genki4k:{data}", "smile")
    every = [each for each in found if each.split == "test"]
    step = max(1, len(every) // count) if count else 1
    return [(base64.b64encode(each.image.read_bytes()).decode(), each.label == "smiling") for each in every[::step]]


def table(path: Path = FIGURES) -> str:
    """The table of a file that `measure` wrote, with when and where it was measured."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    rows = [row_of(name, figures) for name, figures in kept["readers"].items()]
    about = f"{kept['date'][:10]}, {kept['browser']}, {kept['machine']}; load of the machine: {kept['load']}."
    return f"{markdown(list(HEAD), [*rows, list(AFFECTIVE)])}\n\n{about}"


def row_of(name: str, figures: dict[str, Any]) -> list[str]:
    """A reader's row."""
    if "problem" in figures:
        return [name, FEATURES[name], figures["problem"], "", "", "", "", ""]
    row = [name, FEATURES[name], f"{figures['fps']:.1f}", f"{figures['processor_ms']:.0f}"]
    row += [
        f"{figures['download_mb']:.1f}",
        " / ".join(f"{figures[name]:.1f}" for name in ("load_s", "cached_s") if name in figures),
    ]
    if "right" not in figures:
        return [*row, "", ""]
    share = 100 * figures["right"] / figures["photographs"]
    return [*row, f"{figures['faces_found']} of {figures['photographs']}", f"{share:.1f} %"]


def main() -> int:
    """Measure, or print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    measure = actions.add_parser("measure", help="measure, and keep the figures")
    measure.add_argument("--peers", type=Path, required=True, help="folder with node_modules")
    measure.add_argument("--photographs", type=Path, help="GENKI-4K, an archive or a folder")
    measure.add_argument("--count", type=int, default=0, help="of its held-out photographs (default: all)")
    measure.add_argument("--seconds", type=float, default=5, help="a turn (default: 5)")
    measure.add_argument("--output", type=Path, default=FIGURES, help="default: docs/benchmarks/web-app.json")
    shown = actions.add_parser("print", help="the table")
    shown.add_argument("file", type=Path, nargs="?", default=FIGURES)
    arguments = parser.parse_args()
    if arguments.action == "print":
        print(table(arguments.file))
        return 0
    samples = held_out(arguments.photographs, arguments.count) if arguments.photographs else []
    readers = asyncio.run(measured(arguments, samples))
    kept = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "browser": browser_version(),
        "load": f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} processors",
        "readers": readers,
    }
    arguments.output.write_text(json.dumps(kept, indent=1) + "\n")
    print(table(arguments.output))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
