"""Heads turned by known angles: a photograph on the face mesh that a teacher sees in it, rendered from another side."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.frame import HeadPose, Image
from smiledet.lab.training.faces.face_mesh import Mesh

SIDE, FACE = 320, 180
"""Sides of the picture and of the face in it, in pixels."""

BACKGROUND = 120
SKIN = 468
"""Points of the mesh that are the face; the others are the irises."""


def rotation(pose: HeadPose) -> npt.NDArray[np.float64]:
    """The rotation, (3, 3), of a head: x to the right, y down, z away from the camera; signs as `HeadPose` has them."""
    yaw, pitch, roll = np.deg2rad([pose.yaw, pose.pitch, pose.roll])
    turned = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    nodded = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    tilted = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray(tilted @ turned @ nodded)


def render(image: Image, mesh: Mesh, pose: HeadPose) -> tuple[Image, npt.NDArray[np.float64]]:
    """A photograph's face turned further, seen from far away.

    Args:
        image: BGR uint8 (height, width, 3), a face that looks at the camera, about.
        mesh: Of that face.
        pose: By how much it is turned beyond what it is already.

    Returns:
        BGR uint8 (SIDE, SIDE, 3), and where the points of the mesh are there, (468, 2).
    """
    from scipy.spatial import Delaunay

    points = mesh.points[:SKIN]
    flat = points[:, :2]
    middle = np.append((flat.min(axis=0) + flat.max(axis=0)) / 2, points[:, 2].mean())
    scale = FACE / float((flat.max(axis=0) - flat.min(axis=0)).max())
    moved = (points - middle) @ rotation(pose).T * scale
    target = moved[:, :2] + SIDE / 2
    canvas = np.full((SIDE, SIDE, 3), BACKGROUND, np.uint8)
    triangles = Delaunay(flat).simplices
    for corners in triangles[np.argsort(-moved[triangles, 2].mean(axis=1))]:
        before, after = flat[corners], target[corners]
        if _area(before) * _area(after) > 0:  # the others show their back
            _draw(canvas, image, before, after)
    return canvas, target


def _area(corners: npt.NDArray[np.float64]) -> float:
    (x, y), (other_x, other_y) = corners[1] - corners[0], corners[2] - corners[0]
    return float(x * other_y - y * other_x)


def _draw(canvas: Image, image: Image, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> None:
    left, top = np.clip(np.floor(after.min(axis=0)).astype(int) - 1, 0, SIDE - 1)
    right, bottom = np.clip(np.ceil(after.max(axis=0)).astype(int) + 2, 1, SIDE)
    local = (after - (left, top)).astype(np.float32)
    matrix = cv2.getAffineTransform(before.astype(np.float32), local)
    size = (int(right - left), int(bottom - top))
    piece = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(mask, np.rint(local).astype(np.int32), 255)
    canvas[top:bottom, left:right][mask > 0] = piece[mask > 0]
