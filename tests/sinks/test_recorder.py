"""Recordings that begin and end while a run goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.frame import Annotation, Frame
from smiledet.sinks.recorder import Recorder
from smiledet.sources.demo import DemoSource


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    sources = {"hall": DemoSource(), "yard": DemoSource()}
    return Recorder(tmp_path / "recordings", sources, clock=lambda: 0.0)


def write(recorder: Recorder, source: str, *numbers: int) -> None:
    for number in numbers:
        image = np.full((48, 64, 3), 10 * number, np.uint8)
        recorder.write(Frame(number, 0, number / 30, image, source=source), Annotation(image, ()))


def test_only_what_lies_between_start_and_stop_is_written(recorder, count_frames) -> None:
    write(recorder, "hall", 0, 1)
    path = recorder.start("hall")
    assert recorder.start("hall") == path  # somebody else has begun it already
    write(recorder, "hall", 2, 3, 4)
    write(recorder, "yard", 2, 3)
    assert recorder.state()["hall"]["file"] == str(path) and "yard" not in recorder.state()
    assert recorder.stop("hall") == path
    write(recorder, "hall", 5, 6)
    assert recorder.state() == {} and recorder.stop("hall") is None
    assert count_frames(path) == 3
    again = recorder.start("hall")
    write(recorder, "hall", 7)
    recorder.close()
    assert again != path and count_frames(again) == 1


def test_drawing_is_wanted_while_something_is_recorded_and_frames_from_before_are_left_out(
    recorder, count_frames
) -> None:
    assert not recorder.uses_drawing
    path = recorder.start("hall")
    assert recorder.uses_drawing
    image = np.zeros((48, 64, 3), np.uint8)
    for number, drawn in enumerate((False, False, True, True)):
        recorder.write(Frame(number, 0, number / 30, image, source="hall"), Annotation(image, (), drawn=drawn))
    recorder.stop("hall")
    recorder.write(Frame(5, 0, 5 / 30, image, source="hall"), Annotation(image, (), drawn=False))
    assert not recorder.uses_drawing and count_frames(path) == 2


def test_one_that_is_begun_before_the_next_frame_leaves_the_one_before_whole(recorder, count_frames) -> None:
    first = recorder.start("hall")
    write(recorder, "hall", 0, 1)
    recorder.stop("hall")
    second = recorder.start("hall")
    recorder.stop("hall")
    third = recorder.start("hall")
    write(recorder, "hall", 2, 3, 4)
    recorder.close()
    assert len({first, second, third}) == 3
    assert (count_frames(first), second.exists(), count_frames(third)) == (2, False, 3)


def test_what_is_told_of_a_recording_and_when_its_file_is_whole(tmp_path, count_frames) -> None:
    now = [100.0]
    recorder = Recorder(tmp_path, {"hall": DemoSource()}, clock=lambda: now[0])
    first = recorder.start("hall")
    now[0] = 103.26
    assert recorder.state() == {"hall": {"file": str(first), "seconds": 3.3, "problem": None}}
    write(recorder, "hall", 0, 1)
    recorder.stop("hall")
    assert recorder.state() == {}
    second = recorder.start("hall")
    write(recorder, "hall", 2)  # ends the one before, and begins
    assert count_frames(first) == 2
    recorder.stop("hall")
    write(recorder, "hall", 3)
    assert count_frames(second) == 1 and not recorder.uses_drawing
    third = recorder.start("hall")
    write(recorder, "hall", 4, 5)
    recorder.stop("hall")
    recorder.start("hall")
    recorder.close()
    assert count_frames(third) == 2 and not recorder.uses_drawing
    assert sorted(tmp_path.iterdir()) == sorted((first, second, third))


def test_names_of_files_hold_no_path(tmp_path) -> None:
    recorder = Recorder(tmp_path / "a" / "b", {"../up /x": DemoSource(), "": DemoSource()}, clock=lambda: 0.0)
    named, nameless = recorder.start("../up /x"), recorder.start("")
    assert named.parent == nameless.parent == tmp_path / "a" / "b"
    assert named.name.startswith("smiledet-.._up_x-19") and nameless.name.startswith("smiledet-19")


def test_a_recording_that_cannot_be_written_ends_alone_and_says_why(recorder, tmp_path, count_frames) -> None:
    good, bad = recorder.start("yard"), recorder.start("hall")
    bad.mkdir()
    write(recorder, "hall", 0, 1)
    write(recorder, "yard", 0, 1)
    assert str(bad) in recorder.state()["hall"]["problem"]
    recorder.close()
    assert count_frames(good) == 2


def test_a_file_that_somebody_has_made_meanwhile_stays_and_another_can_be_begun(recorder, count_frames) -> None:
    taken = recorder.start("hall")
    taken.write_bytes(b"somebody else's")
    write(recorder, "hall", 0)
    assert "File exists" in recorder.state()["hall"]["problem"] and taken.read_bytes() == b"somebody else's"
    again = recorder.start("hall")
    assert again != taken and recorder.state()["hall"]["problem"] is None
    write(recorder, "hall", 1, 2)
    recorder.close()
    assert count_frames(again) == 2


def test_a_folder_that_cannot_be_made_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file"):
        Recorder(tmp_path / "file" / "x", {"": DemoSource()}).start("")
