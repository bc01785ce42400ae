"""The arithmetic of comparing detectors, on boxes made up; and the framing, on portraits."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.frame import Box, Detection
from smiledet.lab.benchmark.detectors import measure as module
from smiledet.lab.benchmark.detectors.framing import measure_framing
from smiledet.lab.benchmark.detectors.measure import Seen, agreed_faces, compare, judge, read_frames, read_photographs
from smiledet.lab.benchmark.detectors.pictures import draw_sheet, plot_curves
from smiledet.sources.demo import PORTRAITS

FACE, BESIDE, FAR, FARTHER = (Box(x, 0, 10, 10) for x in (0, 1, 50, 90))
BLANK = np.zeros((100, 120), np.uint8)


@pytest.fixture(scope="module")
def photographs():
    """The two portraits, in four sizes each."""
    found = []
    for portrait in PORTRAITS:
        grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
        for face in (90, 100, 110, 120):
            scale, side = face / portrait.face, 2.2 * face
            (x, y) = portrait.centre
            shift = np.array([[scale, 0, side / 2 - scale * x], [0, scale, side / 2 - scale * y]])
            found.append(cv2.warpAffine(grey, shift, (int(side), int(side)), flags=cv2.INTER_AREA))
    return found


def seen(faces=(FACE,), expected=None, **found):
    detections = {name: [Detection(box, score) for box, score in rows] for name, rows in found.items()}
    return Seen(BLANK, detections, tuple(faces), len(faces) if expected is None else expected)


def test_faces_are_where_two_agree():
    assert agreed_faces({"a": [FACE, FAR], "b": [BESIDE], "c": [FARTHER]}) == [FACE]
    assert agreed_faces({"a": [FACE], "b": [FAR]}) == []
    assert agreed_faces({}) == []


def test_one_detector_does_not_agree_with_itself():
    assert agreed_faces({"a": [FACE, BESIDE], "b": []}) == []


def test_the_best_supported_face_comes_first():
    found = {"a": [FAR, FACE], "b": [FAR, BESIDE], "c": [FACE]}
    assert agreed_faces(found) == [FACE, FAR]


def test_hits_and_false_alarms():
    rows = [
        seen(a=[(BESIDE, 5.0), (FAR, 4.0)]),
        seen(a=[(FACE, 1.0), (BESIDE, 0.5)]),  # the same face twice is one face and a false alarm
        seen(a=[]),
        seen(faces=(), expected=1, a=[(FACE, 3.0)]),  # nobody else saw it: not found, though it was to be
    ]
    figures = judge("a", rows, 2.5)
    assert (figures.found, figures.faces, figures.false_alarms) == (2, 4, 3)
    assert figures.recall == 0.5 and figures.milliseconds == 2.5
    assert figures.curve == ((0, 0.25), (1, 0.25), (2, 0.5), (3, 0.5))


def test_recall_says_nothing_without_faces_or_with_too_few_detectors():
    assert judge("a", [seen(faces=(), a=[])], 1.0).recall is None
    few = judge("a", [seen(a=[(FACE, 1.0)])], 1.0, telling=False)
    assert few.recall is None and few.curve == () and few.found == 1


def test_photographs_of_one_face(photographs):
    comparison, pictures = compare("portraits", photographs, ["haar", "hog"], one_face=True)
    assert (comparison.pictures, comparison.agreed) == (8, 8)
    assert [row.recall for row in comparison.detectors] == [1.0, 1.0]
    assert all(row.milliseconds > 0 and row.faces == 8 for row in comparison.detectors)
    assert all(len(each.faces) == 1 for each in pictures)


def test_a_photograph_without_agreement_counts_as_missed(photographs):
    comparison, _ = compare("blank", [BLANK, photographs[0]], ["haar", "hog"], one_face=True)
    assert comparison.agreed == 1
    assert [row.recall for row in comparison.detectors] == [0.5, 0.5]


def test_two_detectors_tell_nothing_of_a_clip():
    comparison, _ = compare("demo", read_frames("demo", 2), ["haar", "hog"], one_face=False)
    assert [row.recall for row in comparison.detectors] == [None, None]
    assert comparison.agreed > 0


def test_frames_are_half_a_second_apart(write_scenes, tmp_path):
    clip = write_scenes(tmp_path / "clip.mp4", module.FRAME_STEP + 2)
    assert len(read_frames(str(clip), 9)) == 2
    assert len(read_frames(str(clip), 1)) == 1
    assert read_frames(str(clip), 1)[0].shape == (480, 640)


def test_photographs_are_spread_over_the_set(tmp_path):
    (tmp_path / "files").mkdir()
    for number in range(9):
        cv2.imwrite(str(tmp_path / "files" / f"file{number:04d}.png"), np.full((8, 8), 10 * number, np.uint8))
    (tmp_path / "labels.txt").write_text("1 0 0 0\n" * 9)
    data = f"genki4k:{tmp_path}"
    assert [int(image[0, 0]) for image in read_photographs(data, 3)] == [0, 30, 60]
    assert len(read_photographs(data, 100)) == 9


def test_crops_are_refused(tmp_path):
    for part in ("positives/positives7", "negatives/negatives7"):
        (tmp_path / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / part / "1.jpg"), np.zeros((64, 64), np.uint8))
    with pytest.raises(UsageError, match="these are crops, expected whole photographs"):
        read_photographs(f"smiles:{tmp_path}", 5)


def test_no_pictures_are_refused():
    with pytest.raises(UsageError, match="nothing: no pictures"):
        compare("nothing", [], ["haar"], one_face=True)


def test_framing_maps_a_detectors_boxes_onto_viola_jones(photographs):
    measured = measure_framing("hog", photographs)
    assert measured.faces >= 6
    assert abs(measured.framing.right) < 0.1 and -0.2 < measured.framing.down < 0.05
    assert 0.9 < measured.framing.side < 1.3
    same = measure_framing("haar", photographs).framing
    assert abs(same.right) < 0.05 and abs(same.down) < 0.05 and abs(same.side - 1) < 0.1


def test_framing_needs_faces():
    with pytest.raises(UsageError, match="no face in common in 1 photographs"):
        measure_framing("hog", [BLANK])


def test_pictures_are_drawn(photographs, tmp_path):
    comparison, pictures = compare("portraits", photographs[:2], ["haar", "hog"], one_face=True)
    draw_sheet(pictures, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert (np.abs(sheet.astype(int) - (80, 220, 80)).sum(axis=2) < 30).sum() > 500  # boxes
    plot_curves([comparison], tmp_path / "plot.png")
    assert cv2.imread(str(tmp_path / "plot.png")).std() > 5
