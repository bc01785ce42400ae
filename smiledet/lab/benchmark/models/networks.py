"""The networks that are timed: those that ship, and every architecture with random weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.engines.files import exported_file, file_key
from smiledet.errors import UsageError
from smiledet.lab.benchmark.models.converted import Counts, keep_counts, kept_file, kept_folder, read_counts
from smiledet.lab.benchmark.models.converting import Job, convert
from smiledet.model_index import Model, all_models

if TYPE_CHECKING:
    from smiledet.lab.networks.base import Architecture

AT_ONCE = 60_000_000
"""Parameters of the architectures that are held in memory together; a larger one comes alone."""

WHOLE = ("float32", "float16")
"""Precisions in which engines are held against each other."""

INTEGERS = file_key("litert", "int8")

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
        missing: Formats that there should be a file of and is not, each with the reason.
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
    return [model for model in all_models() if model.input is not None]


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
    from smiledet.lab.backend import prepare

    prepare()
    from smiledet.lab.networks.base import architecture_names as names

    return names()


def shipped_networks(formats: Sequence[str], names: Sequence[str] = (), done: Collection[str] = ()) -> list[Network]:
    """The shipped classifiers, converted where a format does not ship and Keras is installed; then those in int8.

    The first have whole weights on every engine, float32 or float16, so that engines compare; LiteRT runs the others.

    Args:
        formats: Those wanted.
        names: Those wanted, by task and name; none for all.
        done: Those that are not, all the same.

    Raises:
        UsageError: A shipped file is missing or damaged.
    """
    wanted = [model for model in classifiers() if not names or name_of(model) in names]
    models = [model for model in wanted if name_of(model) not in done]
    found = [_shipped(model, formats) for model in models]
    if can_convert():
        folders = [kept_folder(name_of(model), {"keras": model.files["keras"].sha256}) for model in models]
        found = list(_filled(found, [Job(keras=str(model.file("keras"))) for model in models], folders))
    if "litert" in formats:
        work = {network.name: network.multiply_adds for network in found}
        integers = [_in_integers(model, work.get(name_of(model))) for model in wanted if INTEGERS in model.files]
        found += [network for network in integers if network.name not in done]
    return found


def _wanted(name: str, names: Sequence[str], done: Collection[str]) -> bool:
    return name not in done and (not names or name in names)


def _in_integers(model: Model, multiply_adds: int | None) -> Network:
    """A shipped model's int8 file, which LiteRT takes."""
    name, files = f"{name_of(model)}, int8", {"litert": model.file(INTEGERS)}
    return replace(_shipped(model, ()), name=name, files=files, multiply_adds=multiply_adds)


def _shipped(model: Model, formats: Sequence[str]) -> Network:
    """A shipped model with the files that are there: shipped with whole weights, or exported on this machine before."""
    assert model.input is not None
    files, missing = {}, {}
    for each in formats:
        shipped = [key for precision in WHOLE if (key := file_key(each, precision)) in model.files]
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


def untrained_networks(
    formats: Sequence[str], names: Sequence[str] = (), done: Collection[str] = ()
) -> Iterator[list[Network]]:
    """Architectures with random weights, as many at a time as fit.

    Args:
        formats: Those wanted.
        names: Those wanted; none for all.
        done: Those that are not, all the same.

    Raises:
        UsageError: Keras or TensorFlow is not installed, or the user's cache cannot be written.
    """
    for rows in together([name for name in architecture_names() if _wanted(name, names, done)]):
        bare = [Network(row.name, row.input_shape, {}, None, None, dict.fromkeys(formats, ""), {}) for row in rows]
        yield list(_filled(bare, [Job(architecture=row.name) for row in rows], [_folder(row) for row in rows]))


def together(names: Sequence[str]) -> Iterator[list[Architecture]]:
    """Architectures from the smallest on, in groups of `AT_ONCE` parameters at most, or of one."""
    from smiledet.lab.networks.base import find_architecture

    parameters = {name: _counts(find_architecture(name)).parameters for name in names}
    group: list[Architecture] = []
    held = 0
    for name in sorted(names, key=parameters.__getitem__):
        if group and held + parameters[name] > AT_ONCE:
            yield group
            group, held = [], 0
        group.append(find_architecture(name))
        held += parameters[name]
    if group:
        yield group


def _folder(row: Architecture) -> Path:
    return kept_folder(row.name, {"input_shape": row.input_shape, "classes": row.classes})


def _counts(row: Architecture) -> Counts:
    """An architecture's size and work, counted once."""
    from smiledet.lab.networks.listing import outline

    counts = read_counts(_folder(row))
    if counts is None:
        listed = outline(row)
        counts = Counts(listed.parameters, listed.work.multiply_adds)
        keep_counts(_folder(row), counts)
    return counts


def _filled(networks: Sequence[Network], origins: Sequence[Job], folders: Sequence[Path]) -> Iterator[Network]:
    """Networks with what was counted and converted, now or before."""
    from smiledet.lab.progress import progress

    jobs = [_left(*each) for each in zip(networks, origins, folders, strict=True)]
    converted = progress(convert([job for job in jobs if job is not None]), "networks converted")
    for network, job, folder in zip(networks, jobs, folders, strict=True):
        failed: Mapping[str, str] = {}
        if job is not None:
            done = next(converted)
            failed = done.failed
            if done.parameters is not None and done.multiply_adds is not None:
                keep_counts(folder, Counts(done.parameters, done.multiply_adds))
        yield _with_files(network, folder, failed)


def _left(network: Network, origin: Job, folder: Path) -> Job | None:
    """What is still to be converted or counted of a network; None where all is there."""
    files = {each: path for each in network.missing if not (path := kept_file(folder, each)).exists()}
    if not files and read_counts(folder) is not None:
        return None
    return replace(origin, files={each: str(path) for each, path in files.items()})


def _with_files(network: Network, folder: Path, failed: Mapping[str, str]) -> Network:
    there = {each: path for each in network.missing if (path := kept_file(folder, each)).exists()}
    missing = {each: failed.get(each, why) for each, why in network.missing.items() if each not in there}
    parameters, multiply_adds = read_counts(folder) or (None, None)
    return replace(
        network, files={**network.files, **there}, missing=missing, parameters=parameters, multiply_adds=multiply_adds
    )
