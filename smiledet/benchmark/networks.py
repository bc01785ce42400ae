"""The networks that are timed: those that ship, and every architecture with random weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.benchmark.converting import Job, convert
from smiledet.engines.files import FORMATS, PRECISIONS, exported_file, file_key
from smiledet.errors import UsageError
from smiledet.zoo import Model, read_index

if TYPE_CHECKING:
    from smiledet.networks.base import Architecture

AT_ONCE = 30_000_000
"""Parameters of the architectures that are held in memory together; a larger one comes alone."""

FIGURES = ("accuracy", "mean_error")
"""What a row repeats of the index, beside the times."""


@dataclass(frozen=True, slots=True)
class Network:
    """One network in all the formats that there are of it.

    Attributes:
        name: Task and name of a shipped one, the architecture's of another.
        input_shape: (height, width, channels) of its chips.
        files: By format; see `smiledet.engines.files.FORMATS`.
        parameters: All of its weights; None where nobody has counted.
        multiply_adds: For one picture; None without Keras, which counts them.
        missing: Formats that there is no file of, each with the reason.
        figures: What the index says of its accuracy.
    """

    name: str
    input_shape: tuple[int, int, int]
    files: Mapping[str, Path]
    parameters: int | None
    multiply_adds: int | None
    missing: Mapping[str, str]
    figures: Mapping[str, float]


def can_convert() -> bool:
    """Whether Keras and TensorFlow are installed, which count and convert."""
    return find_spec("keras") is not None and find_spec("tensorflow") is not None


def classifiers() -> list[Model]:
    """The shipped models that take chips."""
    return [model for model in read_index() if model.input is not None]


def name_of(model: Model) -> str:
    """Task and name."""
    return f"{model.task}/{model.name}"


def check_names(names: Sequence[str], with_architectures: bool) -> None:
    """See that every name is that of a shipped model, or of an architecture where those are measured.

    Raises:
        UsageError: One is not; or architectures are to be measured, and Keras is not installed.
    """
    there = [name_of(model) for model in classifiers()]
    if with_architectures:
        there += architecture_names()
    for name in names:
        if name not in there:
            more = "" if with_architectures else "; with --architectures those of `smiledet models --architectures` too"
            raise UsageError(f"--only {name!r}: there are {', '.join(there)}{more}")


def architecture_names() -> list[str]:
    """Every architecture's name.

    Raises:
        UsageError: Keras or TensorFlow is not installed.
    """
    if not can_convert():
        raise UsageError("architectures need Keras and TensorFlow: pip install 'smiledet[train]' (Python 3.11 on)")
    from smiledet.training.backend import prepare

    prepare()
    from smiledet.networks.base import architecture_names as names

    return names()


def shipped_networks(formats: Sequence[str], folder: Path, names: Sequence[str] = ()) -> list[Network]:
    """The shipped classifiers, converted where a format does not ship and Keras is installed.

    Args:
        formats: Those wanted.
        folder: Where converted files go.
        names: Those wanted, by task and name; none for all.

    Raises:
        UsageError: A shipped file is missing or damaged.
    """
    models = [model for model in classifiers() if not names or name_of(model) in names]
    found = [_shipped(model, formats) for model in models]
    if not can_convert():
        return found
    jobs = []
    for model, network in zip(models, found, strict=True):
        files = {each: str(_target(folder, network.name, each)) for each in network.missing if "keras" in model.files}
        jobs.append(Job(keras=str(model.file("keras")), files=files))
    return list(_filled(found, jobs))


def _shipped(model: Model, formats: Sequence[str]) -> Network:
    """A shipped model with the files that are there: shipped in any precision, or exported on this machine before."""
    assert model.input is not None
    files, missing = {}, {}
    for each in formats:
        shipped = [key for precision in PRECISIONS if (key := file_key(each, precision)) in model.files]
        if shipped:
            files[each] = model.file(shipped[0])
        elif (path := exported_file(model, each)).exists():
            files[each] = path
        else:
            missing[each] = f"no {each} file ships, and Keras is not installed: pip install 'smiledet[train]'"
    spec = model.input
    figures = {name: model.figures[name] for name in FIGURES if model.figures.get(name) is not None}
    shape = (spec.size, spec.size, spec.channels)
    return Network(name_of(model), shape, files, model.figures.get("parameters"), None, missing, figures)


def untrained_networks(formats: Sequence[str], folder: Path, names: Sequence[str] = ()) -> Iterator[list[Network]]:
    """Architectures with random weights, as many at a time as fit; a list's files are gone when the next is asked for.

    Args:
        formats: Those wanted.
        folder: Where converted files go.
        names: Those wanted; none for all.

    Raises:
        UsageError: Keras or TensorFlow is not installed.
    """
    for rows in together([name for name in architecture_names() if not names or name in names]):
        bare = [Network(row.name, row.input_shape, {}, None, None, dict.fromkeys(formats, ""), {}) for row in rows]
        targets = [{each: _target(folder, row.name, each) for each in formats} for row in rows]
        jobs = [
            Job(architecture=row.name, files={name: str(path) for name, path in files.items()})
            for row, files in zip(rows, targets, strict=True)
        ]
        yield list(_filled(bare, jobs))
        _remove(path for files in targets for path in files.values())


def together(names: Sequence[str]) -> Iterator[list[Architecture]]:
    """Architectures in groups of `AT_ONCE` parameters at most, or of one."""
    from smiledet.networks.base import find_architecture
    from smiledet.networks.listing import outline

    group: list[Architecture] = []
    held = 0
    for name in names:
        listed = outline(find_architecture(name))
        if group and held + listed.parameters > AT_ONCE:
            yield group
            group, held = [], 0
        group.append(listed.row)
        held += listed.parameters
    if group:
        yield group


def _filled(networks: Sequence[Network], jobs: Sequence[Job]) -> Iterator[Network]:
    """Networks with what was counted and converted."""
    from smiledet.training.progress import progress

    converted = progress(convert(jobs), "networks converted")
    for network, job, done in zip(networks, jobs, converted, strict=True):
        new = {each: Path(path) for each, path in job.files.items() if each not in done.failed}
        files: dict[str, Any] = {**network.files, **new}
        missing = {each: done.failed.get(each, why) for each, why in network.missing.items() if each not in new}
        yield replace(
            network, files=files, missing=missing, parameters=done.parameters, multiply_adds=done.multiply_adds
        )


def _target(folder: Path, name: str, file_format: str) -> Path:
    return folder / f"{name.replace('/', '-')}{FORMATS[file_format].suffix}"


def _remove(paths: Iterator[Path]) -> None:
    import shutil

    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
