"""`smiledet run` with several sources."""

from __future__ import annotations

import json

import pytest

from smiledet.cli import main
from smiledet.cli._sources import Given
from smiledet.sources.base import SourceSettings

SOURCES = """
[[source]]
name = "hall"
address = "demo"

[[source]]
name = "yard"
address = "demo"
reconnect = 1
"""


def test_files_and_rows_bear_the_sources_name(run_smiledet, count_frames, tmp_path):
    (tmp_path / "sources.toml").write_text(SOURCES)
    done = run_smiledet(
        *("run", "--config", "sources.toml", "--no-show", "--max-frames", 12, "--tasks", "smile"),
        *("--events", "events.jsonl", "--record", "{source}.mp4", "--sheet", "sheet.png", "--report", "report.json"),
        *("--store", "day.sqlite"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote day.sqlite") == 1
    assert sorted(path.name for path in tmp_path.glob("*.[mp][pn][4g]")) == [
        *("hall.mp4", "sheet-hall.png", "sheet-yard.png", "yard.mp4")
    ]
    assert count_frames(tmp_path / "hall.mp4") == count_frames(tmp_path / "yard.mp4") == 12
    rows = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    for name in ("hall", "yard"):
        assert [row["frame"] for row in rows if row["source"] == name] == [n for n in range(12) for _ in range(2)]
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["frames"], report["dropped"]) == (24, 0)
    assert {name: each["frames"] for name, each in report["sources"].items()} == {"hall": 12, "yard": 12}
    assert "hall: faces in 12 of 12 frames" in done.stdout and "yard: faces in 12 of 12 frames" in done.stdout


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a/clip.mp4", "clip"),
        ("a/clip.mp4 2", "clip_2"),
        ("demo 2", "demo_2"),
        ("rtsp://camera/x.mp4", "rtsp_camera_x.mp4"),
        ("/", "source"),
    ],
)
def test_a_file_is_named_after_its_source(name, file):
    assert Given(name, name, SourceSettings()).file_name == file


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-", "-"), "- is given twice: standard input can be read only once"),
        (("0", "/dev/video0"), "camera /dev/video0 is given twice: it can be opened only once"),
        (("demo", "demo", "nothing.mp4"), "there is no 'nothing.mp4'"),
        (("a/x.mp4", "b/x.mp4", "--record", "o.mp4"), "a/x.mp4 and b/x.mp4 would both be written to o-x.mp4"),
        (("demo", "demo", "--record", "/dev/null"), "2 sources need a file each, which this is not"),
        (("demo", "demo", "--record", "o.mp4", "--trace", "o-demo.mp4"), "are one file; give each its own"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(capsys, words, said):
    assert main(["run", *words, "--no-show"]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint and len(complaint.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[source]]\nname = "hall"', 'a [[source]] has no address, expected address = "…"'),
        ('[[source]]\naddress = "demo"', 'a [[source]] has no name, expected name = "…"'),
        ('[[source]]\nname = "a"\naddress = "0"\n' * 2, "two [[source]] are called 'a'"),
        ('[[source]]\nname = "a"\naddress = "0"\nspeed = 3', "unknown key source.speed"),
        ('[[sources]]\nname = "a"\naddress = "0"', "unknown key sources; a source is written [[source]]"),
        ("source = [1]", "source is 1, expected a table, [[source]]"),
        (SOURCES + '[[rule]]\nwhen = "face"\nsource = "attic"\nsave = "x"', "there is no source 'attic' in this run"),
    ],
)
def test_sources_of_the_configuration_are_checked(capsys, tmp_path, text, said):
    (tmp_path / "sources.toml").write_text(text)
    assert main(["run", "--config", str(tmp_path / "sources.toml"), "--no-show", "--max-frames", "1"]) == 2
    assert said in capsys.readouterr().err


def test_a_name_chooses_a_source_and_words_may_stand_behind_flags(capsys, tmp_path):
    (tmp_path / "sources.toml").write_text(SOURCES)
    assert main(["run", "--config", str(tmp_path / "sources.toml"), "yard", "--dry-run", "demo"]) == 0
    lines = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[1:3] == ["source yard", "source demo"]
