"""What the network looks at, beside a frame."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from smiledet.cli import main
from smiledet.config import load_config
from smiledet.frame import AlignedFace, Box, Face, Frame, Prediction
from smiledet.model_index import find_model
from smiledet.pipeline import Limits, Pipeline
from smiledet.sinks.tally import Tally
from smiledet.sources.demo import DemoSource
from smiledet.workers import aligner, explainer, locator
from smiledet.workers.explainer import RATE, Explained, Explainer, parse_explain
from smiledet.workers.locator import Located

LABELS = find_model("emotion", "mini-xception").labels
HAPPY = {"emotion": Prediction.of(LABELS, [0, 0, 0, 1, 0, 0, 0])}


def a_frame(number, timestamp, *sides):
    """A frame with faces of some sizes, all aligned."""
    frame = Frame(number, 0, timestamp, np.full((240, 320, 3), 90, np.uint8))
    faces = tuple(Face(Box(0, 0, side, side), 1.0, track, Box(0, 0, side, side)) for track, side in enumerate(sides, 1))
    frame.results[locator.STAGE] = Located(faces, np.zeros((240, 320), np.uint8))
    spec = find_model("emotion", "mini-xception").input
    chips = [{spec: np.full((64, 64), 40 * face.track, np.uint8)} for face in faces]
    frame.results[aligner.STAGE] = tuple(zip(faces, (AlignedFace(None, True, each) for each in chips), strict=True))
    return frame


def offer(explainer, frame, answers):
    explainer.offer(frame, frame.results[aligner.STAGE], answers)


@pytest.fixture
def made(monkeypatch):
    """The frames that were explained, and what holds the thread up until it is set."""
    seen, go = [], threading.Event()
    go.set()

    class Network:
        def __init__(self, path):
            pass

        def one(self, output):
            return output

        def explain(self, chip, wanted):
            go.wait(10)
            seen.append((int(chip.flat[0]), wanted))
            return explainer_gradients()

    monkeypatch.setattr(explainer, "GradientNetwork", Network)
    return seen, go


def explainer_gradients():
    from smiledet.engines.gradients import Gradients

    return Gradients(np.ones((4, 4), np.float32), np.ones((64, 64, 1), np.float32))


@pytest.fixture
def waiting():
    """Whoever offers a face waits for its picture."""
    found = Explainer(Explained.by(find_model("emotion", "mini-xception")), "gradcam", every_frame=True)
    yield found
    found.close()


def test_the_largest_face_is_explained_and_its_most_probable_label(waiting, made):
    offer(waiting, a_frame(1, 0.0, 30, 90, 60), (HAPPY,) * 3)
    assert made[0] == [(80, find_model("emotion", "mini-xception").outputs[LABELS.index("happy")])]


def test_the_chosen_face_is_explained_and_the_largest_while_it_is_not_there(waiting, made):
    waiting.chosen = 3
    offer(waiting, a_frame(1, 0.0, 30, 90, 60), (HAPPY,) * 3)
    offer(waiting, a_frame(2, 1.0, 30, 90), (HAPPY,) * 2)
    offer(waiting, a_frame(3, 2.0, 30, 90, 60), (HAPPY,) * 3)
    waiting.chosen = None
    offer(waiting, a_frame(4, 3.0, 30, 90, 60), (HAPPY,) * 3)
    assert [chip for chip, _ in made[0]] == [120, 80, 120, 80]


def test_another_model_takes_its_place_and_none_explains_nothing(waiting, made, monkeypatch):
    opened = []
    network = explainer.GradientNetwork
    monkeypatch.setattr(explainer, "GradientNetwork", lambda path: opened.append(path) or network(path))
    first = waiting.explained
    other = Explained(first.model, first.chip, first.file.with_name("other.tflite"))
    for number, each in enumerate((first, None, other, other)):
        waiting.explained = each
        offer(waiting, a_frame(number, float(number), 50), (HAPPY,))
    assert opened == [first.file, other.file]
    assert len(made[0]) == 3


@pytest.mark.parametrize("begun", [0.0, 1.8e9])
@pytest.mark.parametrize("rate", [30, 60])
def test_as_often_as_the_rate_and_no_more(waiting, made, rate, begun):
    for number in range(2 * rate):
        offer(waiting, a_frame(number, begun + number / rate, 50), (HAPPY,))
    assert 2 * RATE - 1 <= len(made[0]) <= 2 * RATE
    offer(waiting, a_frame(2 * rate, 0.5, 50), (HAPPY,))  # the source began again
    assert len(made[0]) <= 2 * RATE + 1


def test_a_live_frame_that_is_late_is_left_out(made):
    now = [0]
    live = Explainer(Explained.by(find_model("emotion", "mini-xception")), "gradcam", False, lambda: now[0])
    explained = []
    for number, age in enumerate((10, 12, 50, 10, 11)):
        now[0] = age * 1_000_000  # the frames are captured at 0
        offer(live, a_frame(number, float(number), 50), (HAPPY,))
        live._running.result(10)
        explained.append(len(made[0]))
    live.close()
    assert explained == [1, 2, 2, 3, 4]


def test_the_gradients_are_loaded_before_the_first_frame(monkeypatch):
    opened = []
    monkeypatch.setattr(Explainer, "_network_of", lambda self, file: opened.append((file, len(frames))) or Fast())
    frames = []

    class Fast:
        def one(self, output):
            return output

        def explain(self, chip, wanted):
            return explainer_gradients()

    class Frames(Tally):
        def write(self, frame, annotation):
            frames.append(frame.id)

    config = replace(load_config("desktop-cpu").config, tasks=("smile",), explain="smile")
    with DemoSource() as source:
        pipeline = Pipeline(config, source, [Frames()], limits=Limits(max_frames=20))
        pipeline.run()
    assert opened[0] == (pipeline._explainers[""].explained.file, 0) and len(frames) == 20


def test_what_comes_while_it_is_busy_is_left_out(made):
    seen, go = made
    live = Explainer(Explained.by(find_model("emotion", "mini-xception")), "gradcam", every_frame=False)
    go.clear()
    offer(live, a_frame(1, 0.0, 50), (HAPPY,))
    offer(live, a_frame(2, 5.0, 50), (HAPPY,))
    go.set()
    live._running.result(10)
    live.close()
    offer(live, a_frame(3, 9.0, 50), (HAPPY,))
    assert len(seen) == 1


def test_the_picture_stands_beside_the_frame_and_goes_when_it_is_old(waiting, made):
    offer(waiting, a_frame(5, 1.0, 50), (HAPPY,))
    pictures = [waiting.beside(frame, frame.image) for frame in (a_frame(4, 0.9), a_frame(6, 1.1), a_frame(60, 9.0))]
    assert {each.shape for each in pictures} == {(240, 440, 3)}
    assert all((each[:, :320] == 90).all() for each in pictures)
    assert [bool(each[:, 320:].any()) for each in pictures] == [False, True, False]


def test_another_network_is_let_go_by(waiting, made):
    offer(waiting, a_frame(1, 0.0, 50), ({"smile": HAPPY["emotion"]},))
    assert made[0] == []


def test_a_fault_ends_nothing(waiting, monkeypatch, caplog):
    monkeypatch.setattr(explainer, "GradientNetwork", lambda path: 1 / 0)
    offer(waiting, a_frame(1, 0.0, 50), (HAPPY,))
    assert "explaining emotion failed" in caplog.text


@pytest.mark.parametrize("given", ["emotion:", "emotion:cam", ":x"])
def test_an_unknown_kind(given, complaint):
    with complaint("TASK:gradcam"):
        parse_explain(given)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--explain", "age"], "the run reads smile, emotion"),
        (["--explain", "emotion", "--blur"], "take one of the two"),
        (["--explain", "emotion", "--no-images"], "take one of the two"),
        (["--explain", "emotion", "--model", "emotion=mobilenet-075"], "has no gradients yet"),
        (["--explain", "emotion:heat"], "TASK:guided"),
    ],
)
def test_the_command_says_what_is_wrong(flags, said, capsys):
    assert main(["run", "demo", "--no-show", "--max-frames", "3", *flags]) == 2
    assert said in capsys.readouterr().err
