"""How often the best shot of a burst is the one that a person would take.

Bursts are made of frames of the clips (a blink, a grimace, a laugh), whose truth was written down by looking at them,
and of photographs of GENKI-4K with a copy out of focus, a moved one, one with closed eyes painted on, and one with the
face cut off. All go through files with EXIF times, the indexer and the stacks, as a user's do.

    SMILEDET_DATA=shared/data python scripts/best_shot_check.py --genki genki4k

Exit code 1 where fewer than 95 % agree, or bursts are torn apart.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image

from smiledet.config import Config
from smiledet.frame import FaceReading
from smiledet.photographs.discover import discover
from smiledet.photographs.index import Indexer
from smiledet.photographs.records import PhotographFilter
from smiledet.reader import FaceReader

WANTED = 0.95

TRUTH = {
    "many_expressions": ((0, 4, 8, 12), (16, 52, 60, 72, 84, 100, 128, 148, 172, 196, 276, 284)),
    "talking": ((6, 18, 21, 24, 48, 51, 54, 66, 69, 72, 75, 78, 96, 105, 108), (12, 36, 60, 99)),
    "expressive_woman": ((40, 44, 168, 172, 176, 204, 208, 212, 216, 220), (12, 24, 64, 68, 72, 88, 92, 96, 104, 224)),
    "neutral_to_smile": ((0, 4, 8, 20, 24, 28, 52, 56), (12, 16, 36, 40, 44)),
    "neutral_to_smile_2": ((24, 30, 36, 42, 48, 54, 60), (0, 9, 12, 66, 75)),
    "frown": ((0, 4, 28, 180, 184, 188), (12, 16, 20, 44, 48, 120, 124, 136, 152)),
    "cry_then_smile": ((183, 189, 201, 204, 207, 210, 213), (99, 108, 114, 120, 126, 132, 138)),
    "glasses": ((88, 92, 232, 236, 240, 244, 248), (0, 28, 48, 52, 100, 116, 120, 124, 128)),
}
"""By clip: frames that a person would keep (eyes open, at ease, smiling where somebody smiles at all), and frames that
show a blink, a grimace or a face that has not begun to smile."""

BURSTS = 15
"""Made of each clip: one or two frames to keep and three others."""

START = datetime(2024, 5, 1, 12)


def main() -> int:
    """Make the bursts, index them and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genki", type=Path, help="GENKI-4K, unpacked; without it the clips are all there is")
    parser.add_argument("--photographs", type=int, default=80, help="how many of GENKI-4K's")
    parser.add_argument("--keep", type=Path, help="write the bursts here, and leave them there")
    arguments = parser.parse_args()
    clips = Path(os.environ["SMILEDET_DATA"]) / "clips"
    with TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch, "bursts")
        folder.mkdir(parents=True, exist_ok=True)
        writer = BurstWriter(folder)
        for clip, (good, bad) in TRUTH.items():
            from_clip(writer, next(clips.glob(f"{clip}.*")), clip, good, bad)
        if arguments.genki is not None:
            from_photographs(writer, arguments.genki, arguments.photographs)
        return compare(writer, Path(scratch, "store.sqlite"))


class BurstWriter:
    """Writes bursts as files with EXIF times, a second apart, each burst a minute after the last.

    Attributes:
        bursts: The files of each burst, with what it shows and those that may be chosen.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bursts: list[tuple[str, set[Path], set[Path]]] = []

    def write(self, kind: str, pictures: list[tuple[np.ndarray, bool]]) -> None:
        """Write one burst.

        Args:
            kind: What it is counted under.
            pictures: BGR, each with whether it may be chosen.
        """
        number = len(self.bursts)
        paths, good = set(), set()
        for place, (picture, keep) in enumerate(pictures):
            path = self._folder / f"{number:04}_{place}_{kind}.jpg"
            moment = START + timedelta(minutes=number, seconds=place)
            exif = Image.Exif()
            exif.get_ifd(0x8769)[0x9003] = moment.strftime("%Y:%m:%d %H:%M:%S")
            Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).save(path, quality=92, exif=exif)
            paths.add(path)
            good |= {path} if keep else set()
        self.bursts.append((kind, paths, good))


def from_clip(writer: BurstWriter, path: Path, clip: str, good: tuple[int, ...], bad: tuple[int, ...]) -> None:
    """Bursts of a clip's frames."""
    capture, frames = cv2.VideoCapture(str(path)), {}
    for number in range(max(good + bad) + 1):
        read, frame = capture.read()
        if read and number in good + bad:
            frames[number] = frame
    chance = random.Random(clip)
    for _ in range(BURSTS):
        chosen = chance.sample(good, chance.choice((1, 2))) + chance.sample(bad, 3)
        chance.shuffle(chosen)
        writer.write(clip, [(frames[number], number in good) for number in chosen])


