"""Ways to run what a file holds, which ruff's rules do not know: none is used in the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import smiledet

PACKAGE = Path(smiledet.__file__).parent

RESTRICTED = {"detection/detectors/pickled_arrays.py": "pickle.Unpickler"}
"""A reader of pickles that knows arrays alone; `tests/detection/test_pickled_arrays.py` tries others."""

CALLS = ("joblib.load", "keras.config.enable_unsafe_deserialization", "os.system", "os.popen")
BASES = ("pickle.Unpickler", "pickle._Unpickler")
ARGUMENTS = {"allow_pickle": True, "safe_mode": False, "shell": True, "trust_remote_code": True}


def unsafe(tree: ast.AST) -> Iterator[str]:
    """What in a module runs what it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (name for base in node.bases if (name := ast.unparse(base)) in BASES)
        if not isinstance(node, ast.Call):
            continue
        if (name := ast.unparse(node.func)) in (*CALLS, *BASES):
            yield name
        for each in node.keywords:
            if isinstance(each.value, ast.Constant) and each.value.value is ARGUMENTS.get(str(each.arg), ...):
                yield f"{each.arg}={each.value.value}"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("np.load(path, allow_pickle=True)", ["allow_pickle=True"]),
        ("np.load(path, allow_pickle=False)", []),
        ("keras.saving.load_model(path, safe_mode=False)", ["safe_mode=False"]),
        ("subprocess.run(command, shell=True)", ["shell=True"]),
        ("joblib.load(path)", ["joblib.load"]),
        ("os.system('ls')", ["os.system"]),
        ("class Mine(pickle.Unpickler): ...", ["pickle.Unpickler"]),
        ("pickle.Unpickler(file).load()", ["pickle.Unpickler"]),
    ],
)
def test_what_counts(code: str, found: list[str]) -> None:
    assert list(unsafe(ast.parse(code))) == found


def test_nothing_that_is_read_is_run() -> None:
    there = {
        str(path.relative_to(PACKAGE)): ", ".join(names)
        for path in sorted(PACKAGE.rglob("*.py"))
        if (names := list(unsafe(ast.parse(path.read_text()))))
    }
    assert there == RESTRICTED
