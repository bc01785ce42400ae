"""Every installed detector on the two public-domain portraits, and what is said of one that is not installed."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import threading
from pkgutil import iter_modules

import cv2
import numpy as np
import pytest

import smiledet.detection
from smiledet.detection.detectors import hog, packages
from smiledet.detection.detectors.base import DetectorKind
from smiledet.detection.detectors.choose import DETECTORS, WITH_FILE, detector_kind, installed_detectors
from smiledet.detection.detectors.framing import Framing, framed
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import FaceLocator, LocatorSettings
from smiledet.detection.scheduling.sweep import plan_slices
from smiledet.detection.search import scan, smallest_face
from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.sources.decoding import read_image
from smiledet.sources.demo import PORTRAITS

INSTALLED = installed_detectors()
PACKAGES = {"mmod": "face_recognition_models", "mtcnn": "mtcnn"}


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name == "mmod")) for name in DETECTORS]
)
def name(request):
    if request.param not in INSTALLED:
        pytest.skip(f"the extra '{request.param}' is not installed")
    return request.param


@pytest.fixture(scope="module")
def kind(name) -> DetectorKind:
    return detector_kind(name)


def portrait_and_box(portrait, face=100):
    """Head and shoulders, grey, the face so many pixels wide, and its place."""
    grey = cv2.cvtColor(read_image(portrait.path), cv2.COLOR_BGR2GRAY)
    scale = face / portrait.face
    (x, y), side = portrait.centre, 2.4 * face
    shift = np.array([[scale, 0, side / 2 - scale * x], [0, scale, side / 2 - scale * y]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.warpAffine(grey, shift, (round(side), round(side)), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return image, Box(side / 2 - face / 2, side / 2 - face / 2, face, face)


def test_dlibs_filters_are_made_once_and_no_two_threads_share_them(monkeypatch):
    made, hogs, gate = [], [], threading.Barrier(3)
    first = hog.dlib.get_frontal_face_detector
    monkeypatch.setattr(hog.dlib, "get_frontal_face_detector", lambda: made.append(1) or first())
    hog._made.cache_clear()

    def make():
        gate.wait(10)
        hogs.append(hog.HogDetector())

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len({id(each._detector) for each in hogs}) == 3
    image, place = portrait_and_box(PORTRAITS[0])
    assert [len(each.detect(image, 80)) for each in hogs] == [1, 1, 1]
    assert hogs[2].detect(image, 80)[0].box.iou(place) > 0.5


def test_every_detector_of_the_folder_is_named():
    package = smiledet.detection.detectors
    modules = [importlib.import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    for attribute, expected in (("DETECTOR", DETECTORS), ("detector_of", WITH_FILE)):
        there = {module.__name__.rpartition(".")[2] for module in modules if hasattr(module, attribute)}
        assert there == set(expected)
    assert {"haar", "hog"} <= set(INSTALLED)


@pytest.mark.parametrize("portrait", PORTRAITS, ids=lambda portrait: portrait.name)
def test_a_portrait_is_framed_as_viola_jones_frames_it(name, kind, portrait):
    image, _ = portrait_and_box(portrait)
    (expected,) = scan(detector_kind("haar").scanning(None), image, 40)
    detector = kind.scanning(None)
    found = scan(detector, image, smallest_face(image, 0.2, detector.needs))
    assert len(found) == 1
    # The CNN's boxes come in steps of a sixth.
    assert found[0].box.iou(expected.box) > (0.4 if name == "mmod" else 0.6)
    assert found[0].box.width == found[0].box.height


@pytest.mark.parametrize("use", ["following", "labelled"])
def test_the_other_uses_find_it_too(kind, use):
    image, box = portrait_and_box(PORTRAITS[0])
    makers = (kind.following,) if use == "following" else kind.labelled
    for make in makers[:2]:
        found = scan(make(), image, 60)
        assert max(each.box.iou(box) for each in found) > 0.5


def test_raw_boxes_differ_from_those_reported_by_the_framing_alone(name, kind):
    image, _ = portrait_and_box(PORTRAITS[0], 110)
    (own,), (reported,) = kind.raw().detect(image, 40), kind.scanning(None).detect(image, 40)
    if name == "haar":
        # The cascade is the measure.
        assert own == reported
        return
    framing = importlib.import_module(f"smiledet.detection.detectors.{name}").FRAMING
    if name == "mtcnn":  # its pyramid starts at the smallest face sought, which the framing makes another
        assert framing.apply(own.box).iou(reported.box) > 0.85
        return
    assert framing.apply(own.box) == reported.box
    assert own.score == reported.score


def test_the_same_picture_gives_the_same_faces(kind):
    image, _ = portrait_and_box(PORTRAITS[1])
    detector = kind.scanning(None)
    assert detector.detect(image, 80) == detector.detect(image.copy(), 80) == kind.scanning(None).detect(image, 80)


def test_sizes_are_kept_to(kind):
    image, box = portrait_and_box(PORTRAITS[0])
    detector = kind.scanning(None)
    assert detector.detect(image, 80)
    assert detector.detect(image, round(1.6 * box.width)) == []
    assert detector.detect(image, 24, round(0.6 * box.width)) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 90), (24, 24), (80, 80), (81, 200)])
def test_small_and_empty_pictures_hold_no_face(kind, size):
    for value in (0, 128, 255):
        image = np.full(size, value, np.uint8)
        assert kind.scanning(None).detect(image, 24) == []
        detector = kind.following()
        assert scan(detector, image, detector.needs.smallest) == []


def test_a_face_at_the_edge_does_no_harm(kind):
    image, box = portrait_and_box(PORTRAITS[0])
    for cut in (image[:, round(box.x) :], image[round(box.y) :], np.asfortranarray(image)[:, 3:]):
        for found in kind.scanning(None).detect(np.ascontiguousarray(cut), 60):
            assert np.isfinite([found.box.x, found.box.y, found.box.width, found.score]).all()


def test_a_locator_finds_and_follows_with_it(name, kind):
    """A face that drifts over a plain picture keeps its track."""
    image, _ = portrait_and_box(PORTRAITS[0], 100)
    share = 0.3 / kind.scanning(None).needs.min_face
    locator = FaceLocator(kind.scanning(None), kind.following(), FaceTracker(), LocatorSettings(min_face=share))
    height, width = image.shape
    count = 4 if name == "mmod" else 10
    for index in range(count):
        picture = np.full((height + 20, width + 60), int(image[0].mean()), np.uint8)
        picture[10 : 10 + height, 4 * index : 4 * index + width] = image
        faces = locator.locate(picture, index / 30)
    (face,) = faces
    assert face.track == 1
    assert abs(face.search_box.centre[0] - (width / 2 + 4 * (count - 1))) < 15


# What the detectors need.


def test_viola_jones_needs_what_it_always_did():
    needs = detector_kind("haar").scanning(None).needs
    assert (needs.window, needs.enlarge, needs.min_face, needs.patience, needs.follow) == (24, 1, 1, 1, 1)
    assert needs.smallest == 24
    assert plan_slices(640, 360, 48, needs) == plan_slices(640, 360, 48)


def test_small_faces_are_enlarged_for_those_who_need_it():
    detector = detector_kind("hog").scanning(None)
    image, box = portrait_and_box(PORTRAITS[0], 48)
    assert detector.detect(image, 24) == []
    (found,) = scan(detector, image, 44)
    assert found.box.iou(box) > 0.5


def test_whoever_searches_slowly_searches_at_once_and_seldom():
    needs = importlib.import_module("smiledet.detection.detectors.mmod").MmodDetector.needs
    (whole,) = plan_slices(640, 480, 132, needs)
    assert (whole.left, whole.right, whole.min_face, whole.max_face) == (0, 640, 132, None)
    assert needs.patience > 1 and needs.min_face > 1


# Framing.


def test_framing_is_measured_from_centre_and_size():
    box = Framing(right=0.1, down=-0.2, side=1.5).apply(Box(0, 0, 40, 90))
    assert (box.width, box.height) == (90, 90)
    assert box.centre == pytest.approx((20 + 6, 45 - 12))
    assert framed(Box(1, 2, 3, 4), None) == Box(1, 2, 3, 4)


@pytest.mark.parametrize("name", ["hog", "mmod", "mtcnn"])
def test_framings_are_those_of_faces(name):
    """Constants that nobody measured are 0, 0, 1; a slip of the sign or scale goes beyond these."""
    framing = importlib.import_module(f"smiledet.detection.detectors.{name}").FRAMING
    assert framing != Framing()
    assert abs(framing.right) < 0.05 and abs(framing.down) < 0.15 and 1.0 < framing.side < 1.3


# What is not installed.


@pytest.mark.parametrize("name", ["mmod", "mtcnn"])
def test_a_missing_package_names_its_extra(name, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(packages, "find_spec", lambda package: None if package == PACKAGES[name] else there("json"))
    with pytest.raises(UsageError) as caught:
        detector_kind(name)
    message = str(caught.value)
    assert PACKAGES[name] in message and f"pip install {packages.SOURCES[name]}" in message and "\n" not in message
    assert name not in installed_detectors()


@pytest.mark.skipif("mtcnn" not in installed_detectors(), reason="mtcnn is not installed")
def test_mtcnn_says_what_its_files_are_read_with(monkeypatch):
    """Installed without its dependencies."""
    there = importlib.util.find_spec
    monkeypatch.setattr(packages, "find_spec", lambda package: None if package == "lz4" else there(package))
    with pytest.raises(UsageError, match=r"needs lz4: pip install 'smiledet\[mtcnn\]'"):
        detector_kind("mtcnn")


@pytest.mark.parametrize("name", ["mmod", "mtcnn"])
def test_a_package_without_its_file_is_to_be_installed_again(name, monkeypatch, tmp_path):
    empty = importlib.util.spec_from_loader(PACKAGES[name], loader=None, is_package=True)
    empty.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(packages, "find_spec", lambda package: empty)
    with pytest.raises(UsageError, match=rf"{tmp_path}.* is missing: pip install --force-reinstall "):
        detector_kind(name)


def test_damaged_files_are_told(name, kind, monkeypatch, tmp_path):
    if name not in PACKAGES:  # what comes with OpenCV and dlib is theirs to check
        return
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no weights")
    monkeypatch.setattr(
        f"smiledet.detection.detectors.{'mmod' if name == 'mmod' else 'mtcnn_networks'}.package_file",
        lambda *_: damaged,
    )
    with pytest.raises(UsageError, match=rf"{damaged}.*install"):
        kind.scanning(None)


def test_an_unknown_detector_is_told_which_there_are():
    with pytest.raises(UsageError, match="no detector 'eyes'; there are haar, hog, mmod, mtcnn"):
        detector_kind("eyes")


def test_neither_package_is_imported(name, kind, monkeypatch):
    """`face_recognition_models` wants pkg_resources, `mtcnn` wants TensorFlow."""
    imported = builtins.__import__

    def watched(module, *others, **more):
        assert module.partition(".")[0] not in {*PACKAGES.values(), "tensorflow", "keras", "pkg_resources"}
        return imported(module, *others, **more)

    for package in PACKAGES.values():
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(builtins, "__import__", watched)
    image, _ = portrait_and_box(PORTRAITS[0])
    assert kind.scanning(None).detect(image, 80)
