"""What has changed of the picture: which part of a slice is worth searching, and whether the scene has cut.

A new face cannot appear where the picture has not changed. Each slice (see `sweep`) keeps a small picture of when it
was last searched, of means over cells of a sixth of the smallest face sought in it. When its turn comes, a cell has
changed where its mean is neither the one there nor between those of the neighbouring cells: what only moves by a cell,
as with a camera held by hand, a breathing body or a sleeve, is nothing new. Changed cells are counted in windows of the
size of a face; where no window has enough of them, no new face can have come, and the slice is not searched. Else it is
searched in the rectangle that such faces could cover.

Changes on known faces are not counted: those are searched for anyway. A change of brightness alone, by whatever factor,
is removed first. Viola-Jones may have missed a face that was there all the time, though: a slice is searched whole,
changed or not, less often; and a place where a face was lost is searched more often (see `places`).

How it was set: of 450 portraits pasted at random into three clips, one to two times the smallest face large, 97 to
100 % count as new half a second later. Of the clips' own half seconds, 2 to 28 % of the picture were to be searched
with one person before the camera and a fifth to a half with people at a table; a plain difference of larger cells
would have had 31 to 99 % searched.

After a cut the picture has nothing to do with the one before. Every so many-th pixel makes a thumbnail of some forty by
twenty-four pixels, which costs hundredths of a millisecond. Of the clips that this was set on, hard cuts leave a
correlation of 0.0 to 0.25 and a mean difference of 28 to 66 grey levels; whatever moves between cuts leaves 0.7 or
more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.detection.search import Slice
from smiledet.frame import Box, GreyImage

CELLS_A_FACE = 6
"""Cells along a side of the smallest face."""

NOISE = 4.0
"""Grey levels by which a cell's mean differs where something has changed. A pixel's noise of five levels is half of
one over a cell of 8 by 8 pixels; what a codec adds is alike within its blocks, and comes to one or two."""

CHANGED_SHARE = 0.25
"""Share of a face's window that has to have changed: a face that comes or turns changes most of it."""

KNOWN_SIDE = 1.2
"""Side of what belongs to a known face, in its box's: hair moves with it."""

WHOLE_FROM = 0.8
"""Share of a slice from which the rest is searched as well: it counts as searched whole then."""

NEIGHBOURS = np.ones((3, 3), np.uint8)
"""A cell and those around it."""

Cells = npt.NDArray[np.float32]
Changed = npt.NDArray[np.float32]

THUMBNAIL_ROWS = 24
"""Height of a thumbnail, about, in pixels."""

ONE_SCENE = 0.5
"""Correlation of two thumbnails from which they show one scene."""

MIN_DIFFERENCE = 12.0
"""Mean difference in grey levels, brightness apart, below which there is no cut: noise in the dark is uncorrelated."""


class ChangeDetector:
    """Compares each slice with what it was when it was last searched. It belongs to one thread.

    Args:
        unchanged_interval: Seconds, on the source's time line, in which a slice is searched whole, changed or not.
    """

    def __init__(self, unchanged_interval: float) -> None:
        self._unchanged_interval = unchanged_interval
        self._seen: dict[Slice, Cells] = {}
        self._whole: dict[Slice, float] = {}

    def whole(self, grey: GreyImage, part: Slice, time: float) -> Slice:
        """The whole slice, noted as searched now; arguments as for `changed`."""
        self._seen[part], self._whole[part] = cells_of(grey, part), time
        return part

    def changed(self, grey: GreyImage, part: Slice, time: float, known: Sequence[Box]) -> Slice | None:
        """What of a slice is to be searched now; it is noted as searched.

        Args:
            grey: Grey uint8 (height, width).
            part: The slice.
            time: Seconds on the source's line.
            known: The faces that are followed, in pixels.

        Returns:
            The slice, or a part of it; None where nothing has changed.
        """
        seen = self._seen.get(part)
        if seen is None or time - self._whole[part] >= self._unchanged_interval:
            return self.whole(grey, part, time)
        cells = cells_of(grey, part)
        if not cells.size:
            return self.whole(grey, part, time)
        seen *= _brightness(cells, seen)
        changed = np.maximum(cells - cv2.dilate(seen, NEIGHBOURS), cv2.erode(seen, NEIGHBOURS) - cells) > NOISE
        for box in known:
            left, top, right, bottom = _in_cells(box.scaled(KNOWN_SIDE), part).clipped(
                changed.shape[1], changed.shape[0]
            )
            changed[top:bottom, left:right] = False
        found = _worth_searching(part, changed.astype(np.float32))
        if found is None:
            return None
        if _area(found) >= WHOLE_FROM * _area(part):
            self._seen[part], self._whole[part] = cells, time
            return part
        # What has not changed is kept as it was then: what changes little by little adds up.
        box = Box(found.left, found.top, found.right - found.left, found.bottom - found.top)
        left, top, right, bottom = _in_cells(box, part).clipped(changed.shape[1], changed.shape[0])
        seen[top:bottom, left:right] = cells[top:bottom, left:right]
        return found


