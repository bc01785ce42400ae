"""`smiledet images`, mostly in a process of its own, in a folder of its own."""

import csv
import json

import cv2
import jsonschema
import numpy as np
import pytest

from smiledet.cli._photograph_table import PhotographTable, text_width
from smiledet.results import Reading
from smiledet.sinks.events import SCHEMA
from smiledet.sources.demo import scene
from smiledet.tasks.base import get_task


@pytest.fixture
def album(tmp_path):
    """Two faces, nobody, two faces a folder deeper, and what is no photograph."""
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    pictures = {"1.png": scene(40), "2.JPG": np.full((300, 200, 3), 90, np.uint8), "deep/1.png": scene(80)}
    for name, picture in pictures.items():
        assert cv2.imwrite(str(folder / name), picture)
    (folder / "3.jpg").write_text("no picture")
    (folder / "4.jpg").touch()
    return folder


NAMES = ["1.png", "2.JPG", "deep/1.png"]


def test_rows_and_copies_carry_the_files_names(run_smiledet, album, tmp_path):
    for output in ("out.csv", "out.jsonl"):
        done = run_smiledet("images", "album", "-o", output, "--annotate", output.partition(".")[2])
        assert done.returncode == 0, done.stderr
    assert "not read: album/3.jpg: it is no image, or a damaged one" in done.stderr
    assert done.stderr.splitlines()[-1] == "smiledet: 3 photographs, 4 faces, 1 without a face, 2 not read"
    events = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    schema = json.loads(SCHEMA.read_text())
    for event in events:
        jsonschema.validate(event, schema)
    expected = [
        ("album/1.png", 1),
        ("album/1.png", 2),
        ("album/2.JPG", None),
        *[("album/deep/1.png", n) for n in (1, 2)],
    ]
    assert [(event["file"], event["track"]) for event in events] == expected
    assert {event["source"] for event in events} == {"album"}
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["smile"], row["smile_score"]) for row in rows] == [
        (event["file"], event["smile"] or "", str(event["smile_score"] or "")) for event in events
    ]
    assert [str(path.relative_to(tmp_path / "csv")) for path in sorted((tmp_path / "csv").rglob("*.*"))] == NAMES
    before, after = (cv2.imread(str(tmp_path / folder / "1.png")) for folder in ("album", "csv"))
    assert before.shape == after.shape and (before != after).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album", "csv", "jsonl", "out.csv", "out.jsonl"]


def test_a_table_where_no_output_is_named(run_smiledet, album):
    done = run_smiledet("images", "album/*.png", "album/2.JPG", env={"COLUMNS": "60"})
    assert done.returncode == 0, done.stderr
    header, first, second, nobody = done.stdout.splitlines()
    assert header.split() == ["file", "faces", "smile", "emotion"]
    assert first.startswith("album/1.png ") and " 2  " in first and "%" in first
    assert second.startswith("     ") and "%" in second
    assert nobody.split() == ["album/2.JPG", "0"]
    assert all(len(line) <= 60 for line in done.stdout.splitlines())


def test_rows_on_standard_output_stand_alone_there(run_smiledet, album):
    done = run_smiledet("images", "album", "--output", "-", "--tasks", "age")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["file"] for event in events if event["age"] is None] == ["album/2.JPG"]
    assert "smile" not in events[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.jpg",), "there is no none.jpg"),
        (("album/*.gif",), "there is no album/*.gif"),
        (("empty",), "no photograph in empty; looked for .jpg"),
        (("album/3.jpg", "-o", "new.csv"), "no photograph that can be read"),
        (("album", "-o", "out.txt"), "its suffix must be .jsonl or .csv"),
        (("album", "-o", "none/out.csv"), "there is no folder none"),
        (("album", "-o", "out.csv", "--model", "smile=none"), "no model 'none'"),
        (("album", "-o", "out.csv", "--detector", "none"), "none"),
        (("album", "--annotate", "album"), "cannot write album/1.png: it is there already"),
        (("album/1.png", "--annotate", "album"), "cannot write album/1.png: it is there already"),
        (("album", "--annotate", "out.csv"), "out.csv: it is no folder"),
        (("album", "--annotate", "none/deep"), "there is no folder none"),
    ],
)
def test_what_is_refused_loses_nothing(run_smiledet, album, tmp_path, arguments, words):
    (tmp_path / "out.csv").write_text("of old\n")
    (tmp_path / "empty").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    done = run_smiledet("images", *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert words in done.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == {
        path: time for path, time in before.items() if path.is_file()
    }


def test_copies_of_several_folders_keep_apart_and_are_not_read_again(run_smiledet, album, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").write_bytes((album / "1.png").read_bytes())
    done = run_smiledet("images", "album", "b", "--annotate", "album/seen")
    assert done.returncode == 0, done.stderr
    copies = sorted(str(path.relative_to(album / "seen")) for path in (album / "seen").rglob("*.*"))
    assert copies == ["album/1.png", "album/2.JPG", "album/deep/1.png", "b/1.png"]
    done = run_smiledet("images", "album", "--annotate", "album/seen", "-o", "-")
    assert done.returncode == 0, "other copies, in the same folder"
    assert {json.loads(line)["file"] for line in done.stdout.splitlines()} == {f"album/{name}" for name in NAMES}


def test_odd_names(run_smiledet, tmp_path):
    try:
        (tmp_path / "a\udcff\n\x1b[31m.png").write_bytes(cv2.imencode(".png", scene(40))[1].tobytes())
    except OSError:
        pytest.skip("the file system takes no such name")
    done = run_smiledet("images", ".", "--annotate", "out")
    assert r"a\xff\n\x1b[31m.png" in done.stdout and "\x1b" not in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize("width", [40, 60, 200])
def test_the_table_is_as_wide_as_the_terminal_at_most(width):
    files = ["脸" * 30 + ".jpg", "x" * 300]
    table = PhotographTable(files, [get_task("smile"), get_task("age")], width)
    lines = [table.header(), *(line for file in files for line in table.lines(Reading(None, (9, 9), (), (), file)))]
    assert all(text_width(line) <= width for line in lines)
    if width == 200:
        assert lines[1].split() == [files[0], "0"]
