import logging
import threading
from itertools import count

import cv2
import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.sources.base import SourceSettings
from smiledet.sources.camera import CameraSource, list_cameras

MJPG = float(cv2.VideoWriter.fourcc(*"MJPG"))
YUYV = float(cv2.VideoWriter.fourcc(*"YUYV"))


@pytest.fixture
def device(tmp_path):
    path = tmp_path / "video0"
    path.touch()
    return path


@pytest.fixture
def make_camera(device, fake_time):
    """A camera whose captures come from a list, one a connection; None stands for a device that cannot be opened."""

    def make(captures, settings=None, **others):
        waiting = list(captures)

        def open_capture(path):
            assert path == str(device)
            return waiting.pop(0)

        times = {
            "clock": fake_time.clock,
            "now": lambda: 1.7e9,
            "wait": fake_time.wait,
            "chance": lambda: 0.5,
            **others,
        }
        return CameraSource(
            str(device), settings or SourceSettings(), open_capture=open_capture, folder=device.parent, **times
        )

    return make


def test_form_first_then_size_then_rate_then_a_buffer_of_one(make_camera, fake_capture, make_picture):
    capture = fake_capture([make_picture(0, 1280, 720)], real={cv2.CAP_PROP_FOURCC: MJPG})
    make_camera([capture], SourceSettings(width=1280, height=720, fps=30)).open()
    assert capture.asked == [
        (cv2.CAP_PROP_FOURCC, MJPG),
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 30),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]


def test_what_is_not_asked_for_is_left_as_it_is(make_camera, fake_capture, make_picture):
    capture = fake_capture([make_picture(0)])
    make_camera([capture], SourceSettings(fourcc="any")).open()
    assert capture.asked == [(cv2.CAP_PROP_BUFFERSIZE, 1)]


def test_one_side_alone_is_asked_for_with_the_cameras_other_side(make_camera, fake_capture, make_picture):
    capture = fake_capture([make_picture(0, 800, 480)], real={cv2.CAP_PROP_FRAME_HEIGHT: 480.0})
    make_camera([capture], SourceSettings(width=800)).open()
    assert (cv2.CAP_PROP_FRAME_HEIGHT, 480.0) in capture.asked


def test_the_description_says_what_was_really_set(make_camera, fake_capture, make_picture, device, caplog):
    capture = fake_capture([make_picture(0, 320, 240)], real={cv2.CAP_PROP_FOURCC: MJPG, cv2.CAP_PROP_FPS: 15.0})
    camera = make_camera([capture])
    camera.open()
    assert camera.description == f"camera {device}, 320x240 MJPG at 15 FPS"
    assert (camera.size, camera.fps, camera.live) == ((320, 240), 15.0, True)
    assert not caplog.records


def test_every_difference_is_warned_of(make_camera, fake_capture, make_picture, device, caplog):
    capture = fake_capture([make_picture(0, 640, 480)], real={cv2.CAP_PROP_FOURCC: YUYV, cv2.CAP_PROP_FPS: 10.0})
    camera = make_camera([capture], SourceSettings(width=1280, height=720, fps=30))
    camera.open()
    assert caplog.messages == [
        f"camera {device} gives YUYV, MJPG was asked for: expect low frame rates",
        f"camera {device} gives 640x480, 1280x720 was asked for",
        f"camera {device} gives 10 FPS, 30 was asked for",
    ]
    assert camera.description == f"camera {device}, 640x480 YUYV at 10 FPS"


