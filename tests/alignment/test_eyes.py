"""Eyes that are drawn open and closed, and those of frames of real clips."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.alignment.eyes import EYES, eyes_open
from smiledet.reader import FaceReader


def drawn(open_share: float, roll: float = 0.0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two eyes on skin, with an iris as far as the lids let it be seen, and their landmarks."""
    picture = np.full((240, 320), 170, np.uint8)
    points = np.zeros((68, 2))
    for (first, last), middle in zip(EYES, (100, 220), strict=True):
        points[[first, last]] = [(middle - 35, 120), (middle + 35, 120)]
        eye = np.zeros_like(picture)
        cv2.ellipse(eye, (middle, 120), (35, max(1, round(18 * open_share))), 0, 0, 360, 255, -1)
        white = np.full_like(picture, 225)
        cv2.circle(white, (middle, 120), 16, 40, -1)
        picture = np.where(eye > 0, white, picture)
        cv2.ellipse(picture, (middle, 120), (36, max(1, round(18 * open_share)) + 1), 0, 0, 360, 60, 3)
    matrix = cv2.getRotationMatrix2D((160, 120), roll, scale)
    turned = cv2.warpAffine(picture, matrix, (320, 240), borderValue=170)
    return turned, points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("roll", [0, 25, -40])
@pytest.mark.parametrize("scale", [0.4, 1.0])
def test_open_eyes_are_told_from_closed_ones(roll, scale):
    assert eyes_open(*drawn(1.0, roll, scale)) > 0.8
    assert eyes_open(*drawn(0.0, roll, scale)) < 0.2


def test_colour_comes_to_the_same():
    picture, points = drawn(0.6)
    assert eyes_open(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), points) == pytest.approx(
        eyes_open(picture, points), abs=0.01
    )


def test_points_in_one_place_and_outside_do_no_harm():
    picture, points = drawn(1.0)
    assert eyes_open(picture, np.zeros((68, 2))) == 0
    assert 0 <= eyes_open(picture, points + 10_000) <= 1


@pytest.mark.data
@pytest.mark.parametrize(
    ("clip", "is_open", "is_closed"),
    [
        ("many_expressions.mp4", (0, 24, 72, 220), (16, 52, 128)),
        ("talking.mp4", (0, 24, 78), (12, 36, 99)),
        ("neutral_to_smile_2.mp4", (0, 36), (66,)),
    ],
)
def test_blinks_of_real_clips(clips, clip, is_open, is_closed):
    capture = cv2.VideoCapture(str(clips / clip))
    frames = [capture.read()[1] for _ in range(max(*is_open, *is_closed) + 1)]
    with FaceReader(("smile",)) as reader:
        found = {number: reader.read(frames[number]).faces[0].eyes_open for number in (*is_open, *is_closed)}
    assert min(found[number] for number in is_open) > max(found[number] for number in is_closed)
