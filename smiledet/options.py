"""From what a Python caller chooses to a configuration; the command line's flags have their own way, in `config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

from smiledet.config import Config, TaskSettings, load_config
from smiledet.detection.detectors.choose import ALLOWED, is_detector
from smiledet.engines.choice import ENGINES
from smiledet.errors import ConfigError, UsageError
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
    tasks = names(tasks, "tasks")
    if detector is not None and not (isinstance(detector, str) and (detector == AUTO or is_detector(detector))):
        raise UsageError(f"detector={detector!r}: expected {AUTO} or one of {', '.join(ALLOWED)}")
    if not isinstance(engine, str):
        raise UsageError(f"engine={engine!r}: expected {AUTO} or one of {', '.join(ENGINES)}")
    if config is not None and not isinstance(config, Config):
        raise ConfigError(f"config={config!r}: expected a smiledet.Config")
    config = config or load_config(pick_platform().name).config
    if model is not None and not isinstance(model, Mapping):
        raise UsageError(f"model={model!r}: expected a model by task, such as {{'smile': 'mobilenet-025'}}")
    model = {task: path_text(choice, f"model of {task}") for task, choice in (model or {}).items()}
    if unread := sorted(map(str, set(model) - set(tasks))):
        raise UsageError(f"model names {', '.join(unread)}, which is not among the tasks {', '.join(tasks)}")
    if len(set(tasks)) != len(tasks) or not tasks:
        raise UsageError(f"tasks={tuple(tasks)!r}: expected at least one, and each once")
    named = {task: replace(config.task.get(task, TaskSettings()), model=model[task]) for task in model}
    config = replace(
        config,
        tasks=tuple(tasks),
        models=config.models if models is None else path_text(models, "models"),
        task={**config.task, **named},
        engine=config.engine if engine == AUTO else replace(config.engine, name=engine),
    )
    if detector is None:
        return config
    photographs = replace(config.photographs, detector=detector)
    return replace(config, photographs=photographs, detector=config.detector if detector == AUTO else detector)


def names(given: Any, argument: str) -> tuple[str, ...]:
    """A sequence of names.

    Raises:
        UsageError: It is one text, or something else.
    """
    try:
        found = () if isinstance(given, (str, bytes)) else tuple(given)
    except TypeError:
        found = ()
    if not found or not all(isinstance(name, str) for name in found):
        raise UsageError(f"{argument}={given!r}: expected a sequence of names, such as ('smile', 'emotion')")
    return found


def path_text(given: Any, argument: str) -> str:
    """A name or path as text.

    Raises:
        UsageError: It is neither.
    """
    text = fspath(given) if isinstance(given, (str, PathLike)) else None
    if not isinstance(text, str):
        raise UsageError(f"{argument} is {given!r}: expected a text or a path")
    return text
