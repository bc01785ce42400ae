"""smiledet beside what one would pick instead: the same pictures, on the same machine, in turn.

Each peer runs in a process of its own and is measured round after round, all of them within each round, so that a slow
moment of the machine touches everybody; the ratio is taken within each round. A peer that does not install, start or
answer costs the others nothing: its row says why.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smiledet.frame import Box, Detection
from smiledet.lab.benchmark.detectors.measure import AGREE, Seen, judge
from smiledet.lab.benchmark.peers.frames import Clip
from smiledet.lab.benchmark.peers.programs import Peer
from smiledet.lab.benchmark.peers.worker import PeerError, PeerWorker

log = logging.getLogger(__name__)

WARM_UP = 10
"""Pictures that each peer reads before the first round."""


@dataclass(frozen=True, slots=True)
class PeerFigures:
    """One peer on one clip.

    Attributes:
        peer: Its name.
        about: What it does.
        problem: Why there are no figures; None where there are.
        fps: Pictures a second, median of the rounds.
        spread: Slowest round over fastest.
        slower: How many times as fast smiledet was in the same round, median of the rounds.
        faces: Boxes a picture.
        found: Faces of the reference that it found, over the pictures looked at.
        reference_faces: Those there were.
        false_alarms: Its boxes there that are none of them.
        cpu_ms: Processor time a picture, all threads, median of the rounds.
        cpu_ratio: Its processor time over smiledet's in the same round, median of the rounds.
        memory_mb: Peak resident set, the pictures themselves included.
        start_s: Seconds from its process's start until it has read its first pictures, `WARM_UP` of them.
        versions: What it ran on.
    """

    peer: str
    about: str
    problem: str | None = None
    fps: float = 0.0
    spread: float = 0.0
    slower: float | None = None
    faces: float = 0.0
    found: int = 0
    reference_faces: int = 0
    false_alarms: int = 0
    cpu_ms: float = 0.0
    cpu_ratio: float | None = None
    memory_mb: float = 0.0
    start_s: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeerComparison:
    """Every peer on one clip.

    Attributes:
        source: The clip.
        size: Of its pictures.
        frames: How many of them.
        looked_at: On how many of these faces were sought.
        reference: By what.
        peers: A row each, smiledet first.
    """

    source: str
    size: str
    frames: int
    looked_at: int
    reference: str
    peers: tuple[PeerFigures, ...]


class _Entrant:
    """A peer that takes part, and its rounds so far."""

    def __init__(self, peer: Peer, worker: PeerWorker) -> None:
        self.peer = peer
        self.worker = worker
        self.versions: Mapping[str, str] = {}
        self.start_s = 0.0
        self.rounds: list[dict[str, Any]] = []
        self.problem: str | None = None

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and remember what went wrong; the answer is empty then, and ever after."""
        if self.problem is not None:
            return {}
        try:
            return self.worker.ask(question)
        except PeerError as failure:
            self.problem = str(failure)
            log.warning("%s: %s", self.peer.name, failure)
            self.worker.close()
            return {}


