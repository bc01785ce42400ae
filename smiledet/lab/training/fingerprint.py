"""What a training run was begun with, so that it is gone on with only if nothing of that has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from smiledet import __version__
from smiledet.errors import UsageError
from smiledet.lab.datasets.base import Sample, content_hash
from smiledet.lab.progress import progress
from smiledet.system.output_files import write_file
from smiledet.system.text import from_json

FILE = "fingerprint.json"

_LAB = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What decides which weights a run ends with.

    Attributes:
        recipe: The recipe, whole.
        labels: The task's.
        data: Digest of every training photograph's content and label, in the order of training.
        code: Version of smiledet, and a digest of what builds the networks.
    """

    recipe: Mapping[str, Any]
    labels: Sequence[str]
    data: str
    code: str


def take_fingerprint(recipe: Any, labels: Sequence[str], samples: Sequence[Sample]) -> Fingerprint:
    """The fingerprint of a run that is about to begin.

    Args:
        recipe: A recipe's dataclass.
        labels: The task's.
        samples: The training photographs.
    """
    digest = sha256()
    for sample in progress(samples, "reading the photographs"):
        digest.update(f"{content_hash(sample.image)}\0{sample.label}\0".encode())
    code = sha256()
    for path in sorted((_LAB / "networks").glob("*.py")):
        code.update(path.read_bytes())
    plain = json.loads(json.dumps(asdict(recipe)))  # tuples become lists, as they are read back
    return Fingerprint(plain, list(labels), digest.hexdigest()[:16], f"{__version__} {code.hexdigest()[:16]}")


def check_run(folder: Path, now: Fingerprint, fresh: bool = False) -> None:
    """See that a run's folder belongs to this run, and mark it so.

    Args:
        folder: Checkpoints and logs; it may not be there yet.
        now: Of the run that is about to begin or to go on.
        fresh: Empty the folder first.

    Raises:
        UsageError: Another run was begun there; what differs is said.
    """
    path = folder / FILE
    if fresh and folder.is_dir():
        if any(folder.iterdir()) and not path.is_file() and not (folder / "log.csv").is_file():
            raise UsageError(f"--fresh would empty {folder}, which holds no training run; name another with --output")
        shutil.rmtree(folder)
    begun = folder.is_dir() and any(folder.iterdir())
    if begun:
        differs = _differences(path, now)
        if differs:
            raise UsageError(f"{folder} holds a run with {differs}: --fresh starts anew, --output FOLDER keeps both")
    folder.mkdir(parents=True, exist_ok=True)
    write_file(path, (json.dumps(asdict(now), indent=2) + "\n").encode())


def _differences(path: Path, now: Fingerprint) -> str:
    """What a folder's run was begun with otherwise; empty for nothing."""
    try:
        kept = from_json(path.read_text())
        recipe, labels, data, code = (kept[name] for name in ("recipe", "labels", "data", "code"))
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown settings, of an earlier version"
    changed = sorted(key for key in {*recipe, *now.recipe} if recipe.get(key) != now.recipe.get(key))
    parts = [f"another recipe ({', '.join(changed)})"] if changed else []
    parts += ["other labels"] if labels != now.labels else []
    parts += ["other training data"] if data != now.data else []
    parts += ["another version of smiledet"] if code != now.code else []
    return ", ".join(parts)
