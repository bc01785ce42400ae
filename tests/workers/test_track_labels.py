"""Smoothing along a track: by time, with hysteresis, whatever the order in which readings arrive."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from smiledet.frame import Box, Face, HeadPose, Prediction
from smiledet.tasks.base import Task
from smiledet.workers.track_labels import LabelSmoother, PostedHead, PostedPrediction, TrackLabels

SMOOTHING, HYSTERESIS = 0.5, 0.1

SMILE = Task("smile", ("no", "yes"), {}, SMOOTHING, HYSTERESIS)
MOOD = Task("mood", ("calm", "cross", "glad"), {}, SMOOTHING, HYSTERESIS)

BOX = Box(0, 0, 10, 10)

LIMIT = 20.0


def scores(yes: float) -> dict[str, float]:
    return {"no": 1 - yes, "yes": yes}


def face(track: int) -> Face:
    return Face(BOX, 1.0, track, BOX)


def reading(frame: int, track: int, yes: float, time: float | None = None) -> PostedPrediction:
    prediction = Prediction.of(SMILE.labels, [1 - yes, yes])
    return PostedPrediction(frame, track, SMILE.name, frame / 30 if time is None else time, prediction)


def shown(smoother: LabelSmoother) -> Prediction:
    assert smoother.prediction is not None
    return smoother.prediction


class TestLabelSmoother:
    def test_nothing_before_the_first_reading(self) -> None:
        assert LabelSmoother(SMILE).prediction is None

    def test_the_first_reading_is_shown_at_once(self) -> None:
        smoother = LabelSmoother(SMILE)
        smoother.update(scores(0.75), 0.0)
        assert shown(smoother) == Prediction("yes", 0.75, {"no": 0.25, "yes": 0.75})

    @pytest.mark.parametrize("rate", [5, 17, 60, 240])
    def test_the_mean_depends_on_time_and_not_on_the_number_of_readings(self, rate: int) -> None:
        smoother = LabelSmoother(SMILE)
        smoother.update(scores(0.0), 0.0)
        for number in range(1, rate + 1):
            smoother.update(scores(1.0), number / rate)
        assert shown(smoother).scores["yes"] == pytest.approx(1 - math.exp(-1 / SMOOTHING))

    @pytest.mark.parametrize("rate", [5, 60])
    def test_a_label_settles_equally_fast_at_any_rate(self, rate: int) -> None:
        """From sure 'no' to sure 'yes': 'yes' leads by the hysteresis when the mean passes 0.55."""
        smoother = LabelSmoother(SMILE)
        smoother.update(scores(0.0), 0.0)
        number = 0
        while shown(smoother).label == "no":
            number += 1
            assert number < 10 * rate
            smoother.update(scores(1.0), number / rate)
        exact = SMOOTHING * math.log(1 / (0.5 - HYSTERESIS / 2))
        assert exact <= number / rate < exact + 1 / rate

    def test_readings_that_come_in_fits_weigh_by_the_time_between_them(self) -> None:
        smoother = LabelSmoother(SMILE)
        smoother.update(scores(0.0), 0.0)
        for time in (0.01, 0.02, 0.5, 0.51, 1.0):
            smoother.update(scores(1.0), time)
        assert shown(smoother).scores["yes"] == pytest.approx(1 - math.exp(-1 / SMOOTHING))

    @pytest.mark.parametrize("middle", [0.45, 0.5, 0.55])
    def test_alternating_readings_do_not_flicker(self, middle: float) -> None:
        smoother = LabelSmoother(SMILE)
        labels = []
        for number in range(300):
            smoother.update(scores(middle + (0.3 if number % 2 else -0.3)), number / 30)
            labels.append(shown(smoother).label)
        assert sum(before != after for before, after in pairwise(labels)) <= 1

    def test_noise_about_the_boundary_does_not_flicker(self) -> None:
        chance = random.Random(5)
        smoother, bare = LabelSmoother(SMILE), []
        labels = []
        for number in range(900):
            yes = min(1.0, max(0.0, chance.gauss(0.5, 0.15)))
            bare.append(yes > 0.5)
            smoother.update(scores(yes), number / 30)
            labels.append(shown(smoother).label)
        changes = sum(before != after for before, after in pairwise(labels))
        assert sum(before != after for before, after in pairwise(bare)) > 300
        assert changes <= 9

    def test_another_label_needs_the_lead(self) -> None:
        task = Task("smile", ("no", "yes"), {}, smoothing=0.0, hysteresis=0.25)
        smoother = LabelSmoother(task)
        labels = []
        for number, yes in enumerate((0.25, 0.5, 0.6, 0.625, 0.63, 0.5, 0.4, 0.375, 0.37)):
            smoother.update(scores(yes), number)
            labels.append(shown(smoother).label)
        # 'yes' at 0.625 leads by just the hysteresis, and has to lead by more.
        assert labels == ["no", "no", "no", "no", "yes", "yes", "yes", "yes", "no"]

    def test_the_shown_score_is_that_of_the_shown_label(self) -> None:
        smoother = LabelSmoother(Task("smile", ("no", "yes"), {}, smoothing=0.0, hysteresis=0.5))
        smoother.update(scores(0.4), 0.0)
        smoother.update(scores(0.6), 1.0)
        assert shown(smoother).label == "no"
        assert shown(smoother).score == pytest.approx(0.4)

    def test_a_mean_of_probabilities_stays_one(self) -> None:
        chance = random.Random(6)
        smoother = LabelSmoother(MOOD)
        for _ in range(200):
            drawn = [chance.random() for _ in MOOD.labels]
            given = {label: score / sum(drawn) for label, score in zip(MOOD.labels, drawn, strict=True)}
            smoother.update(given, chance.random() * 10)
            assert sum(shown(smoother).scores.values()) == pytest.approx(1.0)
            assert min(shown(smoother).scores.values()) >= 0

    def test_a_reading_keeps_no_hold_on_what_was_shown(self) -> None:
        smoother = LabelSmoother(SMILE)
        smoother.update(scores(0.2), 0.0)
        before = shown(smoother)
        smoother.update(scores(0.9), 1.0)
        assert before == Prediction("no", 0.8, {"no": 0.8, "yes": 0.2})


class TestLateReadings:
    def test_a_reading_that_is_a_frame_late_counts_nearly_as_usual(self) -> None:
        in_order, swapped = LabelSmoother(SMILE), LabelSmoother(SMILE)
        rows = [(0.0, 0.1), (0.033, 0.9), (0.067, 0.2), (0.1, 0.8)]
        for time, yes in rows:
            in_order.update(scores(yes), time)
        for time, yes in (rows[0], rows[2], rows[1], rows[3]):
            swapped.update(scores(yes), time)
        assert shown(swapped).scores["yes"] == pytest.approx(shown(in_order).scores["yes"], abs=0.06)

    def test_the_later_a_reading_the_less_it_counts(self) -> None:
        pulls = []
        for late in (SMOOTHING, 2 * SMOOTHING, 10 * SMOOTHING, 1000 * SMOOTHING):
            smoother = LabelSmoother(SMILE)
            smoother.update(scores(0.0), 2000.0)
            smoother.update(scores(1.0), 2000.0 - late)
            pulls.append(shown(smoother).scores["yes"])
        assert pulls == sorted(pulls, reverse=True)
        assert pulls[0] < 0.3
        assert pulls[2] < 1e-4

    def test_without_smoothing_the_newest_reading_is_shown_whatever_comes_late(self) -> None:
        smoother = LabelSmoother(Task("smile", ("no", "yes"), {}, smoothing=0.0, hysteresis=0.0))
        smoother.update(scores(0.9), 1.0)
        smoother.update(scores(0.1), 0.5)
        assert shown(smoother).label == "yes"
        smoother.update(scores(0.2), 1.5)
        assert shown(smoother).label == "no"

    def test_a_late_reading_does_not_turn_the_clock_back(self) -> None:
        smoother = LabelSmoother(SMILE)
        smoother.update(scores(0.0), 10.0)
        smoother.update(scores(0.0), 9.0)
        smoother.update(scores(1.0), 10.1)
        assert shown(smoother).scores["yes"] == pytest.approx(1 - math.exp(-0.1 / SMOOTHING))


class TestTrackLabels:
    def test_a_face_is_shown_with_what_was_read_from_it(self) -> None:
        track_labels = TrackLabels([SMILE])
        track_labels.post([reading(0, 1, 0.9), reading(0, 2, 0.1)])
        first, second = track_labels.read([face(1), face(2)], frame=0)
        assert (first.face.track, first.predictions["smile"].label) == (1, "yes")
        assert (second.face.track, second.predictions["smile"].label) == (2, "no")

    def test_a_face_that_nobody_read_yet_has_no_labels(self) -> None:
        (only,) = TrackLabels([SMILE]).read([face(1)], frame=0)
        assert only.predictions == {}

    def test_labels_last_until_the_next_reading(self) -> None:
        track_labels = TrackLabels([SMILE])
        track_labels.post([reading(0, 1, 0.9)])
        track_labels.read([face(1)], frame=0)
        (only,) = track_labels.read([face(1)], frame=7)
        assert only.predictions["smile"].label == "yes"

    def test_labels_stand_in_the_order_of_the_tasks(self) -> None:
        track_labels = TrackLabels([MOOD, SMILE])
        track_labels.post([reading(0, 1, 0.9)])
        track_labels.post([PostedPrediction(0, 1, "mood", 0.0, Prediction.of(MOOD.labels, [0.2, 0.3, 0.5]))])
        (only,) = track_labels.read([face(1)], frame=0)
        assert list(only.predictions) == ["mood", "smile"]

    def test_the_order_in_which_classifiers_finish_does_not_matter(self) -> None:
        readings = [reading(number, track, (number * 7 % 10) / 10) for number in range(20) for track in (1, 2)]
        results = []
        for seed in range(5):
            shuffled = readings.copy()
            random.Random(seed).shuffle(shuffled)
            track_labels = TrackLabels([SMILE])
            for one in shuffled:
                track_labels.post([one])
            results.append(track_labels.read([face(1), face(2)], frame=19))
        assert all(result == results[0] for result in results)

    def test_a_frame_shows_nothing_that_was_read_from_a_later_one(self) -> None:
        """A classifier that runs ahead of the drawer must not make a clip look different from run to run."""
        waits, ahead = TrackLabels([SMILE]), TrackLabels([SMILE])
        given = [reading(number, 1, (number * 7 % 10) / 10) for number in range(10)]
        one_by_one, all_at_once = [], []
        ahead.post(given)
        for number in range(10):
            waits.post([given[number]])
            one_by_one.append(waits.read([face(1)], frame=number))
            all_at_once.append(ahead.read([face(1)], frame=number))
        assert all_at_once == one_by_one

    def test_a_reading_that_is_ahead_is_not_lost_on_a_face_that_is_yet_to_appear(self) -> None:
        track_labels = TrackLabels([SMILE])
        track_labels.post([reading(1, 2, 0.9)])
        track_labels.read([face(1)], frame=0)
        _, second = track_labels.read([face(1), face(2)], frame=1)
        assert second.predictions["smile"].label == "yes"

    def test_a_face_that_left_is_forgotten(self) -> None:
        track_labels = TrackLabels([SMILE])
        track_labels.post([reading(0, 1, 0.9)])
        track_labels.read([face(1)], frame=0)
        track_labels.read([], frame=1)
        track_labels.post([reading(0, 1, 0.9)])  # late news of it
        track_labels.read([face(2)], frame=2)
        (back,) = track_labels.read([face(1)], frame=3)
        assert back.predictions == {}

    def test_nothing_grows(self) -> None:
        track_labels = TrackLabels([SMILE])
        for number in range(500):
            track_labels.post([reading(number, number, 0.9), reading(number, number + 1000, 0.9)])
            track_labels.read([face(number)], frame=number)
        assert len(track_labels._smoothers) == 1
        assert track_labels._posted == []

    def test_what_is_posted_while_the_drawer_reads_is_not_lost(self) -> None:
        """A classifier is held up in the middle of its post; the drawer either waits for it, or takes it up later."""
        labels = TrackLabels([SMILE])
        begun, go_on = threading.Event(), threading.Event()

        def readings() -> Iterator[PostedPrediction]:
            begun.set()
            assert go_on.wait(LIMIT)
            yield reading(0, 1, 0.75)

        posting = threading.Thread(target=lambda: labels.post(readings()))
        posting.start()
        assert begun.wait(LIMIT)
        drawing = threading.Thread(target=lambda: labels.read([face(1)], 0))
        drawing.start()
        drawing.join(0.1)  # it waits, unless it need not
        go_on.set()
        posting.join(LIMIT)
        drawing.join(LIMIT)
        (found,) = labels.read([face(1)], 1)
        assert found.smile.label == "yes"

    def test_threads_post_while_the_drawer_reads(self) -> None:
        track_labels = TrackLabels([SMILE])
        posters, count = 6, 200
        start = threading.Barrier(posters + 1)

        def post(track: int) -> None:
            start.wait(LIMIT)
            for number in range(count):
                track_labels.post([reading(number, track, 0.0 if number == 0 else 1.0)])

        threads = [threading.Thread(target=post, args=(track,)) for track in range(posters)]
        for thread in threads:
            thread.start()
        faces = [face(track) for track in range(posters)]
        start.wait(LIMIT)
        while any(thread.is_alive() for thread in threads):
            track_labels.read(faces, frame=count)
        last = track_labels.read(faces, frame=count)
        exact = 1 - math.exp(-(count - 1) / 30 / SMOOTHING)
        for read in last:  # no reading lost, none taken twice
            assert read.predictions["smile"].scores["yes"] == pytest.approx(exact)


class TestHeads:
    def test_each_track_keeps_its_newest_of_frames_up_to_the_one_that_is_drawn(self):
        labels = TrackLabels([])
        one, two = (Face(Box(0, 0, 9, 9), 1.0, track, Box(0, 0, 9, 9)) for track in (1, 2))
        poses = [HeadPose(float(number), 0.0, 0.0) for number in range(4)]
        labels.post_heads(
            PostedHead(frame, 1, poses[frame], frame / 10, frame / 20) for frame in (2, 0, 1)
        )  # in any order
        assert [face.pose for face in labels.read([one, two], 1)] == [poses[1], None]
        (read,) = labels.read([one], 3)
        assert (read.pose, read.eyes_open, read.mouth_open) == (poses[2], 0.2, 0.1)
        assert labels.read([two], 4)[0].pose is None
        assert labels.read([one], 5)[0].pose is None  # whoever has left is forgotten
