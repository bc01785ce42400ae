from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import smiledet
from smiledet.sources import demo
from smiledet.sources.demo import PERIOD, PORTRAITS, DemoSource, portrait_path, poses, scene


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


def test_faces_stay_inside_apart_and_of_useful_size(face_box):
    for index in range(PERIOD):
        boxes = [face_box(pose) for pose in poses(index)]
        for left, top, width, height in boxes:
            assert left >= 0 and top >= 0 and left + width <= 640 and top + height <= 480
            assert 110 <= width <= 190
        (one_left, _, one_width, _), (other_left, _, _, _) = boxes
        assert one_left + one_width < other_left
        assert all(abs(pose.angle) <= 15 for pose in poses(index))


def test_viola_jones_finds_both_faces_and_nothing_else(face_box):
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


@pytest.fixture
def fresh_materials():
    demo._materials.cache_clear()
    yield
    demo._materials.cache_clear()


@pytest.mark.usefixtures("fresh_materials")
@pytest.mark.parametrize("content", [None, b"", b"no picture"], ids=["missing", "empty", "damaged"])
def test_opening_reports_a_portrait_that_cannot_be_read(content, monkeypatch, tmp_path, complaint):
    path = tmp_path / "hopper.jpg"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(demo, "PORTRAITS", (PORTRAITS[0], replace(PORTRAITS[1], path=path)))
    with complaint("the demo cannot read", str(path)):
        DemoSource().open()


def test_portraits_lie_in_the_package_with_their_credits():
    for portrait in PORTRAITS:
        assert portrait_path(portrait.name) == portrait.path
        assert portrait.path.is_relative_to(Path(smiledet.__file__).parent)
        assert portrait.path.name in portrait.path.with_name("CREDITS.txt").read_text()
    assert sum(portrait.path.stat().st_size for portrait in PORTRAITS) < 400_000


@pytest.mark.parametrize("portrait", PORTRAITS, ids=lambda portrait: portrait.name)
def test_a_portrait_has_its_face_where_it_says(portrait):
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
    x, y, width, _ = max(cascade.detectMultiScale(grey, 1.05, 5), key=lambda box: box[2])
    centre = (x + width / 2, y + width / 2)
    assert np.hypot(*np.subtract(centre, portrait.centre)) < 0.1 * portrait.face
    assert width == pytest.approx(portrait.face, rel=0.15)


def test_an_unknown_portrait_names_those_there_are(complaint):
    with complaint("'lena'", "collins, hopper"):
        portrait_path("lena")


def test_closed_it_gives_nothing():
    source = DemoSource()
    source.open()
    source.close()
    assert source.read() is None
