"""The package `fer`, frame by frame, drawn with its own `draw_annotations`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def prepare(options: dict[str, Any]) -> Callable[[Sequence[Any]], list[list[list[float]]]]:
    """Load its detector and network.

    Args:
        options: Passed on to `FER`: `mtcnn`, `use_tflite`.
    """
    from fer.fer import FER
    from fer.utils import draw_annotations

    reader = FER(**options)

    def read(pictures: Sequence[Any]) -> list[list[list[float]]]:
        found = []
        for picture in pictures:
            faces = reader.detect_emotions(picture)
            draw_annotations(picture, faces)
            found.append([list(face["box"]) for face in faces])
        return found

    return read
