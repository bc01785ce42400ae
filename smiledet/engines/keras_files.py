"""What a Keras file may hold before Keras is let at it: layers of Keras' own, no code.

Keras can run what a file brings, in Lambda layers, by the names of functions anywhere in Python, and through pickles.
Its safe mode refuses much of that; here nothing but Keras' own classes passes, and the message says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from smiledet.errors import ModelError
from smiledet.system.text import from_json

CONFIGURATION = "config.json"

LARGEST = 64_000_000
"""Bytes of the configuration, which an archive can hold in a thousandth of them."""

CODE = ("Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
"""Classes that bring code of their own."""

PICKLED = (".pkl", ".pickle", ".pt", ".pth")
"""Suffixes of what Python would run while reading it."""


def check_keras_file(path: Path) -> None:
    """See that a `.keras` file is made of Keras' own layers.

    Raises:
        ModelError: It is not, or no Keras file at all; the message says what is in it.
    """
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            if archive.getinfo(CONFIGURATION).file_size > LARGEST:
                raise ValueError(f"its {CONFIGURATION} has more than {LARGEST // 1_000_000} MB")
            values = from_json(archive.read(CONFIGURATION))
    except (OSError, BadZipFile, KeyError, ValueError) as problem:
        raise ModelError(f"{path} is no Keras 3 file: {problem}") from problem
    for name in names:
        if name.lower().endswith(PICKLED):
            raise ModelError(f"{path} is refused: it holds a pickle ({name}), and those can run any code")
    for part in _objects(values):
        kind, module = part.get("class_name"), part.get("module")
        if kind in CODE:
            raise ModelError(
                f"{path} is refused: it holds a {kind.strip('_')} layer, whose code would be run; "
                "build it of Keras' own layers"
            )
        own = module in (None, "builtins") or (isinstance(module, str) and module.partition(".")[0] == "keras")
        if "class_name" in part and not own:
            raise ModelError(f"{path} is refused: {module}.{kind} is none of Keras' own layers")


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, however deep."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
