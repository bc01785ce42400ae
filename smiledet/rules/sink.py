"""The sink that looks at every frame for the rules."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from smiledet.columns import face_columns, number
from smiledet.drawing.jpeg import jpeg
from smiledet.errors import ConfigError
from smiledet.frame import Annotation, FaceReading, Frame
from smiledet.rules.actions import Action, ActionRunner, Event, actions_of, clip_folder, save_clip
from smiledet.rules.clips import Clip, Kept, Ring
from smiledet.rules.conditions import Trigger, condition, in_zone
from smiledet.rules.settings import RuleSettings
from smiledet.sinks.base import Sink
from smiledet.sinks.events import iso_time
from smiledet.system.redaction import shown_source
from smiledet.tasks.base import Task

log = logging.getLogger(__name__)


class RuleSink(Sink):
    """Watches for what the rules wait for, and starts their actions.

    Args:
        rules: The rules.
        tasks: What is read.
        source: What is watched.
        name: The name of the source that is watched, in a run of several.
        runner: Runs the actions; tests bring their own.

    Raises:
        ConfigError: A rule cannot be followed; the message says why.
    """

    reads_heads = True

    description = "rules"

    def __init__(
        self,
        rules: Sequence[RuleSettings],
        tasks: Sequence[Task],
        source: str,
        runner: ActionRunner | None = None,
        name: str | None = None,
    ) -> None:
        self.of_source = name
        self.uses_drawing = any(rule.annotated and (rule.save or rule.clip) for rule in rules)
        for rule in rules:
            if len(rule.zone) not in (0, 4):
                given = len(rule.zone)
                raise ConfigError(f"rule {rule.when!r}: zone has {given} numbers, expected left, top, width, height")
        self._tasks, self._source = tasks, shown_source(source)
        self._rules = [
            (rule, condition(rule.when, tasks), Trigger(rule.hold, rule.cooldown), actions_of(rule)) for rule in rules
        ]
        self._clips = {id(rule): _Clips(rule) for rule in rules if rule.clip}
        self._rings = {
            annotated: Ring(max(rule.before for rule in rules if rule.clip and rule.annotated == annotated))
            for annotated in {rule.annotated for rule in rules if rule.clip}
        }
        self._runner = runner or ActionRunner()

    @override
    def open(self) -> None:
        pass

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        size = (frame.image.shape[1], frame.image.shape[0])
        kept: dict[bool, Kept] = {}
        for annotated, ring in self._rings.items():
            kept[annotated] = Kept(frame.timestamp, jpeg(annotation.image if annotated else frame.image))
            ring.add(kept[annotated])
        for rule, holds, trigger, actions in self._rules:
            faces = in_zone(annotation.readings, rule.zone, size)
            clips = self._clips.get(id(rule))
            if trigger.take(holds(faces), frame.timestamp):
                event = Event(self._told(rule, frame, faces, size), annotation.image, frame.image)
                for name, action in actions:
                    self._runner.start(name, action, event)
                if clips is not None:
                    clips.begin(event, frame.timestamp, self._rings[rule.annotated])
            if clips is not None and (finished := clips.take(kept[rule.annotated])) is not None:
                self._runner.start("clip", finished[1], finished[0])

    def _told(
        self, rule: RuleSettings, frame: Frame, faces: Sequence[FaceReading], size: tuple[int, int]
    ) -> dict[str, Any]:
        return {
            "rule": rule.when,
            "time": iso_time(time.time_ns() - (time.monotonic_ns() - frame.captured_ns)),
            "timestamp": number(frame.timestamp, 6),
            "source": self._source,
            "frame": frame.id,
            "faces": [{"track": face.track, **face_columns(face, self._tasks, size)} for face in faces],
        }

    @override
    def close(self) -> None:
        unfinished = [finished for clips in self._clips.values() if (finished := clips.finish()) is not None]
        self._runner.close()
        for event, action in unfinished:
            self._runner.do("clip", action, event)
        for words, counts in (("failed", self._runner.failed), ("left out", self._runner.left_out)):
            for name, count in counts.items():
                log.warning("rules: %s %s: %d", name, words, count)
        self._runner.failed.clear()
        self._runner.left_out.clear()


class _Clips:
    """The clips of one rule, one at a time: what it sees while one is made makes that one longer.

    Args:
        rule: The rule.
    """

    def __init__(self, rule: RuleSettings) -> None:
        self._rule = rule
        self._folder = clip_folder(rule)
        self._making: tuple[Event, Clip] | None = None

    def begin(self, event: Event, now: float, ring: Ring) -> None:
        """Something was seen."""
        if self._making is None:
            self._making = (event, Clip(ring.since(now - self._rule.before), now + self._rule.after))
        else:
            self._making[1].until = now + self._rule.after

    def take(self, frame: Kept) -> tuple[Event, Action] | None:
        """Take a frame; a clip that is over with it."""
        return self.finish() if self._making is not None and self._making[1].take(frame) else None

    def finish(self) -> tuple[Event, Action] | None:
        """The clip as far as it has come; None where none is made."""
        making, self._making = self._making, None
        return (making[0], save_clip(self._folder, making[1].frames)) if making is not None else None
