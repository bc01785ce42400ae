"""Where new faces are proposed, and when the detector is asked about them; with made-up networks and clocks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.detection import locator as locators
from smiledet.detection.detectors.base import FaceDetector
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.following.tracker import FaceTracker, TrackerSettings
from smiledet.detection.locator import FaceLocator, LocatorSettings, create_locator
from smiledet.detection.scheduling.places import (
    FIRST_WAIT,
    IDLE_FACTOR,
    LONGEST_WAIT,
    MAX_PROPOSED,
    WAIT_MEMORY,
    Proposer,
)
from smiledet.detection.scheduling.proposal_network import (
    BACKGROUND,
    CELL,
    FACE,
    FACE_RANGE,
    SMALLEST,
    STEP,
    ProposalNetwork,
    PyramidCanvas,
    Scores,
    also_proposed,
    peaks,
    shipped_network,
)
from smiledet.errors import UsageError
from smiledet.frame import Box, Detection, GreyImage
from smiledet.sources.demo import PORTRAITS

SIZES = [(640, 360), (854, 480), (640, 480), (360, 640), (1280, 720), (321, 243), (1000, 90), (97, 61)]


@pytest.mark.parametrize("size", SIZES)
class TestPyramidCanvas:
    def test_copies_lie_apart_and_inside(self, size: tuple[int, int]) -> None:
        canvas = PyramidCanvas(*size, max(24, round(0.11 * min(size))))
        taken = np.zeros(canvas.canvas.shape, int)
        for copy in canvas.copies:
            taken[copy.top : copy.top + copy.height, copy.left : copy.left + copy.width] += 1
            assert copy.left % CELL == copy.top % CELL == 0
        assert taken.max() == 1
        assert taken.sum() == sum(copy.width * copy.height for copy in canvas.copies)

    def test_every_size_is_some_copys(self, size: tuple[int, int]) -> None:
        smallest = max(24, round(0.11 * min(size)))
        canvas = PyramidCanvas(*size, smallest)
        for side in np.geomspace(smallest * 1.02, 0.95 * min(size), 20):
            drawn = [side * copy.height / size[1] for copy in canvas.copies]
            assert any(FACE_RANGE[0] <= each <= FACE_RANGE[1] for each in drawn), side

    def test_a_bright_spot_is_found_where_it_was(self, size: tuple[int, int]) -> None:
        """In every copy the brightest cell stands for a box about the spot."""
        width, height = size
        canvas = PyramidCanvas(width, height, max(24, round(0.11 * min(size))))
        middle = 0.6 * width, 0.4 * height
        rows, columns = np.mgrid[:height, :width]
        for copy in canvas.copies:
            across = width / copy.width
            away = ((columns + 0.5 - middle[0]) ** 2 + (rows + 0.5 - middle[1]) ** 2) / (2 * across) ** 2
            painted = canvas.paint((250 * np.exp(-away)).astype(np.uint8))
            view = painted[copy.top : copy.top + copy.height, copy.left : copy.left + copy.width]
            row, column = (int(place) // CELL for place in np.unravel_index(view.argmax(), view.shape))
            box = canvas.box(copy.top // CELL + row, copy.left // CELL + column)
            assert box is not None
            assert box.width == pytest.approx(FACE * across, rel=0.05)
            assert box.centre[0] == pytest.approx(middle[0], abs=0.75 * CELL * across)
            assert box.centre[1] == pytest.approx(middle[1], abs=0.75 * CELL * across)

    def test_between_the_copies_is_nothing(self, size: tuple[int, int]) -> None:
        canvas = PyramidCanvas(*size, max(24, round(0.11 * min(size))))
        canvas.paint(np.full(size[::-1], 200, np.uint8))
        for row in range(canvas.canvas.shape[0] // CELL):
            for column in range(canvas.canvas.shape[1] // CELL):
                empty = canvas.canvas[row * CELL + 2, column * CELL + 2] == BACKGROUND
                assert (canvas.box(row, column) is None) == empty


def test_a_picture_too_small_for_faces_has_no_copies() -> None:
    canvas = PyramidCanvas(20, 10, 24)
    assert canvas.copies == ()
    assert canvas.paint(np.zeros((10, 20), np.uint8)).shape == (CELL, CELL)


def test_steps_leave_no_size_out() -> None:
    assert FACE_RANGE[0] <= SMALLEST
    assert FACE_RANGE[1] >= SMALLEST * STEP


def test_peaks_are_the_highest_of_their_neighbours() -> None:
    scores = np.zeros((6, 8), np.float32)
    scores[1, 1], scores[1, 2], scores[4, 6], scores[5, 0] = 0.5, 0.7, 0.9, 0.2
    assert peaks(scores, 0.3) == [(4, 6), (1, 2)]
    assert peaks(scores, 0.95) == []


class Fixed:
    """A network with high scores at the same cells of every picture."""

    threshold = 0.5

    def __init__(self, *cells: tuple[int, int]) -> None:
        self.cells = cells

    def scores(self, canvas: GreyImage) -> Scores:
        scores = np.zeros((canvas.shape[0] // CELL, canvas.shape[1] // CELL), np.float32)
        for number, cell in enumerate(self.cells):
            scores[cell] = 0.9 - 0.01 * number
        return scores


class TestAlsoProposed:
    SMALLEST = 40

    def place(self, cell: tuple[int, int]) -> Box:
        box = PyramidCanvas(GREY.shape[1], GREY.shape[0], self.SMALLEST).box(*cell)
        assert box is not None
        return box

    def test_boxes_at_proposed_places_the_highest_score_first(self) -> None:
        first, second = (10, 20), (20, 8)
        there, loose, close = self.place(second), self.place(first).scaled(1.3), self.place(first).scaled(0.9)
        boxes = [there, loose, close]
        assert also_proposed(Fixed((5, 5), first, second), GREY, boxes, self.SMALLEST) == [close, loose, there]
        assert also_proposed(Fixed(second, first), GREY, boxes, self.SMALLEST) == [there, close, loose]

    def test_not_those_where_none_is_proposed_or_of_another_size(self) -> None:
        box = self.place((10, 20))
        assert also_proposed(Fixed(), GREY, [box], self.SMALLEST) == []
        assert also_proposed(Fixed((20, 8)), GREY, [box], self.SMALLEST) == []
        assert also_proposed(Fixed((10, 20)), GREY, [box.scaled(2)], self.SMALLEST) == []
        assert also_proposed(Fixed((0, 0)), np.zeros((20, 20), np.uint8), [box], self.SMALLEST) == []


class Witness(FaceDetector):
    """Sees a face in the middle of what it is shown, or none, and counts how often it is asked."""

    def __init__(self, sees: bool = False) -> None:
        self.sees = sees
        self.asked = 0

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        self.asked += 1
        height, width = image.shape
        side = float(min_size + 2)
        return [Detection(Box((width - side) / 2, (height - side) / 2, side, side), 5.0)] if self.sees else []


GREY = np.full((480, 640), 90, np.uint8)


def proposer(witness: Witness, *cells: tuple[int, int], interval: float = 0.1) -> Proposer:
    made = Proposer(Fixed(*cells), witness, 0.11, interval)
    made.start_over(GREY)
    return made


class TestProposer:
    def test_what_is_proposed_is_searched_there(self) -> None:
        (found,) = proposer(Witness(sees=True), (10, 20)).search(GREY, 0.0, ())
        across = 640 / 144
        assert found.box.centre == pytest.approx((82 * across, 42 * across), abs=3)

    def test_proposals_keep_their_interval(self) -> None:
        witness = Witness(sees=True)
        made = proposer(witness, (10, 20), interval=0.2)
        for frame in range(31):
            made.search(GREY, frame / 30, ())
        assert witness.asked == 6

    def test_proposals_are_less_frequent_where_nothing_is_new(self) -> None:
        asked: list[int] = []

        class Idle(Fixed):
            def scores(self, canvas: GreyImage) -> Scores:
                asked.append(1)
                return super().scores(canvas)

        made = Proposer(Idle(), Witness(), 0.11, 0.2)
        made.start_over(GREY)
        for frame in range(61):
            made.search(GREY, frame / 30, ())
        assert len(asked) == pytest.approx(2 / (0.2 * IDLE_FACTOR), abs=1.5)

    def test_the_next_picture_after_a_loss(self) -> None:
        witness = Witness(sees=True)
        made = proposer(witness, (10, 20), interval=5.0)
        made.search(GREY, 0.0, ())
        made.search(GREY, 0.04, ())
        assert witness.asked == 1
        made.propose_next()
        made.search(GREY, 0.08, ())
        assert witness.asked == 2

    def test_known_faces_are_not_searched_for(self) -> None:
        witness = Witness(sees=True)
        made = proposer(witness, (10, 20))
        (found,) = made.search(GREY, 0.0, ())
        assert made.search(GREY, 1.0, [found.box]) == []
        assert witness.asked == 1

    def test_a_poster_is_asked_about_less_and_less_often(self) -> None:
        witness = Witness()
        made = proposer(witness, (10, 20))
        for frame in range(300):
            made.search(GREY, frame / 30, ())
        doublings = int(np.log2(LONGEST_WAIT / FIRST_WAIT))
        assert doublings <= witness.asked <= doublings + 10 / LONGEST_WAIT + 2

    def test_that_nothing_was_seen_is_forgotten_where_nothing_is_proposed(self) -> None:
        """A poster that is covered for a while and shown again is asked about as a new one."""
        witness = Witness()
        made = proposer(witness, (10, 20))
        for frame in range(300):
            made.search(GREY, frame / 30, ())
        made._network = Fixed()
        made.search(GREY, 11.0 + LONGEST_WAIT, ())
        made.search(GREY, 11.0 + LONGEST_WAIT + WAIT_MEMORY + 1.0, ())
        made._network, before = Fixed((10, 20)), witness.asked
        for frame in range(30):
            made.search(GREY, 20.0 + frame / 30, ())
        assert witness.asked - before >= 3  # at 0, 0.1 and 0.3 seconds

    def test_a_new_scene_is_asked_about_at_once(self) -> None:
        witness = Witness()
        made = proposer(witness, (10, 20))
        made.search(GREY, 0.0, ())
        made.search(GREY, 0.05, ())
        assert witness.asked == 1
        made.start_over(GREY)
        made.search(GREY, 0.06, ())
        assert witness.asked == 2

    def test_elsewhere_is_asked_at_once(self) -> None:
        witness = Witness()
        made = proposer(witness, (10, 20))
        for frame in range(60):
            made.search(GREY, frame / 30, ())
        before = witness.asked
        made._network = Fixed((20, 30))
        made.search(GREY, 2.1, ())
        assert witness.asked == before + 1

    def test_the_few_with_the_highest_scores_a_picture(self) -> None:
        witness = Witness(sees=True)
        cells = [(row, column) for row in (5, 15, 25) for column in (5, 15, 25)]
        proposer(witness, *cells).search(GREY, 0.0, ())
        assert witness.asked == MAX_PROPOSED

    def test_at_the_edge_and_beyond_the_copies(self) -> None:
        made = proposer(Witness(sees=True), (0, 0), (58, 35))
        for found in made.search(GREY, 0.0, ()):
            assert found.box.x >= 0 and found.box.y >= 0

    def test_a_tiny_picture(self) -> None:
        made = proposer(Witness(sees=True), (0, 0))
        tiny = np.zeros((10, 12), np.uint8)
        made.start_over(tiny)
        assert made.search(tiny, 1.0, ()) == []


class TestLocator:
    """A detector that sees nothing of its own accord, and a place that is proposed."""

    @pytest.fixture(autouse=True)
    def _nothing_else_finds_or_follows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locators, "COAST", 0.0)

    @staticmethod
    def located(proposer_: Proposer | None, frames: int) -> list[int]:
        """How many faces are shown on each frame."""
        blind = Witness()
        settings = LocatorSettings(min_face=0.11, redetect_after=0.0)
        tracker = FaceTracker(TrackerSettings(confirm=1))
        locator = FaceLocator(blind, blind, tracker, settings, proposer=proposer_)
        return [len(locator.locate(GREY, frame / 30)) for frame in range(frames)]

    def test_what_is_found_where_it_was_proposed_is_a_face(self) -> None:
        assert self.located(None, 4) == [0, 0, 0, 0]
        assert self.located(Proposer(Fixed((10, 20)), Witness(sees=True), 0.11, 0.1), 4) == [1, 1, 1, 1]

    def test_the_detector_decides(self) -> None:
        assert self.located(Proposer(Fixed((10, 20)), Witness(sees=False), 0.11, 0.1), 4) == [0, 0, 0, 0]

    def test_the_whole_picture_is_searched_more_seldom(self) -> None:
        asked = []
        for proposer_ in (None, Proposer(Fixed(), Witness(), 0.11, 0.1)):
            sweeping = Witness()
            locator = FaceLocator(sweeping, Witness(), FaceTracker(), LocatorSettings(), proposer=proposer_)
            for frame in range(90):
                locator.locate(GREY, frame / 30)
            asked.append(sweeping.asked)
        assert 0 < asked[1] < asked[0]

    def test_a_photograph_of_its_own_is_searched_whole_anyway(self) -> None:
        witness = Witness(sees=True)
        locator = FaceLocator(
            Witness(),
            Witness(),
            FaceTracker(),
            LocatorSettings(),
            proposer=Proposer(Fixed((10, 20)), witness, 0.11, 0.1),
        )
        for photograph in range(3):
            locator.locate(GREY, float(photograph), independent=True)
        assert witness.asked == 0
        locator.locate(GREY, 3.0)
        assert witness.asked == 1

    def test_a_clip_that_begins_again_live_is_not_searched_whole_but_asked_about(self) -> None:
        seen = []
        for proposer_ in (Proposer(Fixed((10, 20)), Witness(sees=True), 0.11, 0.1), None):
            sweeping, tracker = Witness(), FaceTracker(TrackerSettings(confirm=1))
            locator = FaceLocator(
                sweeping, Witness(sees=True), tracker, LocatorSettings(), proposer=proposer_, spread=True
            )
            locator.locate(GREY, 0.0)
            before = sweeping.asked
            faces = locator.locate(GREY, 1 / 30, independent=True)
            seen.append((len(faces), sweeping.asked - before))
        assert seen == [(1, 1), (0, seen[1][1])]
        assert seen[1][1] >= 1, "without a network the whole picture is searched at once"

    def test_only_viola_jones_has_places_proposed(self) -> None:
        asks = {name: detector_kind(name).proposed is not None for name in ("haar", "hog")}
        assert asks == {"haar": True, "hog": False}
        for proposals, there in ((0.1, True), (0.0, False)):
            made = create_locator(
                detector_kind("haar"), None, FaceTracker(), LocatorSettings(proposal_interval=proposals)
            )
            assert (made._proposer is not None) == there


class TestShippedNetwork:
    @pytest.mark.parametrize("side", [60, 100, 180])
    def test_it_proposes_a_face(self, side: int) -> None:
        portrait = PORTRAITS[0]
        grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
        scale = side / portrait.face
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = np.full((480, 640), 90, np.uint8)
        x, y = (round(along * scale) for along in portrait.centre)
        left, top = max(0, 320 - x), max(0, 240 - y)
        part = small[max(0, y - 240) : max(0, y - 240) + 480 - top, max(0, x - 320) : max(0, x - 320) + 640 - left]
        picture[top : top + part.shape[0], left : left + part.shape[1]] = part
        made = Proposer(shipped_network(), Witness(), 0.11, 0.1)
        made.start_over(picture)
        proposed = made.propose(picture, 0.0, ())
        assert any(
            abs(box.centre[0] - 320) < 0.35 * side
            and abs(box.centre[1] - 240) < 0.35 * side
            and 0.6 < box.width / side < 1.7
            for box in proposed
        )

    def test_a_blank_picture_has_none(self) -> None:
        made = Proposer(shipped_network(), Witness(), 0.11, 0.1)
        made.start_over(GREY)
        assert made.propose(GREY, 0.0, ()) == []

    @pytest.mark.parametrize("content", [b"", b"no network", None])
    def test_a_file_that_is_no_network(self, tmp_path: Path, content: bytes | None) -> None:
        path = tmp_path / "network.onnx"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError) as caught:
            ProposalNetwork(path)
        assert "network.onnx" in str(caught.value)
        assert "\n" not in str(caught.value)
