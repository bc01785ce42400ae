"""One record and one interface for every data set.

A layout is one file in this folder: it registers itself under the name that `--data NAME:PATH` gives.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.frame import Box

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled photograph, as one task sees it.

    Attributes:
        image: The file.
        label: The class, one of the layout's labels for the task; of a number (an age) the number as text.
        split: `train` or `test`, as published or as drawn here (`smiledet.lab.datasets.splits`).
        located: Where the face is, for sets that are crops already, as fractions of the picture's width and height and
            framed as Viola-Jones does; None where it has to be searched for.
        box: Which face is meant, in pixels of the picture and framed as the data set does; the search keeps to it.
        target: The number to learn where the task's answer is one (years, for ages); None for classes.
        votes: The share of the annotators' votes that each label got, where they are known: soft labels, together 1.
        identity: Who is shown, a name that means something within the data set alone; None where that is unknown.
        groups: What else is known of the photograph, for reports of bias: `{"race": "black", "age band": "30-44"}`.
    """

    image: Path
    label: str
    split: str
    located: Box | None = None
    box: Box | None = None
    target: float | None = None
    votes: Mapping[str, float] = field(default_factory=dict, hash=False)
    identity: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict, hash=False)


class Layout(ABC):
    """How one data set lies on the disk."""

    name: ClassVar[str]
    """What `--data` calls it."""

    tasks: ClassVar[Mapping[str, tuple[str, ...] | None]]
    """The tasks it serves, the usual one first, each with its classes (None: the answer is a number or a name). Without
    any task the folders themselves name the classes, and it serves whatever task has those labels."""

    holds: ClassVar[str]
    """What its folder must hold."""

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The classes of the usual task; None where there are none or the folders themselves name them."""
        return next(iter(self.tasks.values()), None)

    @abstractmethod
    def read(self, root: Path, task: str) -> list[Sample]:
        """Every sample under `root`, labelled for a task, in an order that does not depend on the file system.

        A photograph without a label for the task is left out. Its split is the same for every task.

        Args:
            root: The data set's folder or the one around it.
            task: One of `tasks`; anything for a layout without.

        Raises:
            UsageError: Something that the layout needs is not there, or is broken.
        """


def layout_names() -> list[str]:
    """The layouts that `--data` knows."""
    package = import_module("smiledet.lab.datasets")
    modules = [import_module(f"smiledet.lab.datasets.{module.name}") for module in iter_modules(package.__path__)]
    found = (getattr(module, "LAYOUT", None) for module in modules)
    return sorted(layout.name for layout in found if layout is not None)


def find_layout(name: str) -> Layout:
    """A layout by name.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in layout_names():
        raise UsageError(f"no layout {name!r}; there are {', '.join(layout_names())}")
    layout: Layout = import_module(f"smiledet.lab.datasets.{name}").LAYOUT
    return layout


def read_samples(data: str, task: str | None = None) -> tuple[Layout, list[Sample]]:
    """Read what `LAYOUT:PATH` names.

    Args:
        data: As the command line has it, `genki4k:/data/genki4k` say. PATH may be the data set's folder, the folder
            around it, its `.tar.gz`, or a `.csv` in the folder.
        task: What the labels are to answer; None for the layout's usual task.

    Returns:
        The layout and every sample of every split.

    Raises:
        UsageError: An unknown layout, a task that it does not serve, or a data set that is missing or broken.
    """
    name, path = check_data(data)
    layout = find_layout(name)
    if task is not None and layout.tasks and task not in layout.tasks:
        raise UsageError(f"--data {data!r}: {name} has labels for {', '.join(layout.tasks)}, none for {task!r}")
    root = unpacked(Path(path).expanduser())
    samples = layout.read(root, task or next(iter(layout.tasks), ""))
    if not samples:
        raise UsageError(f"no photograph of the layout {name!r} under {root}")
    return layout, samples


def check_data(data: str) -> tuple[str, str]:
    """The layout's name and the path of LAYOUT:PATH.

    Raises:
        UsageError: It is not of that form, or there is no such layout.
    """
    name, colon, path = data.partition(":")
    if not colon or not path:
        raise UsageError(f"--data {data!r}: expected LAYOUT:PATH, LAYOUT one of {', '.join(layout_names())}")
    if name not in layout_names():
        raise UsageError(f"--data {data!r}: no layout {name!r}; there are {', '.join(layout_names())}")
    return name, path


def unpacked(path: Path) -> Path:
    """The folder that a path names: itself, a table's, or an archive's, unpacked once in the user's cache.

    Raises:
        UsageError: Nothing is there, or the archive is broken.
    """
    if path.is_dir():
        return path
    if not path.is_file():
        raise UsageError(f"no data set at {path}: expected a folder or a .tar.gz")
    if path.suffix == ".csv":  # the table of a folder
        return path.parent

    def unpack(folder: Path) -> None:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            archive.extractall(folder, filter="data")
            while stream.read(1 << 20):  # the checksum stands at the end, behind what tarfile reads
                pass

    try:
        return kept_folder(path, unpack)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as problem:
        raise UsageError(f"cannot unpack {path}: {problem}") from problem


def kept_folder(source: Path, fill: Callable[[Path], None]) -> Path:
    """The folder in the user's cache that holds what was made of a file; made once, and again when the file changes.

    Args:
        source: The file.
        fill: Called with an empty folder, or what an interrupted call left of one.

    Raises:
        OSError: The cache cannot be written. What `fill` raises comes through, and nothing is kept.
    """
    stamp = source.stat()
    key = hashlib.sha256(f"{source.resolve()}:{stamp.st_size}:{stamp.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = Path.home() / ".cache" / "smiledet" / "datasets" / f"{source.name.removesuffix('.tar.gz')}-{key}"
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        fill(partial)
        partial.rename(folder)
    return folder


def find_root(path: Path, marks: Sequence[str], expected: str) -> Path:
    """The folder that holds all of `marks`: `path` itself or one directly inside.

    Raises:
        UsageError: Neither does; the message says what was `expected`.
    """
    for folder in (path, *sorted(child for child in path.iterdir() if child.is_dir())):
        if all((folder / mark).exists() for mark in marks):
            return folder
    raise UsageError(f"{path} does not look right: expected {expected}")


def images_in(folder: Path) -> list[Path]:
    """The pictures in a folder and below, sorted by path."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def content_hash(path: Path) -> str:
    """A digest of a file's bytes; equal for exact duplicates."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def drop_known(samples: Iterable[Sample], known: Iterable[Sample]) -> list[Sample]:
    """`samples` without those whose file is, byte for byte, among `known` (a test set, say)."""
    of_size: dict[int, list[Path]] = defaultdict(list)
    for sample in known:
        of_size[sample.image.stat().st_size].append(sample.image)
    seen: dict[int, set[str]] = {}  # digests by size, read only where a file of that size asks for them

    def is_known(image: Path) -> bool:
        size = image.stat().st_size
        if size not in of_size:
            return False
        if size not in seen:
            seen[size] = {content_hash(other) for other in of_size[size]}
        return content_hash(image) in seen[size]

    return [sample for sample in samples if not is_known(sample.image)]
