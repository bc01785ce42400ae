"""What the detector learns from: where the faces of a scene are, and what its cells are to answer."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.detection.detectors.fcos_network import ANSWERS, STRIDES
from smiledet.lab.training.detector.geometry import moved_boxes, moved_points, placed
from smiledet.lab.training.detector.scenes import MISTAKEN, Mistake, Pictures, Scene, compose
from smiledet.lab.training.detector.wear import lit, spoiled

pytest.importorskip("keras")


def scenes(pictures, side=192, count=40):
    of_kind = Pictures.of(pictures)
    return [compose(of_kind, side, np.random.default_rng(seed)) for seed in range(count)]


class TestScenes:
    @pytest.mark.parametrize("side", [64, 192, 256])
    def test_a_scene_is_a_grey_square_with_faces_in_it(self, face_pictures, side) -> None:
        drawn = scenes(face_pictures, side)
        assert all(scene.grey.shape == (side, side) and scene.grey.dtype == np.uint8 for scene in drawn)
        for scene in drawn:
            middles = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2
            assert ((middles > 0) & (middles < side)).all()
            assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()
            assert len(scene.points) == len(scene.boxes)
        assert sum(len(scene.boxes) > 0 for scene in drawn) > 20
        assert sum(len(scene.boxes) == 0 for scene in drawn) > 2

    def test_the_points_lie_in_their_boxes(self, face_pictures) -> None:
        for scene in scenes(face_pictures):
            for box, points in zip(scene.boxes, scene.points, strict=True):
                slack = 0.2 * (box[2:] - box[:2])
                assert (points > box[:2] - slack).all() and (points < box[2:] + slack).all()

    def test_the_left_eye_stays_left_in_mirrored_scenes_too(self, face_pictures) -> None:
        for scene in scenes(face_pictures):
            for points in scene.points:  # turned by 60 degrees at most
                assert points[0, 0] < points[1, 0] and points[3, 0] < points[4, 0]

    def test_scenes_repeat_with_the_seed(self, face_pictures) -> None:
        pictures = Pictures.of(face_pictures)
        one, again, other = (compose(pictures, 128, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(one.grey, again.grey) and np.array_equal(one.boxes, again.boxes)
        assert not np.array_equal(one.grey, other.grey)

    def test_pictures_stay_as_they_were(self, face_pictures) -> None:
        before = [picture.grey.copy() for picture in face_pictures]
        scenes(face_pictures)
        assert all(np.array_equal(old, picture.grey) for old, picture in zip(before, face_pictures, strict=True))

    def test_what_is_covered_is_no_face_any_more(self) -> None:
        scene = Scene(np.zeros((100, 100), np.uint8))
        boxes = np.array([[0, 0, 20, 20], [40, 40, 60, 60], [70, 70, 90, 90]], np.float32)
        scene.add(boxes, np.zeros((3, 5, 2), np.float32), np.empty((0, 4), np.float32))
        mask = np.zeros((100, 100), np.uint8)
        mask[:25, :25] = mask[40:50, 40:60] = 255
        scene.cover(mask)
        assert scene.boxes.tolist() == boxes[[2]].tolist()
        assert scene.doubtful.tolist() == boxes[[1]].tolist()

    def test_without_faceless_pictures_scenes_are_made_too(self, face_pictures) -> None:
        assert len(scenes(face_pictures[:3], 96, 20)) == 20

    def test_wear_keeps_the_size(self) -> None:
        grey = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
        for seed in range(40):
            generator = np.random.default_rng(seed)
            found, least = spoiled(lit(grey, generator), generator)
            assert found.shape == grey.shape and found.dtype == np.uint8 and 0 <= least < 40

    def test_what_was_taken_for_a_face_is_shown_again(self, face_pictures) -> None:
        stripes = face_pictures[-1]
        pictures = Pictures.of(face_pictures[:3])
        pictures.mistakes.append(Mistake(stripes, (100, 80), 1.0))
        striped = 0
        for seed in range(60):
            scene = compose(pictures, 64, np.random.default_rng(seed))
            across, down = (
                np.abs(np.diff(scene.grey.astype(int), axis=1)),
                np.abs(np.diff(scene.grey.astype(int), axis=0)),
            )
            striped += np.median(across) > 2 + 2 * np.median(down)
        assert 0.3 * MISTAKEN * 60 < striped < 3 * MISTAKEN * 60


def test_a_turned_box_holds_the_turned_ellipse() -> None:
    box = np.array([[10, 20, 30, 60]], np.float32)
    quarter = placed((20, 40), 1.0, 90, 1.0, (50, 50))
    assert moved_boxes(box, quarter)[0] == pytest.approx([30, 40, 70, 60], abs=1e-3)
    half = placed((20, 40), 2.0, 180, 1.0, (50, 50))
    assert moved_boxes(box, half)[0] == pytest.approx([30, 10, 70, 90], abs=1e-3)
    assert moved_points(np.array([[20, 40]]), half)[0] == pytest.approx([50, 50])


class TestTargets:
    @pytest.fixture(autouse=True)
    def _with_keras(self, keras) -> None:
        """The loss is Keras'."""

    @staticmethod
    def of(boxes, doubtful=(), side=320):
        from smiledet.lab.training.detector.targets import targets

        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        points = np.repeat((boxes[:, None, :2] + boxes[:, None, 2:]) / 2, 5, axis=1)
        scene = Scene(np.zeros((side, side), np.uint8), boxes, points, np.array(doubtful, np.float32).reshape(-1, 4))
        return targets(scene)

    @staticmethod
    def levels(cells, side=320):
        sizes = [(side // stride) ** 2 for stride in STRIDES]
        assert len(cells) == sum(sizes)
        return np.split(cells, np.cumsum(sizes)[:-1])

    @pytest.mark.parametrize("size", [9, 12, 20, 37, 42, 60, 90, 130, 200, 300])
    def test_every_face_has_a_cell_on_its_map_wherever_it_lies(self, size) -> None:
        generator = np.random.default_rng(size)
        for _ in range(30):
            left, top = generator.uniform(0, 320 - size, 2)
            cells = self.of([[left, top, left + size, top + size]])
            assert (cells[:, 0] == 1).any()
            wanted = {0 if size < 42 else 1 if size < 88 else 2}
            assert wanted <= {level for level, each in enumerate(self.levels(cells)) if (each[:, 0] == 1).any()}

    def test_an_answer_leads_back_to_the_box_and_its_points(self) -> None:
        from smiledet.detection.detectors.fcos_network import decoded

        box = [30.0, 46.0, 62.0, 86.0]
        for level, stride in zip(self.levels(self.of([box])), STRIDES, strict=True):
            answers = level.reshape(320 // stride, -1, ANSWERS).transpose(2, 0, 1).copy()
            answers[3:5] = np.log(np.maximum(answers[3:5], 1e-3))
            for row in decoded(answers[None], stride, logit=0.5)[1]:
                assert row[:4] == pytest.approx(box, abs=1e-3)
                assert row[5:] == pytest.approx([46, 66] * 5, abs=1e-3)

    def test_what_may_be_a_face_is_not_learnt(self) -> None:
        cells = self.of([], doubtful=[[100, 100, 150, 150]])
        assert (cells[:, 0] == 1).sum() == 0 < (cells[:, 0] == -1).sum()
        assert (cells[:, 0] == 0).any()

    def test_the_smaller_of_two_faces_stands_before_the_larger(self) -> None:
        large, small = [100, 100, 190, 190], [140, 140, 150, 150]
        fine = self.levels(self.of([large, small]))[0]
        assert np.unique(fine[fine[:, 0] == 1][:, 3:5]) == pytest.approx([10 / 8])

    def test_right_answers_cost_less_than_wrong_ones(self) -> None:
        from smiledet.lab.training.detector.targets import loss

        wanted = self.of([[100, 100, 150, 150]])[None]
        right = wanted.copy()
        right[..., 0] = np.where(wanted[..., 0] == 1, 6, -6)
        right[..., 3:5] = np.log(np.maximum(wanted[..., 3:5], 1e-3))
        wrong_place, wrong_score, wrong_points, unknown = (right.copy() for _ in range(4))
        wrong_place[..., 1] += 2
        wrong_score[..., 0] *= -1
        wrong_points[..., 5:] += 1
        unknown[..., 0] = np.where(wanted[..., 0] == -1, 9, right[..., 0])
        best = float(loss(wanted, right))
        assert 0 <= best < 0.2
        assert all(float(loss(wanted, each)) > best + 0.3 for each in (wrong_place, wrong_score, wrong_points))
        assert float(loss(wanted, unknown)) == pytest.approx(best)
