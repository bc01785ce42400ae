"""What smaller numbers cost a shipped network, and what they save: its LiteRT file in each precision beside float32.

Every file is made from the network's Keras file; int8 is calibrated on faces of the training split. All are shown the
same faces, cut as at deployment, and timed in turn.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.answers import read
from smiledet.engines.base import Engine, load_engine
from smiledet.engines.files import FLOAT32, FORMATS, size_of
from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.lab.benchmark.models.timing_process import time_calls
from smiledet.lab.datasets.base import Sample
from smiledet.lab.progress import progress
from smiledet.lab.training.evaluation.evaluate import measured, samples_of
from smiledet.lab.training.evaluation.held_out import HeldOut
from smiledet.lab.training.evaluation.readings import Readings
from smiledet.lab.training.faces.chips import align_sample
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator
from smiledet.model_index import Model
from smiledet.shipped_models import shipped_aligner
from smiledet.tasks.base import get_task

PRECISIONS = FORMATS["litert"].precisions

ROUNDS = 15

CALLS = 50
"""Runs a round."""

AT_ONCE = 64
"""Faces that are scored together."""

Chips = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Faces:
    """Photographs' faces as a network takes them.

    Attributes:
        found: The photographs in which there is one.
        chips: uint8 (n, height, width, channels), theirs.
        missed: The other photographs.
    """

    found: tuple[Sample, ...]
    chips: Chips
    missed: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class PrecisionFigures:
    """One model in one precision.

    Attributes:
        model: Which.
        precision: One of `PRECISIONS`.
        figures: As `smiledet evaluate` has them.
        milliseconds: An inference of one face on one thread: the median of the rounds.
        times_float32: How many times as long as float32: the median of the same rounds' ratios.
        kilobytes: Size of the file.
    """

    model: Model
    precision: str
    figures: dict[str, Any]
    milliseconds: float
    times_float32: float
    kilobytes: float


def measure_precisions(
    model: Model, held_out: HeldOut, data_folder: Path, limit: int | None = None, rounds: int = ROUNDS
) -> list[PrecisionFigures]:
    """Export a shipped model in every precision, and measure it on its task's held-out photographs.

    Args:
        model: A classifier of the index.
        held_out: Its task's.
        data_folder: Where their archive lies.
        limit: Take so many photographs at most, drawn evenly; for a quick look.
        rounds: Of timing.

    Returns:
        A row a precision, float32 first.

    Raises:
        UsageError: A missing or broken data set; no face in it; the model has no Keras file.
    """
    from smiledet.lab.backend import prepare

    prepare()
    from smiledet.lab.training.export.export import CALIBRATION_CHIPS, export, load_network

    if model.input is None:
        raise UsageError(f"model {model.task}/{model.name} takes no chips")
    task, data = get_task(model.task), held_out.data(data_folder)
    tested = cut_faces(evenly(samples_of(task, data, held_out.split), limit), model.input)
    calibration = cut_faces(evenly(samples_of(task, data, "train"), CALIBRATION_CHIPS), model.input)
    if not tested.found or not calibration.found:
        raise UsageError(f"{data}: no face found")
    network = load_network(model)
    with TemporaryDirectory(prefix="smiledet-precisions-") as folder, ExitStack() as stack:
        paths, engines = [], []
        for precision in PRECISIONS:
            path = Path(folder) / f"{precision}{FORMATS['litert'].suffix}"
            export(network, path, "litert", precision, calibration.chips if precision == "int8" else None)
            paths.append(path)
            engines.append(stack.enter_context(closing(load_engine("litert", path, 1))))
        times = time_in_turn(engines, tested.chips[:1], rounds)
        return [
            PrecisionFigures(
                model,
                precision,
                measured(task, Readings(model, tested.found, score(engine, tested.chips, model), tested.missed, 0)),
                1000 * statistics.median(own),
                statistics.median(mine / whole for mine, whole in zip(own, times[0], strict=True)),
                size_of(path) / 1000,
            )
            for precision, path, engine, own in zip(PRECISIONS, paths, engines, times, strict=True)
        ]


def evenly(samples: Sequence[Sample], limit: int | None) -> list[Sample]:
    """So many of the samples, evenly from all; the same ones each time."""
    if limit is None or limit >= len(samples):
        return list(samples)
    return [samples[row] for row in np.linspace(0, len(samples) - 1, limit).round().astype(int)]


def cut_faces(samples: Sequence[Sample], spec: ChipSpec) -> Faces:
    """Locate and align every photograph's face, as `smiledet evaluate` does."""
    aligner, locator = shipped_aligner(), LabelledFaceLocator()
    found: list[Sample] = []
    missed: list[Sample] = []
    chips: list[npt.NDArray[np.uint8]] = []
    for sample in progress(samples, "cutting faces"):
        face = align_sample(sample, locator, aligner, [spec])
        if face is None:
            missed.append(sample)
            continue
        found.append(sample)
        chips.append(face.chips[spec].reshape(spec.size, spec.size, spec.channels))
    stacked = np.array(chips, np.uint8).reshape(len(chips), spec.size, spec.size, spec.channels)
    return Faces(tuple(found), stacked, tuple(missed))


def score(engine: Engine, chips: Chips, model: Model) -> npt.NDArray[np.float32]:
    """What a file says of all faces, float32 (n, classes); of both views where its model is shown both."""
    parts = [
        read(engine, chips[start : start + AT_ONCE], model)
        for start in progress(range(0, len(chips), AT_ONCE), "reading faces")
    ]
    return np.concatenate(parts)


def time_in_turn(engines: Sequence[Engine], chip: Chips, rounds: int) -> list[list[float]]:
    """Seconds a run of each engine in each round, itself the median of a round's runs."""
    times: list[list[float]] = [[] for _ in engines]
    for engine in engines:
        time_calls(engine, chip, CALLS)  # warm-up
    for _ in range(rounds):
        for engine, taken in zip(engines, times, strict=True):
            taken.append(time_calls(engine, chip, CALLS))
    return times


HEADER = ("model", "precision", "accuracy or mean error", "beside float32", "ms a face", "x float32", "kB")


def cells(row: PrecisionFigures, whole: PrecisionFigures) -> tuple[str, ...]:
    """A row of the table.

    Args:
        row: The figures.
        whole: The same model's in float32.
    """
    shown, difference = _compared(row.figures, whole.figures)
    return (
        f"{row.model.task}/{row.model.name}",
        row.precision,
        shown,
        "" if row.precision == FLOAT32 else difference,
        f"{row.milliseconds:.3f}",
        f"{row.times_float32:.2f}",
        f"{row.kilobytes:,.0f}",
    )


def _compared(figures: dict[str, Any], whole: dict[str, Any]) -> tuple[str, str]:
    if figures.get("mean_error") is not None:
        return f"{figures['mean_error']:.2f}", f"{figures['mean_error'] - whole['mean_error']:+.2f}"
    points = 100 * (figures["accuracy"] - whole["accuracy"])
    return f"{100 * figures['accuracy']:.2f} %", f"{points:+.2f} points"
