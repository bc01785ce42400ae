"""Stacks, and the best of each: known faces in known photographs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.frame import Box, HeadPose
from smiledet.photographs import stacks
from smiledet.photographs.best_shot import Shot, ShotWeights, match_people, rank
from smiledet.photographs.quality import face_sharpness, hash_distance, overview, perceptual_hash, sharpness
from smiledet.photographs.records import (
    Edition,
    NewFace,
    NewPhotograph,
    NewReading,
    PhotographFilter,
    StoredFace,
    StoredFile,
    StoredReading,
)
from smiledet.photographs.stacks import Candidate, find_stacks, restack
from smiledet.photographs.store import Store
from smiledet.sources.demo import scene


def a_face(x=100.0, smile=0.9, eyes=0.9, yaw=0.0, sharp=30.0, side=50.0):
    return StoredFace(0, 1, Box(x, 100, side, side), 0.9, {}, HeadPose(yaw, 0, 0), eyes, smile, sharp)


def shots(*groups):
    return [Shot(number, (640, 480), 20.0, tuple(faces)) for number, faces in enumerate(groups)]


class TestBestShot:
    @pytest.mark.parametrize(
        ("worse", "reason"),
        [
            ({"smile": 0.1}, "not smiling"),
            ({"eyes": 0.05}, "not with open eyes"),
            ({"yaw": 40.0}, "not facing the camera"),
            ({"sharp": 10.0}, "blurred face"),
            ({"x": -15.0}, "not wholly in the picture"),
        ],
    )
    def test_one_thing_that_is_worse_decides(self, worse, reason):
        base = {"x": 10.0} if "x" in worse else {}
        ranked = rank(shots([a_face(**{**base, **worse})], [a_face(**base)]))
        assert [each.id for each in ranked] == [1, 0]
        assert ranked[1].reasons[0] == reason and not ranked[0].reasons[0].startswith("not")

    def test_everybody_counts(self):
        one = [a_face(100), a_face(300, eyes=0.05), a_face(500)]
        all_three = [a_face(100), a_face(300), a_face(500)]
        ranked = rank(shots(one, all_three))
        assert [each.id for each in ranked] == [1, 0]
        assert ranked[0].reasons == ("all of 3 with open eyes",) and ranked[1].reasons == ("2 of 3 with open eyes",)

    def test_who_is_missing_counts_against_a_photograph(self):
        assert rank(shots([a_face(100)], [a_face(100), a_face(300)]))[0].id == 1

    def test_a_passer_by_does_not(self):
        group = [a_face(100), a_face(300)]
        ranked = rank(shots(group, group, [*group, a_face(500, smile=0.0, eyes=0.0)]))
        assert {round(each.score, 3) for each in ranked} == {round(ranked[0].score, 3)}

    def test_narrow_eyes_are_not_closed_ones(self):
        assert "with open eyes" not in "".join(rank(shots([a_face(eyes=0.45)], [a_face(eyes=0.5)]))[0].reasons)

    def test_weights_decide(self):
        smiling, sharp = [a_face(smile=0.9, sharp=20)], [a_face(smile=0.3, sharp=30)]
        only = {"eyes": 0.0, "gaze": 0.0, "framing": 0.0}
        assert rank(shots(smiling, sharp), ShotWeights(smile=5, sharpness=1, **only))[0].id == 0
        assert rank(shots(smiling, sharp), ShotWeights(smile=1, sharpness=5, **only))[0].id == 1

    def test_who_looks_unhappy_is_not_the_best(self):
        emotion = dict.fromkeys(("happy", "neutral", "disgust"), 0.1)
        faces = [
            replace(a_face(smile=0.2), readings={"emotion": StoredReading(label, 0.8, {**emotion, label: 0.8})})
            for label in ("disgust", "neutral")
        ]
        assert [each.id for each in rank(shots(*([face] for face in faces)))] == [1, 0]

    def test_without_a_face_the_sharpest(self):
        blurred, sharp = (Shot(number, (640, 480), value, ()) for number, value in enumerate((5.0, 20.0)))
        ranked = rank([blurred, sharp])
        assert [(each.id, each.reasons) for each in ranked] == [(1, ("sharp picture",)), (0, ("blurred picture",))]

    def test_a_smile_that_was_not_read_does_not_count(self):
        ranked = rank(shots([a_face(smile=None)], [a_face(smile=None, sharp=10)]))
        assert ranked[0].score > 0.99

    def test_people_are_told_apart_by_their_places(self):
        left, right = a_face(100), a_face(300)
        people = match_people(shots([left, right], [replace(right, box=Box(310, 105, 50, 50)), left], [left]))
        assert [[face and round(face.box.x, -2) for face in faces] for faces in people] == [
            [100, 100, 100],
            [300, 300, None],
        ]


class TestStacks:
    def found(self, *candidates):
        return find_stacks(Candidate(number, *each) for number, each in enumerate(candidates))

    def test_a_burst(self):
        assert self.found((0.0, 5), (1.0, 7), (2.5, 5), (60.0, ~5)) == [[0, 1, 2]]

    def test_what_follows_at_once_and_looks_otherwise_is_no_burst(self):
        assert self.found((0.0, 5), (1.0, ~5)) == []

    def test_faces_in_their_places_make_up_for_a_moved_camera(self):
        moved = 2**20 - 1
        face, other = (Box(0.4, 0.4, 0.2, 0.2),), (Box(0.1, 0.1, 0.2, 0.2),)
        assert self.found((0.0, 0, face), (3.0, moved, face)) == [[0, 1]]
        assert self.found((0.0, 0, face), (3.0, moved, other)) == []

    def test_as_many_faces_of_the_same_size_at_once_are_the_same_people(self):
        one, elsewhere, larger = ((Box(x, 0.4, 0.2, side),) for x, side in ((0.1, 0.2), (0.6, 0.2), (0.6, 0.5)))
        assert self.found((0.0, 0, one), (1.0, -1, elsewhere)) == [[0, 1]]
        assert self.found((0.0, 0, one), (1.0, -1, larger)) == self.found((0.0, 0, one), (3.0, -1, elsewhere)) == []

    def test_a_long_series_does_not_become_one_stack_by_small_steps(self):
        series = [(float(number), 2 ** (3 * number) - 1) for number in range(12)]
        stacks = self.found(*series)
        assert len(stacks) > 1 and max(map(len, stacks)) <= 5

    def test_copies_are_found_whenever_they_were_taken(self):
        assert self.found((0.0, 5), (1e6, 5), (None, 7), (None, ~5)) == [[0, 1, 2]]

    def test_near_duplicates_differ_in_four_bits_at_most(self):
        hashes = [random.Random(1).getrandbits(64) - 2**63]
        hashes += [hashes[0] ^ 2**10 ^ 2**20 ^ 2**30 ^ 2**40, hashes[0] ^ 31, hashes[0] ^ 2**62]
        assert self.found(*[(None, each) for each in hashes]) == [[0, 1, 3]]

    def test_a_thousand_blank_pages_are_one_stack_in_no_time(self):
        assert [len(stack) for stack in self.found(*[(None, 0)] * 1000)] == [1000]


class TestStoredStacks:
    """What is stored when stacks are found again: the same as if all were new, and only what changed is ranked."""

    @pytest.fixture
    def store(self, tmp_path):
        with Store(tmp_path / "store.sqlite", Edition({"smile": ("not smiling", "smiling")})) as store:
            store.add(self.shot(burst, place) for burst in (1, 2) for place in (0, 1))
            assert restack(store) == 2
            yield store

    @staticmethod
    def shot(burst, place, sharpness=None):
        taken = f"2026-01-0{burst}T10:00:0{place}"
        file = StoredFile(Path(f"/a/{burst}-{place}.jpg"), f"{burst}-{place}-{sharpness}", 0, 0)
        reading = NewReading("smiling", 0.9, (0.1, 0.9))
        face = NewFace(Box(10, 10, 40, 40), 1.0, {"smile": reading}, smile_intensity=0.9, sharpness=sharpness or place)
        return NewPhotograph(file, 640, 480, (face,), taken=taken, sharpness=sharpness or place, phash=burst * 0xF0F0F)

    @staticmethod
    def names(store):
        return [[row.path.stem for row in each] for each in stacked(store)]

    def test_what_has_not_changed_is_not_ranked_again(self, store, monkeypatch):
        ranked = []
        monkeypatch.setattr(stacks, "rank", lambda shots, weights: ranked.append(len(shots)) or rank(shots, weights))
        assert restack(store) == 2 and ranked == []
        store.add([self.shot(2, 2)])
        assert restack(store) == 2 and ranked == [3]
        assert self.names(store) == [["1-1", "1-0"], ["2-2", "2-1", "2-0"]]

    def test_a_photograph_that_was_changed(self, store):
        store.add([self.shot(1, 0, sharpness=9.0)])
        restack(store)
        assert self.names(store) == [["1-0", "1-1"], ["2-1", "2-0"]]

    @pytest.mark.parametrize("gone", ["1-0", "1-1"])
    def test_what_is_left_of_a_stack_is_none(self, store, gone):
        store.forget([Path(f"/a/{gone}.jpg")])
        store.add([self.shot(3, 0), self.shot(3, 1)])
        restack(store)
        assert self.names(store) == [["2-1", "2-0"], ["3-1", "3-0"]]

    def test_other_weights_rank_everything(self, store):
        assert restack(store, ShotWeights(sharpness=0)) == 2
        assert {state.weights for state in store.stacks().values()} == {repr(ShotWeights(sharpness=0))}

    def test_a_correction_has_its_stack_ranked_again(self, store):
        (best,) = store.ids(PhotographFilter(text="1-1"))
        store.correct(store.faces([best])[best][0].id, "smile", "not smiling")
        assert sorted(state.weights for state in store.stacks().values()) == ["", repr(ShotWeights())]
        restack(store)
        assert {state.weights for state in store.stacks().values()} == {repr(ShotWeights())}


def stacked(store):
    """The stacks of a store, the best first, in the order of their names."""
    members = [store.rows(sorted(state.photographs)) for state in store.stacks().values()]
    return sorted((sorted(rows, key=lambda row: row.place) for rows in members), key=lambda rows: rows[0].path)


class TestQuality:
    def test_a_hash_stands_size_and_quality_and_little_else(self):
        grey = cv2.cvtColor(scene(40), cv2.COLOR_BGR2GRAY)
        small = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        packed = cv2.imdecode(cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE)
        for alike in (small, packed, cv2.convertScaleAbs(grey, alpha=0.8, beta=20)):
            assert hash_distance(perceptual_hash(grey), perceptual_hash(alike)) <= 4
        for other in (grey[:, ::-1], np.rot90(grey)):
            assert hash_distance(perceptual_hash(grey), perceptual_hash(np.ascontiguousarray(other))) > 20

    @pytest.mark.parametrize("sigma", [2, 4])
    def test_blur_is_measured_whatever_the_size_and_the_light(self, sigma):
        grey = cv2.cvtColor(scene(40), cv2.COLOR_BGR2GRAY)
        box = Box(150, 100, 200, 200)
        blurred = cv2.GaussianBlur(grey, None, sigma)
        assert face_sharpness(blurred, box) < 0.75 * face_sharpness(grey, box)
        assert sharpness(overview(blurred)) < 0.75 * sharpness(overview(grey))
        dim = cv2.convertScaleAbs(grey, alpha=0.4)
        assert face_sharpness(dim, box) == pytest.approx(face_sharpness(grey, box), rel=0.1)
        assert face_sharpness(grey, Box(-50, -50, 10, 10)) == 0
