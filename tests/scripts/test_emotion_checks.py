"""The checks of the emotion models, on a tiny GENKI-4K and FER-2013."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import smiledet
from smiledet.sources.demo import portrait_path

ROOT = Path(smiledet.__file__).parents[1]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "emotion_checks.py"), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_missing_data_set_is_one_line(tmp_path):
    done = run("--data-folder", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("emotion_checks: ") and done.stderr.count("\n") == 1


def test_the_tables_and_the_sheet(tmp_path):
    portrait = cv2.imread(str(portrait_path("collins")))[:, :300]
    genki = tmp_path / "genki4k.tar.gz"  # a folder of that name will do: layouts take either
    files = genki / "genki4k" / "files"
    files.mkdir(parents=True)
    for number in range(1, 41):
        assert cv2.imwrite(
            str(files / f"file{number:04d}.jpg"), cv2.convertScaleAbs(portrait, alpha=0.7 + number / 100)
        )
    labels = "\n".join(f"{number % 2} 0 0 0" for number in range(40))
    (genki / "genki4k" / "labels.txt").write_text(labels + "\n")
    fer = tmp_path / "fer2013.tar.gz" / "fer2013"
    crop = cv2.resize(cv2.cvtColor(portrait[30:230, 60:260], cv2.COLOR_BGR2GRAY), (48, 48))
    columns = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "unknown", "no_face")
    votes = [",".join(("file", *columns))]
    for split in ("train", "test"):
        for number, label in enumerate(("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")):
            folder = fer / split / label
            folder.mkdir(parents=True)
            name = {"train": "Training", "test": "PublicTest"}[split]
            shifted = cv2.convertScaleAbs(crop, beta=3 * number + (split == "train"))
            assert cv2.imwrite(str(folder / f"{name}_{number}.jpg"), shifted)
            counts = (str(10 * (column == label)) for column in columns)
            votes.append(",".join((f"{split}/{label}/{name}_{number}.jpg", *counts)))
    (tmp_path / "ferplus_votes.csv").write_text("\n".join(votes) + "\n")
    done = run("--data-folder", tmp_path, "--sheet", tmp_path / "pairs.png")
    assert done.returncode == 0, done.stderr
    smilers, _, worn = done.stdout.partition("\n\n")
    assert "smiling: happy" in smilers and "emotion/mini-xception | " in smilers
    assert "| emotion/mini-xception | 6 | " in worn
    sheet = cv2.imread(str(tmp_path / "pairs.png"), cv2.IMREAD_GRAYSCALE)
    upper, lower = np.split(sheet, 2)
    assert upper.shape[1] == 6 * upper.shape[0]
    assert not np.array_equal(upper, lower)


@pytest.mark.parametrize("arguments", [(), ("--data-folder",)])
def test_what_is_missing_on_the_command_line(arguments):
    assert run(*arguments).returncode == 2
