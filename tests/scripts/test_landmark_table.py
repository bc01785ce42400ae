"""How far off landmarks are: on portraits whose annotation is what the shipped networks find."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.detection.detectors.haar import HaarDetector
from smiledet.errors import UsageError
from smiledet.lab.datasets.landmarks68 import AnnotatedFace
from smiledet.lab.training.landmarks.train import SEARCH
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.demo import PORTRAITS


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("landmark_table")


@pytest.fixture
def portraits(tmp_path):
    """Two faces in HELEN's folder, moved by a tenth of the distance between the eyes' outer corners."""
    (tmp_path / "helen").mkdir()
    aligner, detector = shipped_aligner(), HaarDetector(SEARCH)
    faces = []
    for number, portrait in enumerate(PORTRAITS):
        grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
        path = tmp_path / "helen" / f"{number}.png"
        assert cv2.imwrite(str(path), grey)
        (x, y), side = portrait.centre, portrait.face
        found = detector.detect(grey, round(0.7 * side), round(2 * side))
        box = min((each.box for each in found), key=lambda box: abs(box.centre[0] - x) + abs(box.centre[1] - y))
        points = aligner.align(None, grey, box, []).landmarks
        apart = np.linalg.norm(points[36] - points[45])
        faces.append(AnnotatedFace(path, points + np.array([0.1 * apart, 0.0])))
    return faces


def test_errors_are_told_by_box_and_by_folder(script, portraits):
    header, _, *lines = script.table(portraits).splitlines()
    assert "of 2 faces" in header
    rows = {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)}
    assert rows["found"][0] == rows["framed"][0] == rows["framed, helen"][0] == "2"
    assert rows["framed, afw"] == ["0", "-", "-"]
    _, trees, both = rows["framed"]
    assert float(both.removesuffix("%")) == pytest.approx(10, abs=1)
    assert trees != both


def test_photographs_without_a_face_are_one_line(script, tmp_path):
    blank = tmp_path / "blank.png"
    assert cv2.imwrite(str(blank), np.full((100, 100), 128, np.uint8))
    points = np.random.default_rng(0).uniform(30, 70, (68, 2))
    with pytest.raises(UsageError, match="finds none of 1 annotated faces"):
        script.table([AnnotatedFace(blank, points)])


def test_still_faces_stray_as_far_as_what_finds_them(script, portraits):
    class Still:
        def predict(self, image, box):
            return np.zeros((68, 2))

    class Following:
        """Says where the box is."""

        def predict(self, image, box):
            return np.tile([box.x, 0.0], (68, 1))

    detector = HaarDetector(SEARCH)
    faces = [script.read_face(face, detector)[0] for face in portraits]
    assert all(face.box for face in faces)
    strayed = script.straying({"still": Still(), "following": Following()}, faces)
    assert strayed["still"] == 0
    assert strayed["following"] == pytest.approx(script.WANDER * 1.25**0.5, rel=0.4)  # its left edge: place and width
