"""Check head pose against rendered heads, and open eyes against a teacher's blendshapes.

Poses: photographs of HELEN and AFW whose face looks at the camera are put onto the mesh that MediaPipe's face
landmarker sees in them, and rendered from the side, from above and tilted; the rendered head is aligned as at
deployment. What the pose changes by is compared with the angle that it was turned by. Eyes: closed where the teacher's
blinks have a mean of over a half, and ours are less than half open, on held-out photographs.

    python scripts/head_checks.py --data-folder ../shared/data
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from smiledet.alignment.aligner import FaceAligner
from smiledet.alignment.eyes import eyes_open
from smiledet.alignment.head import head_pose
from smiledet.alignment.mouth import mouth_open
from smiledet.errors import SmiledetError
from smiledet.frame import Box, HeadPose, Image
from smiledet.lab.datasets.landmarks68 import AnnotatedFace, read_annotated_faces
from smiledet.lab.datasets.splits import spread
from smiledet.lab.training.evaluation.evaluate import samples_of
from smiledet.lab.training.evaluation.held_out import HELD_OUT
from smiledet.lab.training.evaluation.metrics import area_under_roc
from smiledet.lab.training.evaluation.tables import markdown, percent
from smiledet.lab.training.faces.face_mesh import FaceMesh
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator, find_face
from smiledet.lab.training.faces.rendered_heads import render
from smiledet.shipped_models import shipped_aligner
from smiledet.tasks.base import get_task

TEACHER = Path("teachers", "face_landmarker.task")
TURNS = [
    *(HeadPose(yaw, 0, 0) for yaw in (-30, -15, 15, 30)),
    *(HeadPose(0, pitch, 0) for pitch in (-20, -10, 10, 20)),
    *(HeadPose(0, 0, roll) for roll in (-20, 20)),
]
FRONTAL = 12.0
"""Degrees of yaw and pitch up to which a face looks at the camera."""

JAWS = (0.1, 0.3)
"""Degrees of MediaPipe's jawOpen."""


def pose_of(image: Image, box: Box, aligner: FaceAligner) -> HeadPose:
    """As at deployment."""
    landmarks = aligner.align(None, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), box, []).landmarks
    assert landmarks is not None
    return head_pose(landmarks)


def around(points: np.ndarray) -> Box:
    """The square that Viola-Jones would draw about a face's mesh, about."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = float((high - low).max())
    centre = (low + high) / 2
    return Box(float(centre[0]) - side / 2, float(centre[1]) - side / 2, side, side)


def pose_rows(faces: Sequence[AnnotatedFace], teacher: FaceMesh, aligner: FaceAligner) -> list[list[str]]:
    """A row a turn: what the pose changes by, its error and its spread."""
    found: dict[HeadPose, list[tuple[float, float, float]]] = {turn: [] for turn in TURNS}
    for face in faces:
        image = cv2.imread(str(face.image))
        assert image is not None
        own = head_pose(face.points)
        if abs(own.yaw) > FRONTAL or abs(own.pitch) > FRONTAL:
            continue
        mesh = teacher.look(image, face.points)
        straight, points = render(image, mesh, HeadPose(0, 0, 0))
        before = pose_of(straight, around(points), aligner)
        for turn in TURNS:
            turned, points = render(image, mesh, turn)
            after = pose_of(turned, around(points), aligner)
            found[turn].append((after.yaw - before.yaw, after.pitch - before.pitch, after.roll - before.roll))
    rows = []
    for turn, changes in found.items():
        values, wanted = np.array(changes).reshape(-1, 3), np.array([turn.yaw, turn.pitch, turn.roll])
        axis = int(np.argmax(np.abs(wanted)))
        seen, errors = values[:, axis], np.abs(values - wanted)
        name = f"{('yaw', 'pitch', 'roll')[axis]} {wanted[axis]:+.0f}"
        if len(seen):
            others = np.delete(errors, axis, axis=1).mean()
            rows.append(
                [name, str(len(seen)), f"{np.median(seen):+.1f}", f"{errors[:, axis].mean():.1f}", f"{others:.1f}"]
            )
    return rows


def rows_of(
    task: str, folder: Path, count: int, teacher: FaceMesh, aligner: FaceAligner
) -> tuple[list[str], list[list[str]]]:
    """What eyes and mouths of a task's held-out photographs are read as, beside what the teacher sees.

    Returns:
        How many closed eyes are found, and in how many faces both agree; and a row for each degree of an open jaw: how
        many faces have it, and how surely `mouth_open` ranks them above the others.
    """
    held_out = HELD_OUT[task]
    samples = samples_of(get_task(task), held_out.data(folder), held_out.split)
    locator = LabelledFaceLocator()
    ours, theirs, mouths, jaws = [], [], [], []
    for sample in spread(samples, count):
        image = cv2.imread(str(sample.image))
        assert image is not None
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        box = find_face(locator, sample, grey, locate=False)
        if box is None:
            continue
        landmarks = aligner.align(None, grey, box, []).landmarks
        assert landmarks is not None
        mesh = teacher.look(image, landmarks)
        if mesh.presence > 0.5:
            ours.append(eyes_open(image, landmarks) < 0.5)
            theirs.append(mesh.eyes_open < 0.5)
            mouths.append(mouth_open(landmarks))
            jaws.append(mesh.jaw_open)
    closed, called = np.array(theirs, bool), np.array(ours, bool)
    both = int((closed & called).sum())
    shares = [
        f"{both} of {closed.sum()}",
        f"{both} of {called.sum()}",
        percent(float((closed == called).mean()), 1) if len(closed) else "-",
    ]
    lips, jaw = np.array(mouths), np.array(jaws)
    ranked = [
        [held_out.words, f"{least:g}", str(int((jaw > least).sum())), f"{area_under_roc(jaw > least, lips):.3f}"]
        for least in JAWS
    ]
    return [held_out.words, str(len(closed)), *shares], ranked


def main() -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, required=True, help="see ../shared/data/README.md")
    parser.add_argument("--heads", type=int, default=60, help="photographs to render from at most (default: 60)")
    parser.add_argument("--photographs", type=int, default=600, help="of each set at most (default: 600)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    teacher, aligner = FaceMesh(arguments.data_folder / TEACHER), shipped_aligner()
    faces = spread(read_annotated_faces(arguments.data_folder / "landmarks68.tar.gz")[::10], arguments.heads)
    header = ["turned by, degrees", "heads", "seen, median", "mean error", "of the other two angles"]
    print(markdown(header, pose_rows(faces, teacher, aligner)))
    print()
    header = ["photographs", "faces", "closed eyes found", "that are closed", "agreement"]
    found = [rows_of(task, arguments.data_folder, arguments.photographs, teacher, aligner) for task in ("smile", "age")]
    print(markdown(header, [eyes for eyes, _ in found]))
    print()
    header = ["photographs", "jaw open more than", "faces", "mouth_open ranks them above the others (AUC)"]
    print(markdown(header, [row for _, mouths in found for row in mouths]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"head_checks: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
