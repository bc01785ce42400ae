"""Every setting of a run, in typed dataclasses, and where each value came from.

Layers, each overriding the one before: defaults < `configs/<platform>.toml` < `--config FILE` < flags.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smiledet.detection.detectors.choose import DETECTORS, WITH_FILE
from smiledet.detection.detectors.haar import HaarSettings
from smiledet.detection.following.tracker import TrackerSettings
from smiledet.detection.locator import LocatorSettings
from smiledet.detection.photographs import PhotographSettings
from smiledet.drawing.privacy import PrivacySettings
from smiledet.engines.base import engine_names
from smiledet.engines.choice import ENGINES, PREFERENCE
from smiledet.engines.files import PRECISIONS
from smiledet.errors import ConfigError, UsageError
from smiledet.model_files import bring_task_of_file
from smiledet.model_index import bring_tasks
from smiledet.photographs.best_shot import ShotWeights
from smiledet.rules.settings import RuleSettings
from smiledet.schema import AUTO, between, build, one_of, read_toml
from smiledet.scope import own_scope
from smiledet.sessions.store import StoreSettings
from smiledet.sources.base import NamedSourceSettings, SourceSettings
from smiledet.system.resources import configs_folder
from smiledet.tasks.base import bring_task, is_task, task_names
from smiledet.workers.base import FaultPolicy
from smiledet.workers.thread import WorkerSettings


@dataclass(frozen=True, slots=True)
class AlignerSettings:
    """How faces are aligned.

    Attributes:
        max_distortion: Largest over smallest singular value of the fitted affine map above which a face is not aligned;
            1 never aligns.
        at_once: Faces of a video's frame that are aligned and read at most. Where there are more, each has its turn in
            every second frame, or third …; their labels are averaged over time anyway. Of a photograph all are read.
    """

    max_distortion: float = field(default=2.0, metadata=between(1, 100))
    at_once: int = field(default=8, metadata=between(1, 10_000))


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """How one task is read, `[task.NAME]`; written as `[[task]]` it has a `name`, which comes to the same.

    Attributes:
        model: Name in the index, or a file (`.tflite`, `.onnx`, `.keras`); empty for the task's default there.
        labels: Of a task of your own, in the order of the network's outputs; it is defined by them.
        colours: (blue, green, red), 0 to 255, by label, of a task of your own.
        smoothing: Time constant in seconds over which scores are averaged; None for the task's own.
        hysteresis: Lead that another label needs before it is shown, 0 to 1, or of a number how far it must have moved;
            None for the task's own.
        unsure_below: Lead of the first label over the next, 0 to 1, below which the answer is `unsure`; 0 never says
            so, None is the task's own.
    """

    model: str = ""
    labels: tuple[str, ...] = ()
    colours: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    smoothing: float | None = field(default=None, metadata=between(0, 60))
    hysteresis: float | None = field(default=None, metadata=between(0, 100))
    unsure_below: float | None = field(default=None, metadata=between(0, 1))


@dataclass(frozen=True, slots=True)
class BufferSettings:
    """The shared ring.

    Attributes:
        capacity: Frames held at most.
        megabytes: Where every frame is read, up to twice as many are held while their pictures come to no more: of
            640x480 eight, a fiftieth to a twentieth quicker than six. 0 for never.
    """

    capacity: int = field(default=6, metadata=between(2, 256))
    megabytes: float = field(default=7.5, metadata=between(0, 10_000))


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What runs the networks.

    Attributes:
        name: The engine; `auto` takes the first of `preference` that can run here.
        preference: What `auto` tries, in this order.
        precision: Which of a model's files; `auto` is float32, with TensorRT float16, and with LiteRT int8 where such
            a file ships.
        threads: Threads that one inference may use.
    """

    name: str = field(default=AUTO, metadata=one_of(AUTO, *engine_names()))
    preference: tuple[str, ...] = field(default=PREFERENCE, metadata=one_of(*ENGINES))
    precision: str = field(default=AUTO, metadata=one_of(AUTO, *PRECISIONS))
    threads: int = field(default=1, metadata=between(1, 64))


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of a run; each table has a documented dataclass.

    Attributes:
        tasks: What is read from a face.
        models: A folder with models of your own, searched before those that ship; empty for none.
        detector: Which face detector runs on video; YuNet as `yunet=FILE`.
        photographs: How photographs are searched for faces.
        best_shot: What counts how much in the choice of the best of a burst.
        stats: Whether the stats line is drawn and printed.
        explain: Of which task it is shown beside the picture what the network looks at: TASK, TASK:gradcam or
            TASK:guided; empty for none.
        privacy: What is hidden in everything that is shown and written.
        store: What is kept of a run, and how long.
        opencv_threads: Size of OpenCV's own thread pool; the stages are threads already, and fight with it for cores.
        source: How cameras and streams are opened.
        sources: What is read where the command line names no source, `[[source]]`; it may name some of them.
        haar: Viola-Jones' parameters.
        locator: Where the detector's time is spent.
        tracker: How faces are followed.
        aligner: How faces are aligned.
        engine: What runs the networks.
        task: Model and smoothing by task.
        worker: Number of threads, priority and maximum rate by stage.
        rule: What is done when something is seen; `--on` takes the place of those of the files.
        faults: What happens when a stage fails.
        buffer: The shared ring.
        why: Why the file that holds it sets what it sets, in words by dotted name; `smiledet platform` shows it.

    Examples:
        >>> from smiledet import FaceReader
        >>> config = Config(tasks=("age",), aligner=AlignerSettings(at_once=4))
        >>> with FaceReader(config.tasks, config=config) as reader:
        ...     [task.name for task in reader.tasks]
        ['age']
    """

    tasks: tuple[str, ...] = ("smile", "emotion")
    models: str = ""
    detector: str = field(default="haar", metadata=one_of(*DETECTORS, with_file=WITH_FILE))
    photographs: PhotographSettings = field(default_factory=PhotographSettings)
    best_shot: ShotWeights = field(default_factory=ShotWeights)
    stats: bool = False
    explain: str = ""
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    opencv_threads: int = field(default=1, metadata=between(1, 64))
    source: SourceSettings = field(default_factory=SourceSettings)
    sources: tuple[NamedSourceSettings, ...] = ()
    haar: HaarSettings = field(default_factory=HaarSettings)
    locator: LocatorSettings = field(default_factory=LocatorSettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    aligner: AlignerSettings = field(default_factory=AlignerSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    task: Mapping[str, TaskSettings] = field(default_factory=dict)
    worker: Mapping[str, WorkerSettings] = field(default_factory=dict)
    rule: tuple[RuleSettings, ...] = ()
    faults: FaultPolicy = field(default_factory=FaultPolicy)
    buffer: BufferSettings = field(default_factory=BufferSettings)
    why: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A merged configuration.

    Attributes:
        config: The settings.
        origins: For each setting that is not a default, by dotted name: the file or flag that it came from.
    """

    config: Config
    origins: Mapping[str, str]


