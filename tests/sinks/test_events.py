import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from smiledet.columns import VERSION
from smiledet.config import load_config
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Box, HeadPose, Prediction
from smiledet.pipeline import Pipeline
from smiledet.sinks.events import SCHEMA, EventsSink
from smiledet.sources.demo import DemoSource
from smiledet.tasks.base import Task, get_task
from smiledet.telemetry.machine_state import MachineState, event_columns

jsonschema = pytest.importorskip("jsonschema")

SMILE, EMOTION, GENDER = get_task("smile"), get_task("emotion"), get_task("gender")
HAT = Task("hat", ("bare", "hat"), {})

PLACE = [
    *("source", "file", "frame", "timestamp", "time", "track"),
    *("x", "y", "width", "height", "detection_score"),
]
HEAD = ["yaw", "pitch", "roll", "eyes_open", "mouth_open"]
KEYS = [
    *PLACE,
    *("smile", "smile_score", "smile_intensity", "smile_scores"),
    *("emotion", "emotion_score", "emotion_scores"),
    *("gender", "gender_score", "gender_scores"),
    *HEAD,
    "latency_ms",
]


@pytest.fixture
def full_reading(reading_of):
    return reading_of(
        predictions={
            "smile": SMILE.predict([0.7, 0.3]),
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
    wall_ns = lambda: 1_700_000_000_011_345_678 + 250_000_000  # noqa: E731
    with EventsSink(path, "demo", tasks, clock_ns=clock_ns, wall_ns=wall_ns) as sink:
        for frame, annotation in frames:
            sink.write(frame, annotation)


def test_an_age_is_a_number(reading_of, frame_of, tmp_path):
    age = get_task("age")
    reading = reading_of(predictions={"age": age.predict([float(label in ("33", "34")) for label in age.labels])})
    write(tmp_path / "a.jsonl", frame_of(7, 0.2, readings=[reading], captured_ns=1_000_000), tasks=[age])
    (event,) = json_lines(tmp_path / "a.jsonl")
    assert event["age"] == 34.0 and event["age_score"] == 1.0 and "age_scores" not in event
    validate(event)


def test_a_clock_that_is_set_midway_is_followed(tmp_path, frame_of, full_reading):
    """A board starts in 1970, until it hears of the time from the network."""
    wall = iter([5_000_000_000, 1_800_000_000_000_000_000])
    with EventsSink(tmp_path / "a.jsonl", "demo", (SMILE,), lambda: 12_345_678, lambda: next(wall)) as sink:
        for number in range(2):
            sink.write(*frame_of(number, number / 30, readings=[full_reading], captured_ns=12_345_678))
    times = [event["time"] for event in json_lines(tmp_path / "a.jsonl")]
    assert times == ["1970-01-01T00:00:05.000+00:00", "2027-01-15T08:00:00.000+00:00"]


def test_a_line_says_everything_of_a_face(tmp_path, frame_of, full_reading):
    path = tmp_path / "out.jsonl"
    write(path, frame_of(7, 0.23333333333, readings=[full_reading], captured_ns=1_000_000))
    (event,) = json_lines(path)
    assert list(event) == KEYS
    assert event == {
        "source": "demo",
        "file": None,
        "frame": 7,
        "timestamp": 0.233333,
        "time": "2023-11-14T22:13:20.250+00:00",  # of the capture, not of the writing
        "track": 1,
        "x": 10,
        "y": 21,
        "width": 30,
        "height": 27,  # cut off by the picture, 48 pixels high
        "detection_score": 12.0,
        "smile": "not smiling",
        "smile_score": 0.7,  # of the label that is shown
        "smile_intensity": 0.3305,
        "smile_scores": {"not smiling": 0.7, "smiling": 0.3},
        "emotion": "happy",
        "emotion_score": 0.6,
        "emotion_scores": {
            "angry": 0.1,
            "disgust": 0.0,
            "fear": 0.05,
            "happy": 0.6,
            "neutral": 0.1235,
            "sad": 0.1,
            "surprise": 0.0265,
        },
        "gender": "man",
        "gender_score": 0.875,
        "gender_scores": {"man": 0.875, "woman": 0.125},
        "yaw": None,
        "pitch": None,
        "roll": None,
        "eyes_open": None,
        "mouth_open": None,
        "latency_ms": 11.346,
    }
    validate(event)


def test_the_schema_is_one_and_refuses_what_is_wrong(tmp_path, frame_of, full_reading):
    VALIDATOR.check_schema(VALIDATOR.schema)
    path = tmp_path / "out.jsonl"
    write(path, frame_of(readings=[full_reading]))
    (event,) = json_lines(path)
    assert VALIDATOR.schema["version"] == VERSION
    for key, wrong in [
        *[("smile", "grinning"), ("x", -1), ("smile_score", 1.5), ("frame", 1.5), ("hat", [1]), ("track", None)],
        *[("x", None), ("emotion_scores", {"happy": 2}), ("hat_score", 2), ("hat_scores", 0.5)],
    ]:
        with pytest.raises(jsonschema.ValidationError):
            validate({**event, key: wrong})
    for key in KEYS:
        if key not in ("smile", "emotion", "gender"):  # without it there are the scores of a task of one's own
            with pytest.raises(jsonschema.ValidationError):
                validate({other: value for other, value in event.items() if other != key})


def test_a_face_not_yet_read_has_nulls(tmp_path, frame_of, reading_of):
    path = tmp_path / "out.jsonl"
    write(path, frame_of(readings=[reading_of()]))
    (event,) = json_lines(path)
    assert list(event) == KEYS
    assert [event[key] for key in KEYS[len(PLACE) : -1]] == [None] * 15
    validate(event)


def test_a_photograph_without_a_face_has_a_row_and_a_frame_of_a_video_has_none(tmp_path, frame_of, reading_of):
    for suffix in (".jsonl", ".csv"):
        write(
            tmp_path / f"out{suffix}",
            frame_of(0, file="album/1.jpg"),
            frame_of(1, file="album/2.jpg", readings=[reading_of(1), reading_of(2)]),
            frame_of(2),
        )
    events = json_lines(tmp_path / "out.jsonl")
    assert [(event["file"], event["track"]) for event in events] == [
        *[("album/1.jpg", None), ("album/2.jpg", 1), ("album/2.jpg", 2)]
    ]
    assert [event[key] for event in events[:1] for key in KEYS[5:-1]] == [None] * (len(KEYS) - 6)
    for event in events:
        validate(event)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["track"], row["x"]) for row in rows] == [
        *[("album/1.jpg", "", ""), ("album/2.jpg", "1", "10"), ("album/2.jpg", "2", "10")]
    ]


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
    assert list(event) == [*PLACE, "hat", "hat_score", "hat_scores", *HEAD, "latency_ms"]
    assert (event["hat"], event["hat_score"]) == ("hat", 0.75)
    validate(event)
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == [*PLACE, "hat", "hat_score", "hat_bare", "hat_hat", *HEAD, "latency_ms"]
    assert (row["hat"], row["hat_score"], row["hat_bare"]) == ("hat", "0.75", "0.25")


