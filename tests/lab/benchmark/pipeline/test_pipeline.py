"""What the benchmarks of the whole pipeline make of their measurements; one small run of each."""

from __future__ import annotations

import json
import mmap
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import create_locator
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.pipeline import soak as soaking
from smiledet.lab.benchmark.pipeline.face_grid import MOST, face_grid_pictures, write_crowd
from smiledet.lab.benchmark.pipeline.scale import fit_growth, measure_scale
from smiledet.lab.benchmark.pipeline.soak import growth, resident_memory, soak
from smiledet.lab.benchmark.pipeline.stages import measure_stages, middle_run, read_trace, sum_up


def bar(name, frame, ts, dur, tdur):
    return {"ph": "X", "name": name, "ts": ts, "dur": dur, "tdur": tdur, "args": {"frame": frame}}


BARS = [
    bar("draw", 0, 3000.0, 1000.0, 500.0),
    bar("read", 0, 0.0, 1000.0, 100.0),
    bar("locate", 0, 1000.0, 2000.0, 2000.0),
    bar("read", 1, 1000.0, 3000.0, 300.0),
    bar("locate", 1, 4000.0, 4000.0, 2000.0),
    bar("draw", 1, 8000.0, 2000.0, 500.0),
]


def test_stages_are_summed_up_in_their_order():
    summed = sum_up(BARS, "clip", "every frame")
    assert [stage.stage for stage in summed.stages] == ["read", "locate", "draw"]
    assert summed.frames == 2 and summed.seconds == 0.01
    read, locate, draw = summed.stages
    assert (read.median_ms, read.cpu_ms, read.share) == (2.0, 0.2, 0.4)
    assert (locate.median_ms, locate.late_ms, locate.cpu_ms) == (3.0, pytest.approx(3.9), 2.0)
    assert draw.share == pytest.approx(0.3)
    assert summed.overlap == pytest.approx(0.4 + 0.6 + 0.3)
    assert summed.cpu_share == pytest.approx(0.54)


def test_a_live_reader_that_waits_is_not_busy():
    read = sum_up(BARS, "clip", "live").stages[0]
    assert read.share == pytest.approx(0.04)


def test_the_middle_run_is_that_of_median_length():
    runs = [replace(sum_up(BARS, "clip", "live"), seconds=seconds) for seconds in (3.0, 1.0, 2.0)]
    assert middle_run(runs).seconds == 2.0


@pytest.mark.parametrize("text", ["[", "[]", '[{"ph": "M", "name": "process_name", "args": {}}]'])
def test_a_trace_without_frames_is_refused(tmp_path, text):
    path = tmp_path / "trace.json"
    path.write_text(text)
    with pytest.raises(SmiledetError, match="trace"):
        read_trace(path)


def test_a_run_stage_by_stage():
    times = measure_stages("demo", max_frames=5)
    assert times.mode == "every frame"
    names = [stage.stage for stage in times.stages]
    assert names[:3] == ["read", "locate", "align"] and {"smile+emotion", "draw"} <= set(names)
    assert all(stage.frames == 5 and stage.cpu_ms > 0 for stage in times.stages)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (640, 480)])
def test_each_further_face_of_a_crowd_can_be_found(width, height):
    for count in (0, 1, 4):
        locator = create_locator(detector_kind("haar"), None, FaceTracker())
        found = 0
        for index, picture in enumerate(face_grid_pictures(count, width, height, 15)):
            assert picture.shape == (height, width, 3) and picture.dtype == np.uint8
            found = len(locator.locate(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), index / 30))
        assert found == count


def test_a_crowd_has_an_end():
    with pytest.raises(ValueError, match="expected 0 to 16"):
        next(face_grid_pictures(MOST + 1, 320, 240, 1))


def test_a_crowd_is_written(tmp_path, count_frames):
    write_crowd(tmp_path / "crowd.mp4", MOST, 320, 240, 4)
    assert count_frames(tmp_path / "crowd.mp4") == 4
    with pytest.raises(SmiledetError, match="cannot write"):
        write_crowd(tmp_path / "nowhere" / "crowd.mp4", 1, 320, 240, 1)


