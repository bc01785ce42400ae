"""From the faces of frames to sessions: one is a face's stay, from when its track was first seen to when it left.

A label counts for the time until the face's next frame, so that shares are of time and not of frames: a run that drops
frames comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from smiledet.frame import FaceReading
from smiledet.tasks.smile import TASK as SMILE

GONE = 2.0
"""Seconds after which a face that is not seen has left."""

HELD = 0.5
"""Seconds for which a label counts at most where no further frame of the face comes."""

MOST_SPANS = 2000
"""Of a session; what comes beyond still counts, and is left out of the time line."""

COUNTS = ""
"""Stands in the place of a task in sums of what belongs to none: `PRESENT`, `PEOPLE`, `SMILES`."""

PRESENT, PEOPLE, SMILES = "present", "people", "smiles"
"""Seconds that faces were there, sessions begun, smiles begun."""

INTENSITY = "intensity"
"""In the place of a label of `smile`: its intensity times the seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A face on a frame.

    Attributes:
        track: Which one.
        labels: The shown label by task.
        numbers: The same of tasks whose answer is a number.
        intensity: How much of a smile there is, 0 to 1; None where that was not read.
    """

    track: int
    labels: Mapping[str, str]
    numbers: Mapping[str, float] = field(default_factory=dict)
    intensity: float | None = None

    @classmethod
    def of(cls, face: FaceReading, numbers: Sequence[str]) -> Seen:
        """A face as a pipeline reads it.

        Args:
            face: The face.
            numbers: The tasks whose answers are numbers.
        """
        answers = {task: prediction.label for task, prediction in face.predictions.items()}
        return cls(
            face.track,
            {task: label for task, label in answers.items() if task not in numbers},
            {task: float(label) for task, label in answers.items() if task in numbers},
            face.smile_intensity,
        )


@dataclass(slots=True)
class Span:
    """A label that was shown for a while, without a break; times are seconds since 1970."""

    task: str
    label: str
    begin: float
    end: float


@dataclass(slots=True)
class Session:
    """A face's stay.

    Attributes:
        source: What was watched.
        track: The face's number in that run.
        first: When it was first seen, seconds since 1970.
        last: When it was last seen.
        frames: On how many frames.
        labels: Seconds by task and label.
        numbers: The mean by task, of tasks whose answer is a number, with the seconds over which it is taken.
        smiles: How many smiles began.
        longest_smile: Seconds of the longest one.
        intensity: Mean intensity of the smile; None where it was not read.
        spans: What was shown when, in order of their beginnings, `MOST_SPANS` at most.
        picture: The face at its strongest smile, JPEG, where that was asked for.
    """

    source: str
    track: int
    first: float
    last: float
    frames: int = 0
    labels: dict[str, dict[str, float]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, float]] = field(default_factory=dict)
    smiles: int = 0
    longest_smile: float = 0.0
    intensity: float | None = None
    spans: list[Span] = field(default_factory=list)
    picture: bytes | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.last - self.first

    def share(self, task: str, label: str) -> float:
        """Of the time in which a task was read, the share in which a label was shown, 0 to 1."""
        of_task = self.labels.get(task, {})
        return of_task.get(label, 0.0) / (sum(of_task.values()) or 1.0)

    def commonest(self, task: str) -> str | None:
        """The label that was shown longest; None where the task was not read."""
        of_task = self.labels.get(task)
        return max(of_task, key=of_task.__getitem__) if of_task else None


Credit = Callable[[str, float, str, str, float], object]
"""(source, time, task, label, amount): what a moment adds to the sums; see `COUNTS` and `INTENSITY`."""


@dataclass(slots=True)
class _Open:
    """A session that goes on, and what was shown last."""

    session: Session
    shown: Seen
    spans: dict[str, Span] = field(default_factory=dict)
    intensity_seconds: float = 0.0


class Sessions:
    """Follows the faces of any number of sources, frame by frame.

    Args:
        credit: Told of every moment; None for nobody.
    """

    def __init__(self, credit: Credit | None = None) -> None:
        self._credit = credit or (lambda *_: None)
        self._open: dict[tuple[str, int], _Open] = {}

    @property
    def going_on(self) -> list[Session]:
        """The sessions that have not ended."""
        return [each.session for each in self._open.values()]

    def take(self, source: str, now: float, faces: Sequence[Seen]) -> list[Session]:
        """Take a frame.

        Args:
            source: What is watched.
            now: Seconds since 1970; must not decrease for a source.
            faces: The faces on it.

        Returns:
            The sessions that have ended by now.
        """
        for face in faces:
            self._take(source, now, face)
        gone = [key for key, each in self._open.items() if key[0] == source and now - each.session.last > GONE]
        return [self._end(key) for key in gone]

    def finish(self) -> list[Session]:
        """Nothing more comes: the sessions that were still going on."""
        return [self._end(key) for key in list(self._open)]

    def _take(self, source: str, now: float, face: Seen) -> None:
        key = (source, face.track)
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = _Open(Session(source, face.track, now, now), face)
            self._credit(source, now, COUNTS, PEOPLE, 1)
        session = found.session
        self._add(found, min(now - session.last, HELD))
        session.last = now
        session.frames += 1
        found.shown = face
        self._show(found, now)

    def _add(self, found: _Open, seconds: float) -> None:
        """Count what was shown for so many seconds from the last frame on."""
        if seconds <= 0:
            return
        session, shown, at = found.session, found.shown, found.session.last
        self._credit(session.source, at, COUNTS, PRESENT, seconds)
        for task, label in shown.labels.items():
            of_task = session.labels.setdefault(task, {})
            of_task[label] = of_task.get(label, 0.0) + seconds
            self._credit(session.source, at, task, label, seconds)
            if task in found.spans:
                found.spans[task].end = at + seconds
        for task, number in shown.numbers.items():
            mean, over = session.numbers.get(task, (0.0, 0.0))
            session.numbers[task] = ((mean * over + number * seconds) / (over + seconds), over + seconds)
        if shown.intensity is not None:
            over = found.intensity_seconds
            session.intensity = ((session.intensity or 0.0) * over + shown.intensity * seconds) / (over + seconds)
            found.intensity_seconds += seconds
            self._credit(session.source, at, SMILE.name, INTENSITY, shown.intensity * seconds)
        smile = found.spans.get(SMILE.name)
        if smile is not None and smile.label == SMILE.strength:
            session.longest_smile = max(session.longest_smile, smile.end - smile.begin)

    def _show(self, found: _Open, now: float) -> None:
        """Begin a span where a label has changed, or the face was away for a moment."""
        session = found.session
        for task, label in found.shown.labels.items():
            before = found.spans.get(task)
            if before is not None and before.label == label and now - before.end <= HELD:
                continue
            found.spans[task] = span = Span(task, label, now, now)
            if len(session.spans) < MOST_SPANS:
                session.spans.append(span)
            if task == SMILE.name and label == SMILE.strength:
                session.smiles += 1
                self._credit(session.source, now, COUNTS, SMILES, 1)

    def _end(self, key: tuple[str, int]) -> Session:
        """End a session; what it showed last counts no longer than the face was seen."""
        return self._open.pop(key).session
