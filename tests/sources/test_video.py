import logging
import struct
import threading

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.sources import video
from smiledet.sources.video import VideoSource


def read_all(source):
    return list(iter(source.read, None))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv", "with:colon.mp4", "späße 100%.mp4"])
def test_every_frame_in_order_with_its_time(tmp_path, write_clip, number_of, name):
    path = write_clip(tmp_path / name, count=6, fps=10)
    with VideoSource(path) as source:
        assert (source.fps, source.size, source.length, source.live) == (10.0, (64, 48), 6, False)
        assert source.description == f"video {path}, 64x48 at 10 FPS"
        pictures = read_all(source)
        assert source.read() is None
    assert [number_of(picture.image) for picture in pictures] == [0, 1, 2, 3, 4, 5]
    assert [picture.timestamp for picture in pictures] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-3)
    assert not any(picture.independent for picture in pictures)
    assert all(picture.image.dtype == np.uint8 and picture.image.shape == (48, 64, 3) for picture in pictures)


def test_two_runs_give_the_same(tmp_path, write_clip):
    path = write_clip(tmp_path / "clip.mkv", count=7, fps=29.97)
    runs = []
    for _ in range(2):
        with VideoSource(path) as source:
            runs.append([(picture.timestamp, picture.image.tobytes()) for picture in read_all(source)])
    assert runs[0] == runs[1] and len(runs[0]) == 7


def test_one_source_can_be_opened_again(tmp_path, write_clip, number_of):
    source = VideoSource(write_clip(tmp_path / "clip.mp4"))
    for _ in range(2):
        with source:
            assert number_of(source.read().image) == 0


@pytest.mark.parametrize(("size", "alone"), [((64, 48), True), ((854, 480), True), ((1280, 720), False)], ids=str)
def test_small_pictures_are_decoded_by_one_thread(tmp_path, size, alone):
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, size)
    for shade in range(3):
        writer.write(np.full((size[1], size[0], 3), 80 * shade, np.uint8))
    writer.release()
    capture = video._capture(str(path))
    threads = capture.get(cv2.CAP_PROP_N_THREADS)
    capture.release()
    usual = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert threads == (1 if alone else usual.get(cv2.CAP_PROP_N_THREADS))
    usual.release()
    with VideoSource(path) as source:
        assert [int(picture.image.mean() + 0.5) // 70 for picture in read_all(source)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([0, 100, 250, 300], [0.0, 0.1, 0.25, 0.3]),  # a variable frame rate is taken as it is
        ([0, 0, 0, 0], [0.0, 0.1, 0.2, 0.3]),  # the container says nothing
        ([0, 100, 50, 400], [0.0, 0.1, 0.2, 0.4]),  # time must not go back
        ([-40, 100, 200, 300], [0.0, 0.1, 0.2, 0.3]),
    ],
)
def test_timestamps_always_increase(tmp_path, monkeypatch, fake_capture, make_picture, positions, expected):
    capture = fake_capture([make_picture(index) for index in range(4)], real={cv2.CAP_PROP_FPS: 10.0}, count=4)
    left = list(positions)
    capture.get = lambda key: left.pop(0) if key == cv2.CAP_PROP_POS_MSEC else capture.properties.get(key, 0.0)
    monkeypatch.setattr(video.cv2, "VideoCapture", lambda *_: capture)
    path = tmp_path / "clip.mp4"
    path.touch()
    with VideoSource(path) as source:
        assert [picture.timestamp for picture in read_all(source)] == pytest.approx(expected)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello\n" * 200, b"\0\0\0\x18ftypmp42" + b"junk" * 100],
    ids=["empty", "text", "only a header"],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.txt"])
def test_what_is_no_video(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError) as problem:
        VideoSource(path).open()
    assert str(problem.value) == f"{path} is no video that OpenCV can read"


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*: No such file"):
        VideoSource(tmp_path / "clip.mp4").open()


def test_a_clip_without_its_beginning(tmp_path, write_clip):
    path = write_clip(tmp_path / "clip.mp4", count=20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])  # the index was at the end
    with pytest.raises(UsageError, match="is no video that OpenCV can read"):
        VideoSource(path).open()


def test_a_clip_cut_off_midway_ends_early_with_one_warning(tmp_path, write_clip, number_of, caplog):
    path = write_clip(tmp_path / "clip.avi", count=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING), VideoSource(path) as source:
        pictures = read_all(source)
        assert source.read() is None
    assert 5 < len(pictures) < 35
    assert [number_of(picture.image) for picture in pictures] == [index % 7 for index in range(len(pictures))]
    assert caplog.messages == [f"{path} ends after {len(pictures)} of 40 frames"]


def test_a_whole_clip_warns_of_nothing(tmp_path, write_clip, caplog):
    with VideoSource(write_clip(tmp_path / "clip.avi", count=40)) as source:
        assert len(read_all(source)) == 40
    assert not caplog.records


def test_closing_early_is_no_truncation(tmp_path, write_clip, caplog):
    source = VideoSource(write_clip(tmp_path / "clip.avi", count=40))
    source.open()
    source.read()
    source.close()
    source.close()
    assert source.read() is None and not caplog.records


def test_closing_from_another_thread_while_reading(tmp_path, write_clip):
    source = VideoSource(write_clip(tmp_path / "clip.mp4", count=300))
    source.open()
    started = threading.Event()
    counted = []

    def read():
        for index, _ in enumerate(iter(source.read, None)):
            counted.append(index)
            started.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert started.wait(10)
    source.close()
    reader.join(10)
    assert not reader.is_alive() and counted


def test_rotation_in_the_metadata_is_honoured(tmp_path):
    path = tmp_path / "portrait.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, 32:] = 255  # the right half is bright
    for _ in range(3):
        writer.write(image)
    writer.release()
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    # A phone held upright: turn a quarter clockwise, so that the right half ends up below.
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 * 65536, 0, 1 << 30)
    path.write_bytes(data)
    with VideoSource(path) as source:
        assert source.size == (48, 64)
        upright = source.read().image
    assert upright[:24].mean() < 15 and upright[40:].mean() > 240