def test_labels_that_are_no_names_of_columns(tmp_path, frame_of, reading_of):
    labels = ("no hat", "no-hat", "score", "Sombrero, large", "Mütze")
    task = Task("hat", labels, {})
    reading = reading_of(predictions={"hat": task.predict([0.1, 0.2, 0.4, 0.2, 0.1])})
    write(tmp_path / "out.csv", frame_of(readings=[reading]), tasks=[task])
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    columns = ("hat_no_hat", "hat_no_hat_", "hat_score_", "hat_Sombrero_large", "hat_Mütze")
    assert [row[column] for column in columns] == ["0.1", "0.2", "0.4", "0.2", "0.1"]
    assert (row["hat"], row["hat_score"]) == ("score", "0.4")


def test_the_csv_has_the_same_flattened(tmp_path, frame_of, full_reading, reading_of):
    frames = [frame_of(3, 0.1, readings=[full_reading, reading_of(2)])]
    write(tmp_path / "out.csv", *frames)
    write(tmp_path / "out.jsonl", *frames)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, event in zip(rows, json_lines(tmp_path / "out.jsonl"), strict=True):
        flat = {}
        for key, value in event.items():
            task = key.removesuffix("_scores")
            if task == key:
                flat[key] = value
            else:
                labels = get_task(task).labels
                flat |= {f"{task}_{label}".replace(" ", "_"): (value or {}).get(label) for label in labels}
        assert list(row) == list(flat)
        assert row == {key: "" if value is None else str(value) for key, value in flat.items()}


@pytest.mark.parametrize("tasks", [c for n in range(5) for c in combinations(("smile", "emotion", "gender", "age"), n)])
def test_the_columns_are_those_of_the_tasks_that_ran(tmp_path, frame_of, reading_of, tasks):
    chosen = [get_task(name) for name in tasks]
    predictions = {task.name: task.predict([1 / len(task.labels)] * len(task.labels)) for task in chosen}
    frames = [frame_of(readings=[reading_of(predictions=predictions)]), frame_of(1, file="a.jpg")]
    write(tmp_path / "out.csv", *frames, tasks=chosen)
    write(tmp_path / "out.jsonl", *frames, tasks=chosen)
    events = json_lines(tmp_path / "out.jsonl")
    scores = {task: [f"{task}_scores"] if task != "age" else [] for task in tasks}
    if "smile" in scores:
        scores["smile"].insert(0, "smile_intensity")
    expected = [
        *PLACE,
        *(column for task in tasks for column in (task, f"{task}_score", *scores[task])),
        *HEAD,
        "latency_ms",
    ]
    for event in events:
        assert list(event) == expected
        validate(event)
    with (tmp_path / "out.csv").open(newline="") as file:
        header = next(csv.reader(file))
    flat = [name for column in expected for name in (EXPANDED.get(column) or [column])]
    assert header == flat


