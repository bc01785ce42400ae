"""Explanations as pictures, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smiledet.drawing.contact_sheet import contact_sheet
from smiledet.drawing.explanations import guided_picture, heat_picture
from smiledet.frame import Image
from smiledet.lab.explain.explainer import Explanation

SIDE_BY_SIDE = 300
"""Width of a picture beside the face, in pixels."""

CELL = 220
"""Width of a picture in the grid, in pixels."""


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
    """Every class of every model, seed `004_*` Figure 8: two rows a model, guided back-propagation above Grad-CAM.

    Grad-CAM's colours are the same in all of a row: a class without evidence stays dark.

    Args:
        rows: A face and a model each, all with the same number of classes.
    """
    images: list[Image] = []
    captions: list[str] = []
    for row in rows:
        strongest = max(float(each.cam.max()) for each in row.explanations)
        images += [row.face, *(guided_picture(each.guided, len(row.face)) for each in row.explanations)]
        images += [row.face, *(heat_picture(row.face, each.cam, strongest) for each in row.explanations)]
        captions += [f"{row.name}: guided", *map(caption, row.explanations)]
        captions += [f"{row.name}: Grad-CAM", *map(caption, row.explanations)]
    return contact_sheet(images, captions, columns=1 + len(rows[0].explanations), cell_width=CELL)


def caption(explanation: Explanation) -> str:
    """A class and its probability."""
    return f"{explanation.label} {explanation.probability:.0%}"
