"""What models read from labelled photographs, through the pipeline that runs at deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smiledet.engines.answers import read
from smiledet.engines.base import load_engine
from smiledet.engines.files import model_file
from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.lab.datasets.base import Sample
from smiledet.lab.progress import progress
from smiledet.lab.training.faces.chips import align_sample
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator
from smiledet.model_index import Model
from smiledet.shipped_models import shipped_aligner


@dataclass(frozen=True, slots=True)
class Readings:
    """A model's answers.

    Attributes:
        model: Who answered.
        found: The photographs in which a face was found.
        scores: float32 (n, classes), the probabilities of each of them.
        missed: The photographs in which none was, or that cannot be read.
        unaligned: How many faces were cut from the upright box, because the landmarks did not fit.
    """

    model: Model
    found: tuple[Sample, ...]
    scores: npt.NDArray[np.float32]
    missed: tuple[Sample, ...]
    unaligned: int


def read_faces(samples: Sequence[Sample], models: Sequence[Model], engine: str, locate: bool = False) -> list[Readings]:
    """Locate and align every photograph's face once, and show it to every model (see `mirror_averaging`).

    Args:
        samples: Labelled photographs.
        models: Classifiers.
        engine: What runs them.
        locate: Search for the face even in sets that are crops already.

    Returns:
        The answers, in the models' order.

    Raises:
        UsageError: A model takes no chips, or has no file for the engine.
    """
    specs = [_input_of(model) for model in models]
    loaded = [load_engine(engine, model_file(model, engine)) for model in models]
    different = list(dict.fromkeys(specs))
    aligner, locator = shipped_aligner(), LabelledFaceLocator()
    found: list[Sample] = []
    missed: list[Sample] = []
    scores: list[list[npt.NDArray[np.float32]]] = [[] for _ in models]
    unaligned = 0
    # One face at a time: the chips of a large set, at the sizes of every model, would not fit into memory.
    for sample in progress(samples, "reading faces"):
        face = align_sample(sample, locator, aligner, different, locate)
        if face is None:
            missed.append(sample)
            continue
        found.append(sample)
        unaligned += not face.aligned
        for model, network, spec, kept in zip(models, loaded, specs, scores, strict=True):
            chip = face.chips[spec].reshape(1, spec.size, spec.size, spec.channels)
            kept.append(read(network, chip, model)[0])
    for network in loaded:
        network.close()
    return [
        Readings(model, tuple(found), np.array(kept, np.float32).reshape(len(found), -1), tuple(missed), unaligned)
        if kept
        else Readings(model, (), np.empty((0, len(model.labels)), np.float32), tuple(missed), 0)
        for model, kept in zip(models, scores, strict=True)
    ]


def _input_of(model: Model) -> ChipSpec:
    if model.input is None:
        raise UsageError(f"model {model.task}/{model.name} takes no chips")
    return model.input
