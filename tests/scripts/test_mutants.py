"""Bugs put into a tiny module, with tests that notice them and with tests that do not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.conftest import SCRIPTS

MODULE = """
def are_few(values):
    found = []
    for value in values:
        found.append(value)
    return len(found) < 3
"""

STRONG = """
from parcel.sums import are_few


def test_all():
    assert are_few("ab") and not are_few("abc") and not are_few("abcd")
"""

WEAK = STRONG.replace('and not are_few("abc") ', "")


@pytest.fixture
def run(tmp_path: Path):
    """Runs the program on that module, from a folder laid out as the repository is."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPTS / "mutants.py", tmp_path / "scripts")
    (tmp_path / "parcel").mkdir()
    (tmp_path / "parcel" / "__init__.py").touch()
    (tmp_path / "parcel" / "sums.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")

    def start(tests: str, *arguments: str, equivalent: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_sums.py").write_text(tests)
        settings = f'["parcel.sums"]\ntests = ["test_sums.py"]\n{equivalent}'
        (tmp_path / "scripts" / "mutants.toml").write_text(settings)
        command = [sys.executable, "scripts/mutants.py", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    return start


def test_every_bug_is_listed(run):
    listed = run(STRONG, "--list").stdout.splitlines()
    assert listed == [
        "parcel.sums:5: found.append(value) -> pass",
        "parcel.sums:6: len(found) < 3 -> len(found) <= 3",
        "parcel.sums:6: 3 -> 4",
    ]


@pytest.mark.slow
def test_tests_that_notice_everything(run):
    done = run(STRONG)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "parcel.sums: 3 of 3 noticed",
        "3 of 3 noticed, 100.0 %; at least 90 % are expected",
    ]


def test_what_is_not_noticed_is_named_and_fails(run):
    done = run(WEAK)
    assert done.returncode == 1
    assert "parcel.sums: 1 of 3 noticed\n" in done.stdout
    assert "  parcel.sums:6: len(found) < 3 -> len(found) <= 3\n" in done.stdout


@pytest.mark.slow
def test_what_makes_no_difference_is_not_tried(run):
    known = '[["parcel.sums".equivalent]]\nchange = "len(found) < 3 -> len(found) <= 3"\nreason = "nobody has three"\n'
    assert "parcel.sums: 2 of 2 noticed" in run(STRONG, equivalent=known).stdout


def test_tests_that_fail_anyway_and_unknown_modules_are_refused(run):
    assert "the tests of parcel.sums fail without any bug" in run("def test_it():\n    assert False\n").stderr
    done = run(STRONG, "--module", "parcel.other")
    assert done.returncode == 2
    assert "--module parcel.other: mutants.toml has parcel.sums" in done.stderr


def test_every_known_bug_still_has_its_place_and_its_test(load_script):
    """A module that changes takes its bug along, or `make mutants` could not put it in."""
    script = load_script("mutants")
    bugs = script.known_bugs()
    assert len(bugs) > 20
    for bug in bugs:
        script.with_known_bug(bug)
        file, _, name = bug["test"].split()[0].partition("::")
        text = (script.ROOT / file).read_text()
        assert f"def {name}(" in text if name else "-k" not in bug["test"] or f"def {bug['test'].split()[-1]}(" in text