def cells_of(grey: GreyImage, part: Slice) -> Cells:
    """Means over a slice's cells, float32 (rows, columns); less than a cell at its edges is left out."""
    cell = _cell(part)
    columns, rows = (part.right - part.left) // cell, (part.bottom - part.top) // cell
    if not rows or not columns:
        return np.zeros((0, 0), np.float32)
    view = grey[part.top : part.top + rows * cell, part.left : part.left + columns * cell]
    # Halved first: shrinking by two is by far the quickest step.
    halved = cv2.resize(view, (columns * cell // 2, rows * cell // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(halved, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _cell(part: Slice) -> int:
    """Side of a cell in pixels, even."""
    return max(2, 2 * round(part.min_face / CELLS_A_FACE / 2))


def _in_cells(box: Box, part: Slice) -> Box:
    cell = _cell(part)
    return Box((box.x - part.left) / cell, (box.y - part.top) / cell, box.width / cell, box.height / cell)


def _worth_searching(part: Slice, changed: Changed) -> Slice | None:
    """The part of a slice that holds every face of its sizes of whose middle enough has changed; None for nothing."""
    window, cell = round(part.min_face / _cell(part)), _cell(part)
    share = cv2.blur(changed, (window, window), borderType=cv2.BORDER_REPLICATE)
    x, y, across, down = cv2.boundingRect((share >= CHANGED_SHARE).astype(np.uint8))
    if not across:
        return None
    largest = part.max_face if part.max_face is not None else min(part.right - part.left, part.bottom - part.top)
    reach = math.ceil(largest / 2)
    return replace(
        part,
        left=max(part.left, part.left + x * cell - reach),
        top=max(part.top, part.top + y * cell - reach),
        right=min(part.right, part.left + (x + across) * cell + reach),
        bottom=min(part.bottom, part.top + (y + down) * cell + reach),
    )


def _brightness(cells: Cells, seen: Cells) -> float:
    """By what factor most of the picture is brighter than it was."""
    ratio = ((cells + 1) / (seen + 1)).ravel()
    middle = ratio.size // 2
    return float(np.partition(ratio, middle)[middle])


def _area(part: Slice) -> int:
    return (part.right - part.left) * (part.bottom - part.top)


class CutDetector:
    """Compares each picture with the one before. It belongs to one thread."""

    def __init__(self) -> None:
        self._last: GreyImage | None = None

    def is_cut(self, grey: GreyImage) -> bool:
        """Whether the picture has nothing to do with the last one that was asked about; False of the first.

        Args:
            grey: Grey uint8 (height, width).
        """
        thumbnail = _thumbnail(grey)
        last, self._last = self._last, thumbnail
        if last is None or last.shape != thumbnail.shape or not thumbnail.size:
            return False
        # As nearly always: taking out the means at most doubles the difference. One call, where the rest is ten.
        if 2.001 * cv2.norm(thumbnail, last, cv2.NORM_L1) < MIN_DIFFERENCE * thumbnail.size:
            return False
        now, then = _centred(thumbnail), _centred(last)
        if float(np.abs(now - then).mean()) < MIN_DIFFERENCE:
            return False
        contrast = float(np.sqrt((now * now).sum() * (then * then).sum()))
        return float((now * then).sum()) < ONE_SCENE * contrast if contrast > 0 else True


def _thumbnail(grey: GreyImage) -> GreyImage:
    """Every so many-th pixel, uint8, about (24, 40)."""
    step = max(1, min(grey.shape) // THUMBNAIL_ROWS)
    return np.ascontiguousarray(grey[step // 2 :: step, step // 2 :: step])


def _centred(thumbnail: GreyImage) -> npt.NDArray[np.float32]:
    """Without the mean."""
    values = thumbnail.astype(np.float32)
    centred: npt.NDArray[np.float32] = values - values.mean()
    return centred
