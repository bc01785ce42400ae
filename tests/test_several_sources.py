"""Several sources in one run: whose turn it is, whose frames are whose, and what the end of one does to the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import smiledet
from smiledet.buffer import FrameBuffer
from smiledet.buffer_group import BufferGroup
from smiledet.config import load_config
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Frame
from smiledet.pipeline import Limits, Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import DemoSource, scene
from smiledet.sources.pacing import Paced
from smiledet.stage_spec import Policy, StageSpec
from smiledet.supervisor import Stop
from smiledet.turns import Turns
from smiledet.workers.base import FaultPolicy
from smiledet.workers.locator import LocatorWorker

LIMIT = 30.0
"""Seconds after which a wait counts as stuck; no passing test comes near."""


def frame(number: int, source: str) -> Frame:
    return Frame(number, 0, number / 30, np.zeros((2, 2, 3), np.uint8), source=source)


def group(policy: Policy, *names: str, at_once: int | None = None) -> BufferGroup:
    turns = Turns(at_once)
    return BufferGroup({name: FrameBuffer([StageSpec("read")], policy, turns=turns) for name in names})


class TestTurns:
    def test_a_source_with_many_frames_does_not_starve_the_others(self) -> None:
        buffers = group(Policy.EVERY_FRAME, "quick", "slow", "third")
        for number in range(5):
            buffers.sources["quick"].publish(frame(number, "quick"))
        buffers.sources["slow"].publish(frame(0, "slow"))
        buffers.sources["third"].publish(frame(0, "third"))
        order = []
        for _ in range(7):
            claimed = buffers.newest("read", timeout=0)
            assert claimed is not None
            order.append(claimed.source)
            buffers.done(claimed, "read", None)
        assert order == ["quick", "slow", "third", "quick", "quick", "quick", "quick"]

    def test_a_live_source_that_renews_its_frame_all_the_time_waits_for_its_turn(self) -> None:
        buffers = group(Policy.LIVE, "a", "b")
        order = []
        for number in range(6):
            for name, buffer in buffers.sources.items():
                buffer.publish(frame(number, name))
            claimed = buffers.newest("read", timeout=0)
            assert claimed is not None
            order.append(claimed.source)
            buffers.done(claimed, "read", None)
        assert order == ["a", "b", "a", "b", "a", "b"]

    def test_a_batch_holds_the_newest_of_each_source(self) -> None:
        buffers = group(Policy.LIVE, "a", "b", "c")
        for number in range(3):
            buffers.sources["a"].publish(frame(number, "a"))
        buffers.sources["c"].publish(frame(0, "c"))
        assert [(each.source, each.id) for each in buffers.batch("read")] == [("a", 2), ("c", 0)]
        for buffer in buffers.sources.values():
            buffer.end()
        assert buffers.batch("read") == []

    def test_who_waits_is_woken_by_whichever_source_comes_and_forgotten_by_the_others(self) -> None:
        buffers = group(Policy.LIVE, "a", "b")
        found: list[Frame | None] = []
        for name in ("b", "a", "b"):
            thread = threading.Thread(target=lambda: found.append(buffers.newest("read", LIMIT)))
            thread.start()
            while not buffers.sources["a"]._waiting["read"]:
                pass
            buffers.sources[name].publish(frame(len(found), name))
            thread.join(LIMIT)
            assert found[-1] is not None and found[-1].source == name
            assert [buffer._waiting["read"] for buffer in buffers.sources.values()] == [[], []]

    def test_the_end_comes_with_the_last_source(self) -> None:
        buffers = group(Policy.EVERY_FRAME, "a", "b")
        found: list[Frame | None] = []
        thread = threading.Thread(target=lambda: found.append(buffers.newest("read", LIMIT)))
        thread.start()
        buffers.sources["a"].end()
        assert not buffers.finished("read") and thread.is_alive()
        buffers.sources["b"].end()
        thread.join(LIMIT)
        assert found == [None] and buffers.finished("read")

    def test_all_sources_together_keep_to_how_many_work_at_once(self) -> None:
        buffers = group(Policy.EVERY_FRAME, "a", "b", "c", at_once=2)
        for name, buffer in buffers.sources.items():
            buffer.publish(frame(0, name))
        taken: list[Frame | None] = []
        turn, over = threading.Semaphore(0), threading.Event()  # an ended thread's number may be given to the next

        def work(name: str) -> None:
            taken.append(buffers.sources[name].newest("read", 0))
            turn.release()
            over.wait(LIMIT)

        for name in ("a", "b", "c"):
            threading.Thread(target=work, args=(name,)).start()
            assert turn.acquire(timeout=LIMIT)
        over.set()
        assert [each is not None for each in taken] == [True, True, False]

    def test_who_steps_back_makes_room_for_others(self) -> None:
        buffers = group(Policy.EVERY_FRAME, "a", "b", "c", at_once=2)
        for name, buffer in buffers.sources.items():
            buffer.publish(frame(0, name))
        go = {name: threading.Event() for name in "ab"}
        taken = {name: threading.Event() for name in "ab"}
        stepped = threading.Event()

        def work(name: str) -> None:
            assert buffers.sources[name].newest("read", 0) is not None
            taken[name].set()
            assert go[name].wait(LIMIT)
            buffers.step_back()
            stepped.set()

        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        assert all(each.wait(LIMIT) for each in taken.values())
        assert buffers.newest("read", 0) is None
        go["a"].set()
        assert stepped.wait(LIMIT)
        assert (claimed := buffers.newest("read", 0)) is not None and claimed.source == "c"
        go["b"].set()
        for thread in threads:
            thread.join(LIMIT)


class TestGroup:
    """What is asked of a group is the sum of its buffers, and what is told to it reaches all or the right one."""

    def filled(self) -> BufferGroup:
        buffers = group(Policy.LIVE, "a", "b")
        for number in range(3):
            buffers.sources["a"].publish(frame(number, "a"))
        buffers.sources["b"].publish(frame(0, "b"))
        return buffers

    def test_frames_are_handed_back_to_their_own_source(self) -> None:
        buffers = self.filled()
        first, second = buffers.batch("read")
        buffers.done(first, "read", 1)
        buffers.failed(second, "read")
        counts = {name: buffer.count("read") for name, buffer in buffers.sources.items()}
        assert (counts["a"].processed, counts["a"].failed, counts["b"].processed, counts["b"].failed) == (1, 0, 0, 1)
        assert (buffers.of(first), buffers.of(second)) == (buffers.sources["a"], buffers.sources["b"])
        whole = buffers.count("read")
        assert (whole.processed, whole.failed, whole.total_dropped) == (1, 1, 2)
        assert (buffers.counts(), buffers.published) == ({"read": whole}, 4)
        assert [len(buffers.counts(ages)["read"].ages_ns) for ages in (0, 1)] == [0, 1]
        assert len(buffers.count("read", 0).ages_ns) == 0

    def test_a_group_of_one_is_that_buffer(self) -> None:
        buffers = group(Policy.LIVE, "a")
        buffers.sources["a"].publish(frame(0, "elsewhere"))  # frames of the only source need not name it
        (taken,) = buffers.batch("read")
        buffers.done(taken, "read", None)
        buffers.sources["a"].end()
        assert buffers.batch("read") == [] and buffers.finished("read") and buffers.published == 1

    def test_closing_and_settling_are_of_all(self) -> None:
        buffers = self.filled()
        assert buffers.newest("read", 0) is not None
        buffers.close()
        assert not any(buffer.publish(frame(9, name)) for name, buffer in buffers.sources.items())
        assert buffers.newest("read") is None
        buffers.settle()
        assert {name: buffer.count("read").total_dropped for name, buffer in buffers.sources.items()} == {
            "a": 3,
            "b": 1,
        }

    def test_stages_that_only_some_have(self) -> None:
        buffers = self.filled()
        buffers.sources["b"].add_stage(StageSpec("write"), "read", needed=False)
        assert buffers.has("write") and not buffers.has("nothing")
        assert buffers.count("write").processed == 0
        buffers.sources["b"].end()
        assert buffers.finished("write") and not buffers.finished("read")


class Kept(Sink):
    """Keeps the numbers of the frames of each source, and how many faces they had."""

    description = "kept"

    def __init__(self, of_source: str | None = None) -> None:
        self.of_source = of_source
        self.frames: dict[str, list[int]] = {}
        self.tracks: dict[str, set[int]] = {}

    def open(self) -> None:
        pass

    def write(self, frame, annotation) -> None:
        self.frames.setdefault(frame.source, []).append(frame.id)
        self.tracks.setdefault(frame.source, set()).update(face.track for face in annotation.readings)

    def close(self) -> None:
        pass


class Broken(Source):
    """Some pictures of the demo, then a fault, as soon as another thread allows it."""

    description = "broken"
    live = False
    fps = 30.0

    def __init__(self, count: int) -> None:
        self.pictures: Iterator[Picture] = iter([Picture(scene(index), index / 30) for index in range(count)])
        self.may_break = threading.Event()
        self.may_break.set()

    def open(self) -> None:
        pass

    def read(self) -> Picture | None:
        picture = next(self.pictures, None)
        if picture is None:
            assert self.may_break.wait(LIMIT)
            raise SmiledetError("the camera was unplugged")
        return picture

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def config():
    return replace(load_config("desktop-cpu").config, tasks=("smile",))


def demo(frames: int) -> Source:
    source = DemoSource(frames / 30)
    source.open()
    return source


def test_each_source_is_read_as_it_is_alone(config) -> None:
    alone, both, only = Kept(), Kept(), Kept("yard")
    Pipeline(config, demo(20), [alone]).run()
    why, report = Pipeline(config, {"hall": demo(20), "yard": demo(8)}, [both, only]).run()
    assert why is Stop.END
    assert both.frames == {"hall": list(range(20)), "yard": list(range(8))}
    assert both.tracks["hall"] == alone.tracks[""] == both.tracks["yard"] != set()
    assert only.frames == {"yard": list(range(8))}
    assert (report.published, report.drawn, report.stages["smile"].processed) == (28, 28, 28)
    assert {name: each.drawn for name, each in report.sources.items()} == {"hall": 20, "yard": 8}
    assert not report.lost


def test_limits_are_of_each_source(config) -> None:
    kept = Kept()
    Pipeline(config, {"hall": demo(20), "yard": demo(20)}, [kept], limits=Limits(max_frames=3)).run()
    assert kept.frames == {"hall": [0, 1, 2], "yard": [0, 1, 2]}


def test_a_camera_beside_a_clip(config) -> None:
    """The clip loses nothing, and the camera's frames are drawn or counted."""
    camera = Paced(DemoSource(0.5))
    camera.open()
    kept = Kept()
    _, report = Pipeline(config, {"camera": camera, "clip": demo(12)}, [kept]).run()
    assert kept.frames["clip"] == list(range(12))
    count = report.sources["camera"].stages["draw"]
    assert count.processed + count.total_dropped == 15


