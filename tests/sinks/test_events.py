import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Box, Prediction
from smiledet.sinks.events import SCHEMA, EventsSink
from smiledet.tasks.base import Task, get_task
from smiledet.telemetry.reading import Reading, event_columns

jsonschema = pytest.importorskip("jsonschema")

SMILE, EMOTION = get_task("smile"), get_task("emotion")
GENDER = Task("gender", ("female", "male"), {})
HAT = Task("hat", ("bare", "hat"), {})

KEYS = [
    *("frame", "timestamp", "track", "x", "y", "width", "height", "detection_score"),
    *("smile", "smile_score", "emotion", "emotion_scores", "gender", "gender_score", "age"),
    *("latency_ms", "source"),
]


@pytest.fixture
def full_reading(reading_of):
    return reading_of(
        predictions={
            "smile": Prediction.of(SMILE.labels, [0.7, 0.3]),
            "emotion": Prediction.of(EMOTION.labels, [0.1, 0.0, 0.05, 0.6, 0.123456, 0.1, 0.026544]),
            "gender": Prediction.of(GENDER.labels, [0.875, 0.125]),
        }
    )


def json_lines(path):
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def validate(event):
    VALIDATOR.validate(event)


def write(path, *frames, tasks=(SMILE, EMOTION, GENDER), clock_ns=lambda: 12_345_678):
    with EventsSink(path, "demo", tasks, clock_ns=clock_ns) as sink:
        for frame, annotation in frames:
            sink.write(frame, annotation)


def test_an_age_is_a_number(reading_of, frame_of, tmp_path):
    age = get_task("age")
    reading = reading_of(predictions={"age": age.predict([float(label in ("33", "34")) for label in age.labels])})
    write(tmp_path / "a.jsonl", frame_of(7, 0.2, readings=[reading], captured_ns=1_000_000), tasks=[age])
    (event,) = json_lines(tmp_path / "a.jsonl")
    assert event["age"] == 34.0 and "age_score" not in event
    validate(event)


def test_a_line_says_everything_of_a_face(tmp_path, frame_of, full_reading):
    path = tmp_path / "out.jsonl"
    write(path, frame_of(7, 0.23333333333, readings=[full_reading], captured_ns=1_000_000))
    (event,) = json_lines(path)
    assert list(event) == KEYS
    assert event == {
        "frame": 7,
        "timestamp": 0.233333,
        "track": 1,
        "x": 10,
        "y": 21,
        "width": 30,
        "height": 27,  # cut off by the picture, 48 pixels high
        "detection_score": 12.0,
        "smile": "not smiling",
        "smile_score": 0.3,  # of 'smiling', whatever the label
        "emotion": "happy",
        "emotion_scores": {
            "angry": 0.1,
            "disgust": 0.0,
            "fear": 0.05,
            "happy": 0.6,
            "neutral": 0.1235,
            "sad": 0.1,
            "surprise": 0.0265,
        },
        "gender": "female",
        "gender_score": 0.875,
        "age": None,
        "latency_ms": 11.346,
        "source": "demo",
    }
    validate(event)


def test_the_schema_is_one_and_refuses_what_is_wrong(tmp_path, frame_of, full_reading):
    VALIDATOR.check_schema(VALIDATOR.schema)
    path = tmp_path / "out.jsonl"
    write(path, frame_of(readings=[full_reading]))
    (event,) = json_lines(path)
    for key, wrong in [("smile", "grinning"), ("x", -1), ("smile_score", 1.5), ("frame", 1.5), ("hat", [1])]:
        with pytest.raises(jsonschema.ValidationError):
            validate({**event, key: wrong})
    for key in KEYS:
        with pytest.raises(jsonschema.ValidationError):
            validate({other: value for other, value in event.items() if other != key})


