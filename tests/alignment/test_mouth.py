"""How far a mouth is open."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.alignment.head import describe_head
from smiledet.alignment.mouth import mouth_open
from smiledet.alignment.template import load_template
from smiledet.frame import Box, Face, FaceReading
from smiledet.model_index import find_model


@pytest.fixture(scope="module")
def template():
    return load_template(find_model("landmarks", "ert68").file("template"))


def opened(points, gap):
    """The face with its inner lips so far apart, in widths of the inner mouth."""
    changed = points.copy()
    width = np.linalg.norm(points[60] - points[64])
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        middle = (points[upper] + points[lower]) / 2
        half = np.array([0, gap * width / 2])
        changed[upper], changed[lower] = middle - half, middle + half
    return changed


def test_it_rises_with_the_gap_between_closed_and_wide_open(template):
    shares = [mouth_open(opened(template, gap)) for gap in (0, 0.05, 0.2, 0.4, 0.6, 1.2)]
    assert shares[:2] == [0, 0] and shares[-1] == 1
    assert 0.1 < shares[2] < shares[3] < shares[4] < 1


def test_size_place_and_tilt_of_the_face_do_not_matter(template):
    angle = np.deg2rad(30)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = opened(template, 0.35)
    assert mouth_open(80 * points @ rotation.T + (300, 40)) == pytest.approx(mouth_open(100 * points))


def test_a_face_without_size_is_closed():
    assert mouth_open(np.full((68, 2), 7.0)) == 0


def test_a_face_is_described_with_its_mouth(template):
    points = 100 * opened(template, 0.4) + 20
    face = FaceReading(Face(Box(20, 20, 100, 100), 1.0, 1, Box(20, 20, 100, 100)), {}, points)
    described = describe_head(face, np.full((160, 160), 90, np.uint8))
    assert described.mouth_open == pytest.approx(mouth_open(points)) and 0.4 < described.mouth_open < 0.6
    assert describe_head(FaceReading(face.face, {}), np.zeros((8, 8), np.uint8)).mouth_open is None
