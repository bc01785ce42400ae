"""What 68 landmarks say of a head: which way it faces, and, with the picture, how far its eyes are open; roughly.

Pose: six of the points are fitted to a generic 3-D face by `cv2.solvePnP` (Levenberg and Marquardt's method). Across
and down the face is the mean of the landmarks that the models were trained on; its depths are those of the six-point
model that is in common use (S. Mallick: Head pose estimation using OpenCV and dlib, 2016).
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from smiledet.alignment.eyes import eyes_open
from smiledet.alignment.mouth import mouth_open
from smiledet.frame import FaceReading, GreyImage, HeadPose, Image, Matrix, Points

POINTS = (30, 8, 36, 45, 48, 54)
"""Tip of the nose, chin, outer corners of the eyes, corners of the mouth."""

MODEL = np.array(
    [
        (0.0, 0.0, 0.0),
        (0.0, 0.90, 0.145),
        (-0.5, -0.388, 0.30),
        (0.5, -0.388, 0.30),
        (-0.315, 0.358, 0.278),
        (0.315, 0.358, 0.278),
    ]
)
"""The same points: x to the right, y down, z away from the camera, in distances between the eyes' outer corners."""

FOCAL = 6.0
"""The distance at which a head is taken to be, in distances between the eyes' outer corners: half a metre or so. The
real one is not known; from a third of a metre on it matters by a few degrees."""


def head_pose(landmarks: Points) -> HeadPose:
    """Which way a head faces, as seen from the camera; see `HeadPose` for the signs.

    Args:
        landmarks: The 68 iBUG points, (68, 2), in pixels.
    """
    points = np.asarray(landmarks, np.float64)[list(POINTS)]
    middle = points.mean(axis=0)
    seen, model = points - middle, MODEL - MODEL.mean(axis=0)
    # Turned and scaled onto the model, for a start: complex numbers rotate and scale by one factor.
    across, flat = seen[:, 0] + 1j * seen[:, 1], model[:, 0] + 1j * model[:, 1]
    factor = np.vdot(flat, across) / np.vdot(flat, flat)
    scale = max(float(abs(factor)), 1e-6)
    focal = FOCAL * scale  # in pixels
    turn = np.array([[0.0], [0.0], [math.atan2(factor.imag, factor.real)]])
    place = np.array([[0.0], [0.0], [FOCAL]])
    camera = np.array([[focal, 0, 0], [0, focal, 0], [0, 0, 1.0]])
    _, turn, _ = cv2.solvePnP(model, seen, camera, None, turn, place, True, cv2.SOLVEPNP_ITERATIVE)
    return _angles(np.asarray(cv2.Rodrigues(turn)[0], np.float64))


def _angles(rotation: Matrix) -> HeadPose:
    """The angles of a rotation that is pitched first, then yawed, then rolled, in the camera's axes."""
    pitch = math.atan2(rotation[2, 1], rotation[2, 2])
    yaw = math.asin(max(-1.0, min(1.0, -rotation[2, 0])))
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    return HeadPose(-math.degrees(yaw), -math.degrees(pitch), math.degrees(roll))


def describe_head(face: FaceReading, image: Image | GreyImage) -> FaceReading:
    """The face with its pose, its eyes and its mouth, where it has landmarks.

    Args:
        face: The face.
        image: The picture that its landmarks are pixels of, BGR or grey.
    """
    if face.landmarks is None:
        return face
    return replace(
        face,
        pose=head_pose(face.landmarks),
        eyes_open=eyes_open(image, face.landmarks),
        mouth_open=mouth_open(face.landmarks),
    )