def test_growth_with_faces_and_pixels_wants_both_varied():
    (row,) = measure_scale(faces=(1,), sizes=((320, 240),), length=15)
    assert (row.width, row.height, row.faces) == (320, 240, 1)
    assert row.found > 0.2 and row.cpu_ms > 0 and row.core_percent > 0
    more = [replace(row, faces=faces, cpu_ms=1.0 + 0.5 * faces) for faces in (1, 2, 4)]
    assert fit_growth(more) is None
    larger = [replace(each, width=640, cpu_ms=each.cpu_ms + 1) for each in more]
    assert fit_growth([*more, *larger]).face_ms == pytest.approx(0.5)


def test_memory_that_grows_after_the_warm_up_is_seen():
    climbing = [float(value) for value in range(100)]
    warm, last = growth(climbing)
    assert last - warm == pytest.approx(80.0)
    warm, last = growth([0.0, 50.0, *[100.0] * 98])
    assert last - warm == 0.0
    assert growth([7.0]) == (7.0, 7.0)


def test_a_short_soak(monkeypatch):
    monkeypatch.setattr(soaking, "SAMPLE_EVERY", 0.1)
    found = soak("demo", 0.12, live=False)
    assert found.mode == "every frame" and "over and over" in found.source
    assert found.warm_mb > 20 and found.warm_files_mb > 20
    assert found.warm_mb + found.warm_files_mb <= found.peak_mb + 2
    assert found.growth_mb == found.end_mb - found.warm_mb
    assert resident_memory(2**22 + 1) is None


@pytest.mark.skipif(resident_memory(os.getpid()) is None, reason="needs /proc")
def test_what_a_process_wrote_and_what_it_mapped_are_told_apart(tmp_path):
    mapped = tmp_path / "file"
    mapped.write_bytes(bytes(50_000_000))
    own, files = resident_memory(os.getpid())
    array = np.memmap(mapped, np.uint8, "r")
    assert array.sum() == 0
    after, files_after = resident_memory(os.getpid())
    assert files_after - files > 40 and after - own < 10
    # Not an array: that could lie in memory which an earlier test freed and this process still holds.
    ballast = mmap.mmap(-1, 50_000_000, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    ballast.write(bytes(50_000_000))
    assert resident_memory(os.getpid())[0] - own > 40
    assert len(ballast) == 50_000_000 == len(array)


@pytest.mark.parametrize("lines", ["", "VmRSS: 5 kB\n", "RssAnon: 5 kB\nRssFile: 5 kB\n"])
def test_a_system_that_does_not_say_is_named(lines, monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path: lines)
    with pytest.raises(UsageError, match="--soak reads the memory"):
        soak("demo", 0.1)


def test_a_soak_of_what_cannot_be_looped():
    with pytest.raises(UsageError, match=r"nowhere\.mp4"):
        soak("nowhere.mp4", 0.1)


def test_a_trace_of_a_further_run(tmp_path, capsys, monkeypatch, write_scenes):
    clip, path = write_scenes(tmp_path / "clip.mp4", 4), tmp_path / "trace.json"
    words = ["bench", "pipeline", "--clip", str(clip), "--rounds", "1", "--rate", "60", "--trace", str(path), "--json"]
    assert main(words) == 0
    through, live = json.loads(capsys.readouterr().out)["pipeline"]
    assert through["mode"] == "every frame" and through["frames"] == 4
    assert "as if at 60 FPS" in live["source"]
    assert through["cpu_ms"] == pytest.approx(through["cpu_user_ms"] + through["cpu_system_ms"], abs=0.01)
    assert len([event for event in json.loads(path.read_text()) if event["name"] == "draw"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pipeline", "--rounds", "0"], "--rounds 0"),
        (["pipeline", "--rate", "-1"], "--rate -1"),
        (["pipeline", "--rate", "nan"], "--rate nan"),
        (["pipeline", "--soak", "0"], "--soak 0"),
        (["pipeline", "--soak", "nan"], "--soak nan"),
        (["pipeline", "--scale", "--clip", "demo"], "--scale makes its own clips"),
        (["pipeline", "--accelerated"], "--soak MINUTES"),
        (["pipeline", "--scale", "--trace", "t.json"], "--trace is of one run"),
        (["pipeline", "--trace", "nowhere/t.json"], "nowhere"),
        (["stages", "--rounds", "0"], "--rounds 0"),
        (["stages", "--max-frames", "0"], "--max-frames 0"),
        (["stages", "--clip", "nowhere.mp4"], "'nowhere.mp4'"),
    ],
)
def test_what_makes_no_sense_is_refused_on_one_line(capsys, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1 and words in complaint
