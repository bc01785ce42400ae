"""Faces that each detector finds in photographs: how many, how many more than there are, and in what time.

Five kinds of picture, all made of `../shared/data`:

- GENKI-4K's photographs, each of one person or more. Nobody has drawn boxes: one where none of the other detectors has
  one counts as false, and a photograph is found where one has.
- HELEN's portraits, brought to 640x480 and to 320x240 with grey around them. The 68 points say where the face is; a box
  elsewhere counts as false where none of the other detectors has one: many show a second face.
- A mosaic of 4,000x3,000 pixels of 380 of HELEN's and AFW's faces, 60 to 100 pixels wide, each in a field of its own.
- Frames of `no_face.mp4`.

Of GENKI-4K it takes the held-out fifth, of HELEN and AFW the third that `smiledet train detector` does not learn from.

    python scripts/photograph_table.py --data-folder ../shared/data --detectors fcos mtcnn yunet=FILE
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import thread_time

import cv2
import numpy as np

from smiledet.detection.photographs import WORKING_SIDE, PhotographLocator, PhotographSettings
from smiledet.exposure import even_out, measure, table_of
from smiledet.frame import Box, Detection, Image, Points
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.datasets.landmarks68 import AnnotatedFace, read_annotated_faces
from smiledet.lab.training.detector.sets import frames, is_held_out
from smiledet.lab.training.evaluation.held_out import HELD_OUT
from smiledet.lab.training.evaluation.tables import markdown

PORTRAITS = ((640, 480), (320, 240))
ROWS, COLUMNS, FIELD = 19, 20, (200, 157)
"""The mosaic: 380 fields of 200x157 pixels."""
AROUND = 110
"""Grey around a portrait that does not fill its picture."""
FRAMES = 40
"""Of the clip that shows nobody."""
SAME = 0.3
"""Intersection over union from which a box is the face."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and the places of its faces; None where they are not known."""

    image: Image
    faces: tuple[Box, ...] | None


