"""A folder a class: `PATH/<label>/*.jpg`, or `PATH/<split>/<label>/*.jpg`; whole photographs.

The folder's name is the label. Without split folders every photograph is `test`: the layout serves to try a model on
photographs of one's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.base import IMAGE_SUFFIXES, Layout, Sample, images_in

SPLITS = ("train", "test")


def _subfolders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir())


def _classes_folder(root: Path) -> Path:
    """`root`, or its only folder where that is no class but the folder of classes (or splits) that was packed."""
    inside = _subfolders(root)
    if len(inside) != 1 or inside[0].name in SPLITS:
        return root
    names = [folder.name for folder in _subfolders(inside[0])]
    pictures = any(path.suffix.lower() in IMAGE_SUFFIXES for path in inside[0].iterdir())
    return inside[0] if not pictures and (len(names) > 1 or set(names) & set(SPLITS)) else root


class Folders(Layout):
    """See the module."""

    name = "folders"
    tasks: ClassVar = {}
    holds = "<label>/*.jpg, or train/<label>/*.jpg and test/<label>/*.jpg"

    def read(self, root: Path, task: str) -> list[Sample]:  # noqa: ARG002
        """See `Layout.read`."""
        root = _classes_folder(root)
        splits = [name for name in SPLITS if (root / name).is_dir()]
        samples = [
            Sample(image, folder.name, split)
            for split, parent in ([(name, root / name) for name in splits] or [("test", root)])
            for folder in _subfolders(parent)
            for image in images_in(folder)
        ]
        if not samples:
            raise UsageError(f"no photographs under {root}: expected a folder a class, {root}/<label>/*.jpg")
        return samples


LAYOUT = Folders()
