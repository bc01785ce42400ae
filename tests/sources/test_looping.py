"""A file over and over, and one played at another rate."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.sources.choose import create_source
from smiledet.sources.demo import DemoSource
from smiledet.sources.looping import Looped
from smiledet.sources.pacing import Paced
from smiledet.system.cancel import CancelToken


def take(source, count):
    return [source.read() for _ in range(count)]


def test_it_begins_again_on_one_time_line():
    with Looped(DemoSource(3 / 30)) as source:
        pictures = take(source, 7)
    assert [picture.timestamp for picture in pictures] == pytest.approx([number / 30 for number in range(7)])
    assert [picture.independent for picture in pictures] == [False, False, False, True, False, False, True]
    assert np.array_equal(pictures[0].image, pictures[3].image)


def test_it_ends_with_the_run():
    cancel = CancelToken()
    with Looped(DemoSource(2 / 30)) as source:
        source.heed(cancel)
        take(source, 2)
        cancel.set()
        assert source.read() is None
        assert source.length is None


def test_one_that_cannot_be_opened_again_is_broken():
    class Broken(DemoSource):
        def open(self):
            super().open()
            if rounds:
                raise UsageError("no video")
            rounds.append(1)

    rounds = []
    source = Looped(Broken(1 / 30))
    source.open()
    assert source.read() is not None
    with pytest.raises(UsageError, match="no video"):
        source.read()


def test_another_rate_is_another_time_line():
    waited = []
    paced = Paced(DemoSource(4 / 30), rate=60, clock=lambda: 5.0, wait=lambda s: waited.append(s) or False)
    with paced as source:
        pictures = take(source, 5)
        assert source.fps == 60 and "as if at 60 FPS" in source.description
    assert pictures[-1] is None
    assert [picture.timestamp for picture in pictures[:4]] == pytest.approx([number / 60 for number in range(4)])
    assert waited == pytest.approx([1 / 60, 2 / 60, 3 / 60])


@pytest.mark.parametrize("wish", [{"loop": True}, {"rate": 60.0}])
def test_a_camera_neither_loops_nor_changes_its_pace(wish):
    with pytest.raises(UsageError, match=r"is for files and the demo"):
        create_source("0", realtime=True, **wish)


def test_both_are_chosen_together():
    with create_source("demo", realtime=True, rate=120.0, loop=True) as source:
        assert source.live and source.fps == 120
        assert source.description.endswith("over and over, in real time as if at 120 FPS")