def test_the_loss_of_one_source_does_not_end_the_others(config) -> None:
    kept = Kept()
    why, report = Pipeline(config, {"hall": demo(20), "gone": Broken(3)}, [kept]).run()
    assert why is Stop.END
    assert kept.frames == {"hall": list(range(20)), "gone": [0, 1, 2]}
    assert {name: str(problem) for name, problem in report.lost.items()} == {"gone": "the camera was unplugged"}


def test_the_loss_of_the_last_source_is_a_fault(config) -> None:
    with pytest.raises(SmiledetError, match="the camera was unplugged"):
        Pipeline(config, {"one": Broken(3), "two": Broken(2)}).run()


def test_a_stage_that_gives_up_ends_its_source_alone(config, monkeypatch) -> None:
    process = LocatorWorker.process
    failing = replace(config, faults=FaultPolicy(failures=1, restarts=0))

    def fail(self, frame):
        if frame.source == "odd":
            raise ValueError("no such picture")
        return process(self, frame)

    monkeypatch.setattr(LocatorWorker, "process", fail)
    kept = Kept()
    why, report = Pipeline(failing, {"even": demo(15), "odd": demo(300)}, [kept]).run()
    assert why is Stop.END
    assert kept.frames["even"] == list(range(15))
    assert list(report.lost) == ["odd"]


