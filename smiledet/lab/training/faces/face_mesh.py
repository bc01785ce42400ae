"""MediaPipe's face mesh and blendshapes as a teacher, from the file that its face landmarker is published in.

`face_landmarker.task` is a ZIP of LiteRT networks (Apache-2.0); it never ships. The mesh has 478 points with depths, of
a face about which a square is cut, turned level with its eyes; blendshapes are read from 146 of the points.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.frame import Image, Points

MESH, SHAPES = "face_landmarks_detector.tflite", "face_blendshapes.tflite"
"""In the archive."""

SIDE = 256
"""Of what the mesh network sees, in pixels."""

AROUND = 1.5
"""Side of what it sees, in longer sides of the face."""

EYE_CORNERS = (33, 263)
"""Of the mesh: outer corner of the eye that lies left in the picture, and of the other."""

BLINKS, JAW_OPEN = (9, 10), 25
"""Of the 52 blendshapes: eyeBlinkLeft, eyeBlinkRight and jawOpen."""

# What the blendshapes are read from: kLandmarksSubsetIdxs of MediaPipe's face_blendshapes_graph.cc.
# fmt: off
SUBSET = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249,
    251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314,
    317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382,
    384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473,
    474, 475, 476, 477,
])
# fmt: on


@dataclass(frozen=True, slots=True)
class Mesh:
    """A face as the teacher sees it.

    Attributes:
        points: (478, 3) float64, pixels of the picture; the third is depth, smaller towards the camera.
        presence: How sure it is that there is a face, 0 to 1.
        shapes: The 52 blendshapes, 0 to 1.
    """

    points: npt.NDArray[np.float64]
    presence: float
    shapes: npt.NDArray[np.float32]

    @property
    def eyes_open(self) -> float:
        """One less the mean of both blinks."""
        return 1 - float(self.shapes[list(BLINKS)].mean())

    @property
    def jaw_open(self) -> float:
        """How far the jaw is down, 0 to 1."""
        return float(self.shapes[JAW_OPEN])


class FaceMesh:
    """The teacher. It belongs to one thread.

    Args:
        file: `face_landmarker.task`.

    Raises:
        UsageError: The file is missing, or is none of these.
    """

    def __init__(self, file: Path) -> None:
        try:
            with zipfile.ZipFile(file) as archive:
                mesh, shapes = (archive.read(name) for name in (MESH, SHAPES))
        except (OSError, KeyError, zipfile.BadZipFile) as problem:
            raise UsageError(f"the teacher {file} is no face_landmarker.task: {problem}") from problem
        self._mesh, self._shapes = _interpreter(mesh), _interpreter(shapes)

    def look(self, image: Image, landmarks: Points, looks: int = 2) -> Mesh:
        """The mesh of a face, looked at again where it was first seen.

        Args:
            image: BGR uint8 (height, width, 3).
            landmarks: Some points of the face, (n, 2), in pixels; the first and the last of the eyes' corners are
                taken from the 68 points where there are so many.
            looks: How often it is looked at.
        """
        around, corners = landmarks, landmarks[[36, 45]] if len(landmarks) == 68 else landmarks[[0, -1]]
        for _ in range(looks):
            matrix = _level(around, corners)
            chip = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            answers = _run(self._mesh, cv2.cvtColor(chip, cv2.COLOR_BGR2RGB).astype(np.float32)[None] / 255)
            flat = next(answer for answer in answers if answer.size > 1).reshape(-1, 3).astype(np.float64)
            back = cv2.invertAffineTransform(matrix)
            depth = flat[:, 2] * float(np.sqrt(abs(np.linalg.det(back[:, :2]))))
            points = np.column_stack([flat[:, :2] @ back[:, :2].T + back[:, 2], depth])
            around, corners = points[:, :2], points[list(EYE_CORNERS), :2]
        logit = float(next(answer for answer in answers if answer.ndim == 4 and answer.size == 1).item())
        (shapes,) = _run(self._shapes, points[SUBSET, :2].astype(np.float32)[None])
        return Mesh(points, 1 / (1 + float(np.exp(-logit))), shapes.ravel())


def _interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_content=content, num_threads=1)
    network.allocate_tensors()
    return network


def _run(network: Any, given: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    network.set_tensor(network.get_input_details()[0]["index"], given)
    network.invoke()
    return [network.get_tensor(each["index"]) for each in network.get_output_details()]


def _level(points: Points, corners: Points) -> npt.NDArray[np.float64]:
    """The map, (2, 3), of a picture into what the network sees: square, level with the corners of the eyes."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, side = (low + high) / 2, AROUND * float((high - low).max())
    across = corners[1] - corners[0]
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), angle, SIDE / max(side, 1e-6))
    matrix[:, 2] += SIDE / 2 - middle
    return np.asarray(matrix, np.float64)
