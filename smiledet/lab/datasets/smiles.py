"""SMILEs (hromi/SMILEsmileD): 64x64 grey crops, smiling or not.

`positives/positives7/*.jpg` and `negatives/negatives7/*.jpg`. The photographs are LFW's: people recur and some labels
are wrong, so the set is for training; a stratified fifth is marked `test` for those who want a figure all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from smiledet.frame import Box
from smiledet.lab.datasets.answers import SMILES
from smiledet.lab.datasets.base import Layout, Sample, find_root, images_in
from smiledet.lab.datasets.splits import split_fifths

# Measured on 577 of 600 crops in which the cascade finds the face: its box is 1.30 times the crop and sits 0.107 of the
# crop above its centre (interquartile spread under 0.1).
LOCATED = Box(-0.15, -0.257, 1.30, 1.30)


class Smiles(Layout):
    """See the module."""

    name = "smiles"
    tasks: ClassVar = {"smile": SMILES}
    holds = "positives/ and negatives/ with their *.jpg"

    def read(self, root: Path, task: str) -> list[Sample]:  # noqa: ARG002
        """See `Layout.read`."""
        folder = find_root(root, ["positives", "negatives"], "SMILEs' positives/ and negatives/")
        samples = [
            Sample(image, label, "train", LOCATED)
            for part, label in (("negatives", SMILES[0]), ("positives", SMILES[1]))
            for image in images_in(folder / part)
        ]
        return split_fifths(samples, self.name)


LAYOUT = Smiles()
