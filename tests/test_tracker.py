"""`FaceReader.track`: one's own loop."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import smiledet
from smiledet import FaceReader, ImageError, UsageError
from smiledet.sources.demo import scene


@pytest.fixture(scope="module")
def reader():
    with FaceReader(workers=1) as opened:
        yield opened


def test_it_reads_what_the_threads_read(reader):
    watched = list(smiledet.watch("demo", max_frames=40))
    with reader.track() as tracker:
        tracked = [tracker.update(scene(number), number / 30) for number in range(40)]
    assert [reading.faces for reading in tracked] == [reading.faces for reading in watched]
    assert [face.track for face in tracked[-1]] == [1, 2]
    for ours, theirs in zip(tracked[-1], watched[-1], strict=True):
        assert np.array_equal(ours.landmarks, theirs.landmarks)
    assert (tracked[-1].frame, tracked[-1].time, tracked[-1].detector) == (39, 39 / 30, "haar")


def test_two_trackers_do_not_know_of_each_other(reader):
    with reader.track() as one, reader.track() as other:
        for number in range(15):
            first = one.update(scene(number), number / 30)
            second = other.update(np.ascontiguousarray(scene(number)[:, ::-1]), number / 30)
    assert {face.track for face in first} == {face.track for face in second} == {1, 2}


def test_it_outlives_its_reader():
    with FaceReader(tasks=("smile",), workers=1) as reader:
        tracker = reader.track()
    with tracker:
        assert tracker.update(scene(0), 0.0).frame == 0
    with pytest.raises(UsageError, match="closed"):
        reader.track()


def test_times_must_not_run_backwards(reader):
    with reader.track() as tracker:
        tracker.update(scene(0), 5.0)
        tracker.update(scene(1), 5.0)
        with pytest.raises(UsageError, match="timestamp=4 after 5"):
            tracker.update(scene(2), 4.0)
        with pytest.raises(UsageError, match="timestamp=nan"):
            tracker.update(scene(2), float("nan"))
        assert tracker.update(scene(2), 6.0).frame == 2


@pytest.mark.parametrize("time", ["later", float("nan"), [1.0]])
def test_what_is_no_time_is_refused(reader, time):
    with reader.track() as tracker, pytest.raises(UsageError, match="expected seconds, no less than before"):
        tracker.update(scene(0), time)


def test_without_a_time_it_is_now(reader):
    with reader.track() as tracker:
        first, second = tracker.update(scene(0)), tracker.update(scene(1))
    assert second.time >= first.time


def test_what_is_no_picture_leaves_it_as_it_was(reader):
    with reader.track() as tracker:
        for given in (None, np.zeros((4, 4)), "nowhere.jpg"):
            with pytest.raises(ImageError):
                tracker.update(given, 0.0)
        assert tracker.update(np.zeros((1, 1), np.uint8), 0.0).faces == ()
        assert tracker.update(scene(0)[..., ::-1], 0.1, color="rgb").frame == 1


def test_pictures_may_change_their_size(reader):
    with reader.track() as tracker:
        for number in range(12):
            reading = tracker.update(scene(number)[: 480 - 8 * number], number / 30)
            assert reading.image.shape[0] == 480 - 8 * number


def test_threads_take_turns(reader):
    """Four threads enter at once; each gets a reading of its own picture."""
    together = threading.Barrier(4)
    frames = []

    def work(number):
        together.wait(30)
        for _ in range(5):
            frames.append(tracker.update(scene(number)).frame)  # noqa: PERF401

    with reader.track() as tracker:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(frames) == list(range(20))


def test_closed_is_closed(reader):
    tracker = reader.track()
    tracker.close()
    tracker.close()
    with pytest.raises(UsageError, match="this tracker was closed"):
        tracker.update(scene(0))