def test_a_face_not_yet_read_has_nulls(tmp_path, frame_of, reading_of):
    path = tmp_path / "out.jsonl"
    write(path, frame_of(readings=[reading_of()]))
    (event,) = json_lines(path)
    assert list(event) == KEYS
    assert {event[key] for key in KEYS[8:15] if key != "emotion_scores"} == {None}
    assert event["emotion_scores"] is None
    validate(event)


def test_a_line_a_face_and_frame(tmp_path, frame_of, reading_of):
    path = tmp_path / "out.jsonl"
    write(
        path,
        frame_of(0, readings=[reading_of(1), reading_of(2)]),
        frame_of(1, readings=[]),
        frame_of(2, readings=[reading_of(2)]),
    )
    assert [(event["frame"], event["track"]) for event in json_lines(path)] == [(0, 1), (0, 2), (2, 2)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(-5, -5, 20, 20), (0, 0, 15, 15)),
        (Box(50, 40, 40, 40), (50, 40, 14, 8)),
        (Box(100, 100, 9, 9), (64, 48, 0, 0)),
        (Box(-30, -30, 9, 9), (0, 0, 0, 0)),
    ],
)
def test_boxes_are_clipped_to_the_picture(tmp_path, frame_of, reading_of, box, expected):
    path = tmp_path / "out.jsonl"
    write(path, frame_of(readings=[reading_of(box=box)]))
    (event,) = json_lines(path)
    assert tuple(event[key] for key in ("x", "y", "width", "height")) == expected
    validate(event)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_null(tmp_path, frame_of, reading_of, value):
    path = tmp_path / "out.jsonl"
    broken = Prediction("smiling", value, {"not smiling": value, "smiling": value})
    write(path, frame_of(readings=[reading_of(score=value, predictions={"smile": broken})]))
    (event,) = json_lines(path)
    assert event["detection_score"] is None and event["smile_score"] is None
    validate(event)


def test_a_new_task_brings_its_own_columns(tmp_path, frame_of, reading_of):
    reading = reading_of(predictions={"hat": Prediction.of(HAT.labels, [0.25, 0.75])})
    for suffix in (".jsonl", ".csv"):
        write(tmp_path / f"out{suffix}", frame_of(readings=[reading]), tasks=[HAT])
    (event,) = json_lines(tmp_path / "out.jsonl")
    assert (event["hat"], event["hat_score"]) == ("hat", 0.75)
    validate(event)
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["hat"], row["hat_score"]) == ("hat", "0.75")


def test_the_csv_has_the_same_flattened(tmp_path, frame_of, full_reading, reading_of):
    frames = [frame_of(3, 0.1, readings=[full_reading, reading_of(2)])]
    write(tmp_path / "out.csv", *frames)
    write(tmp_path / "out.jsonl", *frames)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    emotions = [f"emotion_{label}" for label in EMOTION.labels]
    place = KEYS.index("emotion_scores")
    assert list(rows[0]) == KEYS[:place] + emotions + KEYS[place + 1 :]
    for row, event in zip(rows, json_lines(tmp_path / "out.jsonl"), strict=True):
        scores = event.pop("emotion_scores") or dict.fromkeys(EMOTION.labels)
        flat = {**event, **{f"emotion_{label}": score for label, score in scores.items()}}
        assert row == {key: "" if value is None else str(value) for key, value in flat.items()}


def test_the_csv_has_the_same_columns_whatever_tasks_are_run(tmp_path):
    headers = set()
    for name, tasks in [("a.csv", ()), ("b.csv", (SMILE,)), ("c.csv", (EMOTION, SMILE, GENDER))]:
        write(tmp_path / name, tasks=tasks)
        headers.add((tmp_path / name).read_text())
    assert len(headers) == 1


SEEN = Reading("x", cpu=40.004, gpu=63.5, memory_used=2_500_000, power=4.7, mode="15W")


