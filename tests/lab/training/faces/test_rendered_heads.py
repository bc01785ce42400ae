"""Heads rendered from a mesh, turned the way that is asked for; and the teacher that sees the mesh."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.frame import HeadPose
from smiledet.lab.training.faces.face_mesh import SUBSET, FaceMesh, Mesh
from smiledet.lab.training.faces.rendered_heads import SIDE, SKIN, render, rotation

pytest.importorskip("scipy")

TASK = Path(os.environ.get("SMILEDET_DATA", ""), "teachers", "face_landmarker.task")
NOSE = np.array([0.0, 0.0, -1.0])
"""Towards the camera."""


@pytest.fixture
def dome() -> tuple[np.ndarray, Mesh]:
    """Half an egg with a bright left half, its tip towards the camera."""
    generator = np.random.default_rng(0)
    flat = generator.uniform(-1, 1, (4000, 2))
    flat = flat[np.hypot(*flat.T) < 1][: SKIN + 10]
    depth = -np.sqrt(1 - np.hypot(*flat.T) ** 2)
    image = np.full((200, 200, 3), 40, np.uint8)
    image[:, :100] = 220
    points = np.column_stack([flat * 80 + 100, depth * 80])
    return image, Mesh(points, 1.0, np.zeros(52, np.float32))


def test_the_nose_goes_where_the_angles_say() -> None:
    x, y, _ = rotation(HeadPose(30, 0, 0)) @ NOSE
    assert x == pytest.approx(0.5) and y == pytest.approx(0)
    x, y, _ = rotation(HeadPose(0, 30, 0)) @ NOSE
    assert x == pytest.approx(0) and y == pytest.approx(-0.5)
    right_eye = rotation(HeadPose(0, 0, 30)) @ np.array([1.0, 0, 0])
    assert right_eye[1] == pytest.approx(0.5)  # clockwise: it goes down


def test_a_turned_head_shows_more_of_its_other_side(dome) -> None:
    image, mesh = dome
    straight, target = render(image, mesh, HeadPose(0, 0, 0))
    assert straight.shape == (SIDE, SIDE, 3) and target.shape == (SKIN, 2)
    to_the_right, _ = render(image, mesh, HeadPose(30, 0, 0))
    bright, more = ((picture > 180).all(axis=2).sum() for picture in (straight, to_the_right))
    assert more > 1.15 * bright > 1000


def test_the_subset_is_what_the_blendshapes_take() -> None:
    assert len(SUBSET) == len(set(SUBSET.tolist())) == 146
    assert (np.diff(SUBSET) > 0).all() and SUBSET.max() == 477


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_a_file_that_is_none_is_one_line(content, tmp_path, complaint) -> None:
    path = tmp_path / "mesh.task"
    if content is not None:
        path.write_bytes(content)
    with complaint("teacher", "mesh.task"):
        FaceMesh(path)


@pytest.mark.data
@pytest.mark.skipif(not TASK.is_file(), reason="needs SMILEDET_DATA with MediaPipe's file")
def test_the_teacher_sees_open_eyes_in_the_portraits(portraits) -> None:
    teacher = FaceMesh(TASK)
    for portrait in portraits:
        mesh = teacher.look(cv2.cvtColor(portrait.image, cv2.COLOR_GRAY2BGR), portrait.points)
        assert mesh.presence > 0.9 and mesh.eyes_open > 0.6
        eye = portrait.points[36:42].mean(axis=0)
        assert np.linalg.norm(mesh.points[[33, 133], :2].mean(axis=0) - eye) < 0.08 * portrait.box.width
