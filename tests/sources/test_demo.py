from importlib.machinery import ModuleSpec

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.sources import demo
from smiledet.sources.demo import PERIOD, PORTRAITS, DemoSource, face_box, poses, scene


def test_it_lasts_ten_seconds_at_thirty_frames():
    source = DemoSource()
    with source:
        assert (source.fps, source.size, source.length, source.live) == (30.0, (640, 480), 300, False)
        timestamps = [source.read().timestamp for _ in range(3)]
    assert timestamps == pytest.approx([0, 1 / 30, 2 / 30])


def test_its_length_can_be_chosen():
    with DemoSource(seconds=0.1) as source:
        assert len(list(iter(source.read, None))) == source.length == 3
    assert DemoSource(seconds=None).length is None


def test_a_frame_is_a_pure_function_of_its_index():
    first = scene(17)
    scene(200)
    assert first.shape == (480, 640, 3) and first.dtype == np.uint8
    assert np.array_equal(first, scene(17))
    first[:] = 0  # the caller's own
    assert scene(17).any()


def test_it_goes_round_without_a_jump():
    assert np.array_equal(scene(0), scene(PERIOD))
    seam = np.abs(scene(PERIOD - 1).astype(int) - scene(0)).mean()
    usual = np.abs(scene(10).astype(int) - scene(11)).mean()
    assert 0 < seam < 3 * usual


def test_it_moves_smoothly():
    for index in range(PERIOD):
        for before, after in zip(poses(index), poses(index + 1), strict=True):
            assert np.hypot(after.x - before.x, after.y - before.y) < 10
            assert abs(after.angle - before.angle) < 1.5 and abs(after.face - before.face) < 2


def test_faces_stay_inside_apart_and_of_useful_size():
    for index in range(PERIOD):
        boxes = [face_box(pose) for pose in poses(index)]
        for left, top, width, height in boxes:
            assert left >= 0 and top >= 0 and left + width <= 640 and top + height <= 480
            assert 110 <= width <= 190
        (one_left, _, one_width, _), (other_left, _, _, _) = boxes
        assert one_left + one_width < other_left
        assert all(abs(pose.angle) <= 15 for pose in poses(index))


def test_viola_jones_finds_both_faces_and_nothing_else():
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    indices = range(0, PERIOD, 12)
    found = strangers = 0
    for index in indices:
        grey = cv2.cvtColor(scene(index), cv2.COLOR_BGR2GRAY)
        detections = cascade.detectMultiScale(grey, 1.1, 3, minSize=(80, 80))
        hits = set()
        for x, y, width, height in detections:
            owners = [
                number
                for number, (left, top, side, _) in enumerate(map(face_box, poses(index)))
                if np.hypot(x + width / 2 - left - side / 2, y + height / 2 - top - side / 2) < side / 4
            ]
            hits.update(owners)
            strangers += not owners
        found += len(hits)
    assert found >= 0.95 * 2 * len(indices)
    assert strangers <= 1


@pytest.mark.parametrize("portrait", PORTRAITS, ids=lambda portrait: portrait.package)
def test_a_missing_photograph_names_what_to_install(portrait, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=f"pip install .*{portrait.distribution}"):
        demo.locate(portrait)
    empty = ModuleSpec(portrait.package, None, is_package=True)
    empty.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(demo, "find_spec", lambda name: empty)
    with pytest.raises(UsageError, match=portrait.distribution):
        demo.locate(portrait)


def test_opening_reports_a_missing_photograph(monkeypatch):
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    demo._materials.cache_clear()
    with pytest.raises(UsageError, match="scikit-image"):
        DemoSource().open()


def test_closed_it_gives_nothing():
    source = DemoSource()
    source.open()
    source.close()
    assert source.read() is None
