"""A small folder of photographs to try things on, made from the two public-domain portraits that ship."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import OutputError
from smiledet.frame import Image
from smiledet.photographs.decode import to_image
from smiledet.sources.demo import portrait_path
from smiledet.system.output_files import removed_on_failure

FIRST_DAY = datetime(2026, 5, 1, 10, 0)
BURST = timedelta(seconds=1)

CREDITS = "CREDITS.txt"


def write_samples(folder: Path) -> list[Path]:
    """Write the photographs into a folder.

    Both portraits, light and dark, turned, a group, a burst of which one picture is sharp, a landscape without a face,
    and a damaged file. Their dates lie days and months apart.

    Args:
        folder: Made where it is not there. Nothing in it is overwritten.

    Returns:
        The files that were written.

    Raises:
        OutputError: The folder cannot be written, or has such files already.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data, when in _samples():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            with path.open("xb") as file, removed_on_failure(path):
                file.write(data)
                file.flush()
            moment = when.timestamp()
            os.utime(path, (moment, moment))
            written.append(path)
    except FileExistsError as problem:
        raise OutputError(f"{problem.filename} is there already: name a new folder") from problem
    except OSError as problem:
        raise OutputError(f"cannot write into {folder}: {problem.strerror}") from problem
    return written


def _samples() -> Iterator[tuple[str, bytes, datetime]]:
    """Name, content and date of each file."""
    yield CREDITS, portrait_path().with_name(CREDITS).read_bytes(), FIRST_DAY
    collins, hopper = (to_image(portrait_path(name)) for name in ("collins", "hopper"))
    for number, (name, image) in enumerate(_pictures(collins, hopper)):
        yield name, jpeg(image), FIRST_DAY + timedelta(days=17 * number)
    burst = FIRST_DAY + timedelta(days=200)
    for number, sigma in enumerate((3.0, 0.0, 1.5), start=1):
        blurred = cv2.GaussianBlur(collins, (0, 0), sigma) if sigma else collins
        yield (
            f"burst/burst-{number}.jpg",
            jpeg(blurred[30:250, 40 + 4 * number : 280 + 4 * number]),
            burst + number * BURST,
        )
    yield "damaged.jpg", jpeg(collins)[:200], burst


def _pictures(collins: Image, hopper: Image) -> Iterator[tuple[str, Image]]:
    yield "collins.jpg", collins
    yield "hopper.jpg", hopper
    yield "collins-mirrored.jpg", cv2.flip(collins, 1)
    yield "hopper-dark.jpg", cv2.convertScaleAbs(hopper, alpha=0.25)
    yield "collins-bright.jpg", cv2.convertScaleAbs(collins, alpha=1.3, beta=20)
    yield "hopper-turned.jpg", cv2.rotate(hopper, cv2.ROTATE_90_CLOCKWISE)
    height = collins.shape[0]
    beside = cv2.resize(hopper, (round(hopper.shape[1] * height / hopper.shape[0]), height))
    yield "both.jpg", np.ascontiguousarray(np.hstack([collins, beside]))
    yield "landscape.jpg", _landscape()


def _landscape() -> Image:
    """Sky, hills and a sun: no face."""
    image = np.zeros((400, 600, 3), np.uint8)
    image[:] = np.linspace((235, 190, 130), (250, 235, 215), 400).astype(np.uint8)[:, None]
    cv2.circle(image, (460, 90), 36, (150, 225, 255), -1, cv2.LINE_AA)
    for base, height, colour in ((300, 60, (110, 140, 90)), (340, 40, (80, 115, 60))):
        x = np.arange(600)
        y = base + height * np.sin(x / (90 + base / 10)) * np.cos(x / 230)
        hill = np.concatenate([np.stack([x, y], 1), [[599, 399], [0, 399]]]).astype(np.int32)
        cv2.fillPoly(image, [hill], colour, cv2.LINE_AA)
    return image
