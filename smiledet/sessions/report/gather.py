"""What a report says, gathered from a file of events or from a store, in memory that does not grow with the file."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from smiledet.sessions.events import DamageReport, Event, read_events
from smiledet.sessions.sessions import COUNTS, PEOPLE, PRESENT, SMILES, Session, Sessions
from smiledet.sessions.store import WIDTHS, SessionStore, period
from smiledet.tasks.smile import TASK as SMILE

MOST_BINS = 300
"""From the beginning of a curve to its end; twice as many are gathered before two are made one."""

MOST_SESSIONS = 200
"""That are listed and drawn: the longest."""

MINUTE, HOUR, _ = WIDTHS

Sums = dict[tuple[str, str], float]
"""Amounts by task and label; see `smiledet.sessions.sessions.Credit`."""


class Curve:
    """Sums over time in bins of one width, which doubles when there are too many of them."""

    def __init__(self, width: float = 1.0) -> None:
        self.width = width
        self.bins: dict[int, Sums] = {}
        self._first, self._last = math.inf, -math.inf

    def add(self, at: float, task: str, label: str, amount: float) -> None:
        """Add an amount to the bin in which a moment lies."""
        sums = self.bins.setdefault(int(at // self.width), {})
        sums[task, label] = sums.get((task, label), 0.0) + amount
        self._first, self._last = min(self._first, at), max(self._last, at)
        while self._last - self._first > 2 * MOST_BINS * self.width:
            self._widen()

    def _widen(self) -> None:
        self.width *= 2
        bins: dict[int, Sums] = {}
        for number, sums in self.bins.items():
            into = bins.setdefault(number // 2, {})
            for key, amount in sums.items():
                into[key] = into.get(key, 0.0) + amount
        self.bins = bins


@dataclass(slots=True)
class Gathered:
    """What a report says.

    Attributes:
        path: What was read.
        stills: Whether it is of photographs, which have no duration: then all amounts are numbers of faces.
        sources: What was watched, with the seconds for which faces were seen there.
        sessions: The longest ones, the oldest first.
        left_out: How many further ones there are.
        people: Sessions in all.
        totals: Amounts in all.
        curve: Amounts over time.
        hours: Amounts by hour, seconds since 1970.
        longest_smile: The session with the longest smile; None without a smile.
        drops: Frames that a stage never got, by stage and cause; None where that is not known.
        damaged: What could not be read.
    """

    path: Path
    stills: bool = False
    sources: Counter[str] = field(default_factory=Counter)
    sessions: list[Session] = field(default_factory=list)
    left_out: int = 0
    people: int = 0
    totals: Sums = field(default_factory=dict)
    curve: Curve = field(default_factory=Curve)
    hours: dict[int, Sums] = field(default_factory=dict)
    longest_smile: Session | None = None
    drops: Mapping[str, Mapping[str, int]] | None = None
    damaged: DamageReport = field(default_factory=DamageReport)

    @property
    def begin(self) -> float:
        """When the first face was seen, seconds since 1970."""
        return min(self.curve.bins, default=0) * self.curve.width

    @property
    def end(self) -> float:
        """When the last one was."""
        return (max(self.curve.bins, default=0) + 1) * self.curve.width

    @property
    def tasks(self) -> dict[str, list[str]]:
        """The labels that were seen by task, the commonest first."""
        found: dict[str, list[str]] = defaultdict(list)
        for (task, label), _ in sorted(self.totals.items(), key=lambda each: -each[1]):
            if task != COUNTS and label != "intensity":
                found[task].append(label)
        return dict(found)

    def credit(self, source: str, at: float, task: str, label: str, amount: float) -> None:
        """Take what a moment adds; see `smiledet.sessions.sessions.Credit`."""
        self.curve.add(at, task, label, amount)
        self._total(task, label, amount)
        if (task, label) == (COUNTS, PRESENT):
            self.sources[source] += amount  # type: ignore[assignment]  # Counter's seconds are no whole numbers
        hour = self.hours.setdefault(period(HOUR, at), {})
        hour[task, label] = hour.get((task, label), 0.0) + amount

    def _total(self, task: str, label: str, amount: float) -> None:
        self.totals[task, label] = self.totals.get((task, label), 0.0) + amount


class _Longest:
    """Keeps the longest sessions."""

    def __init__(self, into: Gathered) -> None:
        self._into = into
        self._kept: list[tuple[float, int, Session]] = []
        self._number = count()

    def add(self, session: Session) -> None:
        self._into.people += 1
        smiled = self._into.longest_smile
        if session.longest_smile > (smiled.longest_smile if smiled else 0.0):
            self._into.longest_smile = session
        item = (session.seconds, next(self._number), session)
        if len(self._kept) < MOST_SESSIONS:
            heapq.heappush(self._kept, item)
        else:
            heapq.heappushpop(self._kept, item)
            self._into.left_out += 1

    def finish(self) -> None:
        self._into.sessions = sorted((each for _, _, each in self._kept), key=lambda each: (each.first, each.track))


def gather_events(path: Path, on_row: Callable[[], object] = lambda: None) -> Gathered:
    """What a file of events says.

    Args:
        path: JSON lines or CSV.
        on_row: Called for every row.

    Raises:
        UsageError: It cannot be read, or is another table.
    """
    found = Gathered(path)
    sessions, longest = Sessions(found.credit), _Longest(found)
    ahead: dict[str, float] = {}
    frame: list[Event] = []

    def take() -> None:
        """The rows of one frame."""
        if not frame:
            return
        first = frame[0]
        now = (
            first.wall if first.live else first.timestamp + ahead.setdefault(first.source, first.wall - first.timestamp)
        )
        for ended in sessions.take(first.source, now, [event.face for event in frame if event.face is not None]):
            longest.add(ended)
        frame.clear()

    for event in read_events(path, found.damaged):
        on_row()
        if event.file is not None:
            _take_still(found, event)
            continue
        if frame and (event.source, event.timestamp) != (frame[0].source, frame[0].timestamp):
            take()
        frame.append(event)
    take()
    for session in sessions.finish():
        longest.add(session)
    longest.finish()
    return found


def _take_still(found: Gathered, event: Event) -> None:
    """A photograph: each of its faces counts as one."""
    found.stills = True
    if event.face is None:
        return
    found.people += 1
    found.credit(event.source, event.wall, COUNTS, PRESENT, 1)
    for task, label in event.face.labels.items():
        found.credit(event.source, event.wall, task, label, 1)
        if (task, label) == (SMILE.name, SMILE.strength):
            found.credit(event.source, event.wall, COUNTS, SMILES, 1)


def gather_store(path: Path) -> Gathered:
    """What a store says.

    Raises:
        UsageError: A newer smiledet wrote it, or it is another kind of store.
        OutputError: It cannot be opened.
    """
    found, drops = Gathered(path), defaultdict[str, Counter[str]](Counter)
    longest = _Longest(found)
    with SessionStore(path) as store:
        for session in store.sessions():
            longest.add(session)
        longest.finish()
        minutes = list(store.sums(MINUTE))
        detailed = min((each.start for each in minutes), default=0)
        found.curve = Curve(float(MINUTE))
        for each in minutes:
            found.curve.add(each.start, each.task, each.label, each.amount)
        for each in store.sums(HOUR):
            into = found.hours.setdefault(each.start, {})
            into[each.task, each.label] = into.get((each.task, each.label), 0.0) + each.amount
            if each.start + HOUR <= detailed or not minutes:
                found.curve.add(each.start, each.task, each.label, each.amount)
        for each in store.sums(WIDTHS[-1]):
            found.totals[each.task, each.label] = found.totals.get((each.task, each.label), 0.0) + each.amount
            if (each.task, each.label) == (COUNTS, PRESENT):
                found.sources[each.source] += each.amount  # type: ignore[assignment]
        for run in store.runs():
            for stage, causes in run.drops.items():
                drops[stage].update(causes)
    found.people = max(found.people, round(found.totals.get((COUNTS, PEOPLE), 0)))
    found.left_out = max(0, found.people - len(found.sessions))
    found.drops = drops
    return found
