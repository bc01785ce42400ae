"""From what a Python caller chooses to a configuration; the command line's flags have their own way, in `config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath

from smiledet.config import Config, TaskSettings, load_config
from smiledet.detection.detectors.choose import ALLOWED, is_detector
from smiledet.errors import UsageError
from smiledet.platform.choice import pick_platform
from smiledet.schema import AUTO


def choose(
    config: Config | None,
    tasks: Sequence[str],
    model: Mapping[str, str] | None,
    detector: str | None,
    engine: str,
    models: str | PathLike[str] | None = None,
) -> Config:
    """A configuration with the choices in it.

    Args:
        config: Where to start from; None for that of this machine's platform, as the command line does.
        tasks: What to read.
        model: A model's name by task, for other than the default ones.
        detector: The face detector; `auto` and None leave the one that suits the source, or what `config` says.
        engine: What runs the networks; `auto` leaves what `config` says.
        models: A folder with models of one's own; None leaves what `config` says.

    Raises:
        UsageError: A choice is none of those that there are.
    """
    if isinstance(tasks, str):
        raise UsageError(f"tasks={tasks!r}: expected a sequence of names, such as ('smile', 'emotion')")
    if detector not in (None, AUTO) and not is_detector(detector):
        raise UsageError(f"detector={detector!r}: expected {AUTO} or one of {', '.join(ALLOWED)}")
    config = config or load_config(pick_platform().name).config
    model = model or {}
    if unread := sorted(set(model) - set(tasks)):
        raise UsageError(f"model names {', '.join(unread)}, which is not among the tasks {', '.join(tasks)}")
    if len(set(tasks)) != len(tasks) or not tasks:
        raise UsageError(f"tasks={tuple(tasks)!r}: expected at least one, and each once")
    named = {task: replace(config.task.get(task, TaskSettings()), model=model[task]) for task in model}
    config = replace(
        config,
        tasks=tuple(tasks),
        models=config.models if models is None else fspath(models),
        task={**config.task, **named},
        engine=config.engine if engine == AUTO else replace(config.engine, name=engine),
    )
    if detector is None:
        return config
    photographs = replace(config.photographs, detector=detector)
    return replace(config, photographs=photographs, detector=config.detector if detector == AUTO else detector)
