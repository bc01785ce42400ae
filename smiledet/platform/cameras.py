"""Which cameras there are, and what they send: asked of Video4Linux, without taking a picture.

The numbers and layouts are those of the kernel's `include/uapi/linux/videodev2.h`.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from smiledet.platform.files import SystemFiles

CAPTURE = 1
"""Both the type of a buffer that holds pictures from a device, and the capability to send them."""

CAPTURE_MPLANE = 9
CAN_CAPTURE_MPLANE = 0x1000
HAS_DEVICE_CAPABILITIES = 0x80000000

DISCRETE = 1
MOST = 64
"""Answers taken to one question; drivers have been seen that never say that there are no more."""


def _request(number: int, size: int, both_ways: bool = True) -> int:
    """The number of one of V4L2's ioctls, as the kernel's _IOR and _IOWR make it."""
    return ((3 if both_ways else 2) << 30) | (size << 16) | (ord("V") << 8) | number


QUERYCAP = _request(0, 104, both_ways=False)
ENUM_FMT = _request(2, 64)
ENUM_FRAMESIZES = _request(74, 44)
ENUM_FRAMEINTERVALS = _request(75, 52)

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True, slots=True)
class CameraFormat:
    """One form in which a camera sends.

    Attributes:
        fourcc: 'MJPG', 'YUYV'; 'RG10' and the like are the raw pixels of a CSI sensor.
        sizes: (width, height, highest pictures a second) of each size that the camera lists; the rate is 0 where it is
            not told.
    """

    fourcc: str
    sizes: tuple[tuple[int, int, float], ...] = ()

    @property
    def is_raw(self) -> bool:
        """Whether these are the raw pixels of a sensor, which need the board's image processor."""
        return self.fourcc[:2] in ("RG", "BG", "GB", "GR", "BA") and self.fourcc[2:].isdigit()


@dataclass(frozen=True, slots=True)
class Camera:
    """One video device.

    Attributes:
        device: '/dev/video0'.
        name: As its driver names it.
        formats: What it sends; none where it is no camera or could not be asked.
        problem: Why it could not be asked; empty where it could.
    """

    device: str
    name: str
    formats: tuple[CameraFormat, ...] = ()
    problem: str = ""


def list_cameras(files: SystemFiles | None = None, ioctl: Ioctl = fcntl.ioctl) -> list[Camera]:
    """Every video device that sends pictures, and every one that could not be asked.

    Args:
        files: The system's files.
        ioctl: Asks a device; tests bring their own.
    """
    files = files or SystemFiles()
    numbers = sorted(int(path[len("dev/video") :]) for path in files.find("dev/video[0-9]*") if path[9:].isdigit())
    found = [_camera(files, number, ioctl) for number in numbers]
    return [camera for camera in found if camera.formats or camera.problem]


def _camera(files: SystemFiles, number: int, ioctl: Ioctl) -> Camera:
    device = f"/dev/video{number}"
    name = files.text(f"sys/class/video4linux/video{number}/name") or "camera"
    try:
        handle = os.open(files.root / device[1:], os.O_RDWR | os.O_NONBLOCK)
    except OSError as problem:
        return Camera(device, name, problem=problem.strerror or str(problem))
    try:
        return Camera(device, name, tuple(_formats(handle, ioctl)))
    except OSError as problem:
        return Camera(device, name, problem=problem.strerror or str(problem))
    finally:
        os.close(handle)


def _formats(handle: int, ioctl: Ioctl) -> Iterator[CameraFormat]:
    """What a device sends; nothing if it is an encoder, or the metadata of a camera."""
    answer = bytearray(104)
    ioctl(handle, QUERYCAP, answer)
    whole, own = struct.unpack_from("=II", answer, 84)
    can = own if whole & HAS_DEVICE_CAPABILITIES else whole
    for kind, bit in ((CAPTURE, CAPTURE), (CAPTURE_MPLANE, CAN_CAPTURE_MPLANE)):
        if not can & bit:
            continue
        for answer in _answers(handle, ioctl, ENUM_FMT, 64, struct.pack("=I", kind)):
            (code,) = struct.unpack_from("=I", answer, 44)
            yield CameraFormat(_fourcc(code), tuple(_sizes(handle, ioctl, code)))


def _sizes(handle: int, ioctl: Ioctl, code: int) -> Iterator[tuple[int, int, float]]:
    for answer in _answers(handle, ioctl, ENUM_FRAMESIZES, 44, struct.pack("=I", code)):
        kind, width, height = struct.unpack_from("=III", answer, 8)
        if kind != DISCRETE:  # any size between two: the largest stands for them
            _, width, _, _, height, _ = struct.unpack_from("=IIIIII", answer, 12)
        yield width, height, _rate(handle, ioctl, code, width, height)


def _rate(handle: int, ioctl: Ioctl, code: int, width: int, height: int) -> float:
    """The highest number of pictures a second at a size; 0 where it is not told."""
    rates = [0.0]
    for answer in _answers(handle, ioctl, ENUM_FRAMEINTERVALS, 52, struct.pack("=III", code, width, height)):
        _, numerator, denominator = struct.unpack_from("=III", answer, 16)
        rates.append(denominator / numerator if numerator else 0.0)  # of a range the first is the shortest interval
    return max(rates)


def _answers(handle: int, ioctl: Ioctl, request: int, size: int, question: bytes) -> Iterator[bytearray]:
    """Ask for one thing after the other until the driver says that there are no more."""
    for index in range(MOST):
        answer = bytearray(size)
        struct.pack_into("=I", answer, 0, index)
        answer[4 : 4 + len(question)] = question
        try:
            ioctl(handle, request, answer)
        except OSError:
            return
        yield answer


def _fourcc(code: int) -> str:
    """A pixel format's four letters; the highest bit only says that it is big-endian."""
    return (code & 0x7FFFFFFF).to_bytes(4, "little").decode("ascii", "replace").strip(" \0")
