"""The arithmetic of judging a locator, on boxes made up; and a whole comparison, on the demo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.config import Config
from smiledet.detection.detectors.base import FaceDetector, Needs
from smiledet.errors import UsageError
from smiledet.frame import Box, Detection, Face, GreyImage
from smiledet.lab.benchmark.locator import runs as locator_runs
from smiledet.lab.benchmark.locator.alarms import Alarms, AlarmTally, alarms_in_all
from smiledet.lab.benchmark.locator.measure import FACES, JUDGED_BY_ALL, SCANNED_FACES, compare, references
from smiledet.lab.benchmark.locator.reference_detectors import ReferenceDetectors
from smiledet.lab.benchmark.locator.runs import (
    EVERY_FRAME,
    LIVE,
    SCAN,
    Runner,
    TimedPicture,
    clip_pictures,
    cost,
    photograph_pictures,
)
from smiledet.lab.benchmark.locator.scores import Score, Tally, in_all, matched, without_doubles
from smiledet.sources.demo import poses, scene

HERE, NEARLY, THERE, AWAY = Box(0, 0, 10, 10), Box(2, 0, 10, 10), Box(50, 0, 10, 10), Box(90, 0, 10, 10)


def test_each_face_is_found_once() -> None:
    assert matched([NEARLY, HERE], [HERE]) == {1: 0}
    assert matched([HERE], [NEARLY, HERE]) == {0: 1}
    assert matched([HERE], [Box(6, 0, 10, 10)]) == {}  # an IoU of a quarter
    assert matched([], [HERE]) == {} == matched([HERE], [])


def test_the_same_face_of_two_references_is_one() -> None:
    assert without_doubles([HERE, NEARLY, THERE]) == [HERE, THERE]


def tallied(*frames: tuple[list[tuple[Box, int]], list[Box]], cuts: tuple[int, ...] = ()) -> Score:
    tally = Tally("locator", "truth", tracked=True)
    for number, (located, faces) in enumerate(frames):
        boxes, tracks = [box for box, _ in located], [track for _, track in located]
        tally.add(boxes, tracks, faces, number / 30, number in cuts)
    return tally.score


def test_recall_and_false_alarms() -> None:
    score = tallied(([(HERE, 1), (AWAY, 2)], [NEARLY, THERE]), ([], [HERE]), ([(AWAY, 2)], []))
    assert (score.frames, score.faces, score.found, score.located, score.false_alarms) == (3, 3, 1, 3, 2)
    assert score.recall == pytest.approx(1 / 3)
    assert tallied(([(HERE, 1)], [])).recall is None


def test_a_face_found_again_under_another_track_is_a_break() -> None:
    faces = [HERE]
    assert tallied(([(HERE, 1)], faces), ([], faces), ([(HERE, 1)], faces)).breaks == 0
    score = tallied(([(HERE, 1)], faces), ([], faces), ([(HERE, 2)], faces), ([(HERE, 2)], faces))
    assert (score.breaks, score.switches) == (1, 0)


def test_a_track_that_jumps_to_another_face_is_a_switch() -> None:
    faces = [HERE, THERE]
    score = tallied(([(HERE, 1), (THERE, 2)], faces), ([(HERE, 2), (THERE, 1)], faces))
    assert (score.breaks, score.switches) == (2, 2)
    assert tallied(([(HERE, 1)], faces), ([(THERE, 1)], faces)).switches == 1


def test_after_a_cut_a_new_track_is_no_break() -> None:
    assert tallied(([(HERE, 1)], [HERE]), ([(HERE, 2)], [HERE]), cuts=(1,)).breaks == 0


class Bright(FaceDetector):
    """Sees a face in the middle of what it is shown, if that is bright; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        self.asked += 1
        middle = image.shape[0] / 2
        return [Detection(Box(middle - 50, middle - 50, 100, 100), 1.0)] if image.mean() > 100 else []


def grey(level: int) -> GreyImage:
    return np.full((60, 100), level, np.uint8)


def test_a_track_that_a_judge_sees_once_is_a_face() -> None:
    judge = Bright()
    tally = AlarmTally("locator", ReferenceDetectors([judge]))
    for level in (0, 200, 0, 0):
        tally.add(grey(level), [(1, HERE), (2, THERE)] if level == 0 else [(1, HERE)])
    assert tally.alarms == Alarms("locator", tracks=2, false_tracks=1, boxes=7, false_boxes=3)
    assert judge.asked == 2 + 3  # of a face that was seen once nobody is asked again


