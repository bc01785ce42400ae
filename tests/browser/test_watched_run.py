"""Four sources for as long as is wanted, in a real Chromium at desktop and phone size, with a rule of each kind.

`make test-live` takes ten minutes, over the real clips where SMILEDET_DATA names them. SMILEDET_WATCHED is how many
seconds (0: as long as everything takes to be seen once), SMILEDET_SEED what is drawn, SMILEDET_PICTURES a folder for
the screenshots and the report.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import queue
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from smiledet.cli import main
from smiledet.sources.demo import scene

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("SMILEDET_WATCHED" not in os.environ, reason="takes minutes: make test-live"),
]

SECONDS = float(os.environ.get("SMILEDET_WATCHED", "0"))
SEED = int(os.environ.get("SMILEDET_SEED", "20"))
PICTURES_EVERY = 30.0
"""Seconds between two pairs of screenshots of a long run."""

LIMIT = 300.0
"""Seconds after which what everything waits for counts as never coming."""

SECRET = "of the webhook"

SOURCES = ("hall", "yard", "door", "street")

RULES = """
[[rule]]
when = "smile"
source = "hall"
cooldown = 3
save = "smiles"

[[rule]]
when = "everyone-smiles"
source = "hall"
cooldown = 3
before = 1
after = 1
clip = "clips"

[[rule]]
when = "face"
source = "hall"
zone = [0.0, 0.0, 1.0, 1.0]
cooldown = 3
run = [PYTHON, "-c", "import sys; open('faces.txt', 'a').write(sys.stdin.read() + chr(10))"]

[[rule]]
when = "face"
zone = [0.0, 0.0, 0.05, 0.05]
save = "corner"

[[rule]]
when = "no-face"
source = "hall"
cooldown = 3
post = "HOOK"
secret = "WATCHED_SECRET"
"""

PUBLISH = """
[[rule]]
when = "emotion=happy"
source = "hall"
cooldown = 3
publish = "mqtt://127.0.0.1:PORT/happy"
"""


class Hook(BaseHTTPRequestHandler):
    """A web service that fails the first time."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.headers["x-smiledet-signature"], body))  # type: ignore[attr-defined]
        self.send_response(503 if len(self.server.taken) == 1 else 200)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def service() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.taken = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def broker(folder: Path) -> Iterator[tuple[int, queue.Queue[bytes]] | None]:
    """A mosquitto's port and what is published under `happy`; None where there is no mosquitto."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        yield None
        return
    import paho.mqtt.client as paho

    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port = asking.getsockname()[1]
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([program, "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL)
    messages: queue.Queue[bytes] = queue.Queue()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: messages.put(message.payload)
    client.on_connect = lambda *_: client.subscribe("happy", qos=1)
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    try:
        yield port, messages
    finally:
        client.disconnect()
        client.loop_stop()
        process.kill()
        process.wait()


def drawn_clips(folder: Path, write_clip: Callable[..., Path], portraits: Callable[[str], Any]) -> dict[str, str]:
    """The source of each name: what the rules wait for in the hall, the others drawn; real clips for a long run."""
    chance = random.Random(SEED)
    smiling, serious = portraits("collins"), portraits("hopper")
    nobody = smiling * 0 + 128
    lengths = (chance.randint(40, 60), chance.randint(25, 40), chance.randint(20, 40))
    hall = [image for image, length in zip((smiling, nobody, serious), lengths, strict=True) for _ in range(length)]
    found = {"hall": str(write_clip(folder / "hall.mkv", hall))}
    data = os.environ.get("SMILEDET_DATA")
    if SECONDS and data:
        real = sorted(Path(data, "clips").resolve().glob("*.m*"))
        return found | {name: str(path) for name, path in zip(SOURCES[1:], chance.sample(real, 3), strict=True)}
    for name in SOURCES[1:]:
        first = chance.randrange(300)
        found[name] = str(write_clip(folder / f"{name}.mkv", [scene(first + 2 * number) for number in range(45)]))
    return found


def resident(process: subprocess.Popen[str]) -> int:
    """Megabytes of memory."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


class Watched:
    """The run, the pages that show it, and what was seen of it."""

    def __init__(self, address: str, process: subprocess.Popen[str], pages: dict[str, Any], folder: Path) -> None:
        self.address, self.process, self.pages, self.folder = address, process, pages, folder
        self.client = httpx.Client(base_url=address, timeout=60)
        self.began = time.monotonic()
        self.shots: dict[str, list[bytes]] = {size: [] for size in pages}
        self.memory: list[int] = []
        self.unhealthy: list[Any] = []

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def look(self) -> None:
        """A screenshot of each page; health and memory of the run."""
        health = self.client.get("/healthz")
        if health.status_code != 200:
            self.unhealthy.append(health.json())
        self.memory.append(resident(self.process))
        for size, page in self.pages.items():
            path = self.folder / f"{size}-{len(self.shots[size]):02}.png"
            self.shots[size].append(page.screenshot(path=path))

    def wait(self, seconds: float) -> None:
        """Let the browser go on for a while."""
        next(iter(self.pages.values())).wait_for_timeout(round(1000 * seconds))

    def until(self, expression: str) -> None:
        """Until it holds in every page."""
        for page in self.pages.values():
            while not page.evaluate(expression):
                assert self.seconds < LIMIT, expression
                page.wait_for_timeout(100)


