"""Tiny data sets in the layouts of the real ones."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: archives are unpacked into its cache."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def picture() -> Callable[[Path, int], Path]:
    """Writes a noisy grey picture, its bytes told by the seed alone."""

    def write(path: Path, seed: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
        encoded = cv2.imencode(path.suffix, pixels)[1]
        path.write_bytes(encoded.tobytes())
        return path

    return write


@pytest.fixture
def genki4k(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Twelve photographs, the first five smiling."""
    folder = tmp_path / "around" / "genki4k"
    for number in range(1, 13):
        picture(folder / "files" / f"file{number:04d}.jpg", number)
    lines = [f"{int(number <= 5)} 0.1 -0.2 0.0" for number in range(1, 13)]
    (folder / "labels.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def smiles(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Ten negatives, five positives."""
    folder = tmp_path / "around" / "SMILEs"
    for number in range(15):
        part = "positives" if number < 5 else "negatives"
        picture(folder / part / f"{part}7" / f"{number}.jpg", number)
    return folder


@pytest.fixture
def fer2013(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Per emotion: three to train on, one public test, one private test, all different."""
    folder = tmp_path / "around" / "fer2013"
    for index, emotion in enumerate(EMOTIONS):
        for number in range(3):
            picture(folder / "train" / emotion / f"Training_{index}{number}.jpg", 10 * index + number)
        picture(folder / "test" / emotion / f"PublicTest_{index}.jpg", 10 * index + 5)
        picture(folder / "test" / emotion / f"PrivateTest_{index}.jpg", 10 * index + 6)
    return folder


@pytest.fixture
def folders(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Two cats, a dog, without splits."""
    folder = tmp_path / "around" / "pets"
    picture(folder / "dog" / "rex.png", 1)
    picture(folder / "cat" / "tom.JPG", 2)
    picture(folder / "cat" / "older" / "puss.webp", 3)
    return folder


@pytest.fixture
def utkface(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Ten men and ten women of 20 to 29, and three pictures with a broken name."""
    folder = tmp_path / "around" / "UTKFace"
    for number in range(20):
        name = f"{20 + number // 2}_{number % 2}_{number % 5}_2017010917{number:04d}"
        picture(folder / f"{name}.jpg.chip.jpg", number)
    for number, name in enumerate(("61_1_2017", "53__0_2017", "39_3_0_2017"), start=20):
        picture(folder / f"{name}.jpg.chip.jpg", number)
    return folder


@pytest.fixture
def tree(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """The tiny data set of a layout, by the layout's name."""

    def find(layout: str) -> Path:
        folder: Path = request.getfixturevalue(layout)
        return folder

    return find


@pytest.fixture
def packed() -> Callable[[Path, Path], Path]:
    """Packs a folder, itself included, as published archives do."""

    def pack(folder: Path, archive: Path) -> Path:
        with tarfile.open(archive, "w:gz") as file:
            file.add(folder, folder.name)
        return archive

    return pack
