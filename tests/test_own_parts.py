"""A sink, a source and a task of one's own, with the names of the package's root alone; the guide shows these."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import smiledet
from smiledet.model_index import find_model
from smiledet.sources.demo import scene


class SmileCounter(smiledet.Sink):
    """Counts the frames in which somebody smiles."""

    description = "smile counter"

    def open(self):
        self.smiles = 0

    def write(self, frame, annotation):
        self.smiles += any(face.smile.label == "smiling" for face in annotation.readings if "smile" in face.predictions)

    def close(self):
        print(f"{self.smiles} frames with a smile")


class ListSource(smiledet.Source):
    """Pictures from memory, ten a second."""

    description, live, fps = "a list", False, 10.0

    def __init__(self, images):
        self.images = images

    def open(self):
        self.left = iter(enumerate(self.images))

    def read(self):
        number, image = next(self.left, (None, None))
        return None if image is None else smiledet.Picture(image, timestamp=number / self.fps)

    def close(self):
        pass


def read_presents(network, picture):
    """A task of one's own, read by a network of one's own: a .tflite or .onnx file with two outputs."""
    smiledet.register_task("presents", labels=("none", "some"))
    with smiledet.FaceReader(tasks=["presents"], model={"presents": str(network)}) as reader:
        return [(face.presents.label, face.presents.score) for face in reader.read(picture)]


@pytest.mark.parametrize("part", [SmileCounter, ListSource, read_presents])
def test_it_takes_less_than_twenty_lines(part):
    assert len([line for line in inspect.getsource(part).splitlines() if line.strip()]) < 20


def test_a_source_of_ones_own_is_watched():
    source = ListSource([scene(number) for number in range(12)])
    readings = list(smiledet.watch(source, tasks=["smile"]))
    assert [reading.time for reading in readings] == [number / 10 for number in range(12)]
    assert [face.smile.label for face in readings[-1]] == ["smiling", "not smiling"]


def test_a_source_and_a_sink_of_ones_own_in_a_pipeline(capsys):
    counter = SmileCounter()
    with ListSource([scene(number) for number in range(12)]) as source:
        why, report = smiledet.Pipeline(smiledet.Config(tasks=("smile",)), source, [counter]).run()
    assert why.value == "end of input" and report.published == 12
    assert 0 < counter.smiles <= 12
    assert capsys.readouterr().out == f"{counter.smiles} frames with a smile\n"


def test_a_sink_may_keep_what_it_is_handed():
    class Keeper(SmileCounter):
        def write(self, frame, annotation):
            self.kept = (frame.image.copy(), annotation.image.copy())

    keeper = Keeper()
    with ListSource([scene(number) for number in range(9)]) as source:
        smiledet.Pipeline(smiledet.Config(tasks=("smile",)), source, [keeper]).run()
    assert np.array_equal(keeper.kept[0], scene(8)) and not np.array_equal(*keeper.kept)


@pytest.mark.parametrize("others", [(False,), (False, True)], ids=str)
def test_nothing_is_drawn_that_no_sink_uses(others):
    class Keeper(SmileCounter):
        def write(self, frame, annotation):
            self.smiles += any(face.predictions for face in annotation.readings)
            self.kept = (frame.image.copy(), annotation.image.copy())

    keepers = [Keeper() for _ in others]
    for keeper, uses in zip(keepers, others, strict=True):
        keeper.uses_drawing = uses
    with ListSource([scene(number) for number in range(9)]) as source:
        smiledet.Pipeline(smiledet.Config(tasks=("smile",)), source, keepers).run()
    for keeper in keepers:
        assert keeper.smiles and np.array_equal(*keeper.kept) == (True not in others)


def test_a_task_of_ones_own(tmp_path):
    network = tmp_path / "presents.tflite"
    network.write_bytes(find_model("smile", "mini-xception").file("litert").read_bytes())
    answers = read_presents(network, scene(0))
    assert [label for label, _ in answers] == ["some", "none"]  # its outputs are "not smiling" and "smiling"
    assert all(0.5 <= score <= 1 for _, score in answers)