def test_a_fault_in_a_batch_is_of_the_frame_that_has_it(config, monkeypatch) -> None:
    from smiledet.workers.classifier import ClassifierWorker

    process = ClassifierWorker.process_batch

    def fail(self, frames):
        if any(each.source == "odd" for each in frames):
            raise ValueError("no such face")
        return process(self, frames)

    monkeypatch.setattr(ClassifierWorker, "process_batch", fail)
    tolerant = replace(config, faults=FaultPolicy(failures=1000, restarts=0))
    _, report = Pipeline(tolerant, {"even": demo(10), "odd": demo(10)}).run()
    counts = {name: each.stages["smile"] for name, each in report.sources.items()}
    assert {name: (count.processed, count.failed) for name, count in counts.items()} == {
        "even": (10, 0),
        "odd": (0, 10),
    }


def test_no_source_and_a_sink_of_none_are_refused(config) -> None:
    with pytest.raises(UsageError, match="there is no source"):
        Pipeline(config, {})
    with pytest.raises(UsageError, match="kept: there is no source 'attic'"):
        Pipeline(config, {"hall": demo(2)}, [Kept("attic")])


def test_the_window_shows_the_sources_side_by_side(config) -> None:
    class Window:
        def __init__(self) -> None:
            self.shown = []

        def show(self, image) -> None:
            self.shown.append(image.copy())

        def poll(self, wait_ms=1) -> bool:
            return False

        def close(self) -> None:
            pass

    window = Window()
    Pipeline(config, {"a": demo(3), "b": demo(3), "c": demo(3)}, window=window).run()
    assert len(window.shown) == 9
    assert {image.shape for image in window.shown} == {(960, 1280, 3)}
    last = window.shown[-1]
    assert all(last[y : y + 480, x : x + 640].any() for y, x in ((0, 0), (0, 640), (480, 0)))
    assert not last[480:, 640:].any()


