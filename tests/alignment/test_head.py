"""Poses that are known, seen by a camera that is not the assumed one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.alignment.head import FOCAL, MODEL, POINTS, describe_head, head_pose
from smiledet.alignment.template import load_template
from smiledet.frame import Box, Face, FaceReading
from smiledet.model_index import find_model


def about(axis: int, degrees: float) -> np.ndarray:
    turn = np.zeros(3)
    turn[axis] = np.radians(degrees)
    return cv2.Rodrigues(turn)[0]


def seen(yaw: float, pitch: float, roll: float, distance: float = FOCAL, pixels: float = 90.0) -> np.ndarray:
    """68 points of which the six are the model's, turned and seen from so many eye distances away."""
    # y is down and z away: the face turns to the picture's right, and looks up, by negative angles about y and x.
    rotation = about(2, roll) @ about(1, -yaw) @ about(0, -pitch)
    placed = MODEL @ rotation.T + (0, 0, distance)
    points = np.zeros((68, 2))
    points[list(POINTS)] = placed[:, :2] / placed[:, 2:] * distance * pixels + (300, 200)
    return points


@pytest.mark.parametrize("distance", [4.0, FOCAL, 30.0])
@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 35), (0, 0, -170), (25, -15, 60)]
)
def test_a_known_pose_is_found(angles, distance):
    found = head_pose(seen(*angles, distance))
    tolerance = 3 if distance == FOCAL else 9  # the real distance is not known
    assert found.yaw == pytest.approx(angles[0], abs=tolerance)
    assert found.pitch == pytest.approx(angles[1], abs=tolerance)
    assert found.roll == pytest.approx(angles[2], abs=tolerance)


def test_the_signs_are_those_of_the_docstring():
    """A nose that lies right of the eyes' middle is a face turned to the right of the picture."""
    right, up, clockwise = seen(25, 0, 0), seen(0, 25, 0), seen(0, 0, 25)
    assert right[30, 0] > (right[36, 0] + right[45, 0]) / 2
    assert up[30, 1] < seen(0, 0, 0)[30, 1] + (up[[36, 45]].mean(0) - seen(0, 0, 0)[[36, 45]].mean(0))[1]
    assert clockwise[45, 1] > clockwise[36, 1]
    assert head_pose(right).yaw > 20 and head_pose(up).pitch > 20 and head_pose(clockwise).roll > 20


def test_size_and_place_do_not_matter():
    one, other = head_pose(seen(20, 10, 5)), head_pose(seen(20, 10, 5, pixels=7.0) + 1000)
    assert (one.yaw, one.pitch, one.roll) == pytest.approx((other.yaw, other.pitch, other.roll), abs=0.1)


def test_the_mean_face_looks_straight_ahead():
    points = load_template(find_model("landmarks", "ert68").file("template")) * 200
    found = head_pose(points)
    assert (found.yaw, found.roll) == pytest.approx((0, 0), abs=0.5) and abs(found.pitch) < 8


def test_points_in_one_place_do_no_harm():
    points = np.zeros((68, 2))
    assert np.isfinite([head_pose(points).yaw, head_pose(points).pitch, head_pose(points).roll]).all()


def test_a_face_without_landmarks_has_neither():
    box = Box(0, 0, 10, 10)
    face = FaceReading(Face(box, 1.0, 1, box), {})
    assert describe_head(face, np.zeros((20, 20), np.uint8)) is face and face.pose is None and face.eyes_open is None
