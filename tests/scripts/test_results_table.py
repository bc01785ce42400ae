"""The README's table, from reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import results_table as script

import smiledet
from smiledet.errors import UsageError

ROOT = Path(smiledet.__file__).parents[1]


@pytest.fixture
def results_table(tmp_path):
    """Runs the script in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "results_table.py"), *map(str, arguments)],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def write(folder: Path, model: str, accuracy: float, **more: object) -> None:
    folder.mkdir(parents=True)
    report = {
        "task": "smile",
        "model": model,
        "data": "genki4k:/somewhere/genki4k.tar.gz",
        "split": "test",
        "count": 603,
        "found": 600,
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - 0.02, accuracy + 0.02],
        "auc": 0.9882,
        "parameters": 52658,
        "milliseconds": 0.35,
        "command": f"smiledet evaluate smile --model {model}",
        **more,
    }
    (folder / "report.json").write_text(json.dumps(report))


def test_a_network_that_does_not_ship_has_a_row_where_its_report_lies(tmp_path):
    write(tmp_path / "smile", "mine", 0.75)
    (tmp_path / "smile" / "report.json").rename(tmp_path / "smile_without_GENKI-4K.json")
    (report,) = script.unshipped_reports(tmp_path)
    (row,) = [line for line in script.results_table([report]).splitlines() if "75.00 %" in line]
    assert row.startswith("| smile without GENKI-4K |") and "600 of 603" in row
    (tmp_path / "several.json").write_text('{"task": "smile", "models": []}')
    with pytest.raises(UsageError, match=r"several\.json compares several models"):
        script.unshipped_reports(tmp_path)


def test_ours_stand_beside_the_papers(results_table, tmp_path):
    write(tmp_path / "reports" / "smile" / "worse", "worse", 0.9)
    write(tmp_path / "reports" / "smile" / "better", "better", 0.95)
    (tmp_path / "reports" / "smile" / "report.json").write_text('{"task": "smile", "models": []}')
    write(tmp_path / "reports" / "age", "old", 0.5, task="age", data="utkface:x", mean_error=5.25, auc=None)
    done = results_table("reports")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[2] == (
        "| smile/better | 52,658 | 0.35 | **95.00 %, AUC 0.9882** (93.0 % to 97.0 %) | "
        "a held-out fifth of GENKI-4K's 3,000 photographs: 600 of 603 | here |"
    )
    assert lines[3].startswith("| smile/worse |")
    assert any("SmileNet" in line and "95.76 %" in line for line in lines)
    assert any("**mean error 5.25 years**" in line and "UTKFace" in line for line in lines)
    assert lines[-3:] == [f"    smiledet evaluate smile --model {name}" for name in ("better", "worse", "old")]


def test_other_photographs_are_named_as_they_are(results_table, tmp_path):
    write(tmp_path / "reports", "better", 0.95, data="folders:mine")
    assert "| folders, test: 600 of 603 |" in results_table("reports").stdout


@pytest.mark.parametrize("text", ["{", "[]", "3", "{}", '{"task": "smile"}', '{"task": "smile", "accuracy": "high"}'])
def test_a_broken_report_is_one_line(results_table, tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    done = results_table(tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and str(tmp_path / "report.json") in done.stderr


def test_nothing_to_read_is_one_line(results_table, tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        done = results_table(folder)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and str(folder) in done.stderr
    assert results_table().returncode == 2
