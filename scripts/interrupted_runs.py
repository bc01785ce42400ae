"""Interrupt runs of the demo at random moments, and see that every one ends with 130 and leaves readable outputs.

Each run records and writes events, and is sent SIGINT, SIGTERM or SIGHUP at a moment drawn by a seeded generator: from
when smiledet's first line has run on, while modules are imported and the source is opened, while stages are set up, in
the middle, and, with two more signals behind the first, while it closes. A run passes if it ends in time with 130,
without a traceback; if its recording, where there is one, has a picture; if its events are whole lines; and if nothing
else is left.

Example:
  python scripts/interrupted_runs.py --runs 500
  python scripts/interrupted_runs.py --runs 40 --seed 7 --jobs 4
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av

from smiledet.report import table

ROOT = Path(__file__).resolve().parents[1]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

INTERRUPTED = 130

LIMIT = 20.0
"""Seconds from the signal to the end that count as hanging, unless told otherwise; the promise is 2, on a machine that
is free."""

PROGRESS = 50
"""Runs after which a line says how far it is."""

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi")


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of a run.

    Attributes:
        line: What the log says when it begins; None for the moment from which signals are heard.
        earliest: Seconds after that.
        latest: Seconds after that.
        signals: How many are sent.
    """

    line: str | None
    earliest: float
    latest: float
    signals: int = 1


