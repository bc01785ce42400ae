"""What bad light costs: faces found in the dark and over-exposed, and smiles read there.

Photographs are GENKI-4K's held-out fifth, read as `smiledet images` reads them, with the photographs' detector and with
Viola-Jones; clips are read frame by frame as `smiledet run` reads them. Light is multiplied and moved, then clipped to
eight bits, as a sensor would.

    python scripts/exposure_table.py --data-folder ../shared/data
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
from typing_extensions import override

from smiledet.config import Config
from smiledet.frame import Annotation, Frame, Image
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.training.evaluation.held_out import HELD_OUT
from smiledet.lab.training.evaluation.tables import markdown, percent
from smiledet.pipeline import Limits, Pipeline
from smiledet.reader import FaceReader
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.sources.choose import create_source

LIGHTS = {"as taken": (1.0, 0.0), "x 0.15": (0.15, 0.0), "x 0.12": (0.12, 0.0), "x 2.5 + 60": (2.5, 60.0)}
"""What the grey levels are multiplied by, and what is added to them."""
CLIPS = ("neutral_to_smile.mp4", "single_face_640x360.mp4", "talking.mp4", "glasses.mp4")


def lit(image: Image, light: tuple[float, float]) -> Image:
    """A picture in another light."""
    gain, offset = light
    changed: Image = cv2.convertScaleAbs(image, alpha=gain, beta=offset)
    return changed


class Lit(Source):
    """A source in another light."""

    def __init__(self, source: Source, light: tuple[float, float]) -> None:
        self._source, self._light = source, light
        self.live, self.still, self.description = source.live, source.still, source.description

    @override
    def open(self) -> None:
        self._source.open()
        self.fps, self.size, self.length = self._source.fps, self._source.size, self._source.length

    @override
    def read(self) -> Picture | None:
        picture = self._source.read()
        if picture is None:
            return None
        return Picture(lit(picture.image, self._light), picture.timestamp, picture.independent)

    @override
    def close(self) -> None:
        self._source.close()


class FramesWithFaces(Sink):
    """Counts the frames in which there is a face."""

    description = "frames with faces"

    def __init__(self) -> None:
        self.frames = self.found = 0

    @override
    def open(self) -> None: ...

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        self.frames += 1
        self.found += bool(annotation.readings)

    @override
    def close(self) -> None: ...


def photograph_rows(samples: list[Sample], detector: str) -> Iterator[list[str]]:
    """A row a light: photographs with a face, and smiles read right in the largest."""
    with FaceReader(("smile",), detector=detector) as reader:
        for name, light in LIGHTS.items():
            found = right = 0
            for sample in samples:
                image = cv2.imread(str(sample.image))
                assert image is not None
                faces = reader.read(lit(image, light)).faces
                found += bool(faces)
                right += bool(faces) and faces[0].smile.label == sample.label
            yield [f"photographs, {detector}", name, f"{found} of {len(samples)}", percent(right / max(1, found), 1)]


def clip_rows(folder: Path, clip: str, frames: int) -> Iterator[list[str]]:
    """A row a light: frames with a face."""
    for name, light in LIGHTS.items():
        source = Lit(create_source(str(folder / clip)), light)
        counter = FramesWithFaces()
        with source, counter:
            Pipeline(Config(), source, [counter], limits=Limits(frames)).run()
        yield [clip, name, f"{counter.found} of {counter.frames}", ""]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, required=True, help="see ../shared/data/README.md")
    parser.add_argument("--frames", type=int, default=150, help="of each clip at most")
    arguments = parser.parse_args()
    held_out = HELD_OUT["smile"]
    _, samples = read_samples(held_out.data(arguments.data_folder), "smile")
    samples = [sample for sample in samples if sample.split == held_out.split]
    rows = [row for detector in ("auto", "haar") for row in photograph_rows(samples, detector)]
    rows += [row for clip in CLIPS for row in clip_rows(arguments.data_folder / "clips", clip, arguments.frames)]
    print(markdown(["read", "light", "with a face", "smile right"], rows))


if __name__ == "__main__":
    main()
