"""The plain loop of the papers' public programs: a full Viola-Jones scan, then `model.predict` on each face in turn.

The steps are those of oarriaga/face_classification's demos `video_emotion_color_demo` and `video_emotion_gender_demo`
(seed papers 002 and 004): both conversions of colour, `detectMultiScale(grey, 1.3, 5)` on every whole frame, each face
cut with (20, 40) pixels to spare, its label the commonest of the last ten of anybody, drawing in RGB. Only the weights
are smiledet's own mini-Xceptions at 64x64, which take pixels as they are; Keras' progress bars are left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from statistics import mode
from typing import Any

import numpy as np

SCALE, NEIGHBOURS = 1.3, 5
"""What the demos ask of `detectMultiScale`."""

OFFSETS = (20, 40)
"""Pixels added on either side of a face, and above and below it."""

WINDOW = 10
"""Labels of which the commonest is shown."""

COLOUR = (0, 255, 0)


class _Classifier:
    """One network, and the labels that it last gave; its other tasks' outputs are left out."""

    def __init__(self, path: str, labels: Sequence[str], outputs: Sequence[int]) -> None:
        import keras

        self._network = keras.models.load_model(path, compile=False)
        self._labels, self._outputs = labels, list(outputs)
        self._latest: deque[str] = deque(maxlen=WINDOW)
        self.size: tuple[int, int] = tuple(self._network.input_shape[1:3])

    def read(self, chip: Any) -> str:
        (answers,) = self._network.predict(chip.astype("float32")[np.newaxis, :, :, np.newaxis], verbose=0)
        self._latest.append(self._labels[int(np.argmax(answers[self._outputs]))])
        return mode(self._latest)


def prepare(options: dict[str, Any]) -> Callable[[Sequence[Any]], list[list[list[float]]]]:
    """Load the cascade and the networks.

    Args:
        options: `networks`: for each its Keras file, its labels and which of its outputs are theirs.
    """
    import cv2
    from cv2 import data

    cascade = cv2.CascadeClassifier(data.haarcascades + "haarcascade_frontalface_default.xml")
    classifiers = [_Classifier(*network) for network in options["networks"]]

    def read_one(picture: Any) -> list[list[float]]:
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        canvas = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        faces = cascade.detectMultiScale(grey, SCALE, NEIGHBOURS)
        for x, y, width, height in faces:
            top, left = max(0, y - OFFSETS[1]), max(0, x - OFFSETS[0])
            cut = grey[top : y + height + OFFSETS[1], left : x + width + OFFSETS[0]]
            labels = [each.read(cv2.resize(cut, each.size)) for each in classifiers]
            cv2.rectangle(canvas, (x, y), (x + width, y + height), COLOUR, 2)
            for line, label in enumerate(labels):
                place = (x, y - 20 - 25 * line)
                cv2.putText(canvas, label, place, cv2.FONT_HERSHEY_SIMPLEX, 1, COLOUR, 1, cv2.LINE_AA)
        cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR)  # what the demos show
        return [list(map(float, face)) for face in faces]

    return lambda pictures: [read_one(picture) for picture in pictures]
