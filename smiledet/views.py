"""A face and its mirror image: two views of which a network says different things, and whose mean is right more often.

Of a photograph both are read. Of a video they take turns, which costs nothing: labels are averaged along a track over
time anyway (see `smiledet.labels`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import Engine

GOLDEN = (5**0.5 - 1) / 2

Chips = npt.NDArray[Any]


def mirrored(chips: Chips) -> Chips:
    """Chips (n, height, width, channels) as seen in a mirror."""
    return np.ascontiguousarray(chips[:, :, ::-1])


def mirror_turn(frame: int) -> bool:
    """Whether it is the mirror image's turn on a frame.

    Turns by the golden ratio, not by odd and even: they are as fair where every second frame alone is read, or every
    third.

    >>> [int(mirror_turn(frame)) for frame in range(12)]
    [0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1]
    """
    return frame * GOLDEN % 1 >= 0.5


def read_both(network: Engine, chips: Chips) -> npt.NDArray[np.float32]:
    """The mean of what a network says of chips and of their mirror images; see `Engine.predict`."""
    return np.asarray((network.predict(chips) + network.predict(mirrored(chips))) / 2, np.float32)
