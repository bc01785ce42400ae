"""What dlib hands out, as arrays; and the second look."""

from __future__ import annotations

import gzip
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest

from smiledet.alignment import landmarks
from smiledet.alignment.landmarks import (
    WINDOW_SIDE,
    LandmarkPredictor,
    astray,
    read_trees,
    start_points,
    whole_points,
    window_map,
)
from smiledet.alignment.template import MIRRORED, load_template
from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.sources.demo import PORTRAITS, locate
from smiledet.zoo import find_model


@pytest.mark.parametrize("count", [1, 2, 68])
@pytest.mark.parametrize("reach", [(0, 192), (-255, 256), (-300, 3000)])
def test_dlibs_points_are_read_as_they_are(count: int, reach: tuple[int, int]) -> None:
    chance = np.random.default_rng(count)
    given = chance.integers(*reach, (count, 2))
    parts = dlib.points([dlib.point(int(x), int(y)) for x, y in given])
    found = whole_points(parts)
    assert found.shape == (count, 2) and found.dtype == np.float64
    assert np.array_equal(found, [(part.x, part.y) for part in parts])


def test_the_start_shape_is_read_from_the_file():
    """It is the mean face in its window, so about where the template lies, and mirror-symmetric as that is."""
    model = find_model("landmarks", "ert68")
    start = start_points(read_trees(model.file("dlib")))
    assert np.abs(start - (load_template(model.file("template")) * 128 + 32)).max() < 5
    assert (WINDOW_SIDE - start[MIRRORED, 0]) == pytest.approx(start[:, 0], abs=2)


def test_another_start_shape_is_refused():
    data = read_trees(find_model("landmarks", "ert68").file("dlib"))
    with pytest.raises(ValueError, match="start shape"):
        start_points(data[:2] + b"\x81\x0a" + data[4:])


def test_astray_counts_shift_scale_and_turn():
    box = Box(30, 40, 50, 50)
    into = window_map(box)
    assert astray(into, box) == pytest.approx(0, abs=1e-12)
    assert astray(into, Box(40, 40, 50, 50)) == pytest.approx(10 / 50)
    assert astray(window_map(Box(25, 35, 60, 60)), box) == pytest.approx((1 - 50 / 60) / 2)
    turned = cv2.getRotationMatrix2D((WINDOW_SIDE / 2, WINDOW_SIDE / 2), 20, 1)[:, :2] @ into
    turned[:, 2] += cv2.getRotationMatrix2D((WINDOW_SIDE / 2, WINDOW_SIDE / 2), 20, 1)[:, 2]
    assert astray(turned, box) == pytest.approx(np.sin(np.radians(10)))


class TestSecondLook:
    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
        """The maps to the windows that were cut."""
        cut = []
        original = landmarks.warp_window
        monkeypatch.setattr(landmarks, "warp_window", lambda image, into: cut.append(into) or original(image, into))
        return cut

    @pytest.fixture
    def photograph(self) -> tuple[np.ndarray, Box]:
        portrait = PORTRAITS[0]
        grey = cv2.imread(str(locate(portrait)), cv2.IMREAD_GRAYSCALE)
        (x, y), side = portrait.centre, portrait.face
        return grey, Box(x - side / 2, y - side / 2, side, side)

    def test_where_the_box_fits_one_look_is_enough(self, photograph, looks):
        path = find_model("landmarks", "ert68").file("dlib")
        LandmarkPredictor(path, second_look=np.inf).predict(*photograph)
        assert len(looks) == 1
        LandmarkPredictor(path, second_look=-1).predict(*photograph)
        assert len(looks) == 3

    def test_a_tilted_face_is_seen_upright_at_the_second_look(self, photograph, looks):
        grey, box = photograph
        tilt = cv2.getRotationMatrix2D(box.centre, 20, 1)
        tilted = cv2.warpAffine(grey, tilt, grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        found = LandmarkPredictor(find_model("landmarks", "ert68").file("dlib"), 0.1).predict(tilted, box)
        first, second = looks
        assert first[0, 1] == 0
        assert np.degrees(np.arctan2(second[1, 0], second[0, 0])) == pytest.approx(20, abs=6)
        eyes = found[36:42].mean(axis=0), found[42:48].mean(axis=0)
        across = np.subtract(eyes[1], eyes[0])
        assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(-20, abs=6)


class TestFiles:
    def test_gzipped_or_not_the_trees_are_the_same(self, tmp_path: Path) -> None:
        trees = read_trees(find_model("landmarks", "ert68").file("dlib"))
        (tmp_path / "plain.dat").write_bytes(trees)
        (tmp_path / "small.dat").write_bytes(gzip.compress(trees))
        picture = np.random.default_rng(1).integers(0, 255, (200, 200), np.uint8)
        dlibs = dlib.shape_predictor(str(tmp_path / "plain.dat"))(
            picture[4:196, 4:196].copy(), landmarks.window_rectangle()
        )
        for name in ("plain.dat", "small.dat"):
            found = LandmarkPredictor(tmp_path / name, np.inf).predict(picture, Box(36, 36, 128, 128))
            assert np.array_equal(found - 4, [(part.x, part.y) for part in dlibs.parts()])

    @pytest.mark.parametrize("left", [1, 3, 100, 5000])
    def test_a_gzipped_file_that_ends_early_is_refused(self, left: int, tmp_path: Path) -> None:
        path = tmp_path / "trees.dat"
        path.write_bytes(gzip.compress(read_trees(find_model("landmarks", "ert68").file("dlib"))[:20000])[:left])
        with pytest.raises(UsageError, match="cannot read the landmark model") as caught:
            LandmarkPredictor(path)
        assert "\n" not in str(caught.value)