def from_photographs(writer: BurstWriter, genki: Path, count: int) -> None:
    """Bursts of a smiling photograph and what was done to it."""
    files = sorted((genki / "files").glob("*.jpg"))[: count * 40 : 20]
    chance = random.Random(7)
    with FaceReader(("smile",)) as reader:
        for _, reading in reader.read_each(files):
            if isinstance(reading, Exception) or len(reading) != 1 or count == 0:
                continue
            (face,) = reading.faces
            large = face.box.width > 80 and face.landmarks is not None and abs(face.pose.yaw) < 20
            if not large or face.eyes_open < 0.9 or face.smile.label != "smiling":
                continue
            picture = reading.image
            variants = list(spoilt(picture, face))
            for name, worse in variants:
                order = [(picture, True), (worse, False)]
                chance.shuffle(order)
                writer.write(name, order)
            everything = [(picture, True), *((worse, False) for _, worse in variants)]
            chance.shuffle(everything)
            writer.write("all of these", everything)
            count -= 1


def spoilt(picture: np.ndarray, face: FaceReading) -> Iterator[tuple[str, np.ndarray]]:
    """What goes wrong when a photograph is taken."""
    box, side = face.box, face.box.width
    yield "out of focus", cv2.GaussianBlur(picture, None, max(1.2, side / 60))
    length = max(5, round(side / 14)) | 1
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    yield "moved", cv2.filter2D(picture, -1, kernel)
    yield "eyes closed", with_closed_eyes(picture, face.landmarks)
    # The camera turned to the side, until an eighth of the face was outside.
    left, right = box.x + side / 8, picture.shape[1] - box.x - side * 7 / 8
    shift = np.array([[1, 0, -left if left < right else right], [0, 1, 0]], np.float64)
    yield "cut off", cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def with_closed_eyes(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Lids painted over the eyes, in the skin's colour from above and below them, with a line of lashes."""
    painted = picture.astype(np.float32)
    for first in (36, 42):
        eye = landmarks[first : first + 6]
        width = np.linalg.norm(eye[3] - eye[0])
        middle = eye.mean(axis=0)
        mask = np.zeros(picture.shape[:2], np.float32)
        angle = float(np.degrees(np.arctan2(*(eye[3] - eye[0])[::-1])))
        cv2.ellipse(mask, (tuple(map(float, middle)), (float(width * 1.25), float(width * 0.75)), angle), 1, -1)
        mask = cv2.GaussianBlur(mask, None, max(0.6, width / 25))[..., None]
        x, y = round(float(middle[0])), round(float(middle[1] + 0.55 * width))
        reach = max(1, round(width / 8))
        skin = picture[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach].reshape(-1, 3).mean(axis=0)
        painted = painted * (1 - mask) + skin * mask
        lashes = np.array([eye[0], (eye[4] + eye[5]) / 2 + (0, 0.04 * width), eye[3]])
        cv2.polylines(
            painted, [np.round(lashes).astype(np.int32)], False, (skin * 0.45).tolist(), max(1, round(width / 14))
        )
    return np.clip(painted, 0, 255).astype(np.uint8)


def compare(writer: BurstWriter, store: Path) -> int:
    """Index the bursts, and hold what was chosen against the truth."""
    config = replace(Config(), tasks=("smile", "emotion"))
    files = discover([next(iter(writer.bursts[0][1])).parent]).files
    right: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    with Indexer(config, store) as indexer:
        indexer.run(files)
        for kind, paths, good in writer.bursts:
            rows = [indexer.store.recall(path)[0] for path in sorted(paths)]
            stacks = Counter(each.row.stack for each in rows)
            whole[kind] += len(stacks) == 1 and None not in stacks
            best = min(rows, key=lambda each: each.row.place)
            right[kind] += best.row.path in good
            if best.row.path not in good:
                wanted = next(each for each in rows if each.row.path in good)
                print(f"chosen {best.row.path.name}: {best.reasons}; not {wanted.row.path.name}: {wanted.reasons}")
        stacked = indexer.store.count(PhotographFilter()) - indexer.store.count(PhotographFilter(best_only=True))
    total = Counter(kind for kind, *_ in writer.bursts)
    print("| burst | number | agree | one stack |\n| --- | --- | --- | --- |")
    for kind, count in total.items():
        print(f"| {kind} | {count} | {right[kind] / count:.0%} | {whole[kind] / count:.0%} |")
    share, together = right.total() / total.total(), whole.total() / total.total()
    print(f"| all | {total.total()} | {share:.1%} | {together:.1%} |\n{stacked} photographs lie below a better one")
    return int(share < WANTED or together < WANTED)


if __name__ == "__main__":
    sys.exit(main())
