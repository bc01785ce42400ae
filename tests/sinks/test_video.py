import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.sinks.video import CODECS, VideoSink, find_codec, letter_box

MEGABYTE = 2**20


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
    try:
        find_codec(suffix.lower())
    except UsageError as problem:
        pytest.skip(str(problem))
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


@pytest.mark.parametrize(
    ("timestamps", "expected"),
    [
        ([0.0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),  # at pace
        ([5.0, 5.1, 5.4, 5.5], [0, 1, 1, 1, 2, 3]),  # a gap repeats the frame before
        ([0.0, 0.04, 0.1, 0.14, 0.2], [0, 2, 4]),  # too fast: a place that is taken is not given again
        ([0.0, 0.11, 0.19, 0.32], [0, 1, 2, 3]),  # jitter
        ([0.0, 0.1, 0.05, 0.2], [0, 1, 3]),  # time that goes back
    ],
)
def test_in_real_time_frames_are_placed_by_their_timestamps(tmp_path, frame_of, timestamps, expected):
    path = tmp_path / "out.mp4"
    frames = [frame_of(index, timestamp) for index, timestamp in enumerate(timestamps)]
    write_all(VideoSink(path, 10, real_time=True), frames)
    assert read_back(path)[0] == expected


def test_in_real_time_a_long_gap_is_cut_short_and_the_rest_follows_at_pace(tmp_path, frame_of):
    path = tmp_path / "out.avi"
    times = [0.0, 3600.0, 3600.1, 3600.3]
    write_all(VideoSink(path, 10, real_time=True), [frame_of(index, time) for index, time in enumerate(times)])
    assert read_back(path)[0] == [0] * 101 + [1, 2, 2, 3]


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
    with pytest.raises(UsageError, match=r"cannot write .*: Is a directory"):
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


def test_a_codec_that_opencv_lacks_is_known_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setitem(CODECS, ".mkv", ("none",))
    find_codec.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"this OpenCV cannot write \.mkv files; use \.mp4 or \.avi"):
            VideoSink(tmp_path / "out.mkv", 30).open()
    finally:
        find_codec.cache_clear()
    assert not list(tmp_path.iterdir())


class Disk:
    """A disk that fills with every picture handed over, as if nothing were compressed."""

    def __init__(self, free):
        self.free = free
        self.looks = 0

    def __call__(self, folder):
        self.looks += 1
        return self.free


def test_a_full_disk_ends_it_with_a_file_that_plays(tmp_path, frame_of):
    disk = Disk(6 * MEGABYTE)
    path = tmp_path / "out.mp4"
    sink = VideoSink(path, 10, free_bytes=disk, reserve=4 * MEGABYTE)
    sink.open()
    with pytest.raises(SmiledetError) as problem:
        for index in range(1000):
            frame, annotation = frame_of(index, size=(320, 240))
            sink.write(frame, annotation)
            disk.free -= annotation.image.nbytes
    with pytest.raises(SmiledetError, match="disk full"):  # and it stays so
        sink.write(*frame_of(0, size=(320, 240)))
    sink.close()
    left = round(disk.free / MEGABYTE)
    assert disk.free > 1.9 * MEGABYTE  # half of the reserve at least is left for finishing the file
    assert str(problem.value) == f"disk full: {path}: {left} MB left; the video up to frame {sink.written} is kept"
    assert problem.value.exit_code == 1
    assert read_back(path)[0] == [index % 7 for index in range(sink.written)]
    assert disk.looks < sink.written  # not at every frame


def test_a_full_disk_at_the_start_is_known_before_the_run(tmp_path):
    with pytest.raises(UsageError, match=r"disk full: .*: 1 MB left; nothing was written"):
        VideoSink(tmp_path / "out.mp4", 30, free_bytes=lambda _: MEGABYTE).open()
    assert not list(tmp_path.iterdir())


def test_without_a_frame_there_is_no_file(tmp_path, caplog):
    path = tmp_path / "out.mp4"
    with caplog.at_level(logging.INFO), VideoSink(path, 30):
        assert path.exists()  # really tried
    assert not path.exists()
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


def test_a_file_that_cannot_be_read_back_is_reported(tmp_path, frame_of):
    path = tmp_path / "out.mp4"
    sink = VideoSink(path, 30)
    sink.open()
    sink.write(*frame_of(3))
    sink._writer.release()
    path.write_bytes(b"")  # as a disk that filled at the last moment leaves it
    with pytest.raises(SmiledetError, match="cannot be read back"):
        sink.close()
