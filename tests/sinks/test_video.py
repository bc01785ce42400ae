import errno
import logging
import os
import re
import threading
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.sinks.recording import FORMATS, Format
from smiledet.sinks.video import VideoSink, letter_box


def read_back(path):
    """Which frames a file holds, by their grey, and its rate."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    numbers = []
    while True:
        more, image = capture.read()
        if not more:
            return numbers, capture.get(cv2.CAP_PROP_FPS)
        numbers.append(round(float(image[image.shape[0] // 2, image.shape[1] // 2].mean()) / 40))


def write_all(sink, frames):
    with sink:
        for frame, annotation in frames:
            sink.write(frame, annotation)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".webm", ".MP4"])
def test_one_frame_in_is_one_frame_out_in_order(tmp_path, frame_of, suffix):
    path = tmp_path / f"out{suffix}"
    write_all(VideoSink(path, 30), [frame_of(index, index * 0.5) for index in range(7)])
    assert read_back(path) == ([0, 1, 2, 3, 4, 5, 6], 30.0)


def test_a_source_without_a_rate_plays_at_the_usual_one(tmp_path, frame_of):
    path = tmp_path / "out.mp4"
    write_all(VideoSink(path, 0), [frame_of(0), frame_of(1)])
    assert read_back(path) == ([0, 1], 25.0)


@pytest.mark.parametrize("size", [(65, 49), (64, 49), (33, 32)])
def test_odd_sizes_lose_no_frame(tmp_path, frame_of, size):
    path = tmp_path / "out.mp4"
    write_all(VideoSink(path, 10), [frame_of(index, size=size) for index in range(4)])
    assert read_back(path)[0] == [0, 1, 2, 3]


def test_frames_of_another_size_are_letter_boxed(tmp_path, frame_of):
    path = tmp_path / "out.avi"
    write_all(VideoSink(path, 10), [frame_of(1), frame_of(2, size=(30, 90)), frame_of(3, size=(640, 480)), frame_of(4)])
    assert read_back(path)[0] == [1, 2, 3, 4]


def test_the_size_can_be_given(tmp_path, frame_of):
    path = tmp_path / "out.avi"
    write_all(VideoSink(path, 10, size=(100, 80)), [frame_of(1)])
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (100, 80)


def test_letter_box_keeps_the_shape_and_centres():
    image = np.full((100, 50, 3), 200, np.uint8)
    boxed = letter_box(image, (100, 100))
    assert boxed.shape == (100, 100, 3)
    assert (boxed[:, 25:75] == 200).all() and not boxed[:, :25].any() and not boxed[:, 75:].any()
    assert letter_box(image, (50, 100)) is image


@pytest.mark.parametrize("size", [(101, 100), (100, 101), (101, 101), (100, 100)])
def test_letter_box_leaves_out_an_odd_row_and_column_and_changes_no_pixel(size):
    image = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    assert (letter_box(image, (100, 100)) == image[:100, :100]).all()


@pytest.mark.parametrize(("shape", "inner"), [((99, 100), (99, 100)), ((100, 99), (100, 99)), ((102, 100), (100, 98))])
def test_letter_box_makes_others_fit(shape, inner):
    boxed = letter_box(np.full((*shape, 3), 200, np.uint8), (100, 100))
    lit = boxed.max(axis=2) > 0
    assert (int(lit.any(axis=1).sum()), int(lit.any(axis=0).sum())) == inner


def times_of(path):
    """Seconds at which the frames of a file are shown."""
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


TIMES = [
    ([0.0, 0.1, 0.2, 0.3], [0.0, 0.1, 0.2, 0.3]),
    ([5.0, 5.1, 5.4, 5.5], [0.0, 0.1, 0.4, 0.5]),  # a gap stays one
    ([0.0, 0.04, 0.1, 0.14, 0.2], [0.0, 0.04, 0.1, 0.14, 0.2]),  # faster than the nominal rate
    ([0.0, 3600.0, 3600.1, 3600.2], [0.0, 3600.0, 3600.1, 3600.2]),
]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize(("timestamps", "expected"), TIMES)
def test_frames_are_shown_at_their_own_times(tmp_path, frame_of, timestamps, expected, suffix):
    path = tmp_path / f"out{suffix}"
    frames = [frame_of(index, timestamp) for index, timestamp in enumerate(timestamps)]
    write_all(VideoSink(path, 10, timed=True), frames)
    assert times_of(path) == pytest.approx(expected, abs=0.0006)
    assert read_back(path)[0] == list(range(len(timestamps)))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
def test_a_player_can_begin_every_two_seconds(tmp_path, frame_of, suffix):
    """At key frames; of an AVI at every picture."""
    path = tmp_path / f"out{suffix}"
    noise = np.random.default_rng(1).integers(0, 60, (48, 64, 3), np.uint8)
    with VideoSink(path, 5, timed=True) as sink:
        for index in range(31):
            frame, annotation = frame_of(index, index / 5)
            sink.write(frame, replace(annotation, image=noise + np.uint8(index)))
    with av.open(str(path)) as container:
        keys = [number for number, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys == (list(range(31)) if suffix == ".avi" else [0, 10, 20, 30])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
def test_time_that_stands_still_or_goes_back_breaks_nothing(tmp_path, frame_of, suffix):
    path = tmp_path / f"out{suffix}"
    sink = VideoSink(path, 10, timed=True)
    write_all(sink, [frame_of(index, time) for index, time in enumerate([0.0, 0.1, 0.1, 0.05, 0.2])])
    times = times_of(path)
    assert times == sorted(set(times)) and len(times) == sink.written == 5 - sink.left_out


@pytest.mark.parametrize(
    ("timestamps", "expected", "left_out"),
    [
        ([0.0, 0.11, 0.19, 0.32], [0.0, 0.1, 0.2, 0.3], 0),  # jitter
        ([0.0, 0.04, 0.1, 0.14, 0.2], [0.0, 0.1, 0.2], 2),
        ([5.0, 5.1, 5.4, 5.5], [0.0, 0.1, 0.4, 0.5], 0),
        ([0.0, 3600.0, 3600.1, 3600.3], [0.0, 10.0, 10.1, 10.3], 0),  # a long gap is cut short
    ],
)
def test_an_avi_has_places_at_its_rate_alone(tmp_path, frame_of, caplog, timestamps, expected, left_out):
    path = tmp_path / "out.avi"
    sink = VideoSink(path, 10, timed=True)
    write_all(sink, [frame_of(index, time) for index, time in enumerate(timestamps)])
    assert times_of(path) == pytest.approx(expected)
    assert sink.left_out == left_out
    assert (f"video {path}: {left_out} frames came too fast for 10 a second" in caplog.text) == (left_out > 0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
def test_what_was_recorded_a_second_before_can_be_read_of_a_file_that_nobody_finishes(tmp_path, frame_of, suffix):
    """As a killed process leaves it: what another process reads of it at that moment."""
    path = tmp_path / f"out{suffix}"
    sink = VideoSink(path, 30, timed=True)
    sink.open()
    for index in range(90):
        sink.write(*frame_of(index, index / 30))
    (tmp_path / f"left{suffix}").write_bytes(path.read_bytes())
    found = read_back(tmp_path / f"left{suffix}")[0]
    assert len(found) >= 60 and found == [index % 7 for index in range(len(found))]
    sink.close()
    assert len(read_back(path)[0]) == 90


@pytest.mark.parametrize("name", ["out.mov", "out", "out.jsonl"])
def test_other_suffixes_are_refused_with_those_allowed(tmp_path, name):
    with pytest.raises(UsageError, match=r"its suffix must be \.mp4 or \.avi or \.mkv or \.webm"):
        VideoSink(tmp_path / name, 30).open()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path / 'none'}"):
        VideoSink(tmp_path / "none" / "out.mp4", 30).open()


def test_a_folder_in_place_of_the_file(tmp_path):
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*: it is a folder"):
        VideoSink(tmp_path / "out.mp4", 30).open()


def test_a_folder_that_may_not_be_written(tmp_path):
    if os.geteuid() == 0:  # root may write anywhere but to a read-only file system
        folder = next((path for path in ("/proc", "/sys") if Path(path).is_dir()), None)
        if folder is None:
            pytest.skip("root, and no read-only file system")
        path = Path(folder) / "out.mp4"
    else:
        tmp_path.chmod(0o500)
        path = tmp_path / "out.mp4"
    with pytest.raises(UsageError, match="cannot write "):
        VideoSink(path, 30).open()


def test_an_encoder_that_is_not_there_is_known_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS, ".mkv", Format("matroska", {"none": {}}))
    with pytest.raises(UsageError, match=r"this PyAV cannot encode \.mkv files; use \.mp4 or \.avi"):
        VideoSink(tmp_path / "out.mkv", 30).open()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_file_that_cannot_grow_any_more_ends_it_and_plays(tmp_path, frame_of, monkeypatch, suffix, number):
    """A full disk, a limit of the process, a quota: what is whole by then is kept, and how much is said."""
    path = tmp_path / f"out{suffix}"
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    whole = os.pwrite

    def pwrite(descriptor, data, offset):
        if offset + len(data) > 150_000:
            raise OSError(number, os.strerror(number))
        return whole(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    sink = VideoSink(path, 30, timed=True)
    sink.open()
    with pytest.raises(SmiledetError, match=f"^cannot write {path}: {os.strerror(number)}") as problem:
        for index in range(1000):
            frame, annotation = frame_of(index, index / 30)
            sink.write(frame, replace(annotation, image=np.roll(noise, index, 0)))
    sink.close()
    assert problem.value.exit_code == 1
    count = len(read_back(path)[0]) if path.exists() else 0
    assert f"; the video up to frame {count} is kept" in str(problem.value) or count == 0
    assert not list(tmp_path.glob("*partial*"))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
def test_a_live_one_goes_on_in_another_file_when_there_is_room_again(tmp_path, frame_of, monkeypatch, suffix, caplog):
    """Every frame that was taken is in one of the two files, or counted; tries are a second apart."""
    whole, full, tries = os.pwrite, [False], []

    def pwrite(descriptor, data, offset):
        if full[0]:
            tries.append(1)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    (tmp_path / f"out-2{suffix}").write_bytes(b"of somebody else")
    with VideoSink(tmp_path / f"out{suffix}", 30, timed=True, goes_on=True) as sink:
        for index in range(300):
            full[0] = 90 <= index < 200
            frame, annotation = frame_of(index, index / 30)
            sink.write(frame, replace(annotation, image=np.roll(noise, index, 0)))
    counts = [len(read_back(tmp_path / f"out{end}{suffix}")[0]) for end in ("", "-3")]
    missing = int(re.search(r"lacks (\d+) frames, for which there was no room", sink.lacks)[1])
    assert sum(counts) + missing == 300 and 110 <= missing <= 160
    assert 2 <= len(tries) < 20
    assert (tmp_path / f"out-2{suffix}").read_bytes() == b"of somebody else"
    assert sink.wrote == tmp_path / f"out{suffix}" and not list(tmp_path.glob("*partial*"))
    assert [record.message.partition(";")[0] for record in caplog.records if record.levelname == "WARNING"] == [
        f"cannot write {sink.wrote}: No space left on device",
        f"{tmp_path / f'out-3{suffix}'} is written again",
    ]


def test_a_live_one_that_never_had_room_leaves_what_was_there(tmp_path, frame_of, monkeypatch):
    path = tmp_path / "out.mkv"
    path.write_bytes(b"of yesterday")

    def pwrite(*_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "pwrite", pwrite)
    with VideoSink(path, 30, timed=True, goes_on=True) as sink:
        for index in range(90):
            sink.write(*frame_of(index, index / 30))
    assert sink.wrote is None and sink.lacks == f"{path} lacks 90 frames, for which there was no room"
    assert path.read_bytes() == b"of yesterday" and list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_finished_is_told(tmp_path, frame_of, monkeypatch):
    path = tmp_path / "out.mp4"
    sink = VideoSink(path, 30)
    sink.open()
    sink.write(*frame_of(3))

    def pwrite(*_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(SmiledetError, match=f"^cannot write {path}: "):
        sink.close()
    assert not path.exists() and sink.wrote is None


def test_a_pipe_takes_a_video(tmp_path, frame_of):
    os.mkfifo(tmp_path / "pipe")
    kept = []
    reader = threading.Thread(target=lambda: kept.append((tmp_path / "pipe").read_bytes()), daemon=True)
    reader.start()
    sink = VideoSink(tmp_path / "pipe", 30)
    for _ in range(10_000):  # the reader may not be there yet
        try:
            sink.open()
            break
        except UsageError:
            reader.join(0.001)
    for index in range(5):
        sink.write(*frame_of(index))
    sink.close()
    reader.join(20)
    (tmp_path / "read.mkv").write_bytes(kept[0])
    assert read_back(tmp_path / "read.mkv")[0] == [0, 1, 2, 3, 4]


def test_without_a_frame_there_is_no_file(tmp_path, caplog):
    path = tmp_path / "out.mp4"
    with caplog.at_level(logging.INFO), VideoSink(path, 30):
        assert list(tmp_path.iterdir()) and not path.exists()  # really tried, beside its place
    assert not list(tmp_path.iterdir())
    assert "no frame was written" in caplog.text


def test_without_a_frame_an_earlier_file_stays(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")
    with VideoSink(path, 30):
        pass
    assert path.read_bytes() == b"precious"


def test_closing_twice_and_without_opening(tmp_path, frame_of):
    VideoSink(tmp_path / "a.mp4", 30).close()
    sink = VideoSink(tmp_path / "b.mp4", 30)
    sink.open()
    sink.write(*frame_of(3))
    sink.close()
    sink.close()
    assert read_back(tmp_path / "b.mp4")[0] == [3]
