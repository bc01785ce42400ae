"""Which photographs a model was trained on, so that `smiledet evaluate` leaves them out.

Data sets have a training and a test split. A folder of photographs has none: training draws a fifth of it to hold out,
and writes what it learnt from beside the network, `presents/mini-xception.learnt`: a line a photograph, a digest of its
content. So a photograph is known by what is in it, wherever it lies by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from smiledet.lab.datasets.base import Sample, content_hash, read_samples
from smiledet.lab.training.own_data import has_splits, training_split
from smiledet.model_index import Model
from smiledet.system.output_files import write_file

DIGITS = 16
"""Hexadecimal digits of a digest that are kept: two of a million photographs have the same with a chance of 3e-8."""


def write_learnt(model: Model, data: Iterable[tuple[str, str]], data_folder: Path) -> None:
    """Write what a model has learnt from beside its network; nothing where all of its data sets have splits.

    Args:
        model: A row of the index, with its Keras file.
        data: The task of each training set, and the set itself, LAYOUT:PATH.
        data_folder: What their paths are relative to.
    """
    digests: set[str] = set()
    for task, source in data:
        layout, _, path = source.partition(":")
        _, samples = read_samples(f"{layout}:{data_folder / path}", task)
        if not has_splits(samples):
            digests.update(map(_digest, training_split(layout, samples)))
    path_of_list = _path(model)
    if digests:
        write_file(path_of_list, "".join(f"{digest}\n" for digest in sorted(digests)).encode())
    else:
        path_of_list.unlink(missing_ok=True)


def split_learnt(samples: Sequence[Sample], models: Iterable[Model]) -> tuple[list[Sample], list[Sample]]:
    """The samples that none of the models has learnt from, and those that one of them has."""
    known: set[str] = set()
    for model in models:
        if "keras" in model.files and (path := _path(model)).is_file():
            known.update(path.read_text().split())
    new: list[Sample] = []
    learnt: list[Sample] = []
    for sample in samples:
        (learnt if known and _digest(sample) in known else new).append(sample)
    return new, learnt


def _path(model: Model) -> Path:
    """The list beside the network, which several rows of the index may share."""
    return (model.folder / model.files["keras"].path).with_suffix(".learnt")


def _digest(sample: Sample) -> str:
    return content_hash(sample.image)[:DIGITS]
