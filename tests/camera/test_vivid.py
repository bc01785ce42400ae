"""A real V4L2 camera that is unplugged, busy, silent, frozen, black, of another size or half the rate.

Run inside the machine of `scripts/camera_machine.py` (`make test-camera`), whose camera is Linux' `vivid`.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from smiledet.errors import SourceError, SourceLostError
from smiledet.sources.base import SourceSettings
from smiledet.sources.camera import CameraSource

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("SMILEDET_VIVID" not in os.environ, reason="needs `make test-camera`'s virtual machine"),
]

DEVICE = "/dev/video0"
SETTINGS = SourceSettings(width=320, height=180, fourcc="any", read_timeout=2, reconnect=60)


def ioctl_number(number: int, size: int) -> int:
    """Of a V4L2 call that reads and writes a structure (`_IOWR('V', number, size)`)."""
    return 3 << 30 | size << 16 | ord("V") << 8 | number


QUERY, SET_CONTROL, SET_FORMAT = ioctl_number(36, 68), ioctl_number(28, 8), ioctl_number(5, 208)
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

    def set_size(self, width: int, height: int) -> None:
        """As another program would, while nobody takes pictures."""
        form = bytearray(208)
        struct.pack_into("I4xII4sI", form, 0, 1, width, height, b"YUYV", 1)
        fcntl.ioctl(self._file, SET_FORMAT, form)

    def close(self) -> None:
        os.close(self._file)


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
        picture = source.read()
        while picture is not None and not any("is back" in said or "was lost" in said for said in caplog.messages):
            picture = source.read()
        assert picture is not None and picture.image.shape == (180, 320, 3)
        assert source.read() is not None
    back.join()
    vivid.open()
    assert any(said == f"camera {DEVICE} was lost; trying to get it back for 60 s" for said in caplog.messages)


def test_unplugged_for_good(vivid: Vivid) -> None:
    with opened(SourceSettings(width=320, height=180, fourcc="any", read_timeout=2, reconnect=4)) as source:
        assert source.read() is not None
        vivid.set("Disconnect", 1)
        with pytest.raises(SourceLostError, match=f"camera {DEVICE} was lost and did not come back within 4 s"):
            while source.read() is not None:
                pass


def test_busy(vivid: Vivid) -> None:
    """Another program takes pictures."""
    with opened(), pytest.raises(SourceError, match=f"camera {DEVICE}.*(opens but gives no picture|cannot be opened)"):
        CameraSource(DEVICE, SETTINGS).open()


def test_no_pictures_for_a_while(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    """The driver loses every picture, as a cable with a loose contact does: a read waits, and gives up in time."""
    with opened() as source:
        assert source.read() is not None
        vivid.set("Percentage of Dropped Buffers", 100)
        back = threading.Timer(4, lambda: vivid.set("Percentage of Dropped Buffers", 0))
        back.start()
        assert source.read() is not None
        while not any("was lost" in said for said in caplog.messages):
            assert source.read() is not None
        back.join()
        assert source.read() is not None


def test_reads_that_fail_now_and_then(vivid: Vivid) -> None:
    with opened() as source:
        for _ in range(3):
            vivid.set("Inject V4L2_BUF_FLAG_ERROR", 1)
            assert source.read() is not None


@pytest.mark.parametrize("pattern", ["frozen", "black"])
def test_the_same_or_a_black_picture_for_ever(vivid: Vivid, pattern: str) -> None:
    """That is what the camera sees: it is handed out, and ends nothing."""
    vivid.set("OSD Text Mode", 2)
    vivid.set("Test Pattern", 6 if pattern == "black" else 0)
    with opened() as source:
        pictures = [source.read() for _ in range(12)]
    images = [picture.image for picture in pictures if picture is not None]
    assert len(images) == 12 and all(np.array_equal(image, images[0]) for image in images)
    assert pattern != "black" or images[0].max() < 30


def test_another_size_after_it_was_away(vivid: Vivid) -> None:
    settings = SourceSettings(fourcc="any", read_timeout=2, reconnect=60)
    vivid.set_size(320, 180)
    with opened(settings) as source:
        picture = source.read()
        assert picture is not None and picture.image.shape == (180, 320, 3)
        vivid.set("Disconnect", 1)
        back = threading.Timer(2, change_size, [vivid])
        back.start()
        while picture is not None and picture.image.shape == (180, 320, 3):
            picture = source.read()
        assert picture is not None and picture.image.shape == (360, 640, 3)
    back.join()


def change_size(vivid: Vivid) -> None:
    """Plug it in again, as a camera that starts with another size."""
    vivid.close()
    vivid.open()
    vivid.set_size(640, 360)


def test_half_the_rate_that_was_asked_for(vivid: Vivid, caplog: pytest.LogCaptureFixture) -> None:
    with opened(SourceSettings(width=320, height=180, fourcc="any", fps=120)) as source:
        assert source.read() is not None
    assert any("FPS, 120 was asked for" in said for said in caplog.messages)


def test_a_whole_run_that_loses_it_ends_with_one_line(
    vivid: Vivid, start_smiledet: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Its exit code is 1, and its events are whole lines."""
    os.mkfifo(tmp_path / "events.jsonl")
    words = ["--no-show", "--events", "events.jsonl", "--tasks", "smile", "--config", "small.toml"]
    (tmp_path / "small.toml").write_text("[source]\nwidth = 320\nheight = 180\nfourcc = 'any'\nreconnect = 3\n")
    process = start_smiledet("run", DEVICE, *words)
    with (tmp_path / "events.jsonl").open() as events:
        json.loads(events.readline())
        vivid.set("Disconnect", 1)
        for line in events:
            json.loads(line)
    _, complaints = process.communicate()
    assert process.returncode == 1, complaints
    assert f"camera {DEVICE} was lost and did not come back within 3 s" in complaints and "Traceback" not in complaints
