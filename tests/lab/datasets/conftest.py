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
def fairface(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Ten men of 20 to 29 and ten girls of 3 to 9, of one group each."""
    folder = tmp_path / "around" / "fairface"
    rows = ["file,age,gender,race"]
    for number in range(20):
        picture(folder / "train" / f"{number}.jpg", number)
        rows.append(f"train/{number}.jpg," + ("3-9,Female,White" if number % 2 else "20-29,Male,East Asian"))
    (folder / "fairface_label_train.csv").write_text("\n".join(rows) + "\n")
    return folder


def _picture_bytes(seed: int) -> str:
    return " ".join(map(str, np.random.default_rng(seed).integers(0, 256, 48 * 48)))


@pytest.fixture
def fer_table() -> Callable[[Path, list[tuple[int, int, str]]], Path]:
    """Writes Kaggle's `fer2013.csv` from (emotion, seed of the pixels, Usage)."""

    def write(folder: Path, rows: list[tuple[int, int, str]]) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{emotion},{_picture_bytes(seed)},{usage}" for emotion, seed, usage in rows]
        table = folder / "fer2013.csv"
        table.write_text("\n".join(["emotion,pixels,Usage", *lines]) + "\n")
        return table

    return write


@pytest.fixture
def ferplus(tmp_path: Path, fer_table: Callable[[Path, list[tuple[int, int, str]]], Path]) -> Path:
    """Six crops with votes: a clear smile, one with an outlier, contempt, unknown, a tie, a clear fear to test on."""
    folder = tmp_path / "around" / "ferplus"
    usages = ["Training"] * 5 + ["PublicTest"]
    fer_table(folder, [(6, number, usage) for number, usage in enumerate(usages)])
    votes = [
        "0,10,0,0,0,0,0,0,0,0",
        "6,3,0,0,0,0,0,0,1,0",
        "2,0,0,0,0,0,0,8,0,0",
        "2,0,0,0,0,0,0,0,8,0",
        "5,5,0,0,0,0,0,0,0,0",
        "0,0,0,0,0,0,8,0,0,2",
    ]
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    rows = [
        f"{usage},fer{number:07d}.png,{cells}" for number, (usage, cells) in enumerate(zip(usages, votes, strict=True))
    ]
    (folder / "fer2013new.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


@pytest.fixture
def kdef(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Ten actors in both sessions, happy and neutral, straight and half left; one broken name."""
    folder = tmp_path / "around" / "KDEF"
    seed = 0
    for actor in (f"{sex}{number:02d}" for sex in "FM" for number in range(1, 6)):
        for session, expression, angle in ((s, e, a) for s in "AB" for e in ("HA", "NE") for a in ("S", "HL")):
            seed += 1
            picture(folder / f"A{actor}" / f"{session}{actor}{expression}{angle}.JPG", seed)
    picture(folder / "AM31" / "AM31H.JPG", 999)
    return folder


@pytest.fixture
def affectnet(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Eleven codes to train on, three of them no expression; two to test on."""
    folder = tmp_path / "around" / "AffectNet"
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    lines = []
    for code in range(11):
        picture(folder / "Manually_Annotated_Images" / "1" / f"{code}.jpg", code)
        box = "NULL,NULL,NULL,NULL" if code == 10 else "1,2,8,9"
        lines.append(f"1/{code}.jpg,{box},1.5;2.5,{code},0.1,-0.2")
    (folder / "training.csv").write_text("\n".join([header, *lines]) + "\n")
    for number in (20, 21):
        picture(folder / "Manually_Annotated_Images" / "2" / f"{number}.jpg", number)
    # Published without its first row by some.
    (folder / "validation.csv").write_text("2/20.jpg,0,0,5,5,1;2,0,0,0\n2/21.jpg,0,0,5,5,1;2,7,0,0\n")
    return folder


@pytest.fixture
def celeba(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Six photographs of three people, two in each split; odd ones smile, the first two are men."""
    folder = tmp_path / "around" / "CelebA"
    attributes, partition, identities = [], [], []
    for number in range(1, 7):
        name = f"{number:06d}.jpg"
        picture(folder / "Img" / "img_align_celeba" / name, number)
        smile, man = (1 if yes else -1 for yes in (number % 2, number <= 2))
        attributes.append(f"{name} -1 {man:2d} {smile:2d}  1")
        partition.append(f"{name} {(number - 1) // 2}")
        identities.append(f"{name} {100 + (number - 1) // 2}")
    for path, lines in (
        ("Anno/list_attr_celeba.txt", ["6", "Eyeglasses Male Smiling Young", *attributes]),
        ("Eval/list_eval_partition.txt", partition),
        ("Anno/identity_CelebA.txt", identities),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def chalearn(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Three to train on, one of them of a gender that is not told; two to validate."""
    folder = tmp_path / "around" / "fotw"
    header = "image_name, bbox_x, bbox_y, bbox_width, bbox_height, Gender, Smile"
    rows = {"trset": [("a.jpg", 0, 1), ("b.jpg", 1, 0), ("c.jpg", 2, 1)], "valset": [("d.jpg", 1, 1), ("e.jpg", 0, 0)]}
    for part, members in rows.items():
        for name, _, _ in members:
            picture(folder / f"smiles_{part}" / name, ord(name[0]))
        lines = [f"{name},1,2,6,7,{gender},{smile}" for name, gender, smile in members]
        (folder / f"smiles_{part}" / f"gender_fex_{part}.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


@pytest.fixture
def matlab_list() -> Callable[..., None]:
    """Writes `wiki.mat` as Matlab does, from rows (dob, year, gender, path, name, face_score, second_face_score)."""

    def write(path: Path, rows: list[tuple[float, float, float, str, str, float, float]]) -> None:
        savemat = pytest.importorskip("scipy.io").savemat

        def cells(values: list[object]) -> np.ndarray:
            column = np.empty((1, len(values)), object)
            column[0, :] = values
            return column

        dob, year, gender, paths, names, score, second = (list(column) for column in zip(*rows, strict=True))
        boxes = np.empty((1, len(rows)), object)
        for number in range(len(rows)):
            boxes[0, number] = np.array([[3.0, 4.0, 10.0, 12.0]])
        record = {
            "dob": np.array([dob]),
            "photo_taken": np.array([year]),
            "gender": np.array([gender]),
            "full_path": cells(paths),
            "name": cells(names),
            "face_location": boxes,
            "face_score": np.array([score]),
            "second_face_score": np.array([second]),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, {path.stem: record})

    return write


@pytest.fixture
def imdbwiki(tmp_path: Path, picture: Callable[[Path, int], Path], matlab_list: Callable[..., None]) -> Path:
    """Twenty people born in July 1970, a photograph each of 2000 and 2010; and five rows that are of no use."""
    folder = tmp_path / "around" / "wiki_crop"
    born, nan = 719529 + 182.0, float("nan")  # 1 January 1970 is Matlab's day 719529
    rows = [
        (born, float(year), float(number % 2), f"{number:02d}/{year}.jpg", f"Person {number}", 3.0, nan)
        for number in range(20)
        for year in (2000, 2010)
    ]
    rows += [
        (born, 2000.0, 1.0, "x/no_face.jpg", "A", float("-inf"), nan),
        (born, 2000.0, 1.0, "x/two_faces.jpg", "B", 3.0, 2.0),
        (born, 1950.0, 1.0, "x/unborn.jpg", "C", 3.0, nan),
        (nan, 2000.0, 1.0, "x/no_birth.jpg", "D", 3.0, nan),
        (born, 2000.0, nan, "x/no_gender.jpg", "E", 3.0, nan),
    ]
    for seed, row in enumerate(rows):
        picture(folder / row[3], seed)
    matlab_list(folder / "wiki.mat", rows)
    return folder


@pytest.fixture
def lfw(tmp_path: Path, picture: Callable[[Path, int], Path]) -> Path:
    """Ten people of two photographs; the first smiles, women have an even number; the last photograph has no scores."""
    folder = tmp_path / "around" / "lfw"
    lines = ["# Attribute scores", "#\tperson\timagenum\tMale\tAsian\tSmiling"]
    for number in range(20):
        person, image = f"First Last{number // 2}", number % 2 + 1
        name = person.replace(" ", "_")
        picture(folder / name / f"{name}_{image:04d}.jpg", number)
        if number < 19:
            lines.append(f"{person}\t{image}\t{number // 2 % 2 - 0.5}\t-1.5\t{1.5 - image}")
    (folder / "lfw_attributes.txt").write_text("\n".join(lines) + "\n")
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