@pytest.mark.parametrize("reading", [None, SEEN])
def test_the_machine_s_load_and_power_come_last(tmp_path, frame_of, full_reading, reading):
    seen = []

    def machine():
        seen.append(event_columns(reading if seen else None))
        return seen[-1]

    for name in ("out.jsonl", "out.csv"):
        seen.clear()
        with EventsSink(tmp_path / name, "demo", [SMILE], machine=machine) as sink:
            for index in range(2):
                sink.write(*frame_of(index, 0.1, readings=[full_reading]))
    _, event = json_lines(tmp_path / "out.jsonl")
    validate(event)
    assert list(event)[: len(KEYS)] == KEYS and list(event)[len(KEYS) :] == list(seen[0])
    described = json.loads(SCHEMA.read_text())["properties"]
    assert set(seen[0]) <= set(described)
    with (tmp_path / "out.csv").open(newline="") as file:
        _, row = csv.DictReader(file)
    for key, value in event_columns(reading).items():
        assert event[key] == value and row[key] == ("" if value is None else str(value))
    if reading is not None:
        assert (event["cpu_percent"], event["board_memory_mb"], event["power_mode"]) == (40.0, 2.5, "15W")
        assert event["temperature_c"] is None


@pytest.mark.parametrize("name", ["out.json", "out", "out.mp4"])
def test_other_suffixes_are_refused_with_those_allowed(tmp_path, name):
    with pytest.raises(UsageError, match=r"its suffix must be \.jsonl or \.csv"):
        EventsSink(tmp_path / name, "demo").open()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_places_that_cannot_be_written(tmp_path, suffix):
    (tmp_path / f"folder{suffix}").mkdir()
    for path in (tmp_path / "none" / f"out{suffix}", tmp_path / f"folder{suffix}"):
        with pytest.raises(UsageError, match="cannot write "):
            EventsSink(path, "demo").open()
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(UsageError, match="Permission denied"):
            EventsSink(tmp_path / f"out{suffix}", "demo").open()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_midway(tmp_path, frame_of, reading_of):
    path = tmp_path / "out.jsonl"
    path.symlink_to("/dev/full")
    sink = EventsSink(path, "demo")
    sink.open()
    with pytest.raises(SmiledetError) as problem:
        sink.write(*frame_of(readings=[reading_of()]))
    assert str(problem.value) == f"cannot write {path}: No space left on device"
    assert problem.value.exit_code == 1
    sink.close()
    sink.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_at_the_header(tmp_path):
    path = tmp_path / "out.csv"
    path.symlink_to("/dev/full")
    with pytest.raises(UsageError, match="No space left on device"):
        EventsSink(path, "demo").open()


def test_odd_names_of_sources_do_not_stop_a_run(tmp_path, frame_of, reading_of):
    name = 'späße\udcff, "quoted"\n.mp4'
    for suffix in (".jsonl", ".csv"):
        with EventsSink(tmp_path / f"out{suffix}", name) as sink:
            sink.write(*frame_of(readings=[reading_of()]))
    (event,) = json_lines(tmp_path / "out.jsonl")
    assert event["source"] == name
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["source"].startswith("späße") and row["source"].endswith('"quoted"\n.mp4')


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_killed_run_leaves_every_line_written_before(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    program = (
        "import os, signal, sys; from pathlib import Path; import numpy as np\n"
        "from smiledet.frame import Annotation, Box, Face, FaceReading, Frame\n"
        "from smiledet.sinks.events import EventsSink\n"
        "image = np.zeros((48, 64, 3), np.uint8); box = Box(1, 2, 3, 4)\n"
        "sink = EventsSink(Path(sys.argv[1]), 'demo'); sink.open()\n"
        "for index in range(20):\n"
        "    sink.write(Frame(index, 0, 0.0, image), Annotation(image, (FaceReading(Face(box, 1, 1, box), {}),)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    lines = path.read_text().splitlines()
    assert len(lines) == 20 + (suffix == ".csv")
    assert path.read_text().endswith("\n")
