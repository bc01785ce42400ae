"""GENKI-4K (MPLab, UC San Diego): whole photographs, smiling or not.

`files/file0001.jpg` … and `labels.txt`, a line an image: smile (1 or 0), yaw, pitch, roll in radians. The set has no
published split; a stratified fifth is held out as `test`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from smiledet.datasets.base import Layout, Sample, find_root, images_in
from smiledet.datasets.splits import split_fifths
from smiledet.errors import UsageError

LABELS = ("not smiling", "smiling")


class Genki4k(Layout):
    """See the module."""

    name = "genki4k"
    tasks: ClassVar = {"smile": LABELS}

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
            samples.append(Sample(image, LABELS[int(fields[0])], "train"))
        return split_fifths(samples, self.name)


LAYOUT = Genki4k()
