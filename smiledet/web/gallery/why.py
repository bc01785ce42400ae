"""Why a face is read as it is: which of its parts the label depends on.

Method: occlusion sensitivity (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014, section
4.2). A grey patch is moved over the face; where the label's probability falls most, there is what it was read from. It
takes nothing but the network as it runs.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import Box, Image
from smiledet.reader import FaceReader

STEPS = 10
"""Places of the patch along each side."""

PATCH = 0.25
"""Side of the patch as a share of the face's: about the width of an eye or half a mouth."""

FACE = 160
"""Pixels at most of the face that is read; the networks take less."""

STRONGEST = 0.65
"""Opacity of the colour over the part that counts most."""


def occlusion_map(reader: FaceReader, face: Image, task: str, label: str) -> npt.NDArray[np.float32]:
    """What hiding each part of a face takes from a label's probability.

    Args:
        reader: It reads the task.
        face: A face as `FaceReader.read_crops` takes it.
        task: The task.
        label: The label.

    Returns:
        float32 (STEPS, STEPS): the fall of the probability, 0 and up; 0 throughout where nothing lowers it.
    """
    height, width = face.shape[:2]
    grey = np.full(3, face.mean(), np.uint8)
    crops = [face]
    for row in range(STEPS):
        for column in range(STEPS):
            y, x = (row + 0.5) / STEPS * height, (column + 0.5) / STEPS * width
            top, left = max(0, round(y - PATCH / 2 * height)), max(0, round(x - PATCH / 2 * width))
            hidden = face.copy()
            hidden[top : round(y + PATCH / 2 * height), left : round(x + PATCH / 2 * width)] = grey
            crops.append(hidden)
    scores = [answers[task].scores[label] for answers in reader.read_crops(crops, tasks=(task,))]
    falls = np.asarray(scores[0] - np.asarray(scores[1:]), np.float32)
    positive: npt.NDArray[np.float32] = np.maximum(falls, 0).reshape(STEPS, STEPS)
    return positive


def explained(reader: FaceReader, image: Image, box: Box, task: str, label: str) -> Image:
    """A copy of a picture in which the parts of a face that a label depends on are coloured.

    Args:
        reader: It reads the task.
        image: BGR uint8 (height, width, 3).
        box: The face.
        task: The task.
        label: The label.
    """
    left, top, right, bottom = (round(each) for each in box.clipped(image.shape[1], image.shape[0]))
    face = image[top:bottom, left:right]
    shown: Image = image.copy()
    if face.size == 0:
        return shown
    scale = min(1.0, FACE / max(face.shape[:2]))
    small: Image = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else face
    falls = occlusion_map(reader, small, task, label)
    strength = cv2.resize(falls / max(float(falls.max()), 1e-6), (right - left, bottom - top))
    colours = cv2.applyColorMap(np.clip(strength * 255, 0, 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = STRONGEST * np.clip(strength, 0, 1)[..., None]
    shown[top:bottom, left:right] = (face * (1 - opacity) + colours * opacity).astype(np.uint8)
    return shown
