"""Identities: kept over small moves and short misses, lost over long ones, never mixed up."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from smiledet.detection.following.tracker import (
    UNCONFIRMED_SHARE,
    FaceTracker,
    TrackerSettings,
)
from smiledet.detection.following.verification import ACCEPTED, FEW, REJECTED
from smiledet.frame import Box, Detection, Face

FPS = 30

AT_ONCE = TrackerSettings(confirm=1)
UNSMOOTHED = TrackerSettings(confirm=1, smoothing=0.0)


ANSWERS = {"y": True, "n": False, "?": None}


def found(x: float, y: float = 100.0, side: float = 80.0, score: float = 9.0) -> Detection:
    return Detection(Box(x, y, side, side), score)


def numbers(faces: Sequence[Face]) -> list[int]:
    return [face.track for face in faces]


class TestIdentity:
    def test_faces_are_numbered_in_order_of_appearance(self) -> None:
        tracker = FaceTracker(AT_ONCE)
        assert numbers(tracker.update([found(0), found(300)], 0.0)) == [1, 2]
        assert numbers(tracker.update([found(600), found(300), found(0)], 0.1)) == [1, 2, 3]

    def test_no_face_no_track(self) -> None:
        assert FaceTracker().update([], 0.0) == ()

    @pytest.mark.parametrize("speed", [0.0, 60.0, 240.0, -240.0])
    def test_a_moving_face_keeps_its_number(self, speed: float) -> None:
        tracker = FaceTracker(AT_ONCE)
        for frame in range(60):
            (face,) = tracker.update([found(1000 + speed * frame / FPS)], frame / FPS)
            assert face.track == 1

    def test_a_jittering_face_that_changes_size_keeps_its_number(self) -> None:
        chance = random.Random(1)
        tracker = FaceTracker(AT_ONCE)
        for frame in range(200):
            side = 80 * (1 + 0.3 * math.sin(frame / 40)) * chance.uniform(0.93, 1.07)
            faces = tracker.update([found(300 + chance.gauss(0, 3), 200 + chance.gauss(0, 3), side)], frame / FPS)
            assert numbers(faces) == [1]

    def test_a_short_miss_is_bridged_at_the_last_place(self) -> None:
        tracker = FaceTracker(UNSMOOTHED)
        tracker.update([found(100, score=7.0)], 0.0)
        (guessed,) = tracker.update([], 0.2)
        assert (guessed.track, guessed.box, guessed.score) == (1, Box(100, 100, 80, 80), 7.0)
        assert numbers(tracker.update([found(104)], 0.3)) == [1]

    @pytest.mark.parametrize(("away", "expected"), [(0.39, [1]), (0.41, [])])
    def test_a_face_is_kept_for_so_long_and_no_longer(self, away: float, expected: list[int]) -> None:
        tracker = FaceTracker(TrackerSettings(confirm=1, keep=0.4))
        tracker.update([found(100)], 5.0)
        assert numbers(tracker.update([], 5.0 + away)) == expected

    def test_a_face_that_was_away_too_long_gets_a_new_number(self) -> None:
        tracker = FaceTracker(AT_ONCE)
        tracker.update([found(100)], 0.0)
        tracker.update([], 1.0)
        assert numbers(tracker.update([found(100)], 1.1)) == [2]

    def test_a_moving_face_is_expected_where_it_goes(self) -> None:
        """Missed for four frames at 600 pixels a second, it lies beyond any overlap with its last place."""
        tracker = FaceTracker(AT_ONCE)
        for frame in range(10):
            tracker.update([found(20.0 * frame)], frame / FPS)
        for frame in range(10, 14):
            tracker.update([], frame / FPS)
        assert Box(180, 100, 80, 80).iou(found(280).box) == 0
        assert numbers(tracker.update([found(280)], 14 / FPS)) == [1]


class TestNeighbours:
    def test_faces_side_by_side_keep_their_numbers(self) -> None:
        tracker = FaceTracker(AT_ONCE)
        for frame in range(60):
            shift = 10 * math.sin(frame / 5)
            given = [found(200 + shift), found(290 + shift)]
            faces = tracker.update(given if frame % 2 else given[::-1], frame / FPS)
            # Whichever the detector names first: left is whoever was left.
            left, right = sorted(faces, key=lambda face: face.search_box.x)
            if frame == 0:
                first = left.track, right.track
            assert (left.track, right.track) == first

    def test_faces_that_pass_each_other_keep_their_numbers(self) -> None:
        """One walks right in front, one left behind and higher: near at the middle, each goes on as it moved."""
        tracker = FaceTracker(UNSMOOTHED)
        for frame in range(61):
            right, left = found(100 + 6 * frame, 100), found(460 - 6 * frame, 155)
            faces = {face.track: face.search_box for face in tracker.update([left, right], frame / FPS)}
            assert faces == {1: left.box, 2: right.box}

    def test_the_best_overlap_wins(self) -> None:
        tracker = FaceTracker(UNSMOOTHED)
        tracker.update([found(100), found(160)], 0.0)
        faces = tracker.update([found(158), found(110)], 0.1)
        assert [face.box.x for face in faces] == [110, 158]

    def test_a_face_that_is_reported_twice_is_one_face(self) -> None:
        tracker = FaceTracker(AT_ONCE)
        inside = Detection(Box(120, 120, 30, 30), 4.0)
        for frame in range(10):
            assert numbers(tracker.update([found(100), inside], frame / FPS)) == [1]


class TestConfirmation:
    def test_a_face_is_shown_once_it_was_seen_often_enough(self) -> None:
        tracker = FaceTracker(TrackerSettings(confirm=3))
        shown = [numbers(tracker.update([found(100)], frame / FPS)) for frame in range(4)]
        assert shown == [[], [], [1], [1]]

    @pytest.mark.parametrize(("pause", "expected"), [(-0.01, [1]), (+0.01, [])])
    def test_a_face_that_is_not_shown_yet_is_waited_for_less_long(self, pause: float, expected: list[int]) -> None:
        keep = 1.0
        tracker = FaceTracker(TrackerSettings(confirm=2, keep=keep))
        tracker.update([found(100)], 0.0)
        pause += UNCONFIRMED_SHARE * keep
        tracker.update([], pause)
        assert numbers(tracker.update([found(100)], pause)) == expected

    def test_single_false_alarms_are_never_shown(self) -> None:
        tracker = FaceTracker(TrackerSettings(confirm=2))
        for second in range(20):
            assert tracker.update([found(100)], second) == ()
            assert tracker.update([], second + 0.5) == ()

    def test_a_photograph_on_its_own_needs_no_confirmation(self) -> None:
        tracker = FaceTracker(TrackerSettings(confirm=3))
        assert numbers(tracker.update([found(100)], 0.0, at_once=True)) == [1]

    def test_boxes_of_the_shown_faces(self) -> None:
        tracker = FaceTracker(TrackerSettings(confirm=2))
        assert tracker.update([found(100), found(300)], 0.0) == ()
        shown = tracker.update([found(102), found(300), found(600)], 0.1)
        assert [face.search_box for face in shown] == [Box(102, 100, 80, 80), Box(300, 100, 80, 80)]


class TestForget:
    def test_everything_is_dropped_and_no_number_comes_back(self) -> None:
        tracker = FaceTracker(AT_ONCE)
        tracker.update([found(100), found(300)], 0.0)
        tracker.forget()
        assert tracker.expected(0.0) == []
        assert numbers(tracker.update([found(100)], 0.01)) == [3]

    def test_nothing_grows(self) -> None:
        chance = random.Random(2)
        tracker = FaceTracker(TrackerSettings(confirm=2, keep=0.4))
        most = 0
        for frame in range(3000):
            count = chance.randrange(4)
            now = frame / FPS
            tracker.update([found(chance.uniform(0, 5000), chance.uniform(0, 5000)) for _ in range(count)], now)
            most = max(most, len(tracker.expected(now)))
        # At most what came in the last 0.4 s: 3 a frame.
        assert most <= 3 * (0.4 * FPS + 1)
        tracker.update([], 3000 / FPS + 1)
        assert tracker.expected(3000 / FPS + 1) == []


class TestSmoothing:
    @pytest.mark.parametrize("rate", [10, 30, 120])
    def test_boxes_are_smoothed_over_time_not_frames(self, rate: int) -> None:
        """0.1 s after a step the box is as far on its way, however many frames that took."""
        tracker = FaceTracker(TrackerSettings(confirm=1, smoothing=0.06))
        tracker.update([found(100)], 0.0)
        for frame in range(1, rate // 10 + 1):
            (face,) = tracker.update([found(120)], frame / rate)
        assert face.box.x == pytest.approx(120 - 20 * math.exp(-0.1 / 0.06))
        assert face.search_box.x == 120

    def test_without_smoothing_the_detectors_box_is_shown(self) -> None:
        tracker = FaceTracker(UNSMOOTHED)
        tracker.update([found(100)], 0.0)
        (face,) = tracker.update([found(131, 90, 70)], 0.1)
        assert face.box == face.search_box == Box(131, 90, 70, 70)

    def test_size_is_smoothed_too(self) -> None:
        tracker = FaceTracker(TrackerSettings(confirm=1, smoothing=0.1))
        tracker.update([found(100, side=80)], 0.0)
        (face,) = tracker.update([found(100, side=100)], 0.1)
        assert face.box.width == face.box.height == pytest.approx(100 - 20 * math.exp(-1))

    def test_smoothing_takes_off_most_of_the_jitter(self) -> None:
        chance = random.Random(3)
        tracker = FaceTracker(TrackerSettings(confirm=1, smoothing=0.2))
        raw, smooth = [], []
        for frame in range(300):
            (face,) = tracker.update([found(100 + chance.gauss(0, 3))], frame / FPS)
            raw.append(face.search_box.x)
            smooth.append(face.box.x)
        steps = [sum(abs(b - a) for a, b in pairwise(xs)) for xs in (raw, smooth)]
        assert steps[1] < 0.3 * steps[0]


def test_the_same_detections_always_give_the_same_faces() -> None:
    def run() -> list[tuple[Face, ...]]:
        chance = random.Random(4)
        tracker = FaceTracker()
        centres = [[100.0, 100.0], [220.0, 120.0], [400.0, 300.0]]
        shown = []
        for frame in range(300):
            for centre in centres:
                centre[0] += chance.gauss(0, 4)
                centre[1] += chance.gauss(0, 4)
            given = [found(x, y, 80 * chance.uniform(0.9, 1.1)) for x, y in centres if chance.random() < 0.9]
            chance.shuffle(given)
            shown.append(tracker.update(given, frame / FPS))
        return shown

    first = run()
    assert any(first)
    assert run() == first


class TestSecondDetector:
    """What it answers about a face on one picture after the other; the first detector sees the face on all of them."""

    def shown(self, votes: str, tracker: FaceTracker | None = None) -> str:
        """'#' for each picture on which the face is shown, for 'y', 'n' and '?' as the second detector's answers."""
        tracker = tracker or FaceTracker()
        answers = iter(votes)
        faces = [
            tracker.update([found(100)], frame / FPS, verify=lambda *_: ANSWERS[next(answers)])
            for frame in range(len(votes))
        ]
        return "".join("#" if each else "." for each in faces)

    def test_a_face_is_shown_from_its_first_vote_on(self) -> None:
        assert self.shown("nny" + 5 * "y") == ".." + 6 * "#"

    def test_a_face_that_it_has_seen_once_alone_is_taken_back(self) -> None:
        assert self.shown("y" + 6 * "n") == "#" + REJECTED * "#" + 3 * "."

    def test_one_that_it_mostly_sees_stays(self) -> None:
        assert self.shown(8 * "yyn") == 24 * "#"

    def test_one_that_it_seldom_sees_goes(self) -> None:
        assert "." in self.shown("yyyy" + 3 * "nnnny")

    def test_it_is_asked_no_more_about_a_face_that_it_has_accepted(self) -> None:
        tracker, asked = FaceTracker(), 0

        def verify(_number: int, _face: Detection) -> bool:
            nonlocal asked
            asked += 1
            return True

        for frame in range(3 * ACCEPTED):
            tracker.update([found(100)], frame / FPS, verify=verify)
        assert asked == ACCEPTED

    def test_it_need_not_answer(self) -> None:
        assert self.shown("y" + 9 * "?") == 10 * "#"

    def test_it_is_asked_about_a_new_face_that_is_followed_by_template_matching(self) -> None:
        tracker, asked = FaceTracker(), []

        def verify(number: int, face: Detection) -> bool:
            asked.append((number, face.box.x))
            return True

        for frame in range(FEW + 3):
            at = Box(100 + frame, 100, 80, 80)
            tracker.update([] if frame else [found(100)], frame / FPS, followed={1: at}, verify=verify)
        assert asked == [(1, 100 + frame) for frame in range(FEW + 1)]

    def test_what_was_taken_back_is_named_once(self) -> None:
        tracker = FaceTracker()
        votes = "y" + (REJECTED + 1) * "n"
        rejected = []
        for frame, vote in enumerate(votes):
            tracker.update([found(100)], frame / FPS, verify=lambda *_, vote=vote: vote == "y")
            rejected.append(set(tracker.rejected))
        assert rejected == [set()] * (REJECTED + 1) + [{1}]
        tracker.update([], 1.0)
        assert tracker.rejected == set()


def test_without_a_second_detector_a_face_is_certain_once_it_was_seen_often() -> None:
    tracker, verified = FaceTracker(AT_ONCE), []
    for frame in range(ACCEPTED + 1):
        assert tracker.update([found(100)], frame / FPS)
        verified.append(tracker.known(frame / FPS)[0].verified)
    assert verified == [False] * (ACCEPTED - 1) + [True] * 2
