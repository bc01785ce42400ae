"""Other tasks, models, thresholds and detectors while a run goes on."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from smiledet.buffer import FrameBuffer
from smiledet.config import TaskSettings, load_config
from smiledet.errors import UsageError
from smiledet.frame import Frame
from smiledet.pipeline import Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.sources.demo import scene
from smiledet.stage_spec import Policy, StageSpec
from smiledet.stages import locator_maker
from smiledet.supervisor import Stop

LIMIT = 60.0
"""Seconds after which a wait counts as stuck; no passing test comes near."""

BOTH = pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.name.lower())


def frame(number: int) -> Frame:
    return Frame(number, 0, number / 30, np.zeros((2, 2, 3), np.uint8))


def claim(buffer: FrameBuffer, by: str) -> Frame:
    found = buffer.newest(by, timeout=0)
    assert found is not None
    return found


class TestStages:
    @BOTH
    def test_a_stage_that_is_added_begins_with_the_next_frame(self, policy: Policy) -> None:
        buffer = FrameBuffer([StageSpec("a"), StageSpec("c", frozenset({"a"}))], policy)
        buffer.publish(frame(0))
        buffer.add_stage(StageSpec("b", frozenset({"a"})), "c", needed=True)
        buffer.done(claim(buffer, "a"), "a", None)
        assert buffer.newest("b", timeout=0) is None
        buffer.done(claim(buffer, "c"), "c", None)  # of the frame that was there before it does not wait for b
        buffer.publish(frame(1))
        buffer.done(claim(buffer, "a"), "a", None)
        assert buffer.newest("c", timeout=0) is None
        buffer.done(claim(buffer, "b"), "b", None)
        assert claim(buffer, "c").id == 1

    @BOTH
    def test_nobody_waits_for_a_stage_that_is_removed(self, policy: Policy) -> None:
        buffer = FrameBuffer([StageSpec("a"), StageSpec("b"), StageSpec("c", frozenset({"a", "b"}))], policy)
        buffer.publish(frame(0))
        buffer.done(claim(buffer, "a"), "a", None)
        in_hand = claim(buffer, "b")
        buffer.remove_stage("b")
        assert buffer.newest("b", timeout=0) is None and buffer.finished("b")
        buffer.done(in_hand, "b", "too late")
        last = claim(buffer, "c")
        assert "b" not in last.results
        buffer.done(last, "c", None)
        assert buffer.held == 0
        buffer.end()
        assert buffer.finished("c")

    @BOTH
    def test_whoever_waits_for_a_removed_stages_frames_ends(self, policy: Policy) -> None:
        buffer = FrameBuffer([StageSpec("a"), StageSpec("b")], policy)
        found: list[Frame | None] = [frame(9)]
        thread = threading.Thread(target=lambda: found.append(buffer.newest("b", LIMIT)))
        thread.start()
        while not buffer._waiting["b"]:
            pass
        buffer.remove_stage("b")
        thread.join(LIMIT)
        assert found[-1] is None

    @BOTH
    def test_a_stage_may_come_back(self, policy: Policy) -> None:
        buffer = FrameBuffer([StageSpec("a"), StageSpec("b"), StageSpec("c", frozenset({"a", "b"}))], policy)
        buffer.publish(frame(0))
        buffer.done(claim(buffer, "b"), "b", None)
        buffer.remove_stage("b")
        buffer.add_stage(StageSpec("b"), "c", needed=True)
        buffer.publish(frame(1))
        assert claim(buffer, "b").id == 1
        assert buffer.count("b").processed == 1


class Endless(Source):
    """The demo, one picture whenever the test lets it."""

    description = "endless"
    fps = 30.0

    def __init__(self, live: bool) -> None:
        self.live, self.index = live, 0
        self.over = threading.Event()

    def open(self) -> None:
        pass

    def read(self) -> Picture | None:
        self.over.wait(0.05)
        self.index += 1
        return None if self.over.is_set() else Picture(scene(self.index % 60), self.index / 30)

    def close(self) -> None:
        pass


class Tasks(Sink):
    """Waits until the faces of a frame are read by certain tasks."""

    description = "tasks"

    def __init__(self) -> None:
        self.seen: list[set[str]] = []
        self.labels: dict[str, str] = {}
        self.changed = threading.Condition()

    def open(self) -> None:
        pass

    def write(self, frame, annotation) -> None:
        with self.changed:
            for face in annotation.readings:
                self.seen.append(set(face.predictions))
                self.labels = {task: each.label for task, each in face.predictions.items()}
            self.changed.notify_all()

    def close(self) -> None:
        pass

    def wait_for(self, condition) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, LIMIT)


@pytest.mark.parametrize("live", [True, False])
def test_a_run_goes_on_with_other_tasks_models_and_thresholds(live: bool) -> None:
    config = replace(load_config("desktop-cpu").config, tasks=("smile",))
    sources, sink = {"one": Endless(live), "two": Endless(live)}, Tasks()
    pipeline = Pipeline(config, sources, [sink])
    ends: list[object] = []
    run = threading.Thread(target=lambda: ends.append(pipeline.run()))
    run.start()
    try:
        sink.wait_for(lambda: {"smile"} in sink.seen)
        pipeline.switch(replace(config, tasks=("smile", "gender")))
        sink.wait_for(lambda: {"smile", "gender"} in sink.seen)
        assert [task.name for task in pipeline.tasks] == ["smile", "gender"]

        other = {"smile": TaskSettings(model="mobilenet-025"), "gender": TaskSettings(unsure_below=1.0)}
        pipeline.switch(
            replace(config, tasks=("smile", "gender"), task=other, locator=replace(config.locator, min_face=0.2))
        )
        assert pipeline.models["smile"] == "mobilenet-025"
        sink.wait_for(lambda: sink.labels.get("gender") == "unsure")

        with pytest.raises(UsageError, match="no model"):
            pipeline.switch(replace(config, task={"smile": TaskSettings(model="nothing")}))
        pipeline.switch(replace(config, tasks=("gender",)))
        sink.wait_for(lambda: sink.seen[-1] == {"gender"})
    finally:
        for source in sources.values():
            source.over.set()
        run.join(LIMIT)
    why, report = ends[0]
    assert why is Stop.END
    assert report.stages["gender"].failed == report.stages["smile"].failed == report.stages["draw"].failed == 0
    with pytest.raises(UsageError, match="the run is over"):
        pipeline.switch(config)


def test_a_locator_is_made_anew_only_where_something_of_it_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []

    def noted(config, *others):
        make = locator_maker(config, *others)
        return lambda: (made.append(config.locator.min_face), make())[1]

    monkeypatch.setattr("smiledet.pipeline.locator_maker", noted)
    config = replace(load_config("desktop-cpu").config, tasks=("smile",))
    source, sink = Endless(True), Tasks()
    pipeline = Pipeline(config, source, [sink])
    run = threading.Thread(target=pipeline.run)
    run.start()
    try:
        sink.wait_for(lambda: sink.seen)
        pipeline.switch(replace(config, tasks=("gender",)))
        assert made == []
        pipeline.switch(replace(config, tasks=("gender",), locator=replace(config.locator, min_face=0.2)))
        assert made[0] == 0.2
    finally:
        source.over.set()
        run.join(LIMIT)


def test_where_nothing_is_dropped_the_drawer_waits_for_a_network_that_came_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every picture that was taken after it came is shown with what it read, and in its place none was left behind."""
    config = replace(load_config("desktop-cpu").config, tasks=("smile",))
    source, seen = Endless(False), []

    class Kept(Tasks):
        def write(self, frame, annotation) -> None:
            seen.append((frame.id, set(frame.results)))
            super().write(frame, annotation)

    sink = Kept()
    pipeline = Pipeline(config, source, [sink])
    run = threading.Thread(target=pipeline.run)
    run.start()
    try:
        sink.wait_for(lambda: sink.seen)
        pipeline.switch(replace(config, tasks=("smile", "gender")))
        taken = pipeline.buffer.published
        sink.wait_for(lambda: seen[-1][0] >= taken + 5)
    finally:
        source.over.set()
        run.join(LIMIT)
    assert [number for number, _ in seen] == list(range(len(seen)))
    assert all("gender" in stages for number, stages in seen if number > taken)


def test_what_is_explained_follows_the_model_that_reads_it() -> None:
    config = replace(load_config("desktop-cpu").config, tasks=("smile",), explain="smile")
    other = replace(config, task={"smile": TaskSettings(model="mobilenet-025")})
    source, sink = Endless(True), Tasks()
    pipeline = Pipeline(config, source, [sink])
    (explainer,) = pipeline._explainers.values()
    run = threading.Thread(target=pipeline.run)
    run.start()
    try:
        sink.wait_for(lambda: sink.seen)
        with pytest.raises(UsageError, match="smile/mobilenet-025 has no gradients yet"):
            pipeline.switch(other)
        assert pipeline.models["smile"] != "mobilenet-025"
        pipeline.switch(replace(config, tasks=("gender",)))
        assert explainer.explained is None
        pipeline.switch(config)
        assert explainer.explained is not None and explainer.explained.model.name == pipeline.models["smile"]
        pipeline.choose("", 2)
        assert pipeline.chosen == {"": 2}
        with pytest.raises(UsageError, match="no source 'attic'"):
            pipeline.choose("attic", 1)
    finally:
        source.over.set()
        run.join(LIMIT)
