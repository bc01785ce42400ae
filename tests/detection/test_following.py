"""Faces that tilt, turn away, vanish and change with the scene: portraits moved over a background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from smiledet.detection import locator as locators
from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.detectors.haar import FOLLOWING, HaarDetector, HaarSettings
from smiledet.detection.following import template_follower
from smiledet.detection.following.template_follower import TemplateFollower
from smiledet.detection.following.tracker import FaceTracker, TrackerSettings
from smiledet.detection.following.verification import SIDE, Verifier
from smiledet.detection.locator import FaceLocator, LocatorSettings, create_locator
from smiledet.detection.scheduling.changes import CutDetector
from smiledet.detection.scheduling.places import Proposer
from smiledet.detection.scheduling.proposal_network import CELL, Scores
from smiledet.detection.search import scan
from smiledet.frame import Box, Detection, Face, GreyImage
from smiledet.sources.demo import FACE, PORTRAITS, backdrop, cut_out

WIDTH, HEIGHT, FPS = 640, 480, 30

MIDDLE = (320, 240)

Draw = Callable[..., GreyImage]


@pytest.fixture(scope="module")
def show() -> Draw:
    """Makes grey pictures of one portrait: middle of the cut-out in pixels, degrees to the right, squeeze across."""
    patches = [cut_out(portrait) for portrait in PORTRAITS]
    background = backdrop()[:, :WIDTH]

    def draw(
        place: tuple[float, float] | None = MIDDLE, roll: float = 0.0, squeeze: float = 1.0, who: int = 0
    ) -> GreyImage:
        image = background.astype(np.float32)
        if place is not None:
            height, width = patches[who].shape[:2]
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -roll, 1.0)
            matrix[0] *= squeeze
            matrix[:, 2] += place[0] - squeeze * width / 2, place[1] - height / 2
            drawn = cv2.warpAffine(patches[who], matrix, (WIDTH, HEIGHT)).astype(np.float32)
            image = image * (1 - drawn[..., 3:] / 255) + drawn[..., :3]
        return np.asarray(cv2.cvtColor(image.round().astype(np.uint8), cv2.COLOR_BGR2GRAY))

    return draw


class Eyes:
    """A locator with the cascade's own detectors, on a clock of its own."""

    def __init__(self) -> None:
        self.locator: FaceLocator = create_locator(detector_kind("haar"), None, FaceTracker())
        self.time = -1 / FPS

    def see(self, picture: GreyImage, **others: bool) -> tuple[Face, ...]:
        self.time += 1 / FPS
        return self.locator.locate(picture, self.time, **others)


def tilts(most: float) -> list[float]:
    """Roll of each frame: upright, slowly to one side, held there for two seconds, and back."""
    there = list(np.arange(0, most, 1.0 if most > 0 else -1.0))
    return [0.0] * 5 + there + [most] * 2 * FPS + there[::-1]


