"""Data sets as the networks see them: every face located and aligned by the code that runs at deployment."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.aligner import FaceAligner
from smiledet.frame import AlignedFace, Box, ChipSpec
from smiledet.lab.datasets.base import Sample
from smiledet.lab.progress import progress
from smiledet.lab.training.faces.labelled_faces import SEARCH_EDITION, LabelledFaceLocator, find_face

log = logging.getLogger(__name__)

JITTER = (0.04, 0.04, 0.086)
"""Standard deviations of Viola-Jones' boxes about the face, in box sides: centre x, centre y, side. Measured on every
fourth of the annotated faces of HELEN and AFW (`measure_spread`): 0.078, 0.040 and 0.086,
where the first is mostly turned heads, whose points move and not the box; hence y's value for x."""


@dataclass(frozen=True, slots=True)
class ChipSet:
    """Chips with their labels.

    Attributes:
        chips: uint8 (n, size, size, channels).
        classes: int64 (n,), index into the task's labels.
        missed: Photographs in which no face was found; they are not among the chips.
        unaligned: Chips cut from the upright box, because the landmarks did not fit.
        rows: int64 (n,), which of the photographs each chip shows.
    """

    chips: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int64]
    missed: int
    unaligned: int
    rows: npt.NDArray[np.int64]


def jittered(box: Box, generator: np.random.Generator) -> Box:
    """Another box that Viola-Jones might have reported for the same face."""
    right, down, larger = generator.normal(0, JITTER) * box.width
    side = box.width + larger
    centre_x, centre_y = box.centre
    return Box(centre_x + right - side / 2, centre_y + down - side / 2, side, side)


def align_sample(
    sample: Sample,
    locator: LabelledFaceLocator,
    aligner: FaceAligner,
    specs: Sequence[ChipSpec],
    locate: bool = False,
    generator: np.random.Generator | None = None,
) -> AlignedFace | None:
    """Locate, align and cut one sample's face.

    Args:
        sample: A labelled photograph.
        locator: Finds the face where the sample does not say where it is.
        aligner: The deployment aligner.
        specs: Geometries of the chips to cut.
        locate: Search for the face even in a set that is crops already.
        generator: Draws a box beside the located one, spread as Viola-Jones' are; None for the located one.

    Returns:
        The face; None where none was found, or the photograph cannot be read (which is logged).
    """
    coloured = any(spec.channels == 3 for spec in specs)
    image = cv2.imread(str(sample.image), cv2.IMREAD_COLOR if coloured else cv2.IMREAD_GRAYSCALE)
    if image is None:
        log.warning("cannot read the photograph %s; left out", sample.image)
        return None
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if coloured else image
    box = find_face(locator, sample, grey, locate)
    if box is None:
        return None
    if generator is not None:
        box = jittered(box, generator)
    return aligner.align(image if coloured else None, grey, box, specs)


def cut_chips(
    samples: Sequence[Sample],
    labels: Sequence[str],
    aligner: FaceAligner,
    spec: ChipSpec,
    locate: bool = False,
    jitter: int | None = None,
    detector: str = "haar",
) -> ChipSet:
    """Locate, align and cut every sample's face.

    Args:
        samples: Labelled photographs.
        labels: The task's classes; every sample's label must be among them.
        aligner: The deployment aligner.
        spec: The chips' geometry.
        locate: Search for the face even in sets that are crops already.
        jitter: Seed of boxes beside the located ones, spread as Viola-Jones' are; None for the located ones.
        detector: Who finds the faces.

    Raises:
        UsageError: See `LabelledFaceLocator`.
    """
    locator = LabelledFaceLocator(detector)
    generator = None if jitter is None else np.random.default_rng(jitter)
    chips: list[npt.NDArray[np.uint8]] = []
    classes: list[int] = []
    rows: list[int] = []
    missed = unaligned = 0
    for row, sample in enumerate(progress(samples, "cutting chips")):
        face = align_sample(sample, locator, aligner, [spec], locate, generator)
        if face is None:
            missed += 1
            continue
        unaligned += not face.aligned
        chips.append(face.chips[spec].reshape(spec.size, spec.size, spec.channels))
        classes.append(labels.index(sample.label))
        rows.append(row)
    stacked = np.stack(chips) if chips else np.empty((0, spec.size, spec.size, spec.channels), np.uint8)
    return ChipSet(stacked, np.array(classes, np.int64), missed, unaligned, np.array(rows, np.int64))


def cached_chips(
    samples: Sequence[Sample],
    labels: Sequence[str],
    aligner: FaceAligner,
    aligner_digest: str,
    spec: ChipSpec,
    folder: Path,
    jitter: int | None = None,
    detector: str = "haar",
) -> ChipSet:
    """`cut_chips`, kept in a file under `folder` for as long as samples, landmarks, geometry and detector stay so."""
    named = "\n".join(f"{sample.image}|{sample.label}|{sample.located or sample.box}" for sample in samples)
    finder = f"{detector}, {SEARCH_EDITION}, with rows"
    key = hashlib.sha256(f"{aligner_digest}|{spec}|{labels}|{jitter}|{named}|{finder}".encode()).hexdigest()[:16]
    path = folder / f"chips-{key}.npz"
    if path.is_file():
        with np.load(path) as kept:
            missed, unaligned = int(kept["missed"]), int(kept["unaligned"])
            return ChipSet(kept["chips"], kept["classes"], missed, unaligned, kept["rows"])
    cut = cut_chips(samples, labels, aligner, spec, jitter=jitter, detector=detector)
    folder.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole: an interrupted training would find a damaged file when it goes on.
    partial = path.with_name(f"partial-{path.name}")
    kept = {"missed": cut.missed, "unaligned": cut.unaligned, "rows": cut.rows}
    np.savez(partial, chips=cut.chips, classes=cut.classes, **kept)
    partial.replace(path)
    return cut