MOMENTS = {
    "start": Moment(None, 0.0, 0.2),
    "opening": Moment(None, 0.2, 0.5),
    "set-up": Moment("source: ", 0.0, 0.4),
    "steady": Moment("platform ", 0.0, 1.0),
    "closing": Moment("platform ", 0.0, 1.0, signals=3),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run is, and when it is interrupted.

    Attributes:
        number: The run's.
        moment: One of `MOMENTS`.
        wait: Seconds after its beginning.
        signals: What is sent, one after the other.
        suffix: Of the recording.
        live: Whether the demo is played at its own pace.
    """

    number: int
    moment: str
    wait: float
    signals: tuple[signal.Signals, ...]
    suffix: str
    live: bool

    @property
    def line(self) -> str | None:
        """What the log says when the moment begins."""
        return MOMENTS[self.moment].line


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run.

    Attributes:
        plan: Which.
        code: Its exit code; None where it hung and was killed.
        seconds: From the signal to its end.
        problem: What is wrong with it; empty where nothing is. Of one that hangs, where its threads are.
    """

    plan: Plan
    code: int | None
    seconds: float
    problem: str


def make_plans(runs: int, seed: int) -> list[Plan]:
    """So many runs, each moment as often as any other; the same for the same seed.

    >>> [plan.moment for plan in make_plans(5, 0)]
    ['start', 'opening', 'set-up', 'steady', 'closing']
    """
    chance = random.Random(seed)
    plans = []
    for number in range(runs):
        name = list(MOMENTS)[number % len(MOMENTS)]
        moment = MOMENTS[name]
        signals = tuple(chance.choice(SIGNALS) for _ in range(moment.signals))
        wait = chance.uniform(moment.earliest, moment.latest)
        plans.append(Plan(number, name, wait, signals, chance.choice(SUFFIXES), chance.random() < 0.5))
    return plans


def run(plan: Plan, folder: Path, limit: float = LIMIT) -> Outcome:
    """Start a run, interrupt it as planned, and look at what it leaves.

    Args:
        plan: What to run, and when to interrupt it.
        folder: For its outputs; made here.
        limit: Seconds from the signal to the end that count as hanging.
    """
    folder.mkdir()
    video, events = folder / f"out{plan.suffix}", folder / "out.jsonl"
    command = [sys.executable, "-m", "smiledet", "run", "demo", "--loop", "--no-show"]
    command += ["--record", str(video), "--events", str(events), *(["--realtime"] if plan.live else [])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said: list[str] = []
    for line in [] if plan.line is None else process.stderr:
        said.append(line)
        if plan.line in line:
            break
    while plan.line is None and not hears(process.pid):
        time.sleep(0.001)
    time.sleep(plan.wait)
    sent = time.monotonic()
    for number in plan.signals:
        process.send_signal(number)
    try:
        rest = process.communicate(timeout=limit)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        where = process.communicate()[1]
        return Outcome(plan, None, limit, f"hangs for {limit:g} s:\n{where}")
    seconds = time.monotonic() - sent
    said.append(rest)
    return Outcome(plan, process.returncode, seconds, find_problem(process.returncode, "".join(said), video, events))


def hears(pid: int) -> bool:
    """Whether a process has a handler for SIGHUP, the last that it sets; Python itself installs none."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGHUP - 1) & 1)


def find_problem(code: int, said: str, video: Path, events: Path) -> str:
    """What is wrong with a run that has ended, in one line; empty where nothing is."""
    last = said.strip().splitlines()[-1:]
    if code != INTERRUPTED:
        return f"exit code {code}: {last}"
    if "Traceback" in said or "terminate called" in said:
        return f"a traceback: {last}"
    return find_damage(video, events)


def find_damage(video: Path, events: Path) -> str:
    """What cannot be read of a run's outputs; empty where all can, or is not there."""
    if video.exists():
        try:
            with av.open(str(video)) as container:
                if next(container.decode(video=0), None) is None:
                    return f"{video.name} has no picture"
        except (av.FFmpegError, OSError) as problem:
            return f"{video.name} cannot be read: {problem}"
    if events.exists() and not all(map(is_whole, events.read_text().splitlines(keepends=True))):
        return "an event is no whole line"
    left = [path.name for path in video.parent.iterdir() if path not in (video, events)]
    return f"left behind: {', '.join(left)}" if left else ""


def is_whole(line: str) -> bool:
    """Whether it is a line of JSON with its end."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return line.endswith("\n")


def summary(outcomes: Sequence[Outcome]) -> str:
    """A row a moment: runs, exit codes, seconds to the end, what is wrong."""
    rows = []
    for moment in MOMENTS:
        of_moment = [each for each in outcomes if each.plan.moment == moment]
        if not of_moment:
            continue
        codes = Counter(str(each.code) for each in of_moment)
        slowest = max(each.seconds for each in of_moment)
        bad = sum(bool(each.problem) for each in of_moment)
        counted = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
        rows.append((moment, str(len(of_moment)), counted, f"{slowest:.2f}", str(bad)))
    return table(("moment", "runs", "exit codes", "slowest end, s", "wrong"), rows)


def told(outcome: Outcome) -> str:
    """What is wrong with a run, and how it was interrupted."""
    plan = outcome.plan
    names = " ".join(number.name for number in plan.signals)
    return f"run {plan.number} ({names} {plan.wait:.2f} s into {plan.moment}): {outcome.problem}"


def main() -> int:
    """Read the command line and run; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500, metavar="N", help="how many (default: 500)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random moments (default: 0)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="runs at once (default: 2)")
    parser.add_argument(
        "--limit", type=float, default=LIMIT, metavar="S", help=f"seconds that count as hanging (default: {LIMIT:g})"
    )
    arguments = parser.parse_args()
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # under nohup; runs would inherit that, but not a handler
        signal.signal(signal.SIGHUP, lambda *_: None)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        plans = make_plans(arguments.runs, arguments.seed)
        outcomes = []
        for outcome in pool.map(lambda plan: run(plan, Path(folder, str(plan.number)), arguments.limit), plans):
            outcomes.append(outcome)
            if outcome.problem:
                plan, names = outcome.plan, " ".join(number.name for number in outcome.plan.signals)
                print(
                    f"run {plan.number} ({names} {plan.wait:.2f} s into {plan.moment}): {outcome.problem}", flush=True
                )
            if len(outcomes) % PROGRESS == 0:
                print(f"{len(outcomes)} of {len(plans)} runs", file=sys.stderr, flush=True)
    print(summary(outcomes))
    return 1 if any(each.problem for each in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
