"""The sink that looks at every frame for the rules."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from typing_extensions import override

from smiledet.columns import face_columns, number
from smiledet.errors import ConfigError
from smiledet.frame import Annotation, Frame
from smiledet.rules.actions import ActionRunner, Event, actions_of
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
        for rule in rules:
            if len(rule.zone) not in (0, 4):
                given = len(rule.zone)
                raise ConfigError(f"rule {rule.when!r}: zone has {given} numbers, expected left, top, width, height")
        self._tasks, self._source = tasks, shown_source(source)
        self._rules = [
            (rule, condition(rule.when, tasks), Trigger(rule.hold, rule.cooldown), actions_of(rule)) for rule in rules
        ]
        self._runner = runner or ActionRunner()

    @override
    def open(self) -> None:
        pass

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        size = (frame.image.shape[1], frame.image.shape[0])
        for rule, holds, trigger, actions in self._rules:
            faces = in_zone(annotation.readings, rule.zone, size)
            if trigger.take(holds(faces), frame.timestamp):
                told = {
                    "rule": rule.when,
                    "time": iso_time(time.time_ns() - (time.monotonic_ns() - frame.captured_ns)),
                    "timestamp": number(frame.timestamp, 6),
                    "source": self._source,
                    "frame": frame.id,
                    "faces": [{"track": face.track, **face_columns(face, self._tasks, size)} for face in faces],
                }
                event = Event(told, annotation.image, frame.image)
                for name, action in actions:
                    self._runner.start(name, action, event)

    @override
    def close(self) -> None:
        self._runner.close()
        for words, counts in (("failed", self._runner.failed), ("left out", self._runner.left_out)):
            for name, count in counts.items():
                log.warning("rules: %s %s: %d", name, words, count)
        self._runner.failed.clear()
        self._runner.left_out.clear()
