"""What a rule waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from smiledet.errors import ConfigError
from smiledet.frame import FaceReading
from smiledet.tasks.base import Task

Condition = Callable[[Sequence[FaceReading]], bool]
"""Whether it holds for the faces of a frame."""

SMILE, SMILING = "smile", "smiling"

NAMES = ("face", "no-face", "smile", "everyone-smiles")


def condition(when: str, tasks: Sequence[Task]) -> Condition:
    """A condition by its name.

    Args:
        when: See `RuleSettings`.
        tasks: What is read.

    Raises:
        ConfigError: There is no such condition, or its task is not read.
    """
    if when == "face":
        return lambda faces: bool(faces)
    if when == "no-face":
        return lambda faces: not faces
    by_name = {task.name: task for task in tasks}
    if when in ("smile", "everyone-smiles"):
        smiles = _reads(SMILE, SMILING, by_name, when)
        if when == "smile":
            return lambda faces: any(map(smiles, faces))
        return lambda faces: bool(faces) and all(map(smiles, faces))
    task, equals, label = when.partition("=")
    if not equals:
        raise ConfigError(f"rule {when!r}: expected one of {', '.join(NAMES)}, or TASK=LABEL")
    reads = _reads(task, label, by_name, when)
    return lambda faces: any(map(reads, faces))


def _reads(task: str, label: str, by_name: Mapping[str, Task], when: str) -> Callable[[FaceReading], bool]:
    """Whether a face is read as a label."""
    if task not in by_name:
        raise ConfigError(f"rule {when!r}: {task} is not read; tasks are {', '.join(by_name)}")
    if label not in by_name[task].labels:
        raise ConfigError(f"rule {when!r}: {task} has no label {label!r}; there are {', '.join(by_name[task].labels)}")

    def reads(face: FaceReading) -> bool:
        prediction = face.predictions.get(task)
        return prediction is not None and prediction.label == label

    return reads


def in_zone(faces: Sequence[FaceReading], zone: Sequence[float], size: tuple[int, int]) -> list[FaceReading]:
    """The faces whose middle lies in a zone; see `RuleSettings.zone`."""
    if not zone:
        return list(faces)
    left, top, width, height = zone
    found = []
    for face in faces:
        x, y = face.box.centre
        x, y = x / size[0], y / size[1]
        if left <= x <= left + width and top <= y <= top + height:
            found.append(face)
    return found


class Trigger:
    """Fires once a condition has held, and again only after it ceased and a while has passed.

    Args:
        hold: Seconds for which it must hold.
        cooldown: Seconds between two firings at least.
        gap: Seconds for which it may fail without having ceased: a face is missed now and then.
    """

    def __init__(self, hold: float, cooldown: float, gap: float = 0.3) -> None:
        self._hold, self._cooldown, self._gap = hold, cooldown, gap
        self._since: float | None = None
        self._held: float | None = None
        self._fired: float | None = None
        self._armed = True

    def take(self, holds: bool, now: float) -> bool:
        """Take one frame.

        Args:
            holds: Whether the condition holds.
            now: Seconds on the source's time line.

        Returns:
            Whether it fires.
        """
        if not holds:
            if self._held is None or now - self._held > self._gap:
                self._since, self._armed = None, True
            return False
        if self._since is None:
            self._since = now
        self._held = now
        cooled = self._fired is None or now - self._fired >= self._cooldown
        if not (self._armed and cooled and now - self._since >= self._hold):
            return False
        self._armed, self._fired = False, now
        return True
