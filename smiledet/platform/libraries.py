"""What the libraries of this machine can do: OpenCV's ways to pictures, and which TensorRT there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import cv2

from smiledet.errors import UsageError
from smiledet.platform.board import package_version
from smiledet.platform.files import SystemFiles
from smiledet.sources.introspection import load_gstreamer

BACK_ENDS = {"V4L2": cv2.CAP_V4L2, "FFmpeg": cv2.CAP_FFMPEG, "GStreamer": cv2.CAP_GSTREAMER}
"""Cameras · files and streams · CSI cameras and hardware decoding."""


@dataclass(frozen=True, slots=True)
class OpenCV:
    """The OpenCV that is installed.

    Attributes:
        version: Its version.
        back_ends: Whether it has each of `BACK_ENDS`.
        gi_problem: Why Debian's python3-gi cannot stand in for its GStreamer; empty where it can, or need not.
    """

    version: str
    back_ends: dict[str, bool]
    gi_problem: str = ""


@dataclass(frozen=True, slots=True)
class TensorRT:
    """The TensorRT that is installed.

    Attributes:
        version: '8.2.1'; empty where there is none.
        importable: Whether this Python can import it; JetPack 4 and 5 bind theirs to a Python of their own.
        told_by: How the version is known.
    """

    version: str = ""
    importable: bool = False
    told_by: str = ""


def read_opencv() -> OpenCV:
    """Ask OpenCV. Its registry lists back-ends that were left out, so each is asked for."""
    back_ends = {name: bool(cv2.videoio_registry.hasBackend(key)) for name, key in BACK_ENDS.items()}
    return OpenCV(cv2.__version__, back_ends, "" if back_ends["GStreamer"] else _gi_problem())


def _gi_problem() -> str:
    try:
        load_gstreamer()
    except UsageError as problem:
        return str(problem)
    return ""


def import_tensorrt() -> Any:
    """TensorRT, or None where this Python has none; takes seconds where it has."""
    return import_module("tensorrt") if find_spec("tensorrt") is not None else None


def read_tensorrt(files: SystemFiles, importer: Callable[[], Any] = import_tensorrt) -> TensorRT:
    """Find TensorRT, in this Python or else among the system's packages.

    Args:
        files: The system's files.
        importer: Gives the module; tests bring their own.
    """
    try:
        module = importer()
    except Exception:  # bindings whose libraries are missing or of another version raise what they like
        module = None
    if module is not None:
        return TensorRT(str(getattr(module, "__version__", "of no version")), True, "import tensorrt")
    version = package_version(files, r"libnvinfer\d+").partition("-")[0]
    return TensorRT(version, False, "the package libnvinfer" if version else "")