def test_a_click_into_the_window_chooses_the_face_that_is_explained(config) -> None:
    class Clicked:
        """Clicks the smaller face of the second source once it is shown, and beside all faces at the end."""

        def __init__(self) -> None:
            self.pipeline: Pipeline | None = None
            self.chosen: list[dict[str, int | None]] = []

        def show(self, image) -> None:
            pass

        def poll(self, wait_ms=1) -> bool:
            return False

        def take_click(self):
            assert self.pipeline is not None
            self.chosen.append(self.pipeline.chosen)
            faces = self.pipeline._window._shown.get("b")
            if not faces:
                return None
            box = min((face.box for face in faces), key=lambda each: each.area)
            if self.pipeline.chosen["b"] is not None:
                return (1270, 340)
            scale = 640 / (640 + 240)  # half of the window's 1280 pixels for the picture and what stands beside it
            return (640 + scale * box.centre[0], scale * box.centre[1])

        def close(self) -> None:
            pass

    window = Clicked()
    sources = {"a": demo(12), "b": demo(12)}
    window.pipeline = Pipeline(replace(config, explain="smile"), sources, window=window)
    window.pipeline.run()
    assert {each["a"] for each in window.chosen} == {None}
    seen = [each["b"] for each in window.chosen]
    chosen = next(each for each in seen if each is not None)
    assert None in seen[seen.index(chosen) :], "a click beside all faces takes the largest again"


def test_watching_several() -> None:
    seen = Counter()
    for reading in smiledet.watch(["demo", "demo"], tasks=["smile"], max_frames=4):
        seen[reading.source, reading.frame] += 1
        assert reading.to_dicts()[0]["source"] == reading.source
    assert seen == Counter({(name, number): 1 for name in ("demo", "demo 2") for number in range(4)})
    with pytest.raises(UsageError, match="there is no source to watch"):
        smiledet.watch([])
