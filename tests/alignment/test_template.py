"""The mean face is its own mirror image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smiledet.alignment.template import INNER, MIRRORED, POINT_COUNT, load_template, symmetrise
from smiledet.errors import UsageError
from smiledet.frame import Points
from smiledet.model_index import find_model


@pytest.fixture(scope="module")
def shipped() -> Points:
    return load_template(find_model("landmarks", "ert68").file("template"))


def test_mirroring_twice_changes_nothing() -> None:
    assert sorted(MIRRORED) == list(range(POINT_COUNT))
    assert (MIRRORED[MIRRORED] == np.arange(POINT_COUNT)).all()


@pytest.mark.parametrize(
    ("point", "partner"),
    [
        (0, 16),  # ends of the jaw
        (8, 8),  # chin
        (17, 26),  # outer ends of the brows
        (27, 27),  # bridge of the nose
        (31, 35),  # nostrils
        (36, 45),  # outer corners of the eyes
        (39, 42),  # inner corners
        (37, 44),  # upper lids
        (41, 46),  # lower lids
        (48, 54),  # corners of the mouth
        (51, 51),  # Cupid's bow
        (60, 64),  # inner corners of the lips
        (66, 66),  # middle of the lower lip
    ],
)
def test_pairs(point: int, partner: int) -> None:
    assert MIRRORED[point] == partner


def test_the_shipped_template_is_symmetric(shipped: Points) -> None:
    reflected = shipped[MIRRORED] * (-1, 1) + (1, 0)
    assert reflected == pytest.approx(shipped, abs=1e-9)


def test_the_shipped_template_is_a_face(shipped: Points) -> None:
    """In face boxes, y downwards: brows above eyes above nose above mouth above chin, left of the picture first."""
    heights = [shipped[rows, 1].mean() for rows in (slice(17, 27), slice(36, 48), slice(31, 36), slice(48, 68), [8])]
    assert heights == sorted(heights)
    assert (shipped[36:42, 0] < 0.5).all()
    assert (shipped[42:48, 0] > 0.5).all()
    assert (shipped > -0.1).all()
    assert (shipped < 1.1).all()


def test_the_fit_leaves_out_the_jaw() -> None:
    assert list(range(POINT_COUNT)[INNER]) == list(range(17, 68))


def test_symmetrise_gives_the_nearest_symmetric_shape() -> None:
    skewed = np.random.default_rng(3).uniform(size=(POINT_COUNT, 2))
    found = symmetrise(skewed)
    assert found[MIRRORED] * (-1, 1) + (1, 0) == pytest.approx(found)
    assert symmetrise(found) == pytest.approx(found)
    # The nearest one: what was taken off is the antisymmetric rest, at right angles to every symmetric shape.
    other = symmetrise(np.random.default_rng(4).uniform(size=(POINT_COUNT, 2)))
    assert ((skewed - found) * (other - found)).sum() == pytest.approx(0, abs=1e-9)


def test_symmetrise_about_another_axis() -> None:
    skewed = np.random.default_rng(5).uniform(size=(POINT_COUNT, 2))
    found = symmetrise(skewed, axis=3.0)
    assert found[MIRRORED, 0] == pytest.approx(6.0 - found[:, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not JSON", "cannot read the landmark template"),
        ("[1, 2]", "cannot read the landmark template"),
        ('{"dots": []}', "cannot read the landmark template"),
        ('{"points": [[1, 2], [3]]}', "cannot read the landmark template"),
        ('{"points": "many"}', "cannot read the landmark template"),
        (json.dumps({"points": [[0, 0]] * 67}), r"holds \(67, 2\), expected \(68, 2\) points"),
        (json.dumps({"points": [[0, 0, 0]] * 68}), r"holds \(68, 3\), expected \(68, 2\) points"),
    ],
)
def test_a_broken_template_is_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_template(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the landmark template"):
        load_template(tmp_path / "nothing.json")
