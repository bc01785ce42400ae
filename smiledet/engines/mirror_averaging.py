"""A face and its mirror image: two views of which a network says different things, and whose mean is right more often.

Of a photograph both are read. Of a video they take turns, which costs nothing: labels are averaged along a track over
time anyway (see `smiledet.workers.track_labels`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine

GOLDEN = (5**0.5 - 1) / 2

SILVER = 2**0.5 - 1

Chips = npt.NDArray[Any]


def mirrored(chips: Chips) -> Chips:
    """Chips (n, height, width, channels) as seen in a mirror."""
    return np.ascontiguousarray(chips[:, :, ::-1])


def is_mirrored_frame(frame: int) -> bool:
    """Whether it is the mirror image's turn on a frame.

    Turns by the golden ratio, not by odd and even: they are as fair where every second frame alone is read, or every
    third.

    >>> [int(is_mirrored_frame(frame)) for frame in range(12)]
    [0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1]
    """
    return frame * GOLDEN % 1 >= 0.5


def group_of_frame(frame: int, groups: int) -> int:
    """Which of some groups of faces is read in a frame, where all at once are too many.

    As fair as `is_mirrored_frame` and by another ratio, so that each group is seen both ways.

    >>> [group_of_frame(frame, 2) for frame in range(12)]
    [0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1]
    """
    return int(frame * SILVER % 1 * groups)


def look(network: Engine, chips: Chips, mirror_averaging: bool) -> npt.NDArray[np.float32]:
    """What a network says of photographs' chips, or the mean of that and of what it says of their mirror images.

    Args:
        network: See `Engine.predict`, for what is raised too.
        chips: uint8 (n, height, width, channels).
        mirror_averaging: See `smiledet.model_index.Model`.

    Returns:
        Probabilities, float32 (n, classes).
    """
    if not mirror_averaging:
        return network.predict(chips)
    return np.asarray((network.predict(chips) + network.predict(mirrored(chips))) / 2, np.float32)