def test_a_searcher_without_tracks_is_judged_alike() -> None:
    tally = AlarmTally("scan", ReferenceDetectors([Bright()]))
    for number, (level, boxes) in enumerate([(0, [HERE]), (200, [NEARLY]), (0, [HERE, THERE]), (0, [])]):
        tally.add_untracked(grey(level), boxes, number / 30, cut=False)
    assert tally.alarms == Alarms("scan", 2, 1, 4, 1)
    tally.add_untracked(grey(0), [HERE], 0.2, cut=True)  # another face, in the same place
    assert tally.alarms == Alarms("scan", 3, 2, 5, 2)


def test_false_alarms_are_added_up() -> None:
    rows = [Alarms("locator", 2, 1, 7, 3), Alarms("scan", 1, 0, 5, 0), Alarms("locator", 3, 2, 10, 4)]
    assert alarms_in_all(rows) == [Alarms("locator", 5, 3, 17, 7), Alarms("scan", 1, 0, 5, 0)]


def test_clips_are_added_up() -> None:
    one = Score(EVERY_FRAME, SCAN, 10, 8, 6, 0.75, 7, 1, 2, 0)
    two = Score(EVERY_FRAME, SCAN, 5, 2, 2, 1.0, 2, 0, 0, 1)
    other = Score(SCAN, "hog", 5, 0, 0, None, 0, 0, None, None)
    assert in_all([one, other, two]) == [Score(EVERY_FRAME, SCAN, 15, 10, 8, 0.8, 9, 1, 2, 1), other]


def test_costs() -> None:
    row = cost(LIVE, [0.001, 0.002, 0.006], [0.01, 0.02, 0.03])
    assert (row.frames, row.milliseconds, row.mean_ms) == (3, 2.0, pytest.approx(3.0))
    assert (row.ratio, row.scans) == (pytest.approx(0.1), pytest.approx(0.15))


class Slow:
    """Locates nothing, and takes its time by a clock of the test's."""

    def __init__(self, clock: list[float], takes: float) -> None:
        self.clock, self.takes = clock, takes

    def locate(self, grey: GreyImage, time: float, independent: bool = False) -> tuple[Face, ...]:
        self.clock[0] += self.takes
        return ()