EXPANDED = {
    "smile_scores": ["smile_not_smiling", "smile_smiling"],
    "emotion_scores": [f"emotion_{label}" for label in EMOTION.labels],
    "gender_scores": ["gender_man", "gender_woman"],
}


def test_rows_to_standard_output_are_json_lines(capsys, frame_of, reading_of):
    write(Path("-"), frame_of(readings=[reading_of()]))
    (line,) = capsys.readouterr().out.splitlines()
    validate(json.loads(line))
    print("still open")


SEEN = MachineState("x", cpu=40.004, gpu=63.5, memory_used=2_500_000, power=4.7, mode="15W")


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
    columns = [*PLACE, "smile", "smile_score", "smile_intensity", "smile_scores", *HEAD, "latency_ms"]
    assert list(event) == [*columns, *seen[0]]
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
def test_a_full_disk_at_the_header(tmp_path, frame_of):
    path = tmp_path / "out.csv"
    path.symlink_to("/dev/full")
    sink = EventsSink(path, "demo")
    sink.open()
    sink.write(*frame_of())
    with pytest.raises(SmiledetError, match="No space left on device"):
        sink.close()
    assert sink.wrote is None


def test_odd_names_of_sources_do_not_stop_a_run(tmp_path, frame_of, reading_of):
    name = 'späße\udcff, "quoted"\r\n\x1b[1m.jpg'
    written = name.replace("\udcff", r"\xff")
    for suffix in (".jsonl", ".csv"):
        with EventsSink(tmp_path / f"out{suffix}", name) as sink:
            sink.write(*frame_of(readings=[reading_of()], file=name))
            sink.write(*frame_of(readings=[reading_of()], file="a\rb.jpg"))
    first, second = json_lines(tmp_path / "out.jsonl")
    assert (first["source"], first["file"], second["file"]) == (written, written, "a\rb.jpg")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["source"], first["file"], second["file"]) == (written, written, "a\rb.jpg")


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


@pytest.mark.parametrize(("source", "others"), [("rtsp://me:secret@host/x", 0), ("rtsp://host/x", 0o044)])
def test_rows_of_a_stream_with_a_password_are_for_their_owner(tmp_path, frame_of, reading_of, source, others):
    before = os.umask(0o022)
    try:
        with EventsSink(tmp_path / "out.jsonl", source) as sink:
            sink.write(*frame_of(readings=[reading_of()]))
    finally:
        os.umask(before)
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o077 == others
    (event,) = json_lines(tmp_path / "out.jsonl")
    assert event["source"] == "rtsp://host/x"


def test_a_file_that_was_there_is_replaced_with_the_first_row(tmp_path, frame_of, reading_of):
    path = tmp_path / "out.csv"
    path.write_text("yesterday's")
    for frames in ([], [frame_of()], [frame_of(readings=[reading_of()])]):
        with EventsSink(path, "demo") as sink:
            for frame in frames:
                sink.write(*frame)
                assert (path.read_text() == "yesterday's") == (not frame[1].readings)
        assert (path.read_text() == "yesterday's") == (not frames)
        assert sink.wrote == (path if frames else None)
        path.write_text("yesterday's")
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]


def test_where_a_head_looks_stands_in_degrees(tmp_path, frame_of, reading_of):
    reading = replace(reading_of(), pose=HeadPose(12.345, -3.21, 0.04), eyes_open=0.876, mouth_open=0.123)
    write(tmp_path / "out.jsonl", frame_of(readings=[reading]))
    (event,) = json_lines(tmp_path / "out.jsonl")
    assert [event[name] for name in HEAD] == [12.3, -3.2, 0.0, 0.88, 0.12]
    validate(event)


def test_heads_are_among_what_a_run_writes(tmp_path):
    source = DemoSource(3 / 30)
    source.open()
    Pipeline(load_config("desktop-cpu").config, source, [EventsSink(tmp_path / "out.jsonl", "demo", [SMILE])]).run()
    rows = json_lines(tmp_path / "out.jsonl")
    assert rows and all(row[name] is not None for row in rows for name in HEAD)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_where_no_row_could_be_written_what_was_there_stays(tmp_path, frame_of, full_reading, monkeypatch, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"out{suffix}"
    path.write_text("of an earlier run")
    sink = EventsSink(path, "demo", [SMILE])
    sink.open()

    def fail(*_):
        raise SmiledetError("the disk is broken")

    monkeypatch.setattr(sink._file, "write", fail)
    with pytest.raises(SmiledetError, match="the disk is broken"):
        sink.write(*frame_of(readings=[full_reading]))
    sink.close()
    assert (path.read_text(), sink.wrote, sink.lacks) == ("of an earlier run", None, "")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
