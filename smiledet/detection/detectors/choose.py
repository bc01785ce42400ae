"""From a detector's name to detectors."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from smiledet.detection.detectors.base import DetectorKind
from smiledet.errors import ModelError, UsageError

DETECTORS = ("haar", "hog", "mmod", "mtcnn", "fcos")
"""The detectors that come with the package or an extra of it, one a file in this folder."""

WITH_FILE = ("fcos", "yunet")
"""Those of which the user may bring a file, each chosen as NAME=FILE; a test holds that none is missing here."""

ALLOWED = (*DETECTORS, *(f"{name}=FILE" for name in WITH_FILE))
"""What a user may write, for messages."""


def is_detector(choice: str) -> bool:
    """Whether a detector can be chosen by these words.

    >>> is_detector("haar"), is_detector("yunet=face_detection_yunet.onnx"), is_detector("yunet")
    (True, True, False)
    """
    name, _, file = choice.partition("=")
    return name in WITH_FILE if file else choice in DETECTORS


def name_of(choice: str) -> str:
    """The detector's name, without its file."""
    return choice.partition("=")[0]


def detector_kind(choice: str) -> DetectorKind:
    """How a detector is made.

    Args:
        choice: One of `DETECTORS`, or NAME=FILE with a name of `WITH_FILE`.

    Raises:
        ModelError: No such detector, or it cannot be made here; the message names the extra to install, or the file.
    """
    if not is_detector(choice):
        raise ModelError(f"no detector {choice!r}; there are {', '.join(ALLOWED)}")
    name, _, file = choice.partition("=")
    module = import_module(f"smiledet.detection.detectors.{name}")
    kind: DetectorKind = module.detector_of(Path(file).expanduser()) if file else module.DETECTOR
    kind.check()
    return kind


def installed_detectors() -> list[str]:
    """The detectors that can be made here."""
    return [name for name in DETECTORS if _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        detector_kind(name)
    except UsageError:
        return False
    return True