@pytest.mark.parametrize(("searcher", "expected"), [(EVERY_FRAME, 6), (LIVE, 2)])
def test_live_drops_what_comes_while_it_is_busy(searcher: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(locator_runs.time, "thread_time", lambda: clock[0])
    runner = Runner(searcher, Slow(clock, 0.09))  # type: ignore[arg-type]
    seen = []
    for number in range(6):
        runner.locate(TimedPicture(np.zeros((9, 9), np.uint8), number / 30, cut=False))
        seen.append(runner.faces is not None)
    assert sum(seen) == len(runner.taken) == expected
    assert seen[0]


class Stubborn(FaceDetector):
    """Sees one box in the middle of whatever it is shown, or nothing."""

    def __init__(self, side: float) -> None:
        self.side = side

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        middle = image.shape[0] / 2 - self.side / 2
        return [Detection(Box(middle, middle, self.side, self.side), 1.0)] if self.side else []


def test_reference_detectors_keep_what_one_of_them_sees() -> None:
    grey = np.zeros((60, 200), np.uint8)
    assert ReferenceDetectors([Stubborn(0), Stubborn(100)]).faces(grey, [HERE], [NEARLY, THERE]) == [HERE, THERE]
    assert ReferenceDetectors([Stubborn(0)]).faces(grey, [HERE], [THERE]) == [HERE]
    assert ReferenceDetectors([Stubborn(30)]).faces(grey, [], [THERE]) == []  # something much smaller in the middle


@pytest.mark.parametrize("side", [30, 60, 240])
def test_hog_is_shown_a_face_as_it_likes_it(side: int, face_box) -> None:
    left, top, width, height = face_box(poses(0)[0])
    scale = side / width
    grey = cv2.resize(
        cv2.cvtColor(scene(0), cv2.COLOR_BGR2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    hog = ReferenceDetectors(list(references(["hog"]).values()))
    face = Box(left * scale, top * scale, width * scale, height * scale)
    assert hog.is_face(np.asarray(grey), face)
    assert not hog.is_face(np.asarray(grey), replace(face, x=face.x + 1.2 * side, y=0))


def demo_pictures(count: int) -> Iterator[TimedPicture]:
    for number in range(count):
        yield TimedPicture(np.asarray(cv2.cvtColor(scene(number), cv2.COLOR_BGR2GRAY)), number / 30, cut=False)


def test_the_demo_from_end_to_end() -> None:
    comparison = compare("demo", demo_pictures(6), references(["hog"]), 3, Config())
    rows = {(row.searcher, row.reference): row for row in comparison.scores}
    assert set(rows) == {
        *((searcher, name) for searcher in (EVERY_FRAME, LIVE) for name in (SCAN, SCANNED_FACES, FACES, "hog")),
        *((searcher, "any of them") for searcher in (EVERY_FRAME, LIVE)),
        (SCAN, FACES),
        (SCAN, "hog"),
    }
    assert (rows[EVERY_FRAME, SCAN].frames, rows[EVERY_FRAME, "hog"].frames) == (6, 2)
    assert rows[EVERY_FRAME, SCAN].faces == 12 and rows[EVERY_FRAME, FACES].recall == 1.0
    assert rows[SCAN, FACES].breaks is None
    assert comparison.cuts == 0 and comparison.frames == 6
    costs = {row.searcher: row for row in comparison.costs}
    assert costs[SCAN].scans == 1.0 and costs[EVERY_FRAME].milliseconds > 0
    assert costs[EVERY_FRAME].ratio < 1
    assert {row.searcher: (row.tracks, row.false_tracks) for row in comparison.alarms} == dict.fromkeys(
        (EVERY_FRAME, LIVE, SCAN), (2, 0)
    )


class Patient(FaceDetector):
    """Sees nothing, needs large faces, and at run time seeks none that are small."""

    needs = Needs(window=80, enlarge=2.0, min_face=2.5, slice_pixels=None)

    def __init__(self) -> None:
        self.heights: list[int] = []

    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        self.heights.append(image.shape[0])
        return []


def test_a_reference_is_shown_the_picture_as_large_as_the_smallest_wanted_face_asks_for() -> None:
    patient = Patient()
    compare("demo", demo_pictures(1), {"patient": patient}, 1, Config())
    assert max(patient.heights) == pytest.approx(480 * 80 / (480 * 0.11), abs=5)


def test_without_stronger_detectors_the_scan_is_the_only_reference() -> None:
    comparison = compare("demo", demo_pictures(2), {}, 1, Config())
    assert {row.reference for row in comparison.scores} == {SCAN}
    assert comparison.alarms == ()


def test_a_slow_judge_is_asked_on_every_so_many_th_picture_only() -> None:
    blind = {"hog": Stubborn(0), "mmod": Stubborn(0)}
    rows = {(row.searcher, row.reference): row for row in compare("demo", demo_pictures(4), blind, 2, Config()).scores}
    assert rows[EVERY_FRAME, FACES].frames == 4 and rows[EVERY_FRAME, JUDGED_BY_ALL].frames == 2
    assert rows[EVERY_FRAME, JUDGED_BY_ALL].recall == 1.0  # the scan agrees
    alone = compare("demo", demo_pictures(4), {"mmod": Stubborn(0)}, 2, Config())
    assert {row.reference for row in alone.scores if row.frames == 4} == {SCAN}


def test_photographs_are_scenes_of_their_own() -> None:
    """The same face, in pictures that have nothing to do with each other, each judged at once."""
    pictures = [replace(picture, cut=True) for picture in demo_pictures(2)]
    comparison = compare("photographs", pictures, {}, 1, Config())
    (row,) = [row for row in comparison.scores if row.searcher == EVERY_FRAME]
    assert (row.recall, row.breaks, comparison.cuts) == (1.0, 0, 0)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="nothing: no pictures"):
        compare("nothing", [], {}, 1, Config())
    with pytest.raises(UsageError, match=r"'nowhere\.mp4'"):
        list(clip_pictures("nowhere.mp4", None))
    with pytest.raises(UsageError, match="LAYOUT:PATH"):
        list(photograph_pictures("nowhere", 5))


def test_as_many_frames_as_asked_for() -> None:
    assert [round(picture.time, 3) for picture in clip_pictures("demo", 2)] == [0.0, 0.033]
