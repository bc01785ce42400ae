"""Let a run of four cameras go on for hours while things break, and tell how it fared.

The cameras are MJPEG streams of this program's own, which play pictures over and over. A viewer has the live page open,
a rule saves photographs, a store and an events file are written. What breaks when is drawn by a seeded generator, so
that the same seed and length give the same plan: cameras that are unplugged, fall silent, send garbage, drip, change
their size, show the same picture or a black one, or give half their rate; the process is stopped (SIGSTOP) for a while;
another program locks the store; a viewer never reads.

It ends with 0 if the run ended by itself with 0, every camera that was lost came back, and memory and threads stayed.

Example:
  python scripts/soak.py
  python scripts/soak.py --minutes 5 --seed 2 --write docs/reliability.md
  python scripts/soak.py --minutes 5 --plan
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from soak_cameras import CAMERA_FAULTS, LOSSES, Camera, jpegs
from soak_process import names_of

ROOT = Path(__file__).resolve().parents[1]
PROCESS = ROOT / "scripts" / "soak_process.py"
NAMES = ("hall", "yard", "door", "till")
PROCESS_FAULTS = ("stopped", "store locked", "viewer that never reads")

QUIET = 30.0
"""Seconds at the beginning and at the end without a fault: what was lost then could not be seen to come back."""

BACK_WITHIN = 35.0
"""Seconds after a fault in which a camera has to be back: pauses between attempts grow to half a minute."""

GROWTH_MB = 20.0
"""Megabytes by which the memory of the last quarter may be above that of the second; the first warms up."""

SPARE_THREADS = 4
"""Threads by which the last quarter may have more. The actions of rules have two threads a source at most, which begin
with the first actions; the page answers in AnyIO's, which end after ten idle seconds. In two hours each fault comes
some fifty times: a thread left by each of one kind would be 25 more."""

PROMPT, PATIENT = 2.0, 15.0
"""Seconds in which the page should answer, and in which its answer still tells how many frames were taken."""

BEGIN, END = "<!-- soak -->", "<!-- end of soak -->"
"""Between them stand the figures on the page."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What breaks.

    Attributes:
        at: Seconds after the run's first picture.
        seconds: How long.
        what: One of `CAMERA_FAULTS` or `PROCESS_FAULTS`.
        camera: Which; empty where the process itself is meant.
    """

    at: float
    seconds: float
    what: str
    camera: str = ""

    def __str__(self) -> str:
        return f"{self.at:7.1f} s for {self.seconds:4.1f} s: {self.what} {self.camera}".rstrip()


def make_plan(minutes: float, seed: int) -> list[Fault]:
    """Every kind of fault in turn, in an order that is shuffled each time, none of a camera beside another of it."""
    generator = random.Random(seed)
    kinds: list[str] = []
    plan: list[Fault] = []
    free = dict.fromkeys((*NAMES, ""), 0.0)
    at, end = QUIET, 60 * minutes - QUIET
    while True:
        at += generator.uniform(3, 9)
        if not kinds:
            kinds = [*CAMERA_FAULTS, *PROCESS_FAULTS]
            generator.shuffle(kinds)
        what = kinds.pop()
        camera = "" if what in PROCESS_FAULTS else generator.choice(NAMES)
        begin = max(at, free[camera])
        seconds = generator.uniform(4, 12)
        if begin + seconds > end:
            return sorted(plan, key=lambda fault: fault.at)
        plan.append(Fault(round(begin, 1), round(seconds, 1), what, camera))
        free[camera] = begin + seconds + BACK_WITHIN


@dataclass
class Sample:
    """How the run is at one moment.

    Attributes:
        at: Seconds after the run's first picture, when the page had answered.
        taken: Frames taken so far, by camera; empty where the page did not answer within `PATIENT`.
        latency_ms: Of the drawn pictures, by camera.
        memory_mb: Of the process, without files.
        threads: Of the process: how many of each name.
        answered: Whether the page answered within `PROMPT`.
    """

    at: float
    taken: Mapping[str, int] = field(default_factory=dict)
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    memory_mb: float = 0.0
    threads: Mapping[str, int] = field(default_factory=dict)
    answered: bool = False


def ask(port: int, path: str, timeout: float = PATIENT) -> str:
    """A page's text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def take_sample(began: float, pid: int, port: int) -> Sample:
    """Ask the page and the system; `began` is when the run's first picture was there, of `time.monotonic`."""
    asked = time.monotonic()
    sample = Sample(asked - began)
    try:
        for family in text_string_to_metric_families(ask(port, "/metrics")):
            for each in family.samples:
                if each.name == "smiledet_frames_total":
                    sample.taken = {**sample.taken, each.labels["source"]: int(each.value)}
                if family.name == "smiledet_stage_latency_seconds" and each.labels["stage"] == "draw":
                    sample.latency_ms = {**sample.latency_ms, each.labels["source"]: 1000 * each.value}
        sample.answered = time.monotonic() < asked + PROMPT
    except (OSError, http.client.HTTPException):
        pass
    sample.at = time.monotonic() - began
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    sample.memory_mb = int(status["RssAnon"].split()[0]) / 1000
    sample.threads = Counter(names_of(pid))
    return sample


