"""smiledet: a real-time face, smile and emotion reader for machines with little to spare.

Everything that stands here is imported when it is first asked for: `import smiledet` alone loads no OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.engines.base import Engine
    from smiledet.errors import (
        ConfigError,
        ImageError,
        ModelError,
        OutputError,
        SmiledetError,
        SourceError,
        SourceLostError,
        UsageError,
    )
    from smiledet.frame import Annotation, Box, ChipSpec, Detection, Face, FaceReading, Frame, HeadPose, Prediction
    from smiledet.pipeline import Limits, Pipeline
    from smiledet.reader import FaceReader
    from smiledet.results import Reading, Table
    from smiledet.sinks.base import Sink
    from smiledet.sources.base import Picture, Source
    from smiledet.tasks.base import Task, register_task
    from smiledet.tracker import Tracker
    from smiledet.watching import Watch, watch

__version__ = "0.1.0"

_HOMES = {
    "Annotation": "frame",
    "Box": "frame",
    "ChipSpec": "frame",
    "Config": "config",
    "ConfigError": "errors",
    "Detection": "frame",
    "Engine": "engines.base",
    "Face": "frame",
    "FaceReader": "reader",
    "FaceReading": "frame",
    "Frame": "frame",
    "HeadPose": "frame",
    "ImageError": "errors",
    "Limits": "pipeline",
    "ModelError": "errors",
    "OutputError": "errors",
    "Picture": "sources.base",
    "Pipeline": "pipeline",
    "Prediction": "frame",
    "Reading": "results",
    "Sink": "sinks.base",
    "SmiledetError": "errors",
    "Source": "sources.base",
    "SourceError": "errors",
    "SourceLostError": "errors",
    "Table": "results",
    "Task": "tasks.base",
    "Tracker": "tracker",
    "UsageError": "errors",
    "Watch": "watching",
    "register_task": "tasks.base",
    "watch": "watching",
}
"""The module of this package in which each public name lives."""

__all__ = [
    "Annotation",
    "Box",
    "ChipSpec",
    "Config",
    "ConfigError",
    "Detection",
    "Engine",
    "Face",
    "FaceReader",
    "FaceReading",
    "Frame",
    "HeadPose",
    "ImageError",
    "Limits",
    "ModelError",
    "OutputError",
    "Picture",
    "Pipeline",
    "Prediction",
    "Reading",
    "Sink",
    "SmiledetError",
    "Source",
    "SourceError",
    "SourceLostError",
    "Table",
    "Task",
    "Tracker",
    "UsageError",
    "Watch",
    "__version__",
    "register_task",
    "watch",
]


if not TYPE_CHECKING:  # so that checkers complain about what is not there

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
