from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.frame import Box, ChipSpec
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.training.faces import chips as module
from smiledet.lab.training.faces.chips import cached_chips, cut_chips
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator, find_face, pixels_of

LABELS = ("not smiling", "smiling")
SPEC = ChipSpec(32)

DARK = 40
"""Grey of the mouths that do not smile, see `data_folder`."""


@pytest.fixture
def samples(data_folder):
    """Four whole photographs of either class."""
    found = read_samples(f"genki4k:{data_folder / 'genki4k'}")[1]
    return [sample for label in LABELS for sample in [one for one in found if one.label == label][:4]]


@pytest.fixture
def crops(data_folder):
    """Two crops of either class."""
    found = read_samples(f"smiles:{data_folder / 'smiles'}")[1]
    return [sample for label in LABELS for sample in [one for one in found if one.label == label][:2]]


@pytest.fixture
def searches(monkeypatch):
    """Counts the searches."""
    made = []
    locate = LabelledFaceLocator.locate

    def counted(self, grey):
        made.append(grey.shape)
        return locate(self, grey)

    monkeypatch.setattr(LabelledFaceLocator, "locate", counted)
    return made


def test_the_locator_finds_real_faces(portraits):
    for portrait in portraits:
        found = LabelledFaceLocator().locate(portrait.image)
        assert found is not None and found.iou(Box(40, 40, 80, 80)) > 0.6


def test_the_locator_finds_no_face_where_there_is_none():
    assert LabelledFaceLocator().locate(np.full((160, 160), 128, np.uint8)) is None


def test_fractions_become_pixels():
    grey = np.zeros((50, 200), np.uint8)
    assert pixels_of(Box(-0.5, 0.1, 1.0, 0.8), grey) == Box(-100, 5, 200, 40)


@pytest.mark.parametrize("locate", [False, True])
def test_a_data_sets_own_box_says_which_face_is_meant(locate, portraits):
    grey = np.hstack([portrait.image for portrait in portraits[:2]])
    width = portraits[0].image.shape[1]
    for left in (0, width):
        meant = Box(left + 50, 50, 60, 60)  # tighter than the cascade's
        found = find_face(LabelledFaceLocator(), Sample(Path("a.jpg"), "x", "train", box=meant), grey, locate)
        assert found is not None and found.iou(Box(left + 40, 40, 80, 80)) > 0.6


def test_a_box_in_which_nothing_is_found_is_taken_itself():
    blank, box = np.full((160, 160), 128, np.uint8), Box(40, 50, 60, 70)
    assert find_face(LabelledFaceLocator(), Sample(Path("a.jpg"), "x", "train", box=box), blank, False) == box
    outside = Sample(Path("a.jpg"), "x", "train", box=Box(500, 500, 60, 60))
    assert find_face(LabelledFaceLocator(), outside, blank, False) is None


def test_photographs_are_searched_and_every_face_is_cut(samples, aligner, searches):
    cut = cut_chips(samples, LABELS, aligner, SPEC)
    assert len(searches) == len(samples) == len(cut.chips)
    assert cut.chips.shape[1:] == (32, 32, 1) and cut.chips.dtype == np.uint8
    assert cut.classes.tolist() == [0] * 4 + [1] * 4 and cut.classes.dtype == np.int64
    assert (cut.missed, cut.unaligned) == (0, 0)


def test_chips_show_the_mouths(samples, crops, aligner):
    # The template puts the mouth into the lower middle of every chip, however the photograph was framed.
    cut = cut_chips([*samples, *crops], LABELS, aligner, SPEC)
    mouths = cut.chips[:, 24:26, 14:18, 0].mean(axis=(1, 2))
    assert mouths[cut.classes == 1].min() > mouths[cut.classes == 0].max() + 50


def test_crops_count_as_located(crops, aligner, searches):
    cut = cut_chips(crops, LABELS, aligner, SPEC)
    assert not searches
    assert len(cut.chips) == len(crops)


def test_located_faces_are_searched_for_on_request(samples, aligner, searches):
    elsewhere = [replace(sample, located=Box(0.5, 0.5, 0.5, 0.5)) for sample in samples]
    given = cut_chips(elsewhere, LABELS, aligner, SPEC)
    assert not searches
    found = cut_chips(elsewhere, LABELS, aligner, SPEC, locate=True)
    assert len(searches) == len(samples)
    assert np.array_equal(found.chips, cut_chips(samples, LABELS, aligner, SPEC).chips)
    assert not np.array_equal(found.chips, given.chips)


def test_crops_come_out_as_whole_photographs_do(variant, aligner, data_folder):
    """The same faces, cropped as SMILEs does it and whole: that is what the layout's box was measured for."""
    folder = data_folder / "smiles" / "negatives" / "negatives7"
    crops = [sample for sample in read_samples(f"smiles:{data_folder}")[1] if sample.image.parent == folder]
    cut = cut_chips(crops, LABELS, aligner, SPEC).chips[..., 0]
    inner = slice(8, 28), slice(8, 24)
    apart = []
    for sample, chip in zip(crops, cut, strict=True):
        whole = variant(100 + int(sample.image.stem), DARK).image
        (uncropped,) = aligner.align(None, whole, LabelledFaceLocator().locate(whole), [SPEC]).chips.values()
        apart.append(np.abs(chip[inner].astype(int) - uncropped[inner]).mean())
    assert len(apart) == 16 and np.mean(apart) < 10


