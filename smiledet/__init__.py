"""smiledet: a real-time face, smile and emotion reader for machines with little to spare.

Everything that stands here is imported when it is first asked for: `import smiledet` alone loads no OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.errors import ImageError, SmiledetError, UsageError
    from smiledet.frame import Box, FaceReading, Prediction
    from smiledet.pipeline import Pipeline
    from smiledet.reader import FaceReader
    from smiledet.results import Reading, Table
    from smiledet.tracker import Tracker
    from smiledet.watching import Watch, watch

__version__ = "0.1.0"

_HOMES = {
    "Box": "frame",
    "Config": "config",
    "FaceReader": "reader",
    "FaceReading": "frame",
    "ImageError": "errors",
    "Pipeline": "pipeline",
    "Prediction": "frame",
    "Reading": "results",
    "SmiledetError": "errors",
    "Table": "results",
    "Tracker": "tracker",
    "UsageError": "errors",
    "Watch": "watching",
    "watch": "watching",
}
"""The module of this package in which each public name lives."""

__all__ = [
    "Box",
    "Config",
    "FaceReader",
    "FaceReading",
    "ImageError",
    "Pipeline",
    "Prediction",
    "Reading",
    "SmiledetError",
    "Table",
    "Tracker",
    "UsageError",
    "Watch",
    "__version__",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