SINGLE = ("grab", "locate", "draw")
"""Stages that carry state from frame to frame, or whose order is seen: one worker each."""


def platform_names() -> list[str]:
    """The platforms that have a configuration."""
    return sorted(path.stem for path in configs_folder().glob("*.toml"))


def load_config(platform: str, path: Path | None = None, flags: Mapping[str, Any] | None = None) -> LoadedConfig:
    """Merge the layers.

    Args:
        platform: Name of a file in `configs/`.
        path: The user's own file.
        flags: Values from the command line by dotted name (`engine.name`).

    Raises:
        ConfigError: A missing file, an unknown key, a wrong type or value; the message names file, key, what was given
            and what is allowed.
    """
    if platform not in platform_names():
        raise ConfigError(f"no platform {platform!r}; there are {', '.join(platform_names())}")
    files = [configs_folder() / f"{platform}.toml", *([path] if path else [])]
    layers: list[tuple[str, Mapping[str, Any]]] = [(str(file), _by_name(read_toml(file), str(file))) for file in files]
    layers += [(f"flag {name}", _nested(name, value)) for name, value in (flags or {}).items()]
    with own_scope():
        _bring_tasks(layers)
        merged: dict[str, Any] = dataclasses.asdict(Config())
        origins: dict[str, str] = {}
        for where, values in layers:
            _check(build(Config, values, where), where)  # each on its own, so that a complaint names the right file
            _overlay(merged, values, where, origins)
    merged["sources"] = [merged["source"] | row for row in merged["sources"]]
    return LoadedConfig(build(Config, _without_none(merged), "the merged configuration"), origins)