def test_four_sources_are_watched_and_every_rule_is_seen(
    chromium: Any,
    tmp_path: Path,
    write_clip: Callable[..., Path],
    portraits: Callable[[str], Any],
    count_frames: Callable[[Path], int],
) -> None:
    pictures = Path(os.environ.get("SMILEDET_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        hook = opened.enter_context(service())
        told = opened.enter_context(broker(tmp_path))
        rules = RULES.replace("PYTHON", json.dumps(sys.executable)).replace(
            "HOOK", f"http://127.0.0.1:{hook.server_port}/"
        )
        rules += PUBLISH.replace("PORT", str(told[0])) if told is not None else ""
        clips = drawn_clips(tmp_path, write_clip, portraits)
        rows = [f'[[source]]\nname = "{name}"\naddress = {json.dumps(clip)}\n' for name, clip in clips.items()]
        (tmp_path / "run.toml").write_text("".join(rows) + rules)
        outputs = ["--events", "events.jsonl", "--store", "day.sqlite", "--report", "run.json", "--recordings", "made"]
        words = ["run", "--config", "run.toml", "--no-show", "--loop", "--realtime", "--rate", "10", *outputs]
        process = subprocess.Popen(
            [sys.executable, "-m", "smiledet", *words, "--serve", "127.0.0.1:0"],
            cwd=tmp_path,
            env={**os.environ, "WATCHED_SECRET": SECRET, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        opened.callback(process.kill)
        assert process.stderr is not None
        address = next(
            found[1] for line in process.stderr if (found := re.search(r"the page is at (\S+)", line)) is not None
        )
        problems: list[str] = []
        pages = {}
        for size, (width, height) in {"desktop": (1280, 800), "phone": (390, 844)}.items():
            context = chromium.new_context(viewport={"width": width, "height": height}, locale="en-GB")
            opened.callback(context.close)
            pages[size] = context.new_page()
            pages[size].on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
            pages[size].on("pageerror", lambda problem: problems.append(str(problem)))
            pages[size].goto(address)
        run = Watched(address, process, pages, pictures)
        run.until("document.querySelectorAll('.face').length > 0")
        run.until("document.querySelector('.video img').naturalWidth > 640")
        run.look()
        pages["phone"].get_by_label("source", exact=True).select_option("hall")
        pages["desktop"].get_by_role("button", name="record").click()
        seen = {
            "save": lambda: list((tmp_path / "smiles").glob("*.jpg")),
            "clip": lambda: list((tmp_path / "clips").glob("*.mp4")),
            "run": lambda: (tmp_path / "faces.txt").is_file(),
            "post": lambda: len(hook.taken) > 1,
            "publish": lambda: told is None or not told[1].empty(),
        }
        while waiting := [name for name, is_seen in seen.items() if not is_seen()]:
            assert run.seconds < LIMIT, f"never seen: {waiting}, seed {SEED}"
            run.wait(0.2)
        pages["desktop"].get_by_role("button", name=re.compile("stop")).click()
        run.look()
        while run.seconds < SECONDS:
            run.wait(min(PICTURES_EVERY, SECONDS - run.seconds))
            run.look()
        assert problems == []
        assert run.unhealthy == []
        for shots in run.shots.values():
            assert len(set(shots)) == len(shots), "the picture moves"
        if len(run.memory) > 4:  # what is kept of ten minutes is bounded
            middle = len(run.memory) // 2
            assert run.memory[-1] - run.memory[middle] < 40, f"MB of memory: {run.memory}"
        process.send_signal(signal.SIGINT)
        output, complaints = process.communicate(timeout=60)

    assert process.returncode == 130, complaints
    assert "Traceback" not in complaints and "failed" not in complaints
    for signature, body in hook.taken:
        assert signature == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert hook.taken[0] == hook.taken[1], "tried again"
    events = [json.loads(line) for line in (tmp_path / "faces.txt").read_text().splitlines()]
    assert {each["source"] for each in events} == {"hall"}
    assert list((tmp_path / "corner").iterdir()) == [], "nobody's face has its middle in the corner"
    for clip in (tmp_path / "clips").glob("*.mp4"):
        assert count_frames(clip) > 5
    assert {path.name.split("-")[1] for path in (tmp_path / "made").glob("*.mp4")} == set(SOURCES)
    report = json.loads((tmp_path / "run.json").read_text())
    assert set(report["sources"]) == set(SOURCES)
    assert all(each["frames"] > 5 for each in report["sources"].values())
    assert main(["report", str(tmp_path / "day.sqlite"), "-o", str(pictures / "report.html"), "-q"]) == 0
    figures = {name: report[name] for name in ("frames", "dropped", "cpu_ms", "latency_ms")}
    (pictures / "figures.json").write_text(
        json.dumps({"seconds": round(run.seconds), "seed": SEED, "memory_mb": run.memory} | figures)
    )
    print(output, (pictures / "figures.json").read_text())
