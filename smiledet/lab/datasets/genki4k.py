"""GENKI-4K (MPLab, UC San Diego): whole photographs, smiling or not.

`files/file0001.jpg` … and `labels.txt`, a line an image: smile (1 or 0), yaw, pitch, roll in radians. The set has no
published split; a stratified fifth is held out as `test`. Reports of bias group the photographs by head pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.answers import SMILES
from smiledet.lab.datasets.base import Layout, Sample, find_root, images_in
from smiledet.lab.datasets.splits import split_fifths

POSES = ("turned", "nodding", "tilted")
FRONTAL = 0.26
"""Radians, 15 degrees: how far a head may be turned, nodded or tilted to count as frontal. Two thirds do."""


def head_pose(fields: Sequence[str]) -> str | None:
    """In words the largest of yaw, pitch and roll (radians); None where they are not given.

    >>> head_pose(["0.1", "-0.2", "0"]), head_pose(["-0.5", "0.3", "0"])
    ('frontal', 'turned')
    """
    try:
        angles = [abs(float(field)) for field in fields]
    except ValueError:
        return None
    if len(angles) != len(POSES):
        return None
    return POSES[angles.index(max(angles))] if max(angles) > FRONTAL else "frontal"


class Genki4k(Layout):
    """See the module."""

    name = "genki4k"
    tasks: ClassVar = {"smile": SMILES}
    holds = "files/file0001.jpg … and labels.txt"

    def read(self, root: Path, task: str) -> list[Sample]:  # noqa: ARG002
        """See `Layout.read`."""
        folder = find_root(root, ["files", "labels.txt"], "GENKI-4K's files/ and labels.txt")
        images = images_in(folder / "files")
        try:
            text = (folder / "labels.txt").read_text()
        except (OSError, UnicodeDecodeError) as problem:
            raise UsageError(f"cannot read {folder / 'labels.txt'}: {problem}") from problem
        lines = [line.split() for line in text.splitlines() if line.strip()]
        if len(images) != len(lines):
            raise UsageError(f"{folder}: {len(images)} pictures in files/ but {len(lines)} lines in labels.txt")
        samples = []
        for number, (image, fields) in enumerate(zip(images, lines, strict=True), start=1):
            if fields[0] not in ("0", "1"):
                raise UsageError(f"{folder / 'labels.txt'}, line {number}: smile is {fields[0]!r}, expected 0 or 1")
            groups = {"head pose": pose} if (pose := head_pose(fields[1:])) else {}
            samples.append(Sample(image, SMILES[int(fields[0])], "train", groups=groups))
        return split_fifths(samples, self.name)


LAYOUT = Genki4k()