def test_other_geometries(samples, aligner):
    colour = cut_chips(samples[:1], LABELS, aligner, ChipSpec(24, 0.8, 3))
    assert colour.chips.shape == (1, 24, 24, 3)
    wide, close = (cut_chips(samples[:1], LABELS, aligner, ChipSpec(32, margin)).chips[0] for margin in (1.0, 0.5))
    shown = cv2.resize(wide[8:24, 8:24], (32, 32))
    assert np.abs(shown.astype(int) - close[..., 0]).mean() < 12


def test_a_file_that_cannot_be_read_is_missed_with_a_warning(samples, aligner, tmp_path, caplog):
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    cut = cut_chips([samples[0], Sample(broken, LABELS[1], "train")], LABELS, aligner, SPEC)
    assert (len(cut.chips), cut.classes.tolist(), cut.missed) == (1, [0], 1)
    assert [str(broken) in record.getMessage() for record in caplog.records] == [True]


def test_a_photograph_without_a_face_is_missed(aligner, tmp_path):
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((120, 120), 128, np.uint8))
    cut = cut_chips([Sample(blank, LABELS[0], "train")], LABELS, aligner, SPEC)
    assert cut.chips.shape == (0, 32, 32, 1) and cut.classes.shape == (0,) and cut.missed == 1


@pytest.fixture
def cuttings(monkeypatch):
    """Counts how often chips are cut anew."""
    made = []
    cut = module.cut_chips

    def counted(*given, **named):
        made.append(given)
        return cut(*given, **named)

    monkeypatch.setattr(module, "cut_chips", counted)
    return made


def test_chips_are_kept(samples, aligner, cuttings, tmp_path):
    first = cached_chips(samples, LABELS, aligner, "abc", SPEC, tmp_path / "deep" / "chips")
    again = cached_chips(samples, LABELS, aligner, "abc", SPEC, tmp_path / "deep" / "chips")
    assert len(cuttings) == 1
    assert np.array_equal(first.chips, again.chips) and np.array_equal(first.classes, again.classes)
    assert (first.missed, first.unaligned) == (again.missed, again.unaligned)
    assert len(list((tmp_path / "deep" / "chips").iterdir())) == 1


def test_chips_are_cut_anew_for_anything_else(samples, aligner, cuttings, tmp_path):
    moved = [replace(sample, located=Box(0.2, 0.2, 0.6, 0.6)) for sample in samples]
    relabelled = [replace(sample, label=LABELS[1]) for sample in samples]
    different = [
        (samples, LABELS, "abc", SPEC),
        (samples[:-1], LABELS, "abc", SPEC),
        (relabelled, LABELS, "abc", SPEC),
        (moved, LABELS, "abc", SPEC),
        (samples, LABELS[::-1], "abc", SPEC),
        (samples, LABELS, "def", SPEC),
        (samples, LABELS, "abc", ChipSpec(32, 0.8)),
        (samples, LABELS, "abc", ChipSpec(24)),
    ]
    for count, (given, labels, digest, spec) in enumerate(different, start=1):
        cached_chips(given, labels, aligner, digest, spec, tmp_path)
        assert len(cuttings) == count


def test_an_interruption_while_chips_are_written_leaves_nothing_behind(
    samples, aligner, cuttings, tmp_path, monkeypatch
):
    write = np.savez

    def interrupted(path, **arrays):
        write(path, **arrays)
        with path.open("r+b") as file:
            file.truncate(100)
        raise KeyboardInterrupt

    monkeypatch.setattr(module.np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached_chips(samples, LABELS, aligner, "abc", SPEC, tmp_path)
    monkeypatch.setattr(module.np, "savez", write)
    cut = cached_chips(samples, LABELS, aligner, "abc", SPEC, tmp_path)
    assert len(cut.chips) == len(samples) and len(cuttings) == 2


# Other detectors.


def test_another_detector_finds_the_same_faces(samples, aligner):
    by_haar, by_hog = (cut_chips(samples, LABELS, aligner, SPEC, detector=name) for name in ("haar", "hog"))
    assert len(by_hog.chips) == len(by_haar.chips) == len(samples)
    # The landmarks bring both to the template, whoever framed the face.
    assert np.abs(by_haar.chips.astype(int) - by_hog.chips).mean() < 12
    assert not np.array_equal(by_haar.chips, by_hog.chips)


def test_an_unknown_detector_is_refused(samples, aligner, complaint):
    with complaint("'eyes'", "haar, hog, mmod, mtcnn"):
        cut_chips(samples, LABELS, aligner, SPEC, detector="eyes")


def test_chips_are_kept_for_each_detector(samples, aligner, tmp_path):
    kept = [
        cached_chips(samples, LABELS, aligner, "abc", SPEC, tmp_path, detector=name).chips
        for name in ("haar", "hog", "haar")
    ]
    assert len(list(tmp_path.iterdir())) == 2
    assert np.array_equal(kept[0], kept[2]) and not np.array_equal(kept[0], kept[1])


@pytest.mark.parametrize(
    ("spread", "moves"), [((0.5, 0, 0), {"right"}), ((0, 0.5, 0), {"down"}), ((0, 0, 0.5), {"larger"})]
)
def test_each_axis_of_a_box_has_its_own_spread(spread, moves, monkeypatch):
    monkeypatch.setattr(module, "JITTER", spread)
    box = Box(30, 70, 40, 40)
    other = module.jittered(box, np.random.default_rng(4))
    (x, y), (other_x, other_y) = box.centre, other.centre
    apart = {"right": other_x - x, "down": other_y - y, "larger": other.width - box.width}
    assert {name for name, by in apart.items() if abs(by) > 1e-6} == moves
    assert other.width == other.height
