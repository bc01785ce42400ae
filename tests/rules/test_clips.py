"""Clips with what came before."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.drawing.jpeg import jpeg
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, Box, Face, FaceReading, Frame
from smiledet.rules.actions import ActionRunner, Event, save_clip
from smiledet.rules.clips import Clip, Kept, Ring, write_clip
from smiledet.rules.settings import RuleSettings
from smiledet.rules.sink import RuleSink

BOX = Box(2, 2, 9, 9)
FACE = FaceReading(Face(BOX, 1.0, 1, BOX), {})


def play(rule: RuleSettings, faces: Any, seconds: float, fps: int = 10) -> None:
    """Frames whose brightness is their time; there is a face where `faces` says so."""
    sink = RuleSink([rule], [], "demo", ActionRunner())
    for number in range(round(seconds * fps)):
        now = number / fps
        image = np.full((48, 64, 3), 10 * now, np.uint8)
        sink.write(Frame(number, 0, now, image), Annotation(image, (FACE,) if faces(now) else ()))
    sink.close()


def times(path: Path) -> list[float]:
    """When the frames of a clip were taken, from their brightness."""
    with av.open(str(path)) as opened:
        return [frame.to_ndarray(format="bgr24").mean() / 10 for frame in opened.decode(video=0)]


def test_a_clip_begins_before_and_ends_after(tmp_path: Path) -> None:
    rule = RuleSettings("face", hold=0.0, clip=str(tmp_path), before=2.0, after=1.0)
    play(rule, lambda now: 8 <= now < 8.5, 15)
    (path,) = tmp_path.glob("*.mp4")
    found = times(path)
    assert len(found) == 31
    assert found[0] == pytest.approx(6, abs=0.4)
    assert found[-1] == pytest.approx(9, abs=0.4)


def test_what_is_seen_meanwhile_makes_the_clip_longer(tmp_path: Path) -> None:
    rule = RuleSettings("face", hold=0.0, cooldown=0.0, clip=str(tmp_path), before=1.0, after=2.0)
    play(rule, lambda now: 5 <= now < 5.2 or 6.5 <= now < 6.7, 12)
    (path,) = tmp_path.glob("*.mp4")
    assert len(times(path)) == pytest.approx(46, abs=1)


def test_no_clip_takes_the_place_of_another(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    told = {"rule": "face", "time": "2026-05-01T10:00:00.000+00:00", "frame": 7}
    save = save_clip(tmp_path, [Kept(0.0, jpeg(image)), Kept(0.1, jpeg(image))])
    for _ in range(3):
        save(Event(told, image, image))
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(SmiledetError, match="File exists"):
        write_clip(next(tmp_path.iterdir()), [Kept(0.0, jpeg(image))])


def test_the_end_of_a_run_ends_a_clip(tmp_path: Path) -> None:
    rule = RuleSettings("face", hold=0.0, clip=str(tmp_path), before=1.0, after=60.0)
    play(rule, lambda now: now >= 3, 5)
    (path,) = tmp_path.glob("*.mp4")
    assert len(times(path)) == 30
    assert [each.name for each in tmp_path.iterdir()] == [path.name], "nothing half lies beside it"


def test_the_ring_is_bounded_in_bytes_and_in_seconds() -> None:
    ring = Ring(5.0, most_bytes=1000)
    for number in range(100):
        ring.add(Kept(number / 10, b"x" * 100))
        assert ring.bytes <= 1000
    assert [frame.timestamp for frame in ring.since(0)] == pytest.approx([9 + step / 10 for step in range(10)])
    ring.add(Kept(20.0, b"x"))
    assert len(ring.since(0)) == 1
    ring.add(Kept(1.0, b"y"))  # the source began anew
    assert [frame.data for frame in ring.since(0)] == [b"y"]


def test_a_clip_that_grows_too_large_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smiledet.rules.clips.MOST_BYTES", 500)
    clip = Clip([], 1e9)
    taken = [clip.take(Kept(float(number), b"x" * 100)) for number in range(12)]
    assert taken.index(True) == 10


def test_encoding_does_not_delay_the_frames(tmp_path: Path) -> None:
    """A clip is encoded beside: the sink takes frames while an earlier action still waits."""
    runner, go = ActionRunner(at_once=1), threading.Event()
    rule = RuleSettings("face", hold=0.0, clip=str(tmp_path), before=0.5, after=0.0)
    sink = RuleSink([rule], [], "demo", runner)
    image = np.zeros((48, 64, 3), np.uint8)

    def wait(_: Event) -> None:
        go.wait(20)

    runner.start("wait", wait, Event({"rule": "wait"}, image, image))
    for number in range(20):
        sink.write(Frame(number, 0, number / 10, image), Annotation(image, (FACE,)))
    assert list(tmp_path.iterdir()) == []
    go.set()
    runner._threads.shutdown(wait=True)
    assert len(list(tmp_path.glob("*.mp4"))) == 1
    sink.close()


def test_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    assert main(["run", "demo", "--no-show", "-q", "--max-frames", "20", "--on", f"face:clip={folder}"]) == 0
    (path,) = folder.iterdir()
    with av.open(str(path)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 20
