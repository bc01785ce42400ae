"""The trace file: valid whatever happens, linked frame by frame, and bounded."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from smiledet.buffer import FrameBuffer
from smiledet.cli import main
from smiledet.config import load_config
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Frame
from smiledet.pipeline import Pipeline
from smiledet.sources.demo import DemoSource
from smiledet.stage_spec import Policy, StageSpec
from smiledet.telemetry import trace as module
from smiledet.telemetry.trace import DROPS, DROPS_NUMBER, LATENCY, MARKS_KEPT, READ, Trace

LIMIT = 30.0
"""Seconds after which an interrupted process counts as stuck."""


def frame_of(number: int) -> Frame:
    return Frame(number, 1_000_000 * number, number / 30, np.zeros((4, 4, 3), np.uint8))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.json"


def opened(path: Path) -> Trace:
    return Trace(path, faces=lambda frame: frame.id % 3, last="draw")


def events_of(path: Path) -> list[dict]:
    return json.loads(path.read_text())


def bars(events: list[dict], name: str) -> list[dict]:
    return [event for event in events if event["ph"] == "X" and event["name"] == name]


def test_one_that_saw_nothing_is_valid(path):
    with opened(path):
        pass
    assert [event["name"] for event in events_of(path)] == ["process_name", "thread_name", "thread_sort_index"]


def test_each_thread_has_a_named_track_in_order(path):
    with opened(path) as trace:
        trace.order_threads(["b", "a"])
        for name in ("x", "a", "b"):  # in whatever order they start
            thread = threading.Thread(target=_work_on, args=(trace, name), name=name)
            thread.start()
            thread.join()
    events = events_of(path)
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert names.pop(max(names)) == DROPS
    places = {event["tid"]: event["args"]["sort_index"] for event in events if event["name"] == "thread_sort_index"}
    order = {name: places[number] for number, name in names.items()}
    assert order == {"b": 1, "a": 2, "x": 3}
    assert {names[number]: number for number in names} == order  # Perfetto goes by the numbers
    for name in names.values():
        assert [names[bar["tid"]] for bar in bars(events, name)] == [name]


def _work_on(trace: Trace, stage: str) -> None:
    with trace.work(stage, frame_of(5)):
        pass


def test_a_frame_is_linked_from_reading_to_drawing(path):
    with opened(path) as trace:
        frame = frame_of(7)
        trace.taken(frame, frame.captured_ns - 2_000_000, 500_000, held=3)
        for stage in ("locate", "draw"):
            with trace.work(stage, frame):
                pass
    events = events_of(path)
    (read,) = bars(events, READ)
    assert read["dur"] == 2000.0 and read["tdur"] == 500.0
    assert bars(events, "locate")[0]["args"] == {"frame": 7, "faces": 1}
    arrows = [event for event in events if event.get("cat") == "flow"]
    assert [(event["ph"], event["id"]) for event in arrows] == [("s", 7), ("t", 7), ("t", 7)]
    for arrow in arrows[1:]:  # each begins inside a bar of its own thread
        assert any(
            bar["tid"] == arrow["tid"] and bar["ts"] <= arrow["ts"] <= bar["ts"] + bar["dur"]
            for bar in events
            if bar["ph"] == "X"
        )
    latency = [event for event in events if event["name"] == LATENCY]
    assert [(event["ph"], event["id2"]) for event in latency] == [("b", {"local": "0x7"}), ("e", {"local": "0x7"})]
    assert [event["args"] for event in events if event["ph"] == "C"] == [{"frames held": 3}]


def test_a_stage_that_fails_leaves_its_bar(path):
    with opened(path) as trace, pytest.raises(ValueError), trace.work("locate", frame_of(1)):
        raise ValueError
    assert len(bars(events_of(path), "locate")) == 1


def test_drops_are_marked_and_bounded(path):
    with opened(path) as trace:
        for number in range(MARKS_KEPT + 10):
            trace.dropped(frame_of(number), "align", "evicted")
    marks = [event for event in events_of(path) if event["ph"] == "i"]
    assert len(marks) == MARKS_KEPT
    assert {(mark["tid"], mark["s"]) for mark in marks} == {(DROPS_NUMBER, "t")}
    assert marks[-1]["args"] == {"frame": MARKS_KEPT + 9, "stage": "align", "cause": "evicted"}


def test_it_is_written_as_it_goes(path):
    with opened(path) as trace:
        for number in range(2000):
            with trace.work("locate", frame_of(number)):
                pass
        assert trace._length < module.ROOM
        written = path.read_text()
        assert len(written) > module.ROOM
        json.loads(written + "]")  # whole events only
    assert len(bars(events_of(path), "locate")) == 2000


def test_what_comes_after_the_end_is_left_out(path):
    with opened(path) as trace:
        pass
    with trace.work("locate", frame_of(0)):
        pass
    trace.close()
    assert not bars(events_of(path), "locate")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_fails_no_frame_and_is_said_at_the_end(path, monkeypatch):
    monkeypatch.setattr(module, "ROOM", 1)
    path.symlink_to("/dev/full")
    with pytest.raises(SmiledetError, match="No space left on device; the trace is cut short"), opened(path) as trace:
        for number in range(3):
            with trace.work("locate", frame_of(number)):
                pass
    assert trace.wrote is None


def test_a_run_that_never_began_leaves_the_trace_before_it(path):
    path.write_text("yesterday's")
    with pytest.raises(UsageError), opened(path):
        raise UsageError("no such model")
    assert path.read_text() == "yesterday's"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(SmiledetError, match="cannot write"):
        opened(tmp_path / "nowhere" / "trace.json")


def test_the_buffer_tells_of_every_drop():
    told = []
    stages = [StageSpec("locate"), StageSpec("draw", frozenset({"locate"}))]
    buffer = FrameBuffer(
        stages, Policy.LIVE, 2, on_drop=lambda frame, stage, cause: told.append((frame.id, stage, cause))
    )
    for number in range(5):
        buffer.publish(frame_of(number))
    buffer.close()
    counted = Counter({(name, cause): n for name, c in buffer.counts().items() for cause, n in c.dropped.items()})
    assert Counter((stage, cause) for _, stage, cause in told) == counted
    assert len(told) == 10 and buffer.held == 0


def test_a_run_is_traced_whole(path):
    source = DemoSource(6 / 30)
    source.open()
    with Trace(path, lambda frame: 0, last="draw") as trace:
        Pipeline(load_config("desktop-cpu").config, source, trace=trace).run()
    events = events_of(path)
    for stage in (READ, "locate", "align", "smile+emotion", "draw"):
        assert sorted(bar["args"]["frame"] for bar in bars(events, stage)) == list(range(6)), stage
    assert len(bars(events, "set up")) == 5  # every thread
    assert all(bar["dur"] >= 0 and bar["ts"] >= 0 for bar in events if bar["ph"] == "X")


def test_an_interrupted_run_leaves_a_valid_file(start_smiledet, path):
    written = path.with_name("events.jsonl")
    os.mkfifo(written)
    kept = os.open(written, os.O_RDWR)  # there is no end of file before the program has opened its own end
    with written.open() as events:
        process = start_smiledet("run", "demo", "--loop", "--no-show", "--trace", path, "--events", written)
        assert json.loads(events.readline())
        os.close(kept)
        process.send_signal(signal.SIGINT)
        events.read()
    _, complaints = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, complaints
    assert f"smiledet: wrote {path}" in complaints
    assert bars(events_of(path), "draw")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--trace", "nowhere/trace.json"], "there is no folder nowhere"),
        (["--trace", "."], "cannot write"),
        (["--rate", "60"], "--rate is the pace of a file that is played live"),
        (["--rate", "0"], "no number above 0"),
    ],
)
def test_bad_input_is_refused_on_one_line(words, complaint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "demo", "--no-show", *words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert complaint in said[-1] and not any("Traceback" in line for line in said)
