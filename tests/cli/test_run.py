"""`smiledet run`."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

import smiledet
from smiledet.cli import main
from smiledet.sinks.events import SCHEMA
from smiledet.sources.demo import scene

HEAVY = ("tensorflow", "keras", "matplotlib", "scipy")
"""What has no place in a run, by import name."""


def read_events(path, but=("latency_ms", "time")):
    """The lines of an events file, without what differs from run to run."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key not in but} for line in lines]


def test_every_frame_and_the_same_again(run_smiledet, count_frames, tmp_path):
    """Read frame by frame, nothing is lost, and how the threads take turns changes nothing."""
    for name in ("one", "two"):
        done = run_smiledet(
            *("run", "demo", "--no-show", "--max-frames", 60, "--stats"),
            *("--events", f"{name}.jsonl", "--record", f"{name}.mp4", "--report", f"{name}.json"),
        )
        assert done.returncode == 0, done.stderr
    first, second = (read_events(tmp_path / f"{name}.jsonl") for name in ("one", "two"))
    assert first == second
    assert len(first) > 100  # two faces on nearly all of the sixty
    assert [event["frame"] for event in first] == sorted(event["frame"] for event in first)
    assert {event["frame"] for event in first} <= set(range(60))
    assert count_frames(tmp_path / "one.mp4") == count_frames(tmp_path / "two.mp4") == 60
    report = json.loads((tmp_path / "one.json").read_text())
    assert (report["mode"], report["frames"], report["faces"], report["dropped"]) == ("every frame", 60, len(first), 0)
    assert report["start_up_s"] > 0 and report["fps"] > 0
    assert report["memory_mb"] < 400, "something heavy is loaded"
    assert done.stderr.splitlines()[-3:] == [f"smiledet: wrote two.{suffix}" for suffix in ("mp4", "jsonl", "json")]
    for word in ("locate", "processed", "start_up_s", "share of its frames"):
        assert word in done.stdout


@pytest.mark.parametrize("tasks", ["smile,emotion", "gender", "age,smile", "smile,emotion,gender,age"])
def test_events_are_as_described(call_smiledet, tmp_path, tasks):
    schema = json.loads(SCHEMA.read_text())
    for name in ("events.jsonl", "events.csv"):
        done = call_smiledet("run", "demo", "--no-show", "--max-frames", 10, "--tasks", tasks, "--events", name)
        assert done.returncode == 0, done.stderr
    events = read_events(tmp_path / "events.jsonl", but=())
    with (tmp_path / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(events) > 0
    for event, row in zip(events, rows, strict=True):
        jsonschema.validate(event, schema)
        assert (event["source"], row["source"]) == ("demo", "demo")
        assert (row["frame"], row["track"]) == (str(event["frame"]), str(event["track"]))
        assert abs(event["yaw"]) < 40 and abs(event["roll"]) < 40 and 0 <= event["eyes_open"] <= 1
        assert 0 <= event["mouth_open"] <= 1
        for task in tasks.split(","):
            assert event[task] is not None and row[f"{task}_score"] == str(event[f"{task}_score"])
            if task != "age":
                assert event[f"{task}_score"] == event[f"{task}_scores"][event[task]]
        assert {key for key in event if key.endswith("_score")} == {
            f"{task}_score" for task in ("detection", *tasks.split(","))
        }


def test_rows_on_standard_output_stand_alone_there(call_smiledet):
    done = call_smiledet("run", "demo", "--no-show", "--max-frames", 5, "--events", "-", "--stats")
    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["frame"] for line in done.stdout.splitlines()} <= set(range(5))
    assert done.stdout and "share of its frames" in done.stderr
    done = call_smiledet("run", "demo", "--no-show", "--events", "-", "--report", "-")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_reader_that_goes_is_no_fault(tmp_path):
    command = [sys.executable, "-m", "smiledet", "run", "demo", "--loop", "--no-show", "--events", "-"]
    with subprocess.Popen(command, cwd=tmp_path, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())["source"] == "demo"
        process.stdout.close()
        assert process.wait(60) == 0
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize("flags", [("--model", "smile=none"), ("--engine", "none"), ("--detector", "none")])
def test_what_is_refused_empties_no_file(call_smiledet, tmp_path, flags):
    (tmp_path / "out.csv").write_text("of old\n")
    done = call_smiledet("run", "demo", "--no-show", "--events", "out.csv", *flags)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert (tmp_path / "out.csv").read_text() == "of old\n"


