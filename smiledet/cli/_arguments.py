"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.config import Config


def add_models(parser: argparse._ActionsContainer) -> None:
    """Declare `--models`."""
    parser.add_argument(
        "--models", type=Path, metavar="FOLDER", help="models of your own, searched before those that ship"
    )


def use_models(arguments: argparse.Namespace) -> None:
    """Search the folder of `--models` first, until the command ends.

    Raises:
        UsageError: There is no index of models in it.
    """
    if arguments.models is not None:
        from smiledet.model_index import search_first

        search_first(arguments.models)


def data_path(data: str) -> str:
    """The path of LAYOUT:PATH.

    >>> data_path("genki4k:/data/genki4k")
    '/data/genki4k'
    """
    return data.partition(":")[2]


def files_read(arguments: argparse.Namespace, config: Config | None = None) -> list[str | Path]:
    """The files and folders that a command reads beside its pictures: configuration, models, a detector's file.

    Args:
        arguments: Of any command; what it does not have is passed over.
        config: What they and the configuration's file come to, where the command has one.
    """
    from smiledet.system.resources import configs_folder, models_folder

    given = vars(arguments)
    named = given.get("model") or []
    files = [choice.partition("=")[2] or choice for choice in ([named] if isinstance(named, str) else named)]
    files += [(given.get("detector") or "").partition("=")[2]]
    if config is not None:
        detectors = (config.detector, config.photographs.detector)
        files += [
            config.models,
            *(each.ca_file for each in (config.source, *config.sources)),
            *(name.partition("=")[2] for name in detectors),
        ]
        files += [settings.model for settings in config.task.values()]
    folders = [given.get("config"), given.get("models"), models_folder(), configs_folder()]
    return [*filter(None, files), *filter(None, folders)]


def sources_read(spec: str | None) -> list[str]:
    """The files that a source reads: itself, or what a pipeline (`gst:`) names.

    >>> sources_read("clip.mp4"), sources_read('gst:filesrc location="a clip.mp4" ! decodebin')
    (['clip.mp4'], ['a clip.mp4'])
    """
    if spec is None:
        return []
    if not spec.startswith("gst:"):
        return [spec]
    found = re.findall(r"location\s*=\s*(?:\"([^\"]*)\"|([^\s!]+))", spec)
    return [quoted or plain for quoted, plain in found]


def add_reading(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Declare what is read from faces and what runs it; see `reading_flags`.

    Returns:
        The group of what runs it, for a command's own arguments.
    """
    from smiledet.detection.detectors.choose import ALLOWED
    from smiledet.engines.choice import ENGINES
    from smiledet.engines.files import PRECISIONS
    from smiledet.tasks.base import shipped_tasks

    what = parser.add_argument_group("what is read")
    what.add_argument(
        "--tasks", metavar="A,B", help=f"{', '.join(shipped_tasks())} or your own (default: smile,emotion)"
    )
    what.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="TASK=NAME|FILE",
        help="another model for a task, see `smiledet models`; or a .tflite, .onnx or .keras file",
    )
    add_models(what)
    what.add_argument("--labels", action="append", default=[], metavar="TASK=A,B", help="labels of a task of your own")
    what.add_argument("--detector", metavar="NAME", help=f"the face detector: {', '.join(ALLOWED)}")
    what.add_argument("--faces", metavar="SIZE", help="faces sought in photographs: small, normal or large")
    how = parser.add_argument_group("what runs it")
    how.add_argument("--engine", metavar="NAME", help=f"what runs the networks: auto, {', '.join(ENGINES)}")
    how.add_argument("--precision", metavar="NAME", help=f"numbers of the networks: auto, {', '.join(PRECISIONS)}")
    how.add_argument("--platform", default="auto", metavar="NAME", help="see `smiledet platform`")
    how.add_argument("--config", type=Path, metavar="FILE", help="TOML that overrides the platform's")
    return how


def reading_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """The values of `add_reading` by the dotted names of the configuration.

    Raises:
        UsageError: --model or --labels is not of its form.
    """
    flags: dict[str, Any] = {}
    if arguments.tasks is not None:
        flags["tasks"] = [name.strip() for name in arguments.tasks.split(",") if name.strip()]
    if arguments.detector is not None:
        flags["detector"] = flags["photographs.detector"] = arguments.detector
    if arguments.faces is not None:
        flags["photographs.faces"] = arguments.faces
    if arguments.engine is not None:
        flags["engine.name"] = arguments.engine
    if arguments.precision is not None:
        flags["engine.precision"] = arguments.precision
    if arguments.models is not None:
        flags["models"] = str(arguments.models)
    for choice in arguments.labels:
        task, equals, labels = choice.partition("=")
        if not (task and equals and labels):
            raise UsageError(f"--labels {choice!r}: expected TASK=LABEL,LABEL, presents=none,some say")
        flags[f"task.{task}.labels"] = [label.strip() for label in labels.split(",")]
    for choice in arguments.model:
        task, equals, name = choice.partition("=")
        if not (task and equals and name):
            raise UsageError(f"--model {choice!r}: expected TASK=NAME, smile=mini-xception say")
        flags[f"task.{task}.model"] = name
    return flags
