"""Converted networks are kept: a second benchmark only measures.

They lie under `converted` of the user's cache folder, one folder a network, and may be deleted at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from smiledet.engines.files import FORMATS
from smiledet.errors import UsageError
from smiledet.lab.machine import installed
from smiledet.system.output_files import write_file
from smiledet.system.resources import cache_folder

CONVERTERS = ("keras", "tensorflow", "tf2onnx", "onnx")
"""Packages on which the files depend."""

_LAB = Path(__file__).resolve().parents[2]


class Counts(NamedTuple):
    """What a network's graph says of it.

    Attributes:
        parameters: All of its weights.
        multiply_adds: For one picture; see `smiledet.lab.networks.flops`.
    """

    parameters: int
    multiply_adds: int


def converted_folder() -> Path:
    """Where all of them lie."""
    return cache_folder() / "converted"


def kept_folder(name: str, facts: Mapping[str, Any]) -> Path:
    """Where the files of one network lie; made if it is not there.

    The folder is another one wherever the files would be others: with other facts, other versions of the converters, or
    another source code of the networks or of what converts them.

    Args:
        name: Of the network.
        facts: What it is built from.

    Raises:
        UsageError: It cannot be made.
    """
    everything = {"facts": facts, "versions": {each: installed(each) for each in CONVERTERS}, "code": _code()}
    digest = sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:12]
    folder = converted_folder() / f"{name.replace('/', '-')}-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"cannot keep converted networks in {folder}: {problem.strerror}") from problem
    return folder


def _code() -> str:
    """A digest of what builds networks and converts them."""
    digest = sha256()
    for path in [*sorted((_LAB / "networks").glob("*.py")), _LAB / "training" / "export" / "conversion.py"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def kept_file(folder: Path, file_format: str) -> Path:
    """A network's file in one format; whole if it is there."""
    return folder / f"network{FORMATS[file_format].suffix}"


def read_counts(folder: Path) -> Counts | None:
    """The counts of a network; None where nobody has counted yet, or what is there is damaged."""
    try:
        values = json.loads(_counts_file(folder).read_text(encoding="utf-8"))
        return Counts(int(values["parameters"]), int(values["multiply_adds"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_counts(folder: Path, counts: Counts) -> None:
    """Write the counts of a network.

    Raises:
        SmiledetError: They cannot be written.
    """
    path = _counts_file(folder)
    write_file(path, (json.dumps(counts._asdict()) + "\n").encode())


def _counts_file(folder: Path) -> Path:
    return folder / "counts.json"