class Soak:
    """One run with its faults.

    Args:
        minutes: How long.
        plan: What breaks.
        rate: Pictures a second of each camera.
        folder: Where it writes.

    Attributes:
        cameras: Its cameras, by name.
        samples: How the run was, about once a second.
        seconds: How long it is to go on.
    """

    def __init__(self, minutes: float, plan: Sequence[Fault], rate: float, folder: Path) -> None:
        self.seconds, self._plan, self._folder = 60 * minutes, plan, folder
        pictures, smaller = jpegs(640, 480), jpegs(320, 240)
        self.cameras = {name: Camera(pictures, smaller, rate) for name in NAMES}
        self._port = free_port()
        self.samples: list[Sample] = []
        self._over = threading.Event()

    def run(self) -> tuple[int | None, dict[str, object]]:
        """Run to the end; the exit code, None where it did not end by itself, and the run's own report."""
        command = [sys.executable, str(PROCESS), "run", "--config", str(self._configuration()), "--no-show"]
        command += ["--serve", f"127.0.0.1:{self._port}", "--store", str(self._store), "--duration", f"{self.seconds}"]
        command += ["--events", str(self._folder / "events.jsonl"), "--report", str(self._folder / "report.json")]
        command += ["--on", f"everyone-smiles:save={self._folder}"]
        with (self._folder / "log.txt").open("w") as log:
            process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, env=environment())
        try:
            self._watch(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            code = process.poll()
        finally:
            self._over.set()
            process.kill()
            process.wait()
            for camera in self.cameras.values():
                camera.close()
        report = self._folder / "report.json"
        return code, json.loads(report.read_text()) if report.exists() else {}

    @property
    def _store(self) -> Path:
        return self._folder / "day.sqlite"

    def _configuration(self) -> Path:
        path = self._folder / "soak.toml"
        sources = (
            f'[[source]]\nname = "{name}"\naddress = "{camera.address}"\nreconnect = 120\nread_timeout = 2\n'
            for name, camera in self.cameras.items()
        )
        path.write_text("".join(sources))
        return path

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Break things as planned, and look once a second, until the run ends."""
        while process.poll() is None and not take_sample(time.monotonic(), process.pid, self._port).taken:
            time.sleep(0.2)
        began = time.monotonic()
        threading.Thread(target=self._view, daemon=True).start()
        threading.Thread(target=self._break_as_planned, args=(began, process), daemon=True).start()
        while process.poll() is None and time.monotonic() < began + self.seconds + 60:
            asked = time.monotonic()
            try:
                self.samples.append(take_sample(began, process.pid, self._port))
            except (OSError, KeyError):  # it has ended meanwhile
                return
            time.sleep(max(0.0, asked + 1 - time.monotonic()))

    def _break_as_planned(self, began: float, process: subprocess.Popen[bytes]) -> None:
        for fault in self._plan:
            if self._over.wait(max(0.0, began + fault.at - time.monotonic())):
                return
            threading.Thread(target=self._break, args=(fault, process), daemon=True).start()

    def _break(self, fault: Fault, process: subprocess.Popen[bytes]) -> None:
        print(f"  {fault}", flush=True)
        if fault.camera:
            self.cameras[fault.camera].fault = fault.what
            self._over.wait(fault.seconds)
            self.cameras[fault.camera].fault = ""
        elif fault.what == "stopped":
            process.send_signal(signal.SIGSTOP)
            self._over.wait(fault.seconds)
            process.send_signal(signal.SIGCONT)
        elif fault.what == "store locked":
            connection = sqlite3.connect(self._store, timeout=5, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            self._over.wait(fault.seconds)
            connection.execute("ROLLBACK")
            connection.close()
        else:
            with socket.create_connection(("127.0.0.1", self._port)) as viewer:
                viewer.sendall(b"GET /video/annotated.mjpeg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                self._over.wait(fault.seconds)

    def _view(self) -> None:
        """The page as somebody has it open: the pictures of all cameras, and the readings."""
        for path in ("/video/annotated.mjpeg", "/api/faces"):
            threading.Thread(target=self._follow, args=(path,), daemon=True).start()

    def _follow(self, path: str) -> None:
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                while answer.read(65536):
                    pass
            except (OSError, http.client.HTTPException):
                self._over.wait(1)
            finally:
                connection.close()


def recoveries(plan: Sequence[Fault], samples: Sequence[Sample]) -> list[tuple[Fault, float | None]]:
    """For each loss how many seconds after its end frames came again; None where they did not within `BACK_WITHIN`.

    A camera is back where a second brought frames after a second that did not count any more.
    """
    found = []
    for fault in plan:
        if fault.what not in LOSSES and fault.what != "stopped":
            continue
        end = fault.at + fault.seconds
        names = [fault.camera] if fault.camera else NAMES
        after = [each for each in samples if each.taken and end <= each.at <= end + BACK_WITHIN]
        moments = []
        for name in names:
            grown = (late.at for early, late in pairwise(after) if more(early, late, name))
            moments.append(next(grown, None))
        back = None if None in moments else max(each for each in moments if each is not None) - end
        found.append((fault, back))
    return found


def more(early: Sample, late: Sample, name: str) -> bool:
    """Whether frames of a camera were taken between two samples."""
    return late.taken.get(name, 0) > early.taken.get(name, 0)


def figures(soak: Soak, plan: Sequence[Fault], code: int | None, report: Mapping[str, object]) -> dict[str, str]:
    """What is told of a soak, in words."""
    samples = [each for each in soak.samples if each.taken]
    second, last = second_and_last_quarter(samples, soak.seconds)
    back = recoveries(plan, samples)
    came = sorted(seconds for _, seconds in back if seconds is not None)
    sent = sum(camera.sent for camera in soak.cameras.values())
    taken = max((sum(each.taken.values()) for each in samples), default=0)
    answered = sum(each.answered for each in soak.samples) / max(1, len(soak.samples))
    latency = [middle(part, lambda each: statistics.fmean(each.latency_ms.values() or [0])) for part in (second, last)]
    kinds = Counter(fault.what for fault in plan)
    return {
        "faults": ", ".join(f"{number} {what}" for what, number in sorted(kinds.items())),
        "the run": f"went on for {samples[-1].at / 60:.1f} minutes and ended with exit code {code}" if samples else "-",
        "cameras lost and back": f"{len(came)} of {len(back)}, after {middle(came):.1f} s (median), "
        f"{max(came, default=0):.1f} s at most",
        f"the page answered within {PROMPT:g} s": f"{answered:.1%} of {len(soak.samples)} times, stopped ones included",
        "frames": f"{sent} sent by cameras without a fault, {taken} taken, {report.get('frames')} drawn, "
        f"{report.get('dropped')} overtaken by newer ones",
        "memory": f"{change([middle(part, lambda each: each.memory_mb) for part in (second, last)], 'MB')}",
        "threads": f"at least {fewest_threads(second).total()} in the second quarter, "
        f"{fewest_threads(last).total()} in the last{in_words(further_threads(second, last))}",
        "latency": change(latency, "ms"),
        "the machine": f"{os.cpu_count()} processors, load {os.getloadavg()[1]:.1f} in the last five minutes",
    }


def second_and_last_quarter(samples: Sequence[Sample], seconds: float) -> tuple[list[Sample], list[Sample]]:
    """Those that are compared; the last ends before the run does, which then ends its threads."""
    end = seconds - QUIET / 2
    second = [each for each in samples if end / 4 <= each.at < end / 2]
    return second, [each for each in samples if 3 * end / 4 <= each.at < end]


def fewest_threads(samples: Sequence[Sample]) -> Counter[str]:
    """Threads that stayed, by name: those of a connection or of an attempt come and go."""
    names = {name for each in samples for name in each.threads}
    return Counter({name: min(each.threads.get(name, 0) for each in samples) for name in names})


def further_threads(second: Sequence[Sample], last: Sequence[Sample]) -> Counter[str]:
    """Those of which the last quarter always had more than the second ever had, by name.

    The threads that decode bear the name of the grabber that made them, and are gone while its camera is.
    """
    most = Counter(
        {name: max(each.threads.get(name, 0) for each in second) for each in second for name in each.threads}
    )
    return fewest_threads(last) - most


def in_words(further: Counter[str]) -> str:
    """What is told of further threads; nothing of none."""
    return f" (more of: {', '.join(f'{number} {name}' for name, number in sorted(further.items()))})" if further else ""


def middle(values: Sequence[Sample] | Sequence[float], of: Callable[[Sample], float] | None = None) -> float:
    """The median; 0 of nothing."""
    numbers = [each if of is None else of(each) for each in values]
    return statistics.median(numbers) if numbers else 0.0  # type: ignore[type-var]


def change(pair: Sequence[float], unit: str) -> str:
    """From the second to the last quarter."""
    return f"{pair[0]:.1f} {unit} in the second quarter, {pair[1]:.1f} {unit} in the last".replace("  ", " ")


def problems(soak: Soak, plan: Sequence[Fault], code: int | None) -> list[str]:
    """What should not have been."""
    samples = [each for each in soak.samples if each.taken]
    wrong = [] if code == 0 else [f"exit code {code}" if code else "it did not end by itself"]
    wrong += [
        f"not back within {BACK_WITHIN:g} s: {fault}" for fault, back in recoveries(plan, samples) if back is None
    ]
    second, last = second_and_last_quarter(samples, soak.seconds)
    grown = middle(last, lambda each: each.memory_mb) - middle(second, lambda each: each.memory_mb)
    if grown > GROWTH_MB:
        wrong.append(f"memory grew by {grown:.1f} MB")
    further = further_threads(second, last)
    if further.total() > SPARE_THREADS:
        wrong.append(f"threads were left{in_words(further)}")
    return wrong


def write(page: Path, command: str, told: Mapping[str, str]) -> None:
    """Put the figures into a page, in the place of those that are there."""
    text = page.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    rows = "\n".join(f"| {what} | {words} |" for what, words in told.items())
    date = time.strftime("%Y-%m-%d")
    page.write_text(f"{head}{BEGIN}\n{date}, `{command}`:\n\n| | |\n| --- | --- |\n{rows}\n{END}{tail}")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """Of the run: this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def main() -> int:
    """Run and tell; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0, help="how long (default: 120; 2 or more)")
    parser.add_argument("--seed", type=int, default=1, help="what breaks when (default: 1)")
    parser.add_argument("--rate", type=float, default=5.0, help="pictures a second of each camera (default: 5)")
    parser.add_argument("--plan", action="store_true", help="print what would break when, and end")
    parser.add_argument("--write", type=Path, metavar="PAGE", help=f"put the figures into a page, behind {BEGIN}")
    arguments = parser.parse_args()
    if arguments.minutes < 2:
        parser.error(f"--minutes {arguments.minutes:g}: expected 2 or more")
    if arguments.write is not None and not (arguments.write.is_file() and BEGIN in arguments.write.read_text()):
        parser.error(f"--write {arguments.write}: expected a page that holds {BEGIN}")
    plan = make_plan(arguments.minutes, arguments.seed)
    if arguments.plan:
        print("\n".join(map(str, plan)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(arguments.minutes, plan, arguments.rate, Path(folder))
        code, report = soak.run()
        log = (Path(folder) / "log.txt").read_text()
    told, wrong = figures(soak, plan, code, report), problems(soak, plan, code)
    print("\n".join(f"{what}: {words}" for what, words in told.items()))
    if wrong:
        print("\n".join(["", *wrong, "", *log.splitlines()[-40:]]), file=sys.stderr)
        return 1
    if arguments.write is not None:
        command = f"scripts/soak.py --minutes {arguments.minutes:g} --seed {arguments.seed} --rate {arguments.rate:g}"
        write(arguments.write, command, told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
