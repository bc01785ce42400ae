"""Squares of a picture that is halved first, and what is kept of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.alignment.chips import AROUND, ImagePyramid, box_map, chip_map, cut_chip
from smiledet.alignment.landmarks import FACE_SIDE, REACH, LandmarkPredictor
from smiledet.frame import Box, ChipSpec, GreyImage, Matrix
from smiledet.model_index import find_model
from smiledet.sources.demo import PORTRAITS


def smooth(height: int, width: int, channels: int = 1) -> GreyImage:
    """A picture without edges: a pixel's place can be read from it, nearly."""
    rows, columns = np.mgrid[:height, :width]
    grey = 127 + 60 * np.sin(columns / 37) + 60 * np.cos(rows / 29)
    return np.asarray(grey if channels == 1 else np.stack([grey, 255 - grey, grey / 2], axis=2), np.uint8)


def tilted(box: Box, degrees: float) -> Matrix:
    """From the frame to face boxes, of a face that leans."""
    turn = np.vstack([cv2.getRotationMatrix2D((0.5, 0.5), degrees, 1.0), (0, 0, 1)])
    return (turn @ np.vstack([box_map(box), (0, 0, 1)]))[:2]


@pytest.mark.parametrize("degrees", [0, -20, 45])
@pytest.mark.parametrize("box", [Box(150, 120, 200, 200), Box(90.5, 60.2, 331, 331), Box(3, 5, 460, 460)])
@pytest.mark.parametrize(
    "spec", [ChipSpec(64), ChipSpec(64, 0.8), ChipSpec(96, 4 / 3), ChipSpec(40), ChipSpec(64, 1, 3)]
)
def test_a_square_shows_what_its_map_says(box: Box, degrees: float, spec: ChipSpec) -> None:
    """Whether pyramid are kept or made for it; compared with a warp that skips pixels, which here differ by little."""
    picture = smooth(501, 643, spec.channels)
    into = tilted(box, degrees)
    expected = cv2.warpAffine(
        picture, chip_map(into, spec), (spec.size, spec.size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(float)
    for pyramid in (ImagePyramid(picture), ImagePyramid(picture, box), ImagePyramid(picture, Box(0, 0, 40, 40))):
        found = cut_chip(pyramid, into, spec).astype(float)
        assert found.shape == expected.shape
        # At the picture's lower edge up to seven rows are left out.
        assert np.abs(found - expected).mean() <= 2
        assert abs((found - expected).mean()) < 1.3  # each halving rounds up


def test_a_part_tells_where_its_pixels_are() -> None:
    """The middle of its first pixel, whatever it was halved; from pictures whose levels are their places."""
    rows, columns = np.mgrid[:120, :120].astype(np.uint8)
    for halvings in range(3):
        for axis, places in enumerate((columns, rows)):
            part = ImagePyramid(places, Box(30, 34, 60, 60)).part(Box(30, 34, 60, 60), 60 / 2**halvings, 1.0)
            assert part is not None and part.step == 2**halvings
            assert part.pixels[0, 0] == pytest.approx(part.origin[axis], abs=0.51)
            assert part.pixels[-1, -1] == pytest.approx(
                part.origin[axis] + part.step * (part.pixels.shape[1 - axis] - 1), abs=0.51
            )


def test_beyond_the_picture_its_edge_is_repeated_of_large_faces_as_well() -> None:
    picture = smooth(301, 301)
    for box in (Box(-150, -150, 300, 300), Box(150, 150, 300, 300), Box(-100, -100, 501, 501)):
        square = cut_chip(ImagePyramid(picture, box), box_map(box), ChipSpec(50)).astype(float)
        column = ((np.array([0, 49]) + 0.5) / 50 * box.width + box.x).clip(0, 300).round().astype(int)
        row = ((np.array([0, 49]) + 0.5) / 50 * box.width + box.y).clip(0, 300).round().astype(int)
        corners = square[np.ix_([0, 49], [0, 49])]
        assert corners == pytest.approx(picture[np.ix_(row, column)].astype(float), abs=12)


def test_a_face_that_is_nowhere_near_the_picture_shows_its_corner() -> None:
    picture = smooth(200, 200)
    far = Box(2000, 3000, 400, 400)
    assert set(cut_chip(ImagePyramid(picture, far), box_map(far), ChipSpec(32)).ravel().tolist()) <= set(
        range(int(picture[-9:, -9:].min()), int(picture[-9:, -9:].max()) + 1)
    )


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 200), (200, 3)])
def test_a_picture_too_small_to_be_halved_often(shape: tuple[int, int]) -> None:
    picture = np.full(shape, 77, np.uint8)
    box = Box(-300, -300, 900, 900)
    assert (cut_chip(ImagePyramid(picture, box), box_map(box), ChipSpec(16)) == 77).all()
    assert (cut_chip(picture, box_map(box), ChipSpec(16)) == 77).all()


