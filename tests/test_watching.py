"""`smiledet.watch`: the pipeline's threads as an iterator."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

import smiledet
from smiledet.errors import SmiledetError, UsageError
from smiledet.pipeline import Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import DemoSource, scene

LIMIT = 30.0
"""Seconds after which a wait counts as stuck; no passing test comes near."""


class Script(Source):
    """The demo's pictures, one whenever the test lets it; a fault in place of the last.

    Args:
        count: Pictures before the end.
        live: Whether it is a camera.
        fault: What the read after them raises; None for the end.
    """

    description = "scripted"

    def __init__(self, count, live=False, fault=None):
        self.live, self.count, self.fault = live, count, fault
        self.index = self.opened = self.closed = 0
        self.gate = threading.Semaphore(10**6)

    def open(self):
        self.opened += 1

    def read(self):
        assert self.gate.acquire(timeout=LIMIT)
        if self.index == self.count:
            if self.fault is not None:
                raise self.fault
            return None
        self.index += 1
        return Picture(scene(self.index - 1), (self.index - 1) / 30)

    def close(self):
        self.closed += 1
        self.gate.release(1000)


class Kept(Sink):
    description = "kept"

    def __init__(self):
        self.readings = []

    def open(self):
        pass

    def write(self, frame, annotation):
        self.readings.append(annotation.readings)

    def close(self):
        pass


@pytest.fixture(autouse=True)
def no_threads_left():
    before = set(threading.enumerate())
    yield
    gc.collect()
    left = [each.name for each in threading.enumerate() if each not in before]
    assert [name for name in left if name != "open"] == []


def test_it_hands_out_what_the_pipeline_hands_its_sinks():
    watched = smiledet.watch("demo", max_frames=25)
    readings = list(watched)
    assert [reading.frame for reading in readings] == list(range(25))
    assert [reading.time for reading in readings] == [number / 30 for number in range(25)]
    kept, source = Kept(), DemoSource(25 / 30)
    source.open()
    from smiledet.options import choose

    Pipeline(choose(None, ("smile", "emotion"), None, None, "auto"), source, [kept]).run()
    assert [reading.faces for reading in readings] == kept.readings
    assert np.array_equal(readings[-1].image, scene(24))
    for face in readings[-1]:
        assert face.landmarks.shape == (68, 2) and abs(face.pose.yaw) < 45
    assert watched.source.fps == 30 and "litert" in watched.device
    assert list(watched) == []


def test_a_loop_that_is_left_ends_the_threads():
    source = Script(10**6)
    for reading in smiledet.watch(source, tasks=["smile"]):
        if reading.frame == 3:
            break
    del reading
    gc.collect()
    assert source.closed and source.index < 100
    assert not any(each.name == "smiledet-watch" for each in threading.enumerate())


def test_a_slow_caller_gets_every_frame_of_a_file():
    source = Script(40)
    with smiledet.watch(source, tasks=["smile"]) as watched:
        first = next(watched)
        assert first.frame == 0
        # Nobody takes the next ones: the source is not read beyond what the buffer holds.
        assert [reading.frame for reading in watched] == list(range(1, 40))


def test_live_hands_out_the_newest_frame():
    """The source gives twelve pictures while nobody takes any: a caller gets the last."""
    source = Script(12, live=True)
    watched = smiledet.watch(source, tasks=["smile"])
    watched._thread.join(LIMIT)  # all has been read and drawn
    assert not watched._thread.is_alive()
    assert [reading.frame for reading in watched] == [11]


def test_a_file_is_played_live_on_request():
    with smiledet.watch("demo", tasks=["smile"], live=True, max_frames=3) as watched:
        assert watched.source.live
        frames = [reading.frame for reading in watched]
    assert frames == sorted(set(frames)) and frames[-1] == 2


def test_a_fault_comes_up_where_the_frames_are_asked_for():
    source = Script(3, fault=SmiledetError("the camera was unplugged"))
    frames = []
    with pytest.raises(SmiledetError, match="the camera was unplugged"):
        for reading in smiledet.watch(source, tasks=["smile"]):
            frames.append(reading.frame)  # noqa: PERF401 - what came before the fault counts
    assert frames == sorted(frames)
    assert source.closed


def test_a_fault_ends_a_run_that_waits_for_its_caller():
    """Nobody takes a frame, the source breaks: the threads are gone all the same."""
    source = Script(30, fault=SmiledetError("unplugged"))
    watched = smiledet.watch(source, tasks=["smile"])
    next(watched)
    with pytest.raises(SmiledetError, match="unplugged"):
        for _ in watched:
            pass
    assert list(watched) == []


def test_closing_twice_and_asking_again():
    watched = smiledet.watch("demo", tasks=["smile"])
    next(watched)
    watched.close()
    watched.close()
    assert list(watched) == []


@pytest.mark.parametrize(
    ("arguments", "options", "complaint"),
    [
        (["nowhere.mp4"], {}, "there is no 'nowhere.mp4'"),
        (["demo"], {"tasks": "smile"}, "expected a sequence of names"),
        (["demo"], {"tasks": ()}, "expected a sequence of names"),
        ([2.5], {}, "source is 2.5: expected a text, a path"),
        ([[2.5]], {}, "source is 2.5: expected a text or a path"),
        ([b"demo"], {}, "source is b'demo'"),
        (["demo"], {"max_frames": "5"}, "max_frames='5': expected a number above 0"),
        (["demo"], {"duration": float("nan")}, "duration=nan: expected a number above 0"),
        (["demo"], {"tasks": ("smile", "smile")}, "each once"),
        (["demo"], {"tasks": ("sleep",)}, "sleep"),
        (["demo"], {"detector": "eyes"}, "expected auto or one of haar"),
        (["demo"], {"engine": "steam"}, "steam"),
        (["demo"], {"model": {"age": "x"}}, "age, which is not among the tasks"),
        (["demo"], {"max_frames": 0}, "max_frames=0: expected a number above 0"),
        (["demo"], {"duration": -1.0}, "duration=-1.0: expected a number above 0"),
    ],
)
def test_bad_input_is_told_at_once(arguments, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        smiledet.watch(*arguments, **options)


def test_a_source_that_cannot_be_read_with_the_models_is_closed_again():
    source = Script(3)
    with pytest.raises(UsageError):
        smiledet.watch(source, model={"smile": "no-such-model"})
    assert source.opened == source.closed == 1


def test_a_picture_may_be_drawn_on():
    from smiledet import watch

    for reading in watch("demo", tasks=["smile"], max_frames=4):
        reading.image[:] = 0
    assert not reading.image.any()


def test_the_root_hands_out_the_function_whatever_was_imported_before():
    program = "import smiledet; smiledet.Watch; from smiledet.watching import Watch; print(smiledet.watch)"
    root = Path(smiledet.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("<function watch"), done.stderr


def test_a_program_that_ends_in_the_middle_ends():
    program = "import smiledet\nw = smiledet.watch('demo', tasks=['smile'])\nprint(next(w).frame)\n"
    root = Path(smiledet.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)


def test_photographs_are_searched_as_photographs(tmp_path):
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), scene(number))
    readings = list(smiledet.watch(tmp_path, tasks=["smile"]))
    assert [(reading.frame, len(reading), reading.detector) for reading in readings] == [
        (0, 2, "fcos"),
        (1, 2, "fcos"),
    ]


def test_a_live_picture_is_the_callers_own():
    """Live, the aligner may still read the frame that was handed out; what the caller draws must not come into it."""
    source = Script(12, live=True)
    pictures = []
    taken = source.read

    def read():
        picture = taken()
        if picture is not None:
            pictures.append(picture.image)
        return picture

    source.read = read
    with smiledet.watch(source, tasks=["smile"]) as watched:
        for reading in watched:
            assert not any(np.shares_memory(reading.image, image) for image in pictures)
