"""Cameras and their formats, asked of a device that answers as the kernel does."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from smiledet.platform import cameras
from smiledet.platform.cameras import CameraFormat, list_cameras
from smiledet.platform.files import SystemFiles

WEBCAM = {"MJPG": {(1280, 720): [(1, 30), (1, 15)], (640, 480): [(1, 30)]}, "YUYV": {(640, 480): [(1001, 30000)]}}


def code(fourcc: str) -> int:
    return int.from_bytes(fourcc.encode(), "little")


class FakeDriver:
    """Answers V4L2's questions with the layouts of the kernel's videodev2.h."""

    def __init__(self, formats, capabilities=0x84200001, own=0x04200001, stepwise=False, endless=False):
        self.formats = formats
        self.capabilities, self.own = capabilities, own
        self.stepwise, self.endless = stepwise, endless

    def __call__(self, handle, request, answer):
        index, first, second, third = struct.unpack_from("=IIII", answer, 0)
        if request == cameras.QUERYCAP:
            struct.pack_into("=16s32s32sIII", answer, 0, b"uvcvideo", b"Cam", b"usb", 1, self.capabilities, self.own)
        elif request == cameras.ENUM_FMT:
            assert first in (1, 9)
            name = self.pick(list(self.formats), index)
            struct.pack_into("=I32sI", answer, 8, 0, b"Motion-JPEG", code(name))
        elif request == cameras.ENUM_FRAMESIZES:
            width, height = self.pick(list(self.named(first)), index)
            if self.stepwise:
                struct.pack_into("=IIIIIII", answer, 8, 3, 16, width, 1, 16, height, 1)
            else:
                struct.pack_into("=III", answer, 8, 1, width, height)
        elif request == cameras.ENUM_FRAMEINTERVALS:
            interval = self.pick(self.named(first)[second, third], index)
            struct.pack_into("=III", answer, 16, 1, *interval)
        return 0

    def named(self, number):
        return next(sizes for name, sizes in self.formats.items() if code(name) == number)

    def pick(self, choices, index):
        if index >= len(choices) and not self.endless:
            raise OSError(errno.EINVAL, "Invalid argument")
        return choices[index % len(choices)]


@pytest.fixture
def devices(tmp_path):
    """Video devices with names, under a root."""

    def make(*numbers: int) -> SystemFiles:
        for number in numbers:
            device = tmp_path / f"dev/video{number}"
            device.parent.mkdir(exist_ok=True)
            device.touch()
            name = tmp_path / f"sys/class/video4linux/video{number}/name"
            name.parent.mkdir(parents=True)
            name.write_text(f"HD Webcam {number}\n")
        return SystemFiles(tmp_path)

    return make


def test_the_requests_are_the_kernel_s():
    """As compiled from videodev2.h on x86-64."""
    assert [cameras.QUERYCAP, cameras.ENUM_FMT, cameras.ENUM_FRAMESIZES, cameras.ENUM_FRAMEINTERVALS] == [
        0x80685600,
        0xC0405602,
        0xC02C564A,
        0xC034564B,
    ]


def test_forms_sizes_and_rates(devices):
    (camera,) = list_cameras(devices(0), FakeDriver(WEBCAM))
    assert (camera.device, camera.name, camera.problem) == ("/dev/video0", "HD Webcam 0", "")
    assert camera.formats == (
        CameraFormat("MJPG", ((1280, 720, 30.0), (640, 480, 30.0))),
        CameraFormat("YUYV", ((640, 480, pytest.approx(29.97, abs=0.01)),)),
    )


def test_of_a_range_of_sizes_the_largest(devices):
    (camera,) = list_cameras(devices(0), FakeDriver({"YUYV": {(1920, 1080): [(1, 60)]}}, stepwise=True))
    assert camera.formats[0].sizes == ((1920, 1080, 60.0),)


def test_devices_are_in_the_order_of_their_numbers(devices):
    found = list_cameras(devices(10, 2), FakeDriver(WEBCAM))
    assert [camera.device for camera in found] == ["/dev/video2", "/dev/video10"]


@pytest.mark.parametrize(("capabilities", "own"), [(0x84A00001, 0x04A00000), (0x04000002, 0)])
def test_metadata_and_encoders_are_no_cameras(devices, capabilities, own):
    assert list_cameras(devices(0), FakeDriver(WEBCAM, capabilities, own)) == []


def test_a_driver_that_never_ends(devices):
    (camera,) = list_cameras(devices(0), FakeDriver({"MJPG": {(64, 48): [(1, 30)]}}, endless=True))
    assert len(camera.formats) == cameras.MOST


def test_a_device_that_is_none_is_told_with_its_problem(devices):
    (camera,) = list_cameras(devices(3))  # the real ioctl, of a plain file
    assert camera.formats == () and camera.problem == "Inappropriate ioctl for device"


def test_a_device_that_has_gone(devices, tmp_path):
    files = devices(0)
    (tmp_path / "dev/video0").unlink()
    (tmp_path / "dev/video0").symlink_to("nowhere")
    (camera,) = list_cameras(files, FakeDriver(WEBCAM))
    assert camera.problem == "No such file or directory"


def test_without_any(tmp_path):
    assert list_cameras(SystemFiles(Path(tmp_path))) == []


@pytest.mark.parametrize(("fourcc", "raw"), [("RG10", True), ("BA10", True), ("MJPG", False), ("GREY", False)])
def test_the_raw_pixels_of_a_sensor(fourcc, raw):
    assert CameraFormat(fourcc).is_raw == raw