def _by_name(values: dict[str, Any], where: str) -> dict[str, Any]:
    """The parsed file with its `[[task]]` tables by their names, as `[task.NAME]` has them.

    A list of sources, `[[source]]`, is moved away from what is said of all of them, `[source]`.
    """
    if "sources" in values:
        raise ConfigError(f"{where}: unknown key sources; a source is written [[source]]")
    if isinstance(values.get("source"), list):
        for row in values["source"]:
            _check_source(row, where)
        names = [row["name"] for row in values["source"]]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ConfigError(f"{where}: two [[source]] are called {min(repeated)!r}")
        values = {key: value for key, value in values.items() if key != "source"} | {"sources": values["source"]}
    rows = values.get("task")
    if not isinstance(rows, list):
        return values
    named: dict[str, Any] = {}
    for row in rows:
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str):
            raise UsageError(f'{where}: a [[task]] has no name, expected name = "…"')
        if name in named:
            raise ConfigError(f"{where}: two [[task]] are called {name!r}")
        named[name] = {key: value for key, value in row.items() if key != "name"}
    return {**values, "task": named}


def _check_source(row: Any, where: str) -> None:
    """Refuse what is no source, and one without a name or an address."""
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: source is {row!r}, expected a table, [[source]]")
    settings = build(NamedSourceSettings, row, where, "source.")
    for key, value in (("name", settings.name), ("address", settings.address)):
        if not value.strip() or not value.isprintable():
            raise ConfigError(f'{where}: a [[source]] has no {key}, expected {key} = "…"')


def _bring_tasks(layers: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Make the tasks known that models folders and tables with labels bring, before their names are checked."""
    for where, values in layers:
        models = values.get("models")
        if isinstance(models, str) and models:
            bring_tasks(Path(models).expanduser())
        tables = values.get("task")
        for name, table in tables.items() if isinstance(tables, Mapping) else ():
            if isinstance(table, Mapping) and isinstance(table.get("model"), str):
                bring_task_of_file(name, Path(table["model"]).expanduser())
            if isinstance(table, Mapping) and table.get("labels"):
                settings = build(TaskSettings, table, where, f"task.{name}.")
                try:
                    bring_task(name, settings.labels, settings.colours)
                except UsageError as problem:
                    raise ConfigError(f"{where}: {problem}") from problem


def _check(config: Config, where: str) -> None:
    """What the types do not say: names of tasks and stages, and what spans several keys."""
    if not config.tasks:
        raise ConfigError(f"{where}: tasks is empty, expected some of {', '.join(task_names())}")
    for name in (*config.tasks, *config.task):
        if not is_task(name):
            raise ConfigError(f"{where}: unknown task {name!r}; allowed are {', '.join(task_names())}")
    if len(set(config.tasks)) != len(config.tasks):
        raise ConfigError(f"{where}: a task is named twice in {', '.join(config.tasks)}")
    if not config.engine.preference:
        raise ConfigError(f"{where}: engine.preference is empty, expected some of {', '.join(ENGINES)}")
    stages = ("grab", "locate", "align", "draw", *task_names())
    for stage, settings in config.worker.items():
        if stage not in stages:
            raise ConfigError(f"{where}: unknown key worker.{stage}; allowed are {', '.join(stages)}")
        if stage in SINGLE and settings.workers > 1:
            raise ConfigError(
                f"{where}: worker.{stage}.workers is {settings.workers}, expected 1: its frames have an order"
            )


def _nested(name: str, value: Any) -> dict[str, Any]:
    first, dot, rest = name.partition(".")
    return {first: _nested(rest, value) if dot else value}


def _overlay(
    below: dict[str, Any], above: Mapping[str, Any], where: str, origins: dict[str, str], prefix: str = ""
) -> None:
    for key, value in above.items():
        if isinstance(value, Mapping):
            _overlay(below.setdefault(key, {}), value, where, origins, f"{prefix}{key}.")
        else:
            below[key] = list(value) if isinstance(value, tuple) else value
            origins[prefix + key] = where


def _without_none(values: Any) -> Any:
    """TOML has no null: a key without a value is left out. Tuples become lists, as TOML reads them."""
    if isinstance(values, Mapping):
        return {key: _without_none(value) for key, value in values.items() if value is not None}
    return list(values) if isinstance(values, tuple) else values