def compare_peers(
    clip: Clip, peers: Sequence[Peer], python: Callable[[Peer], Path], rounds: int, limit: float
) -> tuple[PeerComparison, list[Seen]]:
    """Measure peers on the same pictures, in turn within each round.

    Args:
        clip: The pictures.
        peers: Who; the others are compared with the first.
        python: A peer's interpreter; raises PeerError where there is none for it.
        rounds: How often everybody reads the clip.
        limit: Seconds that a peer may take to start, and for each round.

    Returns:
        The figures, and what each peer found in the pictures that were looked at.
    """
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smiledet-peers-")))
        job = {"frames": str(folder / "frames"), "count": len(clip.frames), "warm_up": WARM_UP}
        with (folder / "frames").open("wb") as file:
            for frame in clip.frames:
                np.save(file, frame)
        entrants: list[_Entrant] = []
        for peer in peers:
            log.info("%s, %s: starting %s", Path(clip.source).name, clip.size, peer.name)
            began = time.perf_counter()
            try:
                worker = PeerWorker(python(peer), peer.loop, limit, peer.variables)
            except PeerError as failure:
                absent[peer.name] = str(failure)
                continue
            stack.callback(worker.close)
            entrants.append(entrant := _Entrant(peer, worker))
            entrant.versions = entrant.ask({**job, "options": peer.options(clip.fps)}).get("versions", {})
            entrant.start_s = time.perf_counter() - began
        for number in range(rounds):
            log.info("%s, %s: round %d of %d", Path(clip.source).name, clip.size, number + 1, rounds)
            for entrant in entrants:
                entrant.rounds.append(entrant.ask({}))
    return _figures(clip, peers, entrants, absent)


def _figures(
    clip: Clip, peers: Sequence[Peer], entrants: Sequence[_Entrant], absent: Mapping[str, str]
) -> tuple[PeerComparison, list[Seen]]:
    finished = {each.peer.name: each for each in entrants if each.problem is None}
    problems = {each.peer.name: each.problem for each in entrants if each.problem is not None} | dict(absent)
    seen = _seen(clip, finished)
    first = finished.get(peers[0].name)
    rows = tuple(
        PeerFigures(peer.name, peer.about, problems[peer.name])
        if peer.name in problems
        else _row(finished[peer.name], first, clip, seen)
        for peer in peers
    )
    comparison = PeerComparison(clip.source, clip.size, len(clip.frames), len(clip.faces), clip.reference, rows)
    return comparison, seen


def _seen(clip: Clip, finished: Mapping[str, _Entrant]) -> list[Seen]:
    """What was found in the last round, on the pictures that were looked at."""
    return [
        Seen(
            cv2.cvtColor(clip.frames[index], cv2.COLOR_BGR2GRAY),
            {
                name: [Detection(Box(*box), 1.0) for box in entrant.rounds[-1]["boxes"][index]]
                for name, entrant in finished.items()
            },
            faces,
            len(faces),
        )
        for index, faces in clip.faces.items()
    ]


def _row(entrant: _Entrant, first: _Entrant | None, clip: Clip, seen: Sequence[Seen]) -> PeerFigures:
    count = len(clip.frames)
    seconds = [each["seconds"] for each in entrant.rounds]
    slower = cpu_ratio = None
    if first is not None and first is not entrant:
        slower, cpu_ratio = (_ratio(entrant, first, each) for each in ("seconds", "cpu_seconds"))
    judged = judge(entrant.peer.name, seen, 1000 * statistics.median(seconds) / count)
    return PeerFigures(
        peer=entrant.peer.name,
        about=entrant.peer.about,
        fps=count / statistics.median(seconds),
        spread=max(seconds) / min(seconds),
        slower=slower,
        faces=sum(map(len, entrant.rounds[-1]["boxes"])) / count,
        found=judged.found,
        reference_faces=judged.faces,
        false_alarms=judged.false_alarms,
        cpu_ms=1000 * statistics.median(each["cpu_seconds"] for each in entrant.rounds) / count,
        cpu_ratio=cpu_ratio,
        start_s=entrant.start_s,
        memory_mb=max(each["peak_bytes"] for each in entrant.rounds) / 1e6,
        versions=entrant.versions,
    )


def _ratio(entrant: _Entrant, first: _Entrant, figure: str) -> float:
    """A figure of a peer over that of the first in the same round, median of the rounds."""
    return statistics.median(
        float(own[figure]) / float(its[figure]) for own, its in zip(entrant.rounds, first.rounds, strict=True)
    )


def reference_words(comparison: PeerComparison) -> str:
    """What counts as a face, in words."""
    return f"{comparison.reference}; IoU {AGREE:g}, on {comparison.looked_at} pictures"