class TestTiltedHeads:
    @pytest.mark.parametrize("most", [30.0, -30.0])
    def test_a_head_that_tilts_keeps_its_track_all_the_time(self, show: Draw, most: float) -> None:
        eyes = Eyes()
        for number, roll in enumerate(tilts(most)):
            faces = eyes.see(show(roll=roll))
            if number:
                assert [face.track for face in faces] == [1], f"at {roll} degrees"
                x, y = faces[0].box.centre
                assert abs(x - MIDDLE[0]) < 0.3 * FACE and abs(y - MIDDLE[1]) < 0.3 * FACE

    def test_without_turning_the_picture_it_is_lost(self, show: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the test above would say of a cascade alone."""
        monkeypatch.setattr(HaarDetector, "needs", Needs(rolls=()))
        monkeypatch.setattr(locators, "COAST", 0.0)
        eyes = Eyes()
        counts = [len(eyes.see(show(roll=roll))) for roll in tilts(30.0)]
        assert 0 in counts[2:]

    def test_the_box_of_a_tilted_head_lies_on_its_face(self, show: Draw) -> None:
        """The face is above the cut-out's middle, so that it swings to the side as the head tilts."""
        eyes = Eyes()
        for roll in tilts(25.0)[: 5 + 25 + FPS]:
            faces = eyes.see(show(roll=roll))
        (upright,) = scan(HaarDetector(), show(), 60)[:1]
        turn, (x, y) = np.radians(25.0), upright.box.centre
        right, down = x - MIDDLE[0], y - MIDDLE[1]
        expected = MIDDLE[0] + right * np.cos(turn) - down * np.sin(turn)
        assert abs(faces[0].box.centre[0] - expected) < 0.1 * FACE


class TestTemplateMatching:
    @pytest.mark.parametrize(("coast", "expected"), [(1.0, [1]), (0.0, [])])
    def test_a_face_half_hidden_for_longer_than_it_is_kept(
        self, show: Draw, coast: float, expected: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A hand rises over mouth and nose: the cascade sees no face, and template matching says where it is."""
        monkeypatch.setattr(locators, "COAST", coast)
        eyes = Eyes()
        rising = [8 * number for number in range(13)]
        for hidden in [0] * 4 + rising + [rising[-1]] * 20:
            picture = show()
            picture[300 - hidden : 320, 250:390] = 120
            faces = eyes.see(picture)
        assert not scan(HaarDetector(), picture, 60)
        assert [face.track for face in faces] == expected

    def test_a_face_that_leaves_is_not_held(self, show: Draw) -> None:
        eyes = Eyes()
        for _ in range(5):
            eyes.see(show())
        left = 0
        while eyes.see(show(None)):
            left += 1
        assert left / FPS <= TrackerSettings().keep + 2 / FPS

    def test_a_face_is_followed_for_a_while_and_no_longer(self, show: Draw) -> None:
        """The detector goes blind: the face is held where it goes, then given up."""
        detector = Blindfold()
        eyes = FaceLocator(detector, detector, FaceTracker(TrackerSettings(confirm=1)))
        held = []
        for number in range(60):
            place = (200 + 4 * number, 240)
            detector.blind = number >= 3
            faces = eyes.locate(show(place), number / FPS)
            if number >= 3 and faces:
                held.append(number)
                assert faces[0].track == 1
                assert abs(faces[0].box.centre[0] - place[0]) < 0.25 * FACE
        assert held and abs(held[-1] / FPS - locators.COAST) < 0.15

    def test_what_does_not_match_is_no_face(self, show: Draw) -> None:
        before, box = show(), Box(240, 140, FACE, FACE)
        assert TemplateFollower().follow(1, before, box, show((330, 246)), box) is not None
        assert TemplateFollower().follow(1, before, box, show(None), box) is None
        assert TemplateFollower().follow(1, before, box, np.zeros_like(before), box) is None

    @pytest.mark.parametrize(
        "box",
        [
            *(Box(-300, -300, 50, 50), Box(630, 470, 200, 200), Box(0, 0, 0.4, 0.4)),
            *(Box(250, 405, 100, 100), Box(565, 200, 100, 100), Box(250, -25, 100, 100), Box(-25, 200, 100, 100)),
        ],
    )
    def test_boxes_beyond_the_picture(self, show: Draw, box: Box) -> None:
        assert TemplateFollower().follow(1, show(), box, show(), box) is None

    @pytest.mark.parametrize("place", [(655, 200), (300, 495), (-115, 200), (300, -115), (900, 900), (654, 494)])
    def test_one_that_should_be_beyond_the_picture(self, show: Draw, place: tuple[int, int]) -> None:
        """What is searched may just touch the picture's edge, and be empty."""
        follower, was = TemplateFollower(), Box(250, 180, 100, 100)
        assert follower.follow(1, show((300, 230)), was, show((300, 230)), was) is not None
        assert follower.follow(1, show((300, 230)), was, show((300, 230)), Box(*place, 100, 100)) is None

    def test_a_plateau_has_its_peak_in_the_middle(self) -> None:
        offsets = [
            template_follower._peak_offset(np.array(values, float), 1)
            for values in ([1, 1, 1], [0, 1, 0], [0, 1, 1], [1, 1, 0], [0, 2, 1])
        ]
        assert offsets == pytest.approx([0, 0, 0.5, -0.5, 1 / 6])
        assert [template_follower._peak_offset(np.array([3.0, 2, 3]), place) for place in range(3)] == [0, 0, 0]


class Blindfold(FaceDetector):
    """A detector that can be told to see nothing."""

    def __init__(self) -> None:
        self.detector = HaarDetector()
        self.blind = False

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        return [] if self.blind else self.detector.detect(image, min_size, max_size)


class TestScenes:
    @staticmethod
    def noise(seed: int, level: float = 128.0, spread: float = 60.0) -> GreyImage:
        """A blotchy picture."""
        blotches = np.random.default_rng(seed).normal(level, spread, (12, 16)).clip(0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(blotches, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))

    def test_a_cut_is_seen_once(self) -> None:
        cuts, one, two = CutDetector(), self.noise(1), self.noise(2)
        assert [cuts.is_cut(picture) for picture in (one, one, two, two, one)] == [False, False, True, False, True]

    def test_light_that_goes_on_is_no_cut(self) -> None:
        cuts, picture = CutDetector(), self.noise(1)
        assert not cuts.is_cut((picture // 3).astype(np.uint8))
        assert not cuts.is_cut(picture)

    def test_noise_in_the_dark_is_no_cut(self) -> None:
        cuts, chance = CutDetector(), np.random.default_rng(1)
        dark = [chance.normal(12, 5, (HEIGHT, WIDTH)).clip(0, 255).astype(np.uint8) for _ in range(5)]
        assert not any(cuts.is_cut(picture) for picture in dark)

    def test_black_and_back_are_cuts(self) -> None:
        cuts, black = CutDetector(), np.zeros((HEIGHT, WIDTH), np.uint8)
        assert [cuts.is_cut(picture) for picture in (self.noise(1), black, black, self.noise(2))][1:] == [
            True,
            False,
            True,
        ]

    @pytest.mark.parametrize("size", [(1, 1), (5, 700), (24, 24)])
    def test_tiny_pictures(self, size: tuple[int, int]) -> None:
        cuts = CutDetector()
        assert not cuts.is_cut(np.zeros(size, np.uint8))
        assert not cuts.is_cut(np.zeros(size, np.uint8))

    def test_after_a_cut_the_faces_of_the_new_scene_are_there_at_once(self, show: Draw) -> None:
        """And those of the old one are gone, though they would be kept for a moment else."""
        eyes = Eyes()
        scene = self.noise(3).astype(np.float32)
        for _ in range(4):
            (old,) = eyes.see(show((180, 240)))
        face = show((460, 240), who=1)
        other = np.where(cv2.absdiff(face, show(None)) > 0, face, scene).astype(np.uint8)
        (new,) = eyes.see(other)
        assert (old.track, new.track) == (1, 2)
        assert abs(new.box.centre[0] - 460) < 0.3 * FACE


class Hallucination(FaceDetector):
    """Always sees the same box, whatever is shown of the whole picture."""

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        return [Detection(Box(0, 0, min_size, min_size), 9.0)] if min(image.shape) >= min_size else []


class TestVerification:
    def test_the_other_cascade_sees_the_portraits_and_no_backdrop(self, show: Draw) -> None:
        kind = detector_kind("haar")
        assert kind.verifying is not None
        verifier = Verifier(kind.verifying())
        for who in (0, 1):
            found = Detection(scan(HaarDetector(), show(who=who), 60)[0].box, 3.0)
            assert verifier.agrees(show(who=who), found)
            assert not verifier.agrees(show(None), found)
            assert verifier.agrees(show(None), replace(found, score=50.0))  # it is not asked

    @pytest.mark.parametrize(("x", "asked"), [(-27.5, True), (-29.5, False)])
    def test_it_is_asked_where_what_is_seen_is_as_large_as_a_face(self, x: float, asked: bool) -> None:
        """35 pixels of the box' surroundings, at its scale of 1."""
        calls = []

        class Noting(FaceDetector):
            def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
                calls.append((image.shape, min_size, max_size))
                return []

        grey = np.zeros((480, 640), np.uint8)
        assert not Verifier(Noting()).agrees(grey, Detection(Box(x, 100, 50, 50), 1.0))
        assert calls == ([((74, 35), 35, 70)] if asked else [])

    @pytest.mark.parametrize("box", [Box(-50, -50, 60, 60), Box(635, 475, 40, 40), Box(0, 0, 24, 24)])
    def test_boxes_at_the_edge(self, show: Draw, box: Box) -> None:
        kind = detector_kind("haar")
        assert kind.verifying is not None
        assert not Verifier(kind.verifying()).agrees(show(None), Detection(box, 1.0))

    @pytest.mark.parametrize(("verify", "expected"), [(True, 0), (False, 1)])
    def test_what_it_does_not_see_is_never_shown(self, show: Draw, verify: bool, expected: int) -> None:
        dreamer = Hallucination()
        kind = detector_kind("haar")
        assert kind.verifying is not None
        eyes = FaceLocator(dreamer, dreamer, FaceTracker(), None, kind.verifying() if verify else None)
        for number in range(10):
            faces = eyes.locate(show(None), number / FPS)
        assert min(len(faces), 1) == expected

    @pytest.mark.parametrize(("verify", "expected"), [(True, 1), (False, 0)])
    def test_faint_faces_are_reported_only_where_it_verifies_them(
        self, show: Draw, verify: bool, expected: int
    ) -> None:
        """Where a second cascade verifies, the first may report more."""
        made: list[str] = []

        def fake(name: str) -> Callable[[object], FaceDetector]:
            return lambda tuning: (made.append(name), HaarDetector())[1]

        haar = detector_kind("haar")
        kind = replace(haar, scanning=fake("plain"), scanning_faint=fake("faint"))
        create_locator(kind if verify else replace(kind, verifying=None), None, FaceTracker())
        assert made == [("plain", "faint")[expected]]
        assert haar.scanning_faint is not None
        faint = HaarSettings(min_neighbours=50, faint_neighbours=0)
        assert HaarDetector(faint).detect(show(), 60) == []
        assert haar.scanning_faint(faint).detect(show(), 60)

    def test_a_photograph_is_judged_too(self, show: Draw) -> None:
        dreamer, kind = Hallucination(), detector_kind("haar")
        assert kind.verifying is not None
        eyes = FaceLocator(dreamer, dreamer, FaceTracker(), None, kind.verifying())
        assert eyes.locate(show(None), 0.0, independent=True) == ()

    def test_that_it_agrees_counts_as_a_detection(self, show: Draw) -> None:
        """So a face is shown on the first picture."""
        assert len(Eyes().see(show())) == 1


class TestMemory:
    """What the locator remembers of a face from frame to frame, and what it forgets with the scene."""

    @pytest.fixture(autouse=True)
    def _only_faces_are_searched_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locators, "SCAN_INTERVAL", 60.0)

    def test_a_head_that_stays_tilted_is_searched_for_as_it_was(self, show: Draw) -> None:
        """One search each time: upright, and to the other side, it need not be sought again."""
        follower = TestCost.Counting()
        follower.detector = HaarDetector(FOLLOWING)
        eyes, searched = FaceLocator(HaarDetector(), follower, FaceTracker()), []
        for number, roll in enumerate([*range(0, 22, 2), *[22] * FPS]):
            follower.pixels.clear()
            faces = eyes.locate(show(roll=float(roll)), number / FPS)
            assert number < 2 or len(faces) == 1
            searched.append(len(follower.pixels))
        assert set(searched[-FPS + 6 :]) == {0, 1}

    def test_a_place_where_a_face_was_lost_is_searched_until_the_scene_cuts(self, show: Draw) -> None:
        follower, detector = TestCost.Counting(), Blindfold()
        follower.detector = detector
        eyes = FaceLocator(detector, follower, FaceTracker())
        for number in range(60):
            detector.blind = number >= 6
            faces = eyes.locate(show(), number / FPS)
        assert not faces
        follower.pixels.clear()
        for number in range(60, 70):
            eyes.locate(show(), number / FPS)
        assert len(follower.pixels) >= 2
        follower.pixels.clear()
        for number in range(70, 80):
            eyes.locate(TestScenes.noise(3), number / FPS)
        assert follower.pixels == []

    def test_a_place_that_turned_out_to_show_no_face_is_not_searched(self, show: Draw) -> None:
        """The second detector sees it once, and then no more: it is taken back, and not waited for."""

        class Once(FaceDetector):
            asked = 0

            def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
                self.asked += 1
                height, width = image.shape
                box = Box((width - SIDE) / 2, (height - SIDE) / 2, SIDE, SIDE)
                return [Detection(box, 9.0)] if self.asked == 1 else []

        class Faint(FaceDetector):
            """The cascade, never so sure that the second detector need not be asked."""

            cascade = HaarDetector()

            def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
                return [replace(found, score=3.0) for found in self.cascade.detect(image, min_size, max_size)]

        follower = TestCost.Counting()
        follower.detector = Faint()
        eyes = FaceLocator(Faint(), follower, FaceTracker(), LocatorSettings(redetect_after=0.0), Once())
        shown = []
        while not shown or shown[-1]:
            shown.append(bool(eyes.locate(show(), len(shown) / FPS)))
        assert 1 < len(shown) < 9
        follower.pixels.clear()
        for number in range(len(shown), len(shown) + 2 * FPS):
            eyes.locate(show(), number / FPS)
        assert follower.pixels == []

    def test_after_a_loss_places_are_proposed_in_the_next_picture(self, show: Draw) -> None:
        class Notes:
            threshold = 0.5

            def __init__(self) -> None:
                self.asked: list[int] = []
                self.now = 0

            def scores(self, canvas: GreyImage) -> Scores:
                self.asked.append(self.now)
                return np.zeros((canvas.shape[0] // CELL, canvas.shape[1] // CELL), np.float32)

        network, detector = Notes(), Blindfold()
        proposer = Proposer(network, HaarDetector(), 0.11, 60.0)
        eyes = FaceLocator(detector, detector, FaceTracker(), proposer=proposer)
        for number in range(60):
            network.now, detector.blind = number, number >= 12
            eyes.locate(show(), number / FPS)
        assert network.asked[0] == 0
        assert network.asked[1:], "not before a minute is over"


class TestCost:
    """Searches a frame, whatever happens to the face: the time is bounded."""

    class Counting(FaceDetector):
        def __init__(self) -> None:
            self.pixels: list[int] = []
            self.detector: FaceDetector = HaarDetector()

        def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
            self.pixels.append(int(np.prod(image.shape)))
            return self.detector.detect(image, min_size, max_size)

    @pytest.mark.parametrize("roll", [0.0, 30.0, 180.0])
    def test_a_face_costs_three_small_searches_at_most(self, show: Draw, roll: float) -> None:
        follower: TestCost.Counting = self.Counting()
        eyes = FaceLocator(HaarDetector(), follower, FaceTracker())
        for number in range(3):
            eyes.locate(show(), number / FPS)
        whole = WIDTH * HEIGHT
        for number in range(3, 20):
            follower.pixels.clear()
            eyes.locate(show(roll=roll), number / FPS)
            assert len(follower.pixels) <= 3
            assert sum(follower.pixels) < whole / 30

    def test_one_loss_is_one_scan(self, show: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locators, "SCAN_INTERVAL", 60.0)
        scanner: npt.NDArray[np.int_] | TestCost.Counting = self.Counting()
        assert isinstance(scanner, TestCost.Counting)
        eyes = FaceLocator(scanner, HaarDetector(), FaceTracker())
        for number in range(3):
            eyes.locate(show(), number / FPS)
        whole = len(scanner.pixels)
        for number in range(3, 12):
            eyes.locate(show(None), number / FPS)
        assert len(scanner.pixels) == 2 * whole
