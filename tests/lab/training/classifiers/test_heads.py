"""A network that reads several tasks at once: its targets, its loss and its figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.lab.datasets.base import Sample
from smiledet.lab.training.recipe import Head, makes
from smiledet.tasks.base import get_task

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

EMOTION, EMOTION8, SMILE = (get_task(name) for name in ("emotion", "emotion8", "smile"))


@pytest.fixture
def heads():
    from smiledet.lab.training.classifiers import heads as module

    return module


@pytest.fixture
def several(recipe):
    """Votes for eight classes that answer the seven as well, and smiles with half the weight."""
    return replace(
        recipe,
        data=(),
        heads=(Head("emotion8", ("ferplus:x",), also=("emotion",)), Head("smile", ("genki4k:x",), "both", weight=0.5)),
    )


def sample(name, label, **votes):
    return Sample(Path(name), label, "train", votes=votes)


def test_every_task_of_a_network_is_an_answer(heads, several):
    answers = heads.answers(heads.heads_of(several, SMILE))
    assert [(answer.task.name, answer.name) for answer in answers] == [
        ("emotion8", several.name),
        ("emotion", several.name),
        ("smile", "both"),
    ]
    assert answers[0].outputs == tuple(range(8)) and answers[2].outputs == (8, 9)
    assert [EMOTION8.labels[place] for place in answers[1].outputs] == list(EMOTION.labels)
    assert makes(several, "any") == [f"emotion8/{several.name}", f"emotion/{several.name}", "smile/both"]


def test_what_heads_cannot_do_is_said(heads, several):
    with pytest.raises(UsageError, match="trains emotion8, emotion, smile, not gender"):
        heads.heads_of(several, get_task("gender"))
    with pytest.raises(UsageError, match="cannot answer smile: it has no label"):
        heads.heads_of(replace(several, heads=(Head("emotion8", (), also=("smile",)),)), SMILE)
    weighted = replace(several.schedule, class_weight_power=0.5)
    with pytest.raises(UsageError, match="class_weight_power"):
        heads.heads_of(replace(several, schedule=weighted), SMILE)


def test_classes_are_one_hot_votes_are_shares_and_numbers_are_bells(heads):
    rows = heads.wanted(
        SMILE, [sample("a", "smiling"), sample("b", "not smiling", **{"smiling": 0.25, "not smiling": 0.75})]
    )
    assert rows.tolist() == [[0, 1], [0.75, 0.25]]
    age = get_task("age")
    targets = heads.wanted(
        age, [sample("a", "30"), sample("b", "0"), sample("c", "116"), sample("d", "25", **{"24": 0.5, "26": 0.5})]
    )
    assert targets.shape == (4, 117) and targets.dtype == np.float32
    assert targets.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert targets[:3].argmax(axis=1).tolist() == [30, 0, 116]
    assert targets[0, 29] == pytest.approx(targets[0, 31])
    assert targets[3, [24, 25, 26]].tolist() == [0.5, 0, 0.5]


def test_a_photograph_of_two_heads_is_shown_once_and_one_named_twice_twice(heads, several):
    found = heads.heads_of(several, SMILE)
    photographs, targets = heads.joined(
        found,
        [
            [sample("a", "happy"), sample("b", "fear")],
            [sample("b", "smiling"), sample("c", "smiling"), sample("c", "smiling")],
        ],
    )
    assert [each.image.name for each in photographs] == ["a", "b", "c", "c"]
    assert targets.shape == (4, 10)
    assert targets[:, :8].sum(axis=1).tolist() == [1, 1, 0, 0]
    assert targets[:, 8:].tolist() == [[0, 0], [0, 0.5], [0, 0.5], [0, 0.5]]


def test_a_head_without_an_answer_adds_nothing_to_the_loss(heads):
    loss = heads.heads_loss((2, 3), 0.0)
    said = np.array([[0.5, 0.5, 0.2, 0.3, 0.5]], np.float32)
    for targets, expected in (
        ([1, 0, 0, 0, 0], -np.log(0.5)),
        ([0, 0, 0, 2, 0], -2 * np.log(0.3)),
        ([0.5, 0.5, 0, 0, 1], -2 * np.log(0.5)),
    ):
        assert float(np.asarray(loss(np.array([targets], np.float32), said))[0]) == pytest.approx(expected, rel=1e-5)


def test_smoothing_is_that_of_keras_within_each_head(heads, keras):
    said = np.array([[0.7, 0.3, 0.2, 0.3, 0.5]], np.float32)
    targets = np.array([[1, 0, 0, 1, 0]], np.float32)
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    expected = float(smoothed(targets[:, :2], said[:, :2])) + float(smoothed(targets[:, 2:], said[:, 2:]))
    assert float(np.asarray(heads.heads_loss((2, 3), 0.1)(targets, said))[0]) == pytest.approx(expected, rel=1e-5)


def test_accuracy_is_of_the_photographs_with_an_answer(heads):
    figure = heads.HeadAccuracy(slice(2, 4), "accuracy")
    said = np.array([[0.5, 0.5, 0.9, 0.1], [0.5, 0.5, 0.9, 0.1], [0.5, 0.5, 0.1, 0.9]], np.float32)
    figure.update_state(np.array([[1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0]], np.float32), said)
    assert float(figure.result()) == 0.5


@pytest.mark.parametrize("architecture", ["mini-xception", "mobilenet-025"])
def test_the_heads_of_a_network_stand_on_one_trunk(architecture, keras, tmp_path):
    from smiledet.lab.networks.build import build_network

    network = build_network(architecture, (32, 32, 1), (3, 2))
    said = np.asarray(network(np.zeros((2, 32, 32, 1), np.float32)))
    assert said.shape == (2, 5)
    assert said[:, :3].sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert said[:, 3:].sum(axis=1) == pytest.approx(1, abs=1e-5)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert np.asarray(again(np.zeros((2, 32, 32, 1), np.float32))) == pytest.approx(said, abs=1e-6)


def test_an_architecture_that_takes_no_heads_says_so():
    from smiledet.lab.networks.build import build_network

    with pytest.raises(UsageError, match="resnet-small: the heads"):
        build_network("resnet-small", (48, 48, 1), (3, 2))


def test_a_shipped_network_of_heads_has_a_row_a_task_and_one_set_of_files(several, keras, tmp_path):
    from smiledet.engines.base import load_engine
    from smiledet.lab.networks.build import build_network
    from smiledet.lab.training.export.export import export_to_index, ship
    from smiledet.model_index import read_index
    from smiledet.shared_network import share_networks

    several = replace(several, architecture="mini-xception")
    network = build_network("mini-xception", (several.input.size, several.input.size, 1), (8, 2))
    chosen = {"emotion8/" + several.name: 0.8}
    rows = {row.task: row for row in ship(EMOTION, several, network, tmp_path, temperatures=chosen)}
    assert set(rows) == {"emotion", "emotion8", "smile"}
    assert (rows["emotion8"].temperature, rows["smile"].temperature) == (0.8, 1.0)
    assert {row.files["litert"].path for row in rows.values()} == {f"emotion/{several.name}.tflite"}
    assert rows["smile"].name == "both" and rows["smile"].outputs == (8, 9)

    export_to_index(rows["smile"], network, "onnx")
    read = {row.task: row for row in read_index(tmp_path)}
    assert {row.files["onnx"].path for row in read.values()} == {f"emotion/{several.name}.onnx"}

    tasks = (EMOTION, SMILE)
    (shared,) = share_networks(tasks, read, {row.task: row.file("litert") for row in read.values()})
    chips = np.random.default_rng(1).integers(0, 256, (1, several.input.size, several.input.size, 1), np.uint8)
    engine = load_engine("litert", read["smile"].file("litert"))
    (answer,) = shared.answers(engine.predict(chips))
    engine.close()
    expected = np.asarray(network(chips.astype(np.float32)))[0]
    assert answer["smile"].scores["smiling"] == pytest.approx(float(expected[9]), abs=1e-4)
    seven = expected[list(read["emotion"].outputs)]
    assert answer["emotion"].scores["sad"] == pytest.approx(float(seven[5] / seven.sum()), abs=1e-4)


def test_a_trunk_is_taken_over_by_a_network_of_other_heads(keras, tmp_path, monkeypatch):
    from smiledet.lab.networks.build import build_network
    from smiledet.lab.training.classifiers import train
    from smiledet.model_index import find_model

    shipped = keras.saving.load_model(find_model("gender", "mini-xception").file("keras"), compile=False)
    network = build_network("mini-xception", (None, None, 1), (3, 4))
    train.start_from(network, "gender/mini-xception")
    assert np.array_equal(network.layers[2].get_weights()[0], shipped.layers[2].get_weights()[0])
    ours, theirs = (
        [layer for layer in each.layers if isinstance(layer, keras.layers.SeparableConv2D)]
        for each in (network, shipped)
    )
    assert np.array_equal(ours[-1].get_weights()[1], theirs[-1].get_weights()[1])
    with pytest.raises(UsageError, match="another architecture"):
        train.start_from(build_network("mobilenet-025", (64, 64, 1), (3, 4)), "gender/mini-xception")