def test_a_missing_camera_is_named_with_those_that_exist(tmp_path):
    for name in ("video10", "video2", "videocodec"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as problem:
        CameraSource(str(tmp_path / "video0"), SourceSettings(), folder=tmp_path).open()
    assert str(problem.value) == (f"no camera {tmp_path}/video0; there is {tmp_path}/video2, {tmp_path}/video10")
    assert list_cameras(tmp_path / "none") == []


def test_a_file_that_is_no_camera(device):
    """The real V4L2 back end, on a device that is none."""
    with pytest.raises(UsageError, match="cannot be opened"):
        CameraSource(str(device), SourceSettings()).open()


def test_a_camera_that_opens_and_gives_nothing(make_camera, fake_capture):
    capture = fake_capture([])
    with pytest.raises(UsageError, match="gives no picture"):
        make_camera([capture]).open()
    assert capture.released == 1


def test_pictures_carry_unix_time_that_never_goes_back(make_camera, fake_capture, make_picture, fake_time, number_of):
    camera = make_camera([fake_capture([make_picture(index) for index in range(4)])])
    camera.open()  # takes the first
    pictures = []
    for _ in range(3):
        fake_time.seconds += 0.5
        pictures.append(camera.read())
    assert [number_of(picture.image) for picture in pictures] == [1, 2, 3]
    assert [picture.timestamp for picture in pictures] == pytest.approx([1.7e9 + 0.5, 1.7e9 + 1.0, 1.7e9 + 1.5])


def test_single_pictures_that_cannot_be_decoded_are_passed_over(make_camera, fake_capture, make_picture, number_of):
    capture = fake_capture([make_picture(0), None, None, make_picture(3)])
    camera = make_camera([capture])
    camera.open()
    assert number_of(camera.read().image) == 3


def test_unplugged_and_back(make_camera, fake_capture, make_picture, fake_time, number_of, caplog, device):
    captures = [
        fake_capture([make_picture(0), make_picture(1)]),
        fake_capture(opened=False),
        fake_capture([]),  # opens, and gives nothing yet
        fake_capture([make_picture(4), make_picture(5)]),
    ]
    camera = make_camera(captures)
    camera.open()
    with caplog.at_level(logging.INFO):
        assert [number_of(camera.read().image) for _ in range(3)] == [1, 4, 5]
    assert caplog.messages == [
        f"camera {device} was lost; trying to get it back for 10 s",
        f"camera {device} is back",
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert fake_time.waits == [0.25, 0.5, 1.0]  # backing off
    assert [capture.released for capture in captures] == [1, 1, 1, 0]


def test_unplugged_for_good(make_camera, fake_capture, make_picture, fake_time, device):
    captures = [fake_capture([make_picture(0)]), *(fake_capture(opened=False) for _ in range(50))]
    camera = make_camera(captures)
    camera.open()
    with pytest.raises(SmiledetError) as problem:
        camera.read()
    assert str(problem.value) == f"camera {device} was lost and did not come back within 10 s"
    assert problem.value.exit_code == 1
    assert sum(fake_time.waits) == pytest.approx(10)
    assert fake_time.waits == pytest.approx([0.25, 0.5, 1.0, 2.0, 4.0, 2.25])


def test_pauses_grow_to_half_a_minute_and_by_chance(make_camera, fake_capture, make_picture, fake_time):
    captures = [fake_capture([make_picture(0)]), *(fake_capture(opened=False) for _ in range(50))]
    chances = count()
    camera = make_camera(captures, SourceSettings(reconnect=300), chance=lambda: next(chances) % 3 / 2)
    camera.open()
    with pytest.raises(SmiledetError, match="did not come back within 300 s"):
        camera.read()
    usual = [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    factors = [0.5, 1.0, 1.5] * 4
    expected = [pause * factor for pause, factor in zip(usual, factors, strict=False)]
    assert fake_time.waits[: len(expected)] == pytest.approx(expected)


def test_pauses_are_short_again_only_once_pictures_flow(make_camera, fake_capture, make_picture, fake_time):
    """A camera that gives one picture and is gone again is not asked four times a second."""
    captures = [fake_capture([make_picture(1)] * many) for many in (1, 1, 1, 1, 40, 1, 1)]
    camera = make_camera(captures, SourceSettings(reconnect=60))
    camera.open()
    for _ in range(45):
        assert camera.read() is not None
    assert fake_time.waits == pytest.approx([0.25, 0.5, 1.0, 2.0, 0.25, 0.5])


def test_nobody_waits_for_a_lost_camera_beyond_the_end(make_camera, fake_capture, make_picture, fake_time):
    captures = [fake_capture([make_picture(0)] * 3), *(fake_capture(opened=False) for _ in range(50))]
    camera = make_camera(captures, SourceSettings(reconnect=3600))
    camera.open()
    camera.until = camera.read().timestamp + 7
    assert camera.read() is not None and camera.read() is None
    assert sum(fake_time.waits) == pytest.approx(7)


def test_the_device_itself_vanishes(make_camera, fake_capture, make_picture, device):
    camera = make_camera([fake_capture([make_picture(0)])], SourceSettings(reconnect=1))
    camera.open()
    device.unlink()
    with pytest.raises(SmiledetError, match="did not come back within 1 s"):
        camera.read()


def test_without_patience_a_loss_is_the_end_at_once(make_camera, fake_capture, make_picture, fake_time):
    camera = make_camera([fake_capture([make_picture(0)])], SourceSettings(reconnect=0))
    camera.open()
    with pytest.raises(SmiledetError, match="was lost"):
        camera.read()
    assert fake_time.waits == []


def test_the_end_of_the_run_ends_the_wait_for_a_lost_camera(make_camera, fake_capture, make_picture, fake_time):
    ticks = count()
    waiting = threading.Event()

    def open_capture(_path):
        if next(ticks) == 0:
            return fake_capture([make_picture(0)])
        waiting.set()
        return fake_capture(opened=False)

    camera = make_camera([], SourceSettings(reconnect=3600))
    camera._open_capture = open_capture
    camera._wait = camera.cancel.wait  # real waiting, as outside the tests
    camera.open()
    results = []
    reader = threading.Thread(target=lambda: results.append(camera.read()))
    reader.start()
    assert waiting.wait(10)
    camera.cancel.set()
    reader.join(10)
    assert results == [None]


def test_one_that_comes_back_just_when_the_run_is_over_is_let_go_of(make_camera, fake_capture, make_picture):
    captures = [fake_capture([make_picture(1)]), fake_capture([make_picture(1)] * 5)]

    class EndsTheRun(type(captures[1])):
        def isOpened(self):  # noqa: N802
            camera.cancel.set()
            return True

    captures[1].__class__ = EndsTheRun
    camera = make_camera(captures)
    camera.open()
    camera.read()
    assert camera.cancel.is_set()
    camera.close()
    assert all(capture.released for capture in captures)


def test_closed_before_a_read(make_camera, fake_capture, make_picture):
    capture = fake_capture([make_picture(0), make_picture(1)])
    camera = make_camera([capture])
    camera.open()
    camera.close()
    camera.close()
    assert camera.read() is None
    assert capture.released == 1
