"""From a detector's name to detectors."""

from __future__ import annotations

from importlib import import_module

from smiledet.detection.detectors.base import DetectorKind
from smiledet.errors import ModelError, UsageError

AUTO = "auto"
"""Whatever suits the source: Viola-Jones for video, MTCNN for photographs."""

DETECTORS = ("haar", "hog", "mmod", "mtcnn")
"""The detectors that there are, one a file in this folder; a test holds that none is missing here."""


def detector_kind(name: str) -> DetectorKind:
    """How a detector is made.

    Raises:
        ModelError: No such detector, or it cannot be made here; the message names the extra to install.
    """
    if name not in DETECTORS:
        raise ModelError(f"no detector {name!r}; there are {', '.join(DETECTORS)}")
    kind: DetectorKind = import_module(f"smiledet.detection.detectors.{name}").DETECTOR
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
