"""Explanations as pictures, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smiledet.drawing.contact_sheet import PAPER, contact_sheet
from smiledet.drawing.explanations import guided_picture, heat_picture
from smiledet.frame import Image
from smiledet.lab.explain.explainer import Explanation

SIDE_BY_SIDE = 300
"""Width of a picture beside the face, in pixels."""

CELL = 220
"""Width of a picture in the grid, in pixels."""

SMALL_CELL = 150
"""Width of a picture in figure 8, in pixels."""


@dataclass(frozen=True, slots=True)
class ExplainedFace:
    """A face, and what a model says of it.

    Attributes:
        name: What is written below the face: the photograph, or the model.
        face: BGR, as the model's chips frame it.
        explanations: A class each.
    """

    name: str
    face: Image
    explanations: Sequence[Explanation]


def side_by_side(faces: Sequence[ExplainedFace]) -> Image:
    """A row a face: the face, guided back-propagation, Grad-CAM."""
    images: list[Image] = []
    captions: list[str] = []
    for each in faces:
        for explanation in each.explanations:
            cam = explanation.cam
            images += [
                each.face,
                guided_picture(explanation.guided, len(each.face)),
                heat_picture(each.face, cam, float(cam.max())),
            ]
            captions += [each.name, f"guided: {caption(explanation)}", f"Grad-CAM: {caption(explanation)}"]
    return contact_sheet(images, captions, columns=3, cell_width=SIDE_BY_SIDE)


def grid(rows: Sequence[ExplainedFace]) -> Image:
    """Every class of every model: two rows a model, Grad-CAM above guided back-propagation.

    Grad-CAM leads, since it tells the classes apart: guided maps of different classes correlate 0.94 to 0.995. Its
    colours are the same in all of a row: a class without evidence stays dark.

    Args:
        rows: A face and a model each, all with the same number of classes.
    """
    images: list[Image] = []
    captions: list[str] = []
    for row in rows:
        strongest = max(float(each.cam.max()) for each in row.explanations)
        images += [row.face, *(heat_picture(row.face, each.cam, strongest) for each in row.explanations)]
        images += [row.face, *(guided_picture(each.guided, len(row.face)) for each in row.explanations)]
        captions += [f"{row.name}: Grad-CAM", *map(caption, row.explanations)]
        captions += [f"{row.name}: guided", *map(caption, row.explanations)]
    return contact_sheet(images, captions, columns=1 + len(rows[0].explanations), cell_width=CELL)


def faces_by_class(rows: Sequence[Sequence[ExplainedFace]], models: Sequence[str]) -> Image:
    """Seed `004_*`, figure 8: a row a class, the faces on the left, then what each model looks at in each of them.

    Args:
        rows: The faces of a class each, with an explanation a model; `name` is the class. Shorter rows end in blanks.
        models: Their names, in the order of the explanations.
    """
    across = max(len(row) for row in rows)
    blank = np.full((CELL, CELL, 3), PAPER, np.uint8)
    images: list[Image] = []
    captions: list[str] = []
    for row in rows:
        empty = across - len(row)
        images += [*(each.face for each in row), *[blank] * empty]
        captions += [*(each.name for each in row), *[""] * empty]
        for number, model in enumerate(models):
            images += [guided_picture(each.explanations[number].guided, len(each.face)) for each in row]
            captions += [f"{caption(each.explanations[number])}, {model}" for each in row]
            images, captions = images + [blank] * empty, captions + [""] * empty
    return contact_sheet(images, captions, columns=across * (1 + len(models)), cell_width=SMALL_CELL)


def caption(explanation: Explanation) -> str:
    """A class and its probability."""
    return f"{explanation.label} {explanation.probability:.0%}"
