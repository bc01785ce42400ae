"""FER-2013 (Goodfellow et al., 2013) unpacked to folders: 48x48 grey crops of seven emotions.

`train/<label>/Training_*.jpg`, `test/<label>/PublicTest_*.jpg` or `.../PrivateTest_*.jpg`, or the label folders alone.
Splits: `train`, `test` (PublicTest) and `private` (PrivateTest), told by the file's name and, failing that, its folder.
Training images that also stand, byte for byte, in another split are dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from smiledet.datasets.base import Layout, Sample, drop_known, images_in
from smiledet.errors import UsageError
from smiledet.frame import Box

PREFIXES = {"training": "train", "publictest": "test", "privatetest": "private"}
FOLDERS = {"train": "train", "training": "train", "private": "private", "privatetest": "private"}

# The cascade's box on these crops is, at the median, the whole crop (0.99 of its width, centred within 0.3 %).
LOCATED = Box(0.0, 0.0, 1.0, 1.0)


def split_of(image: Path) -> str:
    """The split that a file belongs to.

    >>> split_of(Path("fer2013/test/happy/PublicTest_123.jpg"))
    'test'
    """
    prefix = image.name.lower().partition("_")[0]
    if prefix in PREFIXES:
        return PREFIXES[prefix]
    return next((FOLDERS[part.lower()] for part in image.parts[-3:-1] if part.lower() in FOLDERS), "test")


LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


class Fer2013(Layout):
    """See the module."""

    name = "fer2013"
    tasks: ClassVar = {"emotion": LABELS}

    def read(self, root: Path, task: str) -> list[Sample]:  # noqa: ARG002
        """See `Layout.read`."""
        samples = [
            Sample(image, image.parent.name.lower(), split_of(image), LOCATED)
            for image in images_in(root)
            if image.parent.name.lower() in LABELS
        ]
        if not samples:
            raise UsageError(f"no FER-2013 under {root}: expected folders named {', '.join(LABELS)}")
        train = [sample for sample in samples if sample.split == "train"]
        others = [sample for sample in samples if sample.split != "train"]
        return drop_known(train, others) + others


LAYOUT = Fer2013()
