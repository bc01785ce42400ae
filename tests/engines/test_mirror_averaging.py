"""A face and its mirror image."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from typing_extensions import override

from smiledet.engines.base import Engine
from smiledet.engines.mirror_averaging import group_of_frame, is_mirrored_frame, look, mirrored


class LeftEdge(Engine):
    """Reads how bright a chip's left column is."""

    device = "none"

    def __init__(self, path: Path = Path(), threads: int = 1) -> None:
        pass

    @override
    def predict(self, chips: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        bright = chips[:, :, 0].reshape(len(chips), -1).mean(axis=1) / 255
        return np.stack([1 - bright, bright], axis=1).astype(np.float32)

    @override
    def close(self) -> None:
        pass


def chips() -> npt.NDArray[np.uint8]:
    """Two chips with a bright left and a half bright right edge."""
    both = np.zeros((2, 4, 6, 3), np.uint8)
    both[:, :, 0], both[:, :, -1] = 255, 51
    return both


def test_a_mirror_turns_left_and_right_alone() -> None:
    one = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    turned = mirrored(one)
    assert np.array_equal(turned[:, :, ::-1], one) and not np.array_equal(turned, one)
    assert turned.flags["C_CONTIGUOUS"]


def test_what_is_said_of_both_is_averaged() -> None:
    assert look(LeftEdge(), chips(), mirror_averaging=True)[:, 1] == pytest.approx([0.6, 0.6])
    assert look(LeftEdge(), chips(), mirror_averaging=False)[:, 1] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("every", [1, 2, 3, 4, 5, 6, 7, 8])
def test_turns_are_fair_whatever_frames_are_read(every: int) -> None:
    turns = [is_mirrored_frame(frame) for frame in range(0, 240 * every, every)]
    assert 0.45 < np.mean(turns) < 0.55


def test_no_view_has_three_turns_in_a_row() -> None:
    turns = [is_mirrored_frame(frame) for frame in range(500)]
    assert all(len(set(turns[start : start + 3])) == 2 for start in range(len(turns) - 2))


@pytest.mark.parametrize("every", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("groups", [2, 3, 4])
def test_groups_of_faces_take_fair_turns_and_each_is_seen_both_ways(every: int, groups: int) -> None:
    frames = range(0, 1200 * every, every)
    counts = Counter((group_of_frame(frame, groups), is_mirrored_frame(frame)) for frame in frames)
    assert len(counts) == 2 * groups
    assert min(counts.values()) > 0.9 * max(counts.values())


@pytest.mark.parametrize("groups", [2, 3, 4])
def test_no_group_waits_for_long(groups: int) -> None:
    turns = [group_of_frame(frame, groups) for frame in range(500)]
    longest = 2 * groups
    assert all(len(set(turns[start : start + longest])) == groups for start in range(len(turns) - longest))
