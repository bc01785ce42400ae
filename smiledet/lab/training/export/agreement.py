"""How an exported network compares with the Keras network that it was made from, on real faces."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import keras
import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import ChipSpec
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.demo import PORTRAITS

Chips = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]

TILTS = (-12, -8, -4, 0, 4, 8, 12)
LIGHT = (0.6, 1.0, 1.3)

FACE = 120
"""Width in pixels of the face in the turned portraits."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far scores may lie from Keras'.

    Attributes:
        largest: Of any class of any chip.
        mean: Over all.
    """

    largest: float
    mean: float


TOLERANCES = {
    "float32": Tolerance(1e-4, 1e-5),
    "float16": Tolerance(0.03, 0.003),
    "dynamic": Tolerance(0.15, 0.02),
    "int8": Tolerance(0.6, 0.06),
}
"""By precision. A single borderline face may move far in int8; that most stay is what the mean sees to."""

ENOUGH, LOSS = 500, 0.005
"""Labelled faces from which a loss of accuracy says something, and from which share of them int8 does not ship."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a comparison found.

    Attributes:
        chips: How many were compared.
        largest: Largest difference of a score.
        mean: Mean difference of a score.
        same: Share of the chips with the same label.
        accuracy: Share of right labels; None without labels.
        keras_accuracy: The same of the Keras network.
        milliseconds: An inference of one chip, on one thread.
    """

    chips: int
    largest: float
    mean: float
    same: float
    accuracy: float | None
    keras_accuracy: float | None
    milliseconds: float


def compare(
    network: keras.Model,
    engine: Engine,
    chips: Chips,
    classes: npt.NDArray[np.int64] | None = None,
    outputs: Sequence[int] = (),
) -> Agreement:
    """Run both over the same chips.

    Args:
        network: The Keras network.
        engine: With the exported network, on one thread.
        chips: uint8 (n, height, width, channels), at least one.
        classes: The right class of each, if known.
        outputs: Which of the network's outputs are the labels'; empty for all. Scores are compared of all.
    """
    expected, scores = keras_scores(network, chips), engine.predict(chips)
    difference = np.abs(scores - expected)
    labels = list(outputs or range(scores.shape[1]))
    guesses, expected_guesses = scores[:, labels].argmax(axis=1), expected[:, labels].argmax(axis=1)
    return Agreement(
        chips=len(chips),
        largest=float(difference.max()),
        mean=float(difference.mean()),
        same=float((guesses == expected_guesses).mean()),
        accuracy=None if classes is None else float((guesses == classes).mean()),
        keras_accuracy=None if classes is None else float((expected_guesses == classes).mean()),
        milliseconds=milliseconds(engine, chips),
    )


def check(agreement: Agreement, precision: str) -> None:
    """Hold a comparison against `TOLERANCES`.

    Raises:
        SmiledetError: The exported network differs by more, or is right half a point less often.
    """
    allowed = TOLERANCES[precision]
    # Written so that a score that is no number fails as well.
    if not (agreement.largest <= allowed.largest and agreement.mean <= allowed.mean):
        raise SmiledetError(
            f"the exported network differs from Keras by up to {agreement.largest:.2g} (mean {agreement.mean:.2g}), "
            f"allowed in {precision} are {allowed.largest:g} (mean {allowed.mean:g})"
        )
    right, keras_right = agreement.accuracy, agreement.keras_accuracy
    if right is None or keras_right is None or agreement.chips < ENOUGH:
        return
    if keras_right - right >= LOSS:
        raise SmiledetError(
            f"the exported network is right on {100 * right:.2f} % of {agreement.chips} faces and Keras on "
            f"{100 * keras_right:.2f} %: half a point is too much to lose"
        )


def keras_scores(network: keras.Model, chips: Chips) -> Scores:
    """Class probabilities as Keras has them, float32 (n, classes)."""
    parts = [
        keras.ops.convert_to_numpy(network(chips[start : start + 64].astype(np.float32), training=False))
        for start in range(0, len(chips), 64)
    ]
    scores: Scores = np.concatenate(parts)
    return scores


def milliseconds(engine: Engine, chips: Chips, rounds: int = 7, inferences: int = 30) -> float:
    """Median of the rounds' mean time an inference, one chip at a time."""
    singles = [chips[index % len(chips)][None] for index in range(inferences)]
    for single in singles:  # to warm up
        engine.predict(single)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for single in singles:
            engine.predict(single)
        times.append((time.perf_counter() - start) / inferences)
    return 1000 * statistics.median(times)


def portrait_chips(spec: ChipSpec, tilts: Sequence[int] = TILTS, light: Sequence[float] = LIGHT) -> Chips:
    """Chips of the demo's two people, turned and lit in several ways: real faces on every machine.

    Args:
        spec: The chips' geometry.
        tilts: Degrees.
        light: Factors of brightness.

    Raises:
        UsageError: A photograph's file is missing.
    """
    aligner, locator = shipped_aligner(), LabelledFaceLocator()
    chips = []
    for portrait in PORTRAITS:
        picture = cv2.imread(str(portrait.path))
        if picture is None:
            raise UsageError(f"cannot read {portrait.path}")
        for tilt in tilts:
            matrix = cv2.getRotationMatrix2D(portrait.centre, tilt, FACE / portrait.face)
            matrix[:, 2] += (FACE - portrait.centre[0], FACE - portrait.centre[1])
            turned = cv2.warpAffine(picture, matrix, (2 * FACE, 2 * FACE), borderMode=cv2.BORDER_REPLICATE)
            box = locator.locate(cv2.cvtColor(turned, cv2.COLOR_BGR2GRAY))
            if box is None:
                continue
            for factor in light:
                lit = cv2.convertScaleAbs(turned, alpha=factor)
                colour = lit if spec.channels == 3 else None
                face = aligner.align(colour, cv2.cvtColor(lit, cv2.COLOR_BGR2GRAY), box, [spec])
                chips.append(face.chips[spec].reshape(spec.size, spec.size, spec.channels))
    return np.stack(chips)
