"""ChaLearn Looking at People 2016, Faces of the World, track 3: smile and gender (Escalera et al., CVPR-W 2016).

`smiles_trset/gender_fex_trset.csv` and `smiles_valset/gender_fex_valset.csv` with their pictures beside them, and
`test_gt.csv` with its pictures beside it or in `track3_all/`. Columns, some with a space before the name: image_name,
bbox_x, bbox_y, bbox_width, bbox_height, Gender (0 man, 1 woman, 2 not told), Smile (0, 1). Those whose gender is not
told are left out where the gender is asked. Splits as published: `train`, `validation` and `test`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.answers import GENDERS, NOT_TOLD, SMILES
from smiledet.lab.datasets.base import Layout, Sample
from smiledet.lab.datasets.tables import box_of, code_of, read_table, those_present

LISTS = {"gender_fex_trset.csv": "train", "gender_fex_valset.csv": "validation", "test_gt.csv": "test"}
BOX = ("bbox_x", "bbox_y", "bbox_width", "bbox_height")


class Chalearn(Layout):
    """See the module."""

    name = "chalearn"
    tasks: ClassVar = {"smile": SMILES, "gender": GENDERS}
    holds = "smiles_trset/gender_fex_trset.csv, smiles_valset/gender_fex_valset.csv and their pictures"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        tables = [(table, split) for name, split in LISTS.items() for table in sorted(root.glob(f"**/{name}"))]
        if not tables:
            raise UsageError(f"no ChaLearn smile set under {root}: expected {self.holds}")
        samples = []
        for table, split in tables:
            inner = table.parent / "track3_all"
            folder = inner if split == "test" and inner.is_dir() else table.parent
            for number, row in enumerate(read_table(table, ("image_name", *BOX, "Gender", "Smile")), start=1):
                sample = _sample(folder, row, split, task, f"{table}, row {number}")
                samples += [sample] if sample else []
        return those_present(samples, root, self.holds)


def _sample(folder: Path, row: dict[str, str], split: str, task: str, where: str) -> Sample | None:
    gender = code_of(row, "Gender", (*GENDERS, NOT_TOLD), where)
    label = gender if task == "gender" else code_of(row, "Smile", SMILES, where)
    if label == NOT_TOLD:
        return None
    return Sample(folder / row["image_name"], label, split, box=box_of(row, BOX, where), groups={"gender": gender})


LAYOUT = Chalearn()
