"""What a run on this machine would use, each with its reason, without starting anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smiledet.config import Config, LoadedConfig, TaskSettings
from smiledet.engines.choice import EngineChoice, choose_engine
from smiledet.engines.files import model_file, with_readers
from smiledet.errors import UsageError
from smiledet.model_index import Model, find_model
from smiledet.platform.choice import PlatformChoice
from smiledet.schema import AUTO
from smiledet.system.resources import configs_folder


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that was settled.

    Attributes:
        what: 'detector', 'engine', 'smile model' …
        value: What it was settled to.
        reason: Why, in words.
    """

    what: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would use.

    Attributes:
        decisions: Everything that was settled, in the order in which it is shown.
        engine: The engine and what was tried before it; None if none can run here.
        problem: Why no engine can run here; empty if one can.
    """

    decisions: tuple[Decision, ...]
    engine: EngineChoice | None
    problem: str = ""


def plan_run(platform: PlatformChoice, loaded: LoadedConfig) -> Plan:
    """Settle what `smiledet run` settles, without loading a network or opening a source.

    Args:
        platform: The platform, and why it was chosen.
        loaded: The merged configuration.

    Raises:
        UsageError: The configuration names a model that there is not.
    """
    config = loaded.config
    folder = Path(config.models).expanduser() if config.models else None
    models = {task: find_model(task, config.task.get(task, TaskSettings()).model, folder) for task in config.tasks}
    engine, problem = _engine(config, list(models.values()))
    decisions = [
        Decision("platform", platform.name, platform.reason),
        Decision("detector", config.detector, reason_of("detector", loaded)),
        Decision("engine", engine.name if engine else "none", _engine_reason(engine, problem, loaded)),
    ]
    for task, model in models.items():
        decisions.append(_model_decision(task, model, engine, loaded))
    decisions += [
        Decision("precision", config.engine.precision, reason_of("engine.precision", loaded)),
        Decision("threads of an inference", str(config.engine.threads), reason_of("engine.threads", loaded)),
        Decision("threads of OpenCV", str(config.opencv_threads), reason_of("opencv_threads", loaded)),
    ]
    return Plan(tuple(decisions), engine, problem)


def reason_of(setting: str, loaded: LoadedConfig) -> str:
    """Why a setting is what it is.

    Args:
        setting: Its dotted name.
        loaded: The merged configuration.
    """
    origin = loaded.origins.get(setting)
    if origin is None:
        return "the default"
    why = loaded.config.why.get(setting)
    return why if why and origin == loaded.origins.get(f"why.{setting}") else f"set by {short_origin(origin)}"


def short_origin(origin: str) -> str:
    """Where a value came from, without the folder of the shipped configurations.

    >>> short_origin("flag detector")
    'flag detector'
    """
    path = Path(origin)
    return f"configs/{path.name}" if path.parent == configs_folder() else origin


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables by dotted name.

    >>> flatten({"engine": {"threads": 1}, "stats": False})
    {'engine.threads': 1, 'stats': False}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def settings_of(loaded: LoadedConfig) -> list[tuple[str, Any, str]]:
    """Every setting of the merged configuration: dotted name, value, and where it came from."""
    values = dataclasses.asdict(loaded.config)
    del values["why"]
    return [(name, value, short_origin(loaded.origins.get(name, "default"))) for name, value in flatten(values).items()]


def _engine(config: Config, models: list[Model]) -> tuple[EngineChoice | None, str]:
    def has_files(engine: str) -> None:
        for model in models:
            model_file(model, engine, config.engine.precision)

    try:
        return choose_engine(config.engine.name, with_readers(config.engine.preference, models), has_files), ""
    except UsageError as problem:
        return None, str(problem)


def _engine_reason(engine: EngineChoice | None, problem: str, loaded: LoadedConfig) -> str:
    if engine is None:
        return problem
    if loaded.config.engine.name != AUTO:
        return reason_of("engine.name", loaded)
    return engine.reason if engine.refused else reason_of("engine.preference", loaded)


def _model_decision(task: str, model: Model, engine: EngineChoice | None, loaded: LoadedConfig) -> Decision:
    setting = f"task.{task}.model"
    asked = loaded.config.task.get(task, TaskSettings()).model
    reason = reason_of(setting, loaded) if asked else "the model index calls it the default"
    if engine is not None:
        reason += f"; {model_file(model, engine.name, loaded.config.engine.precision).name}"
    return Decision(f"{task} model", model.name, reason)
