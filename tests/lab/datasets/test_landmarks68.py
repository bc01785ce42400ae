from pathlib import Path

import numpy as np
import pytest

from smiledet.lab.datasets.landmarks68 import read_annotated_faces, read_points

POINTS = np.random.default_rng(1).uniform(0, 200, (68, 2)).round(3)


def write_points(path: Path, points: np.ndarray = POINTS) -> Path:
    rows = "\n".join(f"{x} {y}" for x, y in points)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n")
    return path


@pytest.fixture
def annotated(tmp_path, picture) -> Path:
    """Two annotated faces in folders, and one without points."""
    folder = tmp_path / "landmarks68"
    for name in ("helen/b", "afw/a"):
        picture(folder / f"{name}.jpg", 1)
        write_points(folder / f"{name}.pts")
    picture(folder / "afw" / "stranger.jpg", 2)
    return folder


def test_points_are_read_as_they_stand(tmp_path):
    points = read_points(write_points(tmp_path / "face.pts"))
    assert points.dtype == np.float64
    assert np.array_equal(points, POINTS)


def test_faces_are_those_with_points_beside_them(annotated):
    faces = read_annotated_faces(annotated)
    assert [face.image.name for face in faces] == ["a.jpg", "b.jpg"]
    assert all(np.array_equal(face.points, POINTS) for face in faces)


def test_an_archive_serves_as_well(annotated, packed, tmp_path, home):
    faces = read_annotated_faces(packed(annotated, tmp_path / "landmarks68.tar.gz"))
    assert len(faces) == 2 and all(face.image.is_relative_to(home) for face in faces)


def test_no_faces_says_what_was_expected(tmp_path, complaint):
    with complaint(str(tmp_path), "NAME.pts"):
        read_annotated_faces(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "version: 1\n",
        "{\n1 2\n}",
        "{\n" + "1 2 3\n" * 68 + "}",
        "{\n" + "1 2\n" * 67 + "3\n}",
        "{\n" + "1 two\n" * 68 + "}",
        "{\n" + "1 nan\n" * 68 + "}",
        b"\xff\xfe\x81",
    ],
    ids=["empty", "no points", "one point", "three columns", "ragged", "words", "nan", "no text"],
)
def test_a_broken_file_is_named_on_one_line(content, annotated, complaint):
    path = annotated / "helen" / "b.pts"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with complaint(str(path)):
        read_annotated_faces(annotated)


def test_missing_points_are_named(tmp_path, complaint):
    with complaint(str(tmp_path / "none.pts")):
        read_points(tmp_path / "none.pts")
