"""The package `deepface` with its default detector, emotion alone, its box and label drawn.

It fetches its weights from GitHub when it is first used; where it cannot, that is what is reported of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

COLOUR = (67, 67, 67)


def prepare(options: dict[str, Any]) -> Callable[[Sequence[Any]], list[list[list[float]]]]:
    """Load its network.

    Args:
        options: Passed on to `DeepFace.analyze`.
    """
    import cv2
    from deepface import DeepFace

    DeepFace.build_model("Emotion", task="facial_attribute")

    def read_one(picture: Any) -> list[list[float]]:
        answers = DeepFace.analyze(picture, actions=("emotion",), enforce_detection=False, silent=True, **options)
        boxes = []
        for answer in answers:
            if answer["face_confidence"] == 0:  # so it says that there is none, and gives the whole picture
                continue
            x, y, width, height = (int(answer["region"][side]) for side in "xywh")
            cv2.rectangle(picture, (x, y), (x + width, y + height), COLOUR, 1)
            cv2.putText(picture, answer["dominant_emotion"], (x, y - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.7, COLOUR, 1)
            boxes.append([float(x), float(y), float(width), float(height)])
        return boxes

    return lambda pictures: [read_one(picture) for picture in pictures]
