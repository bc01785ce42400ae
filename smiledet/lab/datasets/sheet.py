"""A contact sheet of data sets, a row a class: what the labels mean, and how the faces are framed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

import cv2
import numpy as np

from smiledet.drawing.contact_sheet import MAT, contact_sheet
from smiledet.errors import UsageError
from smiledet.frame import Box, Image
from smiledet.lab.datasets.base import Sample
from smiledet.lab.datasets.census import age_or_name, class_of

CELL = 120
SEED = 1
MARK = (80, 220, 250)
"""Blue, green, red of the box that the data set gives."""


def class_sheet(named: Sequence[tuple[str, Sequence[Sample]]], columns: int = 10) -> Image:
    """Photographs of every class of some data sets.

    The same photographs are drawn every time. Where a data set says which face is meant, or where it is in its crops,
    the box is drawn.

    Args:
        named: Data sets with their names.
        columns: Photographs a class.

    Returns:
        The sheet, BGR uint8: a row a data set and class, each photograph with its class and split below it.

    Raises:
        UsageError: Not one of the photographs can be read.
    """
    images: list[Image] = []
    captions: list[str] = []
    read = 0
    for _, samples in named:
        of_class: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            of_class[class_of(sample)].append(sample)
        for label in sorted(of_class, key=age_or_name):
            shown = pictures(of_class[label], columns)
            read += len(shown)
            images += [image for image, _ in shown] + [_blank()] * (columns - len(shown))
            captions += [f"{label}, {sample.split}" for _, sample in shown] + [""] * (columns - len(shown))
    if not read:
        raise UsageError(f"no photograph of {', '.join(name for name, _ in named)} can be read")
    return contact_sheet(images, captions, columns, CELL)


def pictures(samples: Sequence[Sample], count: int) -> list[tuple[Image, Sample]]:
    """Up to so many photographs drawn at random, those that can be read, their boxes drawn in."""
    shown: list[tuple[Image, Sample]] = []
    for sample in Random(SEED).sample(samples, len(samples)):
        if len(shown) == count:
            break
        image = cv2.imread(str(sample.image), cv2.IMREAD_COLOR)
        if image is not None:
            shown.append((_square(_marked(image, sample)), sample))
    return shown


def _marked(image: Image, sample: Sample) -> Image:
    height, width = image.shape[:2]
    box = sample.box
    if sample.located is not None:
        part = sample.located
        box = Box(part.x * width, part.y * height, part.width * width, part.height * height)
    if box is None:
        return image
    # Room around the crops whose box leaves them; a box far outside is a mistake in the data, and cut.
    room = round(max(0.0, -box.x, -box.y, box.x + box.width - width, box.y + box.height - height)) + 1
    room = min(room, max(height, width) // 2)
    image = cv2.copyMakeBorder(image, room, room, room, room, cv2.BORDER_CONSTANT, value=MAT)
    left, top = round(box.x) + room, round(box.y) + room
    right, bottom = left + round(box.width) - 1, top + round(box.height) - 1
    # One pixel of the sheet, whatever the photograph's size.
    cv2.rectangle(image, (left, top), (right, bottom), MARK, max(1, round(max(height, width) / CELL)))
    return image


def _square(image: Image) -> Image:
    """The whole photograph in the middle of a square cell."""
    height, width = image.shape[:2]
    scale = CELL / max(height, width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    cell = _blank()
    x, y = (CELL - size[0]) // 2, (CELL - size[1]) // 2
    cell[y : y + size[1], x : x + size[0]] = small
    return cell


def _blank() -> Image:
    return np.full((CELL, CELL, 3), MAT, np.uint8)