def place(points: Points) -> Box:
    """The square that Viola-Jones would draw, about: 1.15 times the span of the points, a little above them."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = 1.15 * float((high - low).max())
    centre = (low + high) / 2
    return Box(float(centre[0]) - side / 2, float(centre[1]) - side / 2 - 0.06 * side, side, side)


def portrait(face: AnnotatedFace, size: tuple[int, int]) -> Scene:
    """The photograph in the middle of a picture (width, height), as large as that lets it be."""
    image = cv2.imread(str(face.image))
    assert image is not None
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    shift = (np.array(size) - scale * np.array([width, height])) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = cv2.warpAffine(shrunk(image, scale), halves(matrix, scale), size, flags=flags, borderValue=(AROUND,) * 3)
    return Scene(np.asarray(drawn, np.uint8), (place(face.points * scale + shift),))


def portraits(faces: list[AnnotatedFace], size: tuple[int, int]) -> list[Scene]:
    """All of them."""
    return [portrait(face, size) for face in faces]


def mosaic(faces: list[AnnotatedFace], seed: int = 0) -> Scene:
    """Every face in a field of its own, 60 to 100 pixels wide; its photograph is cut to the field."""
    random = np.random.default_rng(seed)
    canvas = np.full((ROWS * FIELD[1], COLUMNS * FIELD[0], 3), AROUND, np.uint8)
    boxes = []
    for number, index in enumerate(random.permutation(len(faces))[: ROWS * COLUMNS]):
        face = faces[index]
        image = cv2.imread(str(face.image))
        assert image is not None
        own = place(face.points)
        scale = random.uniform(60, 100) / own.width
        shift = np.array(FIELD) / 2 - scale * np.array(own.centre)
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = cv2.warpAffine(
            shrunk(image, scale), halves(matrix, scale), FIELD, flags=flags, borderValue=(AROUND,) * 3
        )
        left, top = FIELD[0] * (number % COLUMNS), FIELD[1] * (number // COLUMNS)
        canvas[top : top + FIELD[1], left : left + FIELD[0]] = small
        centre = (left + FIELD[0] / 2, top + FIELD[1] / 2)
        side = scale * own.width
        boxes.append(Box(centre[0] - side / 2, centre[1] - side / 2, side, side))
    return Scene(canvas, tuple(boxes))


def shrunk(image: Image, scale: float) -> Image:
    """The picture at the scale, so that nothing aliases; enlargement is left to the caller."""
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def halves(matrix: np.ndarray, scale: float) -> np.ndarray:
    """The map for a picture that `shrunk` has brought to the scale."""
    rest = matrix.copy()
    if scale < 1:
        rest[:, :2] /= scale
    return rest


def genki(folder: Path, count: int) -> Iterator[Scene]:
    """Photographs of GENKI-4K's held-out fifth, evenly spread over it."""
    samples = [each for each in read_samples(HELD_OUT["smile"].data(folder), "smile")[1] if each.split == "test"]
    for sample in samples[:: max(1, len(samples) // count)][:count]:
        image = cv2.imread(str(sample.image))
        assert image is not None
        yield Scene(image, None)


def attested(boxes: list[Detection], others: list[Detection]) -> int:
    """How many boxes have a counterpart among the others."""
    return sum(any(box.box.iou(other.box) >= SAME for other in others) for box in boxes)


def look(scenes: list[Scene], locator: PhotographLocator) -> tuple[list[list[Detection]], float]:
    """What a detector finds in each picture, and the median of its processor time, in milliseconds.

    One picture alone is looked at five times: the first time of a size includes getting its memory.
    """
    seen, seconds = [], []
    for scene in scenes if len(scenes) > 1 else 5 * scenes:
        grey = cv2.cvtColor(scene.image, cv2.COLOR_BGR2GRAY)
        start = thread_time()
        seen.append(list(locator.find(even_out(grey, table_of(measure(grey)))).detections))
        seconds.append(thread_time() - start)
    return seen[: len(scenes)], 1000 * float(np.median(seconds))


def counts(
    scenes: list[Scene], seen: list[list[Detection]], witnesses: list[list[list[Detection]]]
) -> tuple[int, int, int, int]:
    """Faces found and sought, boxes that are none, and all boxes; photographs of unknown faces count once."""
    found = sought = extra = 0
    for number, (scene, boxes) in enumerate(zip(scenes, seen, strict=True)):
        if scene.faces is None:
            known = attested(boxes, [face for each in witnesses for face in each[number]])
            sought += 1
            found += bool(known if witnesses else boxes)
            extra += len(boxes) - known
        else:
            hits = sum(any(face.box.iou(place) >= SAME for face in boxes) for place in scene.faces)
            sought += len(scene.faces)
            found += hits
            elsewhere = [face for face in boxes if all(face.box.iou(place) < SAME for place in scene.faces)]
            extra += len(boxes) - hits - attested(elsewhere, [face for each in witnesses for face in each[number]])
    return found, sought, extra, sum(map(len, seen))


def nobody(clip: Path) -> list[Scene]:
    """Frames of a clip that shows no face."""
    return [Scene(frame, ()) for frame in frames(clip, FRAMES)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, required=True, help="see ../shared/data/README.md")
    parser.add_argument("--detectors", nargs="+", default=["fcos", "mtcnn"], help="yunet=FILE is one, too")
    parser.add_argument("--faces", nargs="+", default=["normal"], choices=WORKING_SIDE)
    parser.add_argument("--photographs", type=int, default=1000, help="of GENKI-4K at most")
    parser.add_argument("--portraits", type=int, default=200, help="of HELEN at most")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    every = read_annotated_faces(arguments.data_folder / "landmarks68.tar.gz")
    annotated = [face for number, face in enumerate(every) if is_held_out(number)]
    helen = [face for face in annotated if face.image.parent.name == "helen"]
    kinds: dict[str, Callable[[], list[Scene]]] = {
        "GENKI-4K": lambda: list(genki(arguments.data_folder, arguments.photographs)),
        **{
            f"HELEN, {width}x{height}": partial(portraits, helen[: arguments.portraits], (width, height))
            for width, height in PORTRAITS
        },
        "mosaic, 12 megapixels": lambda: [mosaic(annotated)],
        "nobody": lambda: nobody(arguments.data_folder / "clips" / "no_face.mp4"),
    }
    rows = []
    for kind, make in kinds.items():
        scenes = make()
        for faces in arguments.faces:
            seen = {
                each: look(scenes, PhotographLocator(PhotographSettings(each, faces))) for each in arguments.detectors
            }
            for detector, (boxes, spent) in seen.items():
                others = [other for name, (other, _) in seen.items() if name != detector]
                found, sought, extra, every_box = counts(scenes, boxes, others)
                name = f"{detector.partition('=')[0]}, {faces}"
                rows.append([kind, name, f"{found} of {sought}", f"{extra} of {every_box}", f"{spent:.1f}"])
    print(markdown(["pictures", "detector, faces", "found", "boxes that are no known face", "ms, median"], rows))


if __name__ == "__main__":
    main()
