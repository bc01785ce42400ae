"""Which models, files and engine read the tasks of a run: chosen and checked before anything starts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smiledet.config import Config, EngineSettings, TaskSettings
from smiledet.engines.base import Engine, load_engine
from smiledet.engines.choice import choose_engine
from smiledet.engines.files import model_file, with_readers
from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.model_files import bring_task_of_file
from smiledet.model_index import Model, bring_tasks, find_model
from smiledet.scope import own_scope
from smiledet.shared_network import SharedNetwork, share_networks
from smiledet.tasks.base import Task, bring_task, get_task

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """The models of a run.

    Attributes:
        tasks: What is read, with the configuration's smoothing, hysteresis and doubt.
        models: The model of each task, by the task's name.
        files: The file of each model that the engine loads.
        landmarks: The model that aligns faces.
        engine: What runs the networks.
        device: What the engine says that it runs on, in words.
        settings: Threads and precision of the engine.
    """

    tasks: tuple[Task, ...]
    models: Mapping[str, Model]
    files: Mapping[str, Path]
    landmarks: Model
    engine: str
    device: str
    settings: EngineSettings

    @property
    def chips(self) -> list[ChipSpec]:
        """The geometry of every chip that is needed, each once."""
        return list(dict.fromkeys(network.spec for network in self.networks))

    @property
    def networks(self) -> tuple[SharedNetwork, ...]:
        """What reads the tasks: a network each, or one for several."""
        return share_networks(self.tasks, self.models, self.files)

    def files_by_stage(self) -> dict[str, tuple[Any, ...]]:
        """What each network's stage runs: engine, file, number format and chip."""
        return {
            network.stage: (self.engine, self.settings, self.files[network.tasks[0].name], network.models)
            for network in self.networks
        }

    def load(self, network: SharedNetwork) -> Engine:
        """Load a network; it belongs to the calling thread."""
        file = self.files[network.tasks[0].name]
        return load_engine(self.engine, file, self.settings.threads, self.settings.precision)


def plan_models(config: Config) -> ModelPlan:
    """Choose the models and the engine that a configuration asks for, and try each file once.

    Raises:
        UsageError: A model or file is missing or damaged, or no engine can run here.
    """
    tasks, models = _choose_models(config)
    for task in tasks:
        if (labels := models[task.name].labels) != task.labels:
            name = models[task.name].name
            raise UsageError(
                f"model {task.name}/{name} reads {', '.join(labels)}, the task has {', '.join(task.labels)}"
            )
    landmarks = find_model("landmarks", "ert68")
    for use in ("dlib", "template"):
        landmarks.file(use)  # what is missing or damaged is said before any thread starts
    for model in models.values():
        if model.input is None:
            raise UsageError(f"model {model.task}/{model.name} takes no chips")
    prepared: dict[str, tuple[dict[str, Path], str]] = {}

    def prepare(engine: str) -> None:
        files = {name: model_file(model, engine, config.engine.precision) for name, model in models.items()}
        prepared[engine] = files, _device_of(engine, list(dict.fromkeys(files.values())), config.engine)

    choice = choose_engine(config.engine.name, with_readers(config.engine.preference, models.values()), prepare)
    if choice.refused:
        log.info("engine %s: %s", choice.name, choice.reason)
    files, device = prepared[choice.name]
    return ModelPlan(tasks, models, files, landmarks, choice.name, device, config.engine)


def configured_tasks(config: Config) -> tuple[Task, ...]:
    """What a configuration reads, with its smoothing, hysteresis and doubt; tasks of its own among them.

    Raises:
        UsageError: A task is none, or one of its own has the name of another.
    """
    with own_scope():
        if config.models:
            bring_tasks(Path(config.models).expanduser())
        for name in config.tasks:
            settings = _settings(name, config)
            bring_task_of_file(name, Path(settings.model).expanduser())
            if settings.labels:
                bring_task(name, settings.labels, settings.colours)
        return tuple(_configured(get_task(name), config) for name in config.tasks)


def _choose_models(config: Config) -> tuple[tuple[Task, ...], dict[str, Model]]:
    """The tasks of a configuration, and the model of each."""
    folder = Path(config.models).expanduser() if config.models else None
    with own_scope():  # the tasks of its own stay known while their models are looked for
        tasks = configured_tasks(config)
        return tasks, {task.name: find_model(task.name, _settings(task.name, config).model, folder) for task in tasks}


def _settings(task: str, config: Config) -> TaskSettings:
    return config.task.get(task, TaskSettings())


def _configured(task: Task, config: Config) -> Task:
    """The task with the configuration's smoothing, hysteresis and doubt."""
    settings = _settings(task.name, config)
    return replace(
        task,
        smoothing=task.smoothing if settings.smoothing is None else settings.smoothing,
        hysteresis=task.hysteresis if settings.hysteresis is None else settings.hysteresis,
        unsure_below=task.unsure_below if settings.unsure_below is None else settings.unsure_below,
    )


def _device_of(engine: str, files: Sequence[Path], settings: EngineSettings) -> str:
    """What runs the networks, asked of the engine itself; loads each once, so that what is wrong comes out now."""
    devices = []
    for file in files:
        loaded = load_engine(engine, file, settings.threads, settings.precision)
        devices.append(loaded.device)
        loaded.close()
    return f"{engine} on {devices[0]}"