def test_live_it_never_goes_back(run_smiledet, count_frames, tmp_path):
    done = run_smiledet(
        *("run", "demo", "--realtime", "--no-show", "--duration", 1.5),
        *("--events", "events.jsonl", "--record", "out.mp4", "--report", "-"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["mode"] == "live"
    assert 0 < report["frames"] <= 45 and 0 <= report["dropped"] < 45
    frames = [event["frame"] for event in read_events(tmp_path / "events.jsonl")]
    assert frames and frames == sorted(frames)
    assert 0 < count_frames(tmp_path / "out.mp4") <= 46  # as long as the source, whatever was dropped


ENV = {"PYTHONPATH": str(Path(smiledet.__file__).parents[1])}

PROGRAM = """
import json, sys
from smiledet.cli import main
code = main(["run", "demo", "--no-show", "--max-frames", "5", "--record", "out.mp4", "--sheet", "out.png", "--stats"])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def test_nothing_heavy_is_imported(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=ENV,
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    assert "smiledet.engines.litert" in modules
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)
    assert not [name for name in modules if name.startswith(("smiledet.lab.training", "smiledet.lab.networks"))]


def test_photographs_are_searched_one_by_one(call_smiledet, count_frames, tmp_path):
    """Two faces, nobody, the same two in another size: none of them is known from the picture before."""
    folder = tmp_path / "album"
    folder.mkdir()
    pictures = {
        "1.png": scene(40),
        "2.jpg": np.full((300, 200, 3), 90, np.uint8),
        "10.png": cv2.resize(scene(40), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA),
    }
    for name, picture in pictures.items():
        assert cv2.imwrite(str(folder / name), picture)
    (folder / "3.jpg").write_text("no picture")
    done = call_smiledet("run", "album", "--no-show", "--record", "out.mp4", "--events", "events.jsonl")
    assert done.returncode == 0, done.stderr
    assert "smiledet: not read: album/3.jpg: it is no image, or a damaged one\n" in done.stderr
    events = read_events(tmp_path / "events.jsonl")
    assert [event["file"] for event in events] == ["album/1.png"] * 2 + ["album/2.jpg"] + ["album/10.png"] * 2
    tracks = [
        {event["track"] for event in events if event["frame"] == n and event["track"] is not None} for n in range(3)
    ]
    assert (len(tracks[0]), len(tracks[1]), len(tracks[2])) == (2, 0, 2)
    assert not tracks[0] & tracks[2]
    assert count_frames(tmp_path / "out.mp4") == 3


# In this process: cheaper.


def run_here(monkeypatch, tmp_path, *arguments):
    monkeypatch.chdir(tmp_path)
    return main(["run", *map(str, arguments), "--no-show"])


@pytest.mark.parametrize(("limit", "frames"), [(("--max-frames", 3), 3), (("--duration", 0.2), 6)])
def test_limits(monkeypatch, tmp_path, limit, frames):
    assert run_here(monkeypatch, tmp_path, "demo", *limit, "--report", "report.json") == 0
    assert json.loads((tmp_path / "report.json").read_text())["frames"] == frames


def test_one_task_alone(monkeypatch, tmp_path):
    arguments = ("demo", "--max-frames", 5, "--tasks", "smile", "--model", "smile=mobilenet-025")
    assert run_here(monkeypatch, tmp_path, *arguments, "--events", "events.jsonl") == 0
    events = read_events(tmp_path / "events.jsonl")
    assert {event["smile"] for event in events} <= {"smiling", "not smiling"} and events
    assert not any("emotion" in event for event in events)


def test_flags_override_the_file(monkeypatch, tmp_path):
    (tmp_path / "mine.toml").write_text('tasks = ["emotion"]\n[tracker]\nconfirm = 4\n')
    arguments = ("demo", "--max-frames", 8, "--config", "mine.toml", "--tasks", "smile", "--events", "events.jsonl")
    assert run_here(monkeypatch, tmp_path, *arguments) == 0
    events = read_events(tmp_path / "events.jsonl")
    assert min(event["frame"] for event in events) == 2  # the third: confirm is the file's, the second look counts too
    assert all("emotion" not in event and event["smile"] for event in events)


def test_the_unwatched_demo(monkeypatch, tmp_path, count_frames, capfd):
    assert run_here(monkeypatch, tmp_path, "demo", "--max-frames", 4, "--unwatched", "deep/er") == 0
    assert count_frames(tmp_path / "deep/er/demo.mp4") == 4
    assert cv2.imread(str(tmp_path / "deep/er/demo.png")) is not None
    assert "share of its frames" in capfd.readouterr().out


def test_an_output_that_is_there_is_replaced(monkeypatch, tmp_path, count_frames):
    for name in ("out.mp4", "out.jsonl"):
        (tmp_path / name).write_text("of old\n" * 999)
    arguments = ("demo", "--max-frames", 4, "--record", "out.mp4", "--events", "out.jsonl")
    assert run_here(monkeypatch, tmp_path, *arguments) == 0
    assert count_frames(tmp_path / "out.mp4") == 4
    assert read_events(tmp_path / "out.jsonl")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/fd")
def test_a_recording_through_a_pipe(count_frames, tmp_path):
    """As Matroska, where the name tells no format."""
    command = '"$0" -m smiledet run demo --no-show --quiet --max-frames 12 --record >(cat > got.mkv; echo done) | cat'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable],
        cwd=tmp_path,
        env={**os.environ, **ENV},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "done\n")
    assert count_frames(tmp_path / "got.mkv") == 12
