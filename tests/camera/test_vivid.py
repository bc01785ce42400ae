"""A real V4L2 camera that is unplugged, busy, silent, frozen, black, or slower than asked for.

Run inside the machine of `scripts/camera_machine.py` (`make test-camera`), whose camera is Linux' `vivid`.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from smiledet.errors import SourceError, SourceLostError
from smiledet.frame import Image
from smiledet.sources.base import SourceSettings
from smiledet.sources.camera import CameraSource
from smiledet.sources.capture import Capture
from smiledet.system.own_process import settle_process

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("SMILEDET_VIVID" not in os.environ, reason="needs `make test-camera`'s virtual machine"),
]

DEVICE = "/dev/video0"
SETTINGS = SourceSettings(width=320, height=180, fourcc="any", read_timeout=2, reconnect=60)


def ioctl_number(number: int, size: int) -> int:
    """Of a V4L2 call that reads and writes a structure (`_IOWR('V', number, size)`)."""
    return 3 << 30 | size << 16 | ord("V") << 8 | number


QUERY, SET_CONTROL = ioctl_number(36, 68), ioctl_number(28, 8)
NEXT = 0x80000000


class Vivid:
    """The driver's own controls, by name."""

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        self._file = os.open(DEVICE, os.O_RDWR)
        self.controls: dict[str, int] = {}
        number = 0
        while True:
            asked = bytearray(struct.pack("II32siiiiI8x", number | NEXT, 0, b"", 0, 0, 0, 0, 0))
            try:
                fcntl.ioctl(self._file, QUERY, asked)
            except OSError:
                break
            number, _, name = struct.unpack_from("II32s", asked)
            self.controls[name.rstrip(b"\0").decode()] = number

    def set(self, name: str, value: int) -> None:
        fcntl.ioctl(self._file, SET_CONTROL, bytearray(struct.pack("Ii", self.controls[name], value)))

    def close(self) -> None:
        os.close(self._file)


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    """What is lost and what is back; OpenCV waits two seconds for a picture."""
    settle_process(1, SETTINGS.read_timeout)
    caplog.set_level(logging.INFO, "smiledet")


@pytest.fixture
def vivid() -> Iterator[Vivid]:
    camera = Vivid()
    camera.set("Test Pattern", 0)
    camera.set("OSD Text Mode", 0)
    yield camera
    camera.close()


@contextmanager
def opened(settings: SourceSettings = SETTINGS) -> Iterator[CameraSource]:
    source = CameraSource(DEVICE, settings)
    with source:
        yield source


def test_pictures_come(vivid: Vivid) -> None:
    with opened() as source:
        first, second = source.read(), source.read()
    assert first is not None and second is not None
    assert first.image.shape == (180, 320, 3) and second.timestamp > first.timestamp
    assert np.any(first.image != second.image), "the driver writes its counter into the picture"
    assert source.description.startswith(f"camera {DEVICE}, 320x180 ")


