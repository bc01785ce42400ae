"""MediaPipe's face mesh, or its face landmarker with a smile read from the blendshapes and drawn.

A box is that of a face's landmarks. The landmarker takes a file of networks that MediaPipe's package does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FACES = 4
"""At most: what both are told to look for."""

COLOUR = (0, 255, 0)

SMILE = ("mouthSmileLeft", "mouthSmileRight")
"""The blendshapes whose mean is read as the smile."""

Boxes = list[list[float]]


def prepare(options: dict[str, Any]) -> Callable[[Sequence[Any]], list[Boxes]]:
    """Load the networks.

    Args:
        options: `landmarker`: the file for the landmarker, left out for the mesh; `fps`: of the clip, for its clock.
    """
    read_one = _landmarker(**options) if "landmarker" in options else _mesh()
    return lambda pictures: [read_one(picture) for picture in pictures]


def _box(points: Sequence[Any], picture: Any) -> list[float]:
    """The box of landmarks, which are shares of the picture's sides."""
    height, width = picture.shape[:2]
    across, down = [point.x * width for point in points], [point.y * height for point in points]
    return [min(across), min(down), max(across) - min(across), max(down) - min(down)]


def _mesh() -> Callable[[Any], Boxes]:
    import cv2
    from mediapipe.python.solutions.face_mesh import FaceMesh

    mesh = FaceMesh(max_num_faces=FACES)

    def read_one(picture: Any) -> Boxes:
        found = mesh.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).multi_face_landmarks
        return [_box(face.landmark, picture) for face in found or ()]

    return read_one


def _landmarker(landmarker: str, fps: float) -> Callable[[Any], Boxes]:
    import cv2
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    if not Path(landmarker).is_file():
        raise FileNotFoundError(f"no {landmarker}: SMILEDET_DATA says in which folder teachers/face_landmarker.task is")
    reader = vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=landmarker),
            running_mode=vision.RunningMode.VIDEO,
            num_faces=FACES,
            output_face_blendshapes=True,
        )
    )
    taken = 0

    def read_one(picture: Any) -> Boxes:
        nonlocal taken
        taken += 1
        image = mediapipe.Image(mediapipe.ImageFormat.SRGB, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        answer = reader.detect_for_video(image, round(1000 * taken / fps))
        boxes = [_box(face, picture) for face in answer.face_landmarks]
        for (x, y, width, height), shapes in zip(boxes, answer.face_blendshapes, strict=True):
            smile = sum(shape.score for shape in shapes if shape.category_name in SMILE) / len(SMILE)
            corner = round(x), round(y)
            cv2.rectangle(picture, corner, (round(x + width), round(y + height)), COLOUR, 2)
            cv2.putText(picture, f"smile {smile:.2f}", corner, cv2.FONT_HERSHEY_SIMPLEX, 0.7, COLOUR, 1)
        return boxes

    return read_one