def test_wherever_a_face_is_there_is_a_chip() -> None:
    """A box that has drifted out of the picture, all but a strip of it; what is kept may be a pixel wide."""
    chance = np.random.default_rng(3)
    for _ in range(3000):
        height, width = chance.integers(1, 90, 2)
        side = float(np.exp(chance.uniform(1, 8)))
        box = Box(*chance.uniform(-1.2 * side, 1.2 * side + 90, 2), side, side)
        pyramid = ImagePyramid(np.full((height, width), 50, np.uint8), box)
        assert (cut_chip(pyramid, tilted(box, chance.uniform(-60, 60)), ChipSpec(24, 1.2)) == 50).all()


def test_what_is_kept_is_halved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda *given, **named: made.append(given[1]) or resize(*given, **named))
    box = Box(200, 100, 300, 300)
    pyramid = ImagePyramid(smooth(480, 640), box)
    for spec in (ChipSpec(64), ChipSpec(64, 0.8), ChipSpec(96, 4 / 3)):
        cut_chip(pyramid, tilted(box, 10), spec)
    assert len(made) == 2  # once and twice


class TestParts:
    @pytest.mark.parametrize(("width", "step"), [(128, 1), (255, 1), (256, 2), (400, 2), (513, 4)])
    def test_a_part_leaves_the_box_as_wide_as_is_wanted(self, width: int, step: int) -> None:
        box = Box(200, 190, width, width)
        picture = smooth(1000, 1000)
        part = ImagePyramid(picture, box).part(box, FACE_SIDE, REACH)
        assert part is not None and part.step == step
        assert FACE_SIDE <= width / part.step < 2 * FACE_SIDE
        # A pixel's place in the picture: what is there looks like it.
        (x, y), rows, columns = part.origin, *(np.array([0, 50, 99]),) * 2
        there = picture[np.ix_((y + rows * step).astype(int), (x + columns * step).astype(int))]
        assert part.pixels[np.ix_(rows, columns)].astype(float) == pytest.approx(there.astype(float), abs=6)

    def test_of_a_small_face_there_is_none(self) -> None:
        box = Box(100, 100, FACE_SIDE - 1, FACE_SIDE - 1)
        assert ImagePyramid(smooth(400, 400), box).part(box, FACE_SIDE, REACH) is None

    @pytest.mark.parametrize(("x", "y"), [(10, 100), (100, -30), (200, 100), (150, 250), (-60, -60)])
    def test_of_a_face_at_the_pictures_edge_the_edge_is_repeated(self, x: int, y: int) -> None:
        box, picture = Box(x, y, 260, 260), smooth(400, 400)
        part = ImagePyramid(picture, box).part(box, FACE_SIDE, REACH)
        assert part is not None and part.step == 2
        wanted = box.scaled(REACH)
        assert part.shows(wanted.x, wanted.y, wanted.x + wanted.width, wanted.y + wanted.height)
        (left, top), (rows, columns) = part.origin, part.pixels.shape
        across = np.clip(left + np.arange(columns) * part.step, 0, 399).astype(int)
        down = np.clip(top + np.arange(rows) * part.step, 0, 399).astype(int)
        assert part.pixels.astype(float) == pytest.approx(picture[np.ix_(down, across)].astype(float), abs=6)

    def test_of_a_face_of_which_hardly_anything_is_inside_there_is_none(self) -> None:
        box = Box(598, 100, 400, 400)
        assert ImagePyramid(smooth(400, 400), box).part(box, 100, 1.0) is None

    def test_of_a_picture_of_which_nothing_is_kept_there_is_none(self) -> None:
        box = Box(100, 100, 200, 200)
        assert ImagePyramid(smooth(400, 400)).part(box, FACE_SIDE, REACH) is None
        assert ImagePyramid(smooth(400, 400), Box(900, 900, 50, 50)).part(box, FACE_SIDE, REACH) is None

    def test_the_trees_see_less_than_is_kept(self) -> None:
        assert REACH < AROUND


@pytest.mark.parametrize("which", range(len(PORTRAITS)))
@pytest.mark.parametrize("times", [2, 4, 7])
def test_a_large_face_has_its_points_where_a_small_one_has_them(which: int, times: int) -> None:
    """Whether the trees look at a window or at the picture itself, halved; to a fiftieth of the face, on average."""
    portrait = PORTRAITS[which]
    grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
    (x, y), side = portrait.centre, portrait.face
    box = Box(x - side / 2, y - side / 2, side, side)
    predictor = LandmarkPredictor(find_model("landmarks", "ert68").file("dlib"))
    middle = (times - 1) / 2
    larger = cv2.resize(grey, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    there = Box(box.x * times + middle, box.y * times + middle, side * times, side * times)
    assert ImagePyramid(larger, there).part(there, FACE_SIDE, REACH) is not None
    found = (predictor.predict(larger, there) - middle) / times
    assert np.linalg.norm(found - predictor.predict(grey, box), axis=1).mean() < 0.02 * side