def test_unplugged_and_back(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    """Reads fail though OpenCV calls it open; the driver keeps it away for as long as somebody has it open."""
    with opened() as source:
        assert source.read() is not None
        vivid.set("Disconnect", 1)
        back = threading.Timer(3, vivid.close)
        back.start()
        while f"camera {DEVICE} is back" not in caplog.messages:
            assert source.read() is not None
        picture = source.read()
        assert picture is not None and picture.image.shape == (180, 320, 3)
    back.join()
    vivid.open()
    assert f"camera {DEVICE} was lost; trying to get it back for 60 s" in caplog.messages


def test_unplugged_for_good(vivid: Vivid) -> None:
    with opened(SourceSettings(width=320, height=180, fourcc="any", read_timeout=2, reconnect=4)) as source:
        assert source.read() is not None
        vivid.set("Disconnect", 1)
        with pytest.raises(SourceLostError, match=f"camera {DEVICE} was lost and did not come back within 4 s"):
            while source.read() is not None:
                pass


def bars(image: Image) -> npt.NDArray[np.int64]:
    """The colours of the test pattern's eight bars, (8, 3), near the lower edge: above stands the driver's text."""
    height, width = image.shape[:2]
    return image[height * 9 // 10, [width * (2 * bar + 1) // 16 for bar in range(8)]].astype(np.int64)


@pytest.mark.parametrize(("size", "form"), [((640, 360), "YUYV"), ((640, 480), "RGB3"), ((320, 180), "NV12")])
def test_another_size_or_format_midway(vivid: Vivid, size: tuple[int, int], form: str) -> None:
    """As another program, or a camera in the place of the first, brings about."""
    captures: list[cv2.VideoCapture] = []

    def open_capture(device: str) -> Capture:
        captures.append(cv2.VideoCapture(device, cv2.CAP_V4L2))
        return captures[-1]  # type: ignore[return-value]

    with CameraSource(DEVICE, SETTINGS, open_capture) as source:
        before = source.read()
        assert before is not None and before.image.shape == (180, 320, 3)
        assert len(np.unique(bars(before.image) // 64, axis=0)) == 8, "eight colours"
        captures[0].set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*form))
        captures[0].set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
        captures[0].set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        after = source.read()
        assert after is not None and after.image.shape == (size[1], size[0], 3)
        given = int(captures[0].get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode()
        assert given == form
        assert np.abs(bars(before.image) - bars(after.image)).max() < 40
        assert len(captures) == 1 and source.read() is not None


def test_busy(vivid: Vivid) -> None:
    """Another program takes pictures."""
    with opened(), pytest.raises(SourceError, match=f"camera {DEVICE}.*(opens but gives no picture|cannot be opened)"):
        CameraSource(DEVICE, SETTINGS).open()


def test_no_pictures_for_a_while(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    """The driver loses every picture, as a cable with a loose contact does: a read waits, and gives up in time."""
    with opened() as source:
        assert source.read() is not None
        vivid.set("Percentage of Dropped Buffers", 100)
        back = threading.Timer(6, vivid.set, ["Percentage of Dropped Buffers", 0])
        back.start()
        while f"camera {DEVICE} is back" not in caplog.messages:
            assert source.read() is not None
        back.join()
        assert source.read() is not None
    assert f"camera {DEVICE} was lost; trying to get it back for 60 s" in caplog.messages


def test_reads_that_fail_now_and_then(vivid: Vivid) -> None:
    with opened() as source:
        for _ in range(3):
            vivid.set("Inject V4L2_BUF_FLAG_ERROR", 1)
            assert source.read() is not None


@pytest.mark.parametrize("pattern", ["frozen", "black"])
def test_the_same_or_a_black_picture_for_ever(vivid: Vivid, pattern: str) -> None:
    """That is what the camera sees: it is handed out, and ends nothing."""
    vivid.set("OSD Text Mode", 2)
    vivid.set("Test Pattern", 5 if pattern == "black" else 0)
    with opened() as source:
        pictures = [source.read() for _ in range(12)]
    images = [picture.image for picture in pictures if picture is not None]
    assert len(images) == 12 and all(np.array_equal(image, images[0]) for image in images)
    assert pattern != "black" or images[0].max() < 30


def test_half_the_rate_that_was_asked_for(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    with opened(SourceSettings(width=320, height=180, fourcc="any", fps=120)) as source:
        assert source.read() is not None
    assert any("FPS, 120 was asked for" in said for said in caplog.messages)


def test_a_whole_run_that_loses_it_ends_with_one_line(vivid: Vivid, tmp_path: Path) -> None:
    """Its exit code is 1, and its recording is finished."""
    (tmp_path / "small.toml").write_text("[source]\nwidth = 320\nheight = 180\nfourcc = 'any'\nreconnect = 3\n")
    words = ["--no-show", "--tasks", "smile", "--config", "small.toml", "--record", "v.mkv"]
    with subprocess.Popen(
        [sys.executable, "-m", "smiledet", "run", DEVICE, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        pause = threading.Event()
        while not any(path.stat().st_size for path in tmp_path.glob("v*.mkv")):
            assert process.poll() is None, process.communicate()
            pause.wait(0.2)
        vivid.set("Disconnect", 1)
        _, complaints = process.communicate()
    assert process.returncode == 1, complaints
    assert f"camera {DEVICE} was lost and did not come back within 3 s" in complaints and "Traceback" not in complaints
    with av.open(str(tmp_path / "v.mkv")) as recorded:
        assert next(recorded.decode(video=0)).width == 320
