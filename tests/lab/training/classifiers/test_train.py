"""Real trainings, tiny, on dark and bright mouths.

What does not depend on the architecture is tried with a network of one layer, run eagerly: tracing takes seconds.
"""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from smiledet.frame import ChipSpec
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.training.recipe import Finish, Head, TeacherRecipe
from smiledet.tasks.base import get_task

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

TASK = get_task("smile")


def log_of(output):
    with (output / "log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def train():
    from smiledet.lab.training.classifiers import train as module

    return module


def test_a_training_uses_the_training_split_alone(trained, recipe, data_folder):
    samples = [
        sample for source in recipe.data for sample in read_samples(source.replace(":", f":{data_folder}/", 1))[1]
    ]
    assert len(samples) == 64
    assert trained.seen["samples"] == sum(sample.split == "train" for sample in samples) == 52
    assert (trained.seen["validation"], trained.seen["missed"]) == (0, 0)


def test_a_training_learns(trained):
    log = log_of(trained.output)
    assert [row["epoch"] for row in log] == ["0", "1", "2"]
    losses = [float(row["loss"]) for row in log]
    assert losses[-1] < 0.9 * losses[0]
    assert trained.seen["loss"] == pytest.approx(losses[-1])
    assert trained.seen["accuracy"] > 0.7
    assert json.loads((trained.output / "seen.json").read_text()) == trained.seen


def test_the_network_that_is_kept_has_the_side_of_its_recipe(trained, keras):
    assert trained.network.input_shape == (None, 32, 32, 1)
    kept = keras.saving.load_model(trained.output / "model.keras")
    for one, other in zip(kept.get_weights(), trained.network.get_weights(), strict=True):
        assert np.array_equal(one, other)


def one_layer(architecture, input_shape, classes, *_):
    from keras import Input, Model, layers

    pixels = Input(input_shape)
    features = layers.Conv2D(4, 5, strides=2, activation="relu")(layers.Rescaling(1 / 127.5, offset=-1)(pixels))
    features = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(features))
    return Model(pixels, layers.Dense(classes, activation="softmax")(features))


def eager(network):
    network.run_eagerly = True
    return network


@pytest.fixture(scope="module")
def long_recipe(recipe):
    """Three phases: small chips, full size, and the photographs alone."""
    schedule = replace(recipe.schedule, epochs=3, small_epochs=2, small_side=24, validation=0.15)
    return replace(recipe, schedule=schedule, finish=(Finish(("genki4k:genki4k",), epochs=2, learning_rate=1e-2),))


@pytest.fixture(scope="module")
def study(keras, long_recipe, data_folder, tmp_path_factory):
    """Trains the network of one layer, in a folder of its own where none is given."""
    from smiledet.lab.training.classifiers import train as module

    compiled = module.compiled

    def run(output=None, recipe=long_recipe):
        output = output or tmp_path_factory.mktemp("runs")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "build_network", one_layer)
            patch.setattr(module, "compiled", lambda *given: eager(compiled(*given)))
            network, seen = module.train_classifier(TASK, recipe, data_folder, output)
        return SimpleNamespace(network=network, seen=seen, output=output)

    return run


@pytest.fixture(scope="module")
def uninterrupted(study):
    return study()


EPOCHS = ["0", "1", "2", "0", "1"]
"""The log of the long recipe: the last phase counts anew."""


def test_a_training_runs_through_its_phases(uninterrupted):
    log = log_of(uninterrupted.output)
    assert [row["epoch"] for row in log] == EPOCHS
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(log[0])
    for name in ("loss", "val_loss"):
        assert uninterrupted.seen[name] == pytest.approx(float(log[-1][name]))
    assert uninterrupted.seen["validation"] > 0
    assert uninterrupted.seen["samples"] + uninterrupted.seen["validation"] == 52


def test_a_training_that_is_done_is_not_repeated(uninterrupted, study):
    again = study(uninterrupted.output)
    assert [row["epoch"] for row in log_of(uninterrupted.output)] == EPOCHS
    for one, other in zip(again.network.get_weights(), uninterrupted.network.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert again.seen == uninterrupted.seen


@pytest.mark.parametrize("done", [1, 2, 4])
def test_an_interrupted_training_goes_on_where_it_stopped(done, uninterrupted, study, train, tmp_path, monkeypatch):
    begin, left = train.AugmentedChips.begin, [done]

    def interrupted(self, epoch):
        # A data set begins with epoch 0 when it is made: that one is not trained on.
        if hasattr(self, "_order"):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
        begin(self, epoch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train.AugmentedChips, "begin", interrupted)
        study(tmp_path)
    assert [row["epoch"] for row in log_of(tmp_path)] == EPOCHS[:done]
    assert not (tmp_path / "model.keras").exists()

    resumed = study(tmp_path)
    assert [row["epoch"] for row in log_of(tmp_path)] == EPOCHS
    # As if nothing had happened: weights, their running mean, the optimiser's state and the augmentation go on.
    for one, other in zip(resumed.network.get_weights(), uninterrupted.network.get_weights(), strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-6)
    assert resumed.seen["loss"] == pytest.approx(uninterrupted.seen["loss"], rel=1e-5)


@pytest.fixture(scope="module")
def short_recipe(long_recipe):
    """One epoch and nothing after it."""
    return replace(long_recipe, schedule=replace(long_recipe.schedule, epochs=1, small_epochs=0), finish=())


@pytest.fixture(scope="module")
def short(study, short_recipe):
    return study(recipe=short_recipe)


def test_frozen_layers_stay_as_the_phase_before_left_them(short, short_recipe, study):
    assert [row["epoch"] for row in log_of(short.output)] == ["0"]
    # Pixels, scaling and the convolution are the first three layers.
    finish = Finish(("genki4k:genki4k",), epochs=1, learning_rate=1e-2, frozen_layers=3)
    frozen = study(recipe=replace(short_recipe, finish=(finish,)))
    assert [row["epoch"] for row in log_of(frozen.output)] == ["0", "0"]
    same = [
        np.array_equal(before, after)
        for before, after in zip(short.network.get_weights(), frozen.network.get_weights(), strict=True)
    ]
    assert same[:2] == [True, True] and not any(same[2:])


def weights_of(run):
    return run.network.get_weights()


def test_each_phase_freezes_its_own_layers(short, short_recipe, study):
    """The first keeps the convolution as it was, the second trains it again."""
    kept, free = (Finish(("genki4k:genki4k",), 1, learning_rate=1e-2, frozen_layers=count) for count in (3, 0))
    both = study(recipe=replace(short_recipe, finish=(kept, free)))
    assert [row["epoch"] for row in log_of(both.output)] == ["0", "0", "0"]
    assert not np.allclose(weights_of(both)[0], weights_of(short)[0], atol=1e-4)


def test_a_finish_learns_at_its_own_rate(short, short_recipe, study):
    """At hardly any, nothing but what batch normalisation counts is other than before."""
    finish = Finish(("genki4k:genki4k",), epochs=1, learning_rate=1e-9)
    still = study(recipe=replace(short_recipe, finish=(finish,)))
    for before, after, variable in zip(weights_of(short), weights_of(still), still.network.weights, strict=True):
        assert "moving" in variable.name or np.allclose(before, after, atol=1e-5), variable.path


def test_a_class_weighs_what_the_recipe_says(short_recipe, study, train, monkeypatch):
    """Where no class has any weight, no answer costs anything."""
    given = []

    def weightless(targets, power):
        given.append(power)
        return {0: 0.0, 1: 0.0}

    monkeypatch.setattr(train, "class_weights", weightless)
    run = study(recipe=replace(short_recipe, schedule=replace(short_recipe.schedule, class_weight_power=0.5)))
    assert given == [0.5] and run.seen["loss"] == 0


def test_new_figures_take_the_place_of_old_ones(short_recipe, study, tmp_path):
    (tmp_path / "seen.json").write_text(json.dumps({"loss": 99.0, "samples": 1, "of before": 7}))
    run = study(tmp_path, short_recipe)
    assert run.seen["loss"] < 99 and run.seen["samples"] > 1
    assert run.seen["of before"] == 7
    assert json.loads((tmp_path / "seen.json").read_text()) == run.seen


def test_the_seed_and_nothing_else_tells_the_training(short, short_recipe, study):
    random.seed(99)  # what others draw from the global generators must not matter
    np.random.seed(99)
    again = study(recipe=short_recipe)
    for one, other in zip(short.network.get_weights(), again.network.get_weights(), strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-6)
    reseeded = study(recipe=replace(short_recipe, schedule=replace(short_recipe.schedule, seed=2)))
    assert not np.allclose(short.network.get_weights()[0], reseeded.network.get_weights()[0], atol=1e-3)


def test_nothing_need_be_held_back(study, long_recipe):
    schedule = replace(long_recipe.schedule, epochs=1, small_epochs=1, validation=0.0, weight_average=0.0)
    plain = study(recipe=replace(long_recipe, schedule=schedule, finish=()))
    assert plain.seen["validation"] == 0 and "val_loss" not in plain.seen


def test_labels_of_another_task_are_named(train, recipe, data_folder, tmp_path, complaint):
    with complaint("genki4k", "smile", "emotion"):
        train.train_classifier(get_task("emotion"), recipe, data_folder, tmp_path)
    with complaint("folders:smiles", "negatives", "smile", "not smiling"):
        train.train_classifier(TASK, replace(recipe, data=("folders:smiles",)), data_folder, tmp_path)


def test_fewer_faces_than_a_batch_are_too_few(train, recipe, data_folder, tmp_path, complaint):
    greedy = replace(recipe, schedule=replace(recipe.schedule, batch=64))
    with complaint("52 faces", "batch", "64"):
        train.train_classifier(TASK, greedy, data_folder, tmp_path)


@pytest.mark.parametrize(
    ("data", "word"), [(("genki4k:elsewhere",), "elsewhere"), ((), "batch")], ids=["missing", "none"]
)
def test_a_fault_in_the_last_phase_comes_out_before_the_first(data, word, study, long_recipe, tmp_path, complaint):
    with complaint(word):
        study(tmp_path, replace(long_recipe, finish=(Finish(data, epochs=1),)))
    assert not (tmp_path / "log.csv").exists()


def test_an_unknown_architecture_is_named(train, recipe, data_folder, tmp_path, complaint):
    with complaint("'resnet'", "mini-xception"):
        train.train_classifier(TASK, replace(recipe, architecture="resnet"), data_folder, tmp_path)


def test_a_missing_data_set_is_named(train, recipe, tmp_path, complaint):
    with complaint(str(tmp_path / "genki4k")):
        train.train_classifier(TASK, recipe, tmp_path, tmp_path / "run")


@pytest.mark.parametrize(
    ("epochs", "small_epochs", "expected"),
    [(4, 1, [(24, 0, 1), (32, 1, 4)]), (4, 0, [(32, 0, 4)]), (4, 4, [(24, 0, 4)])],
)
def test_phases(epochs, small_epochs, expected, train, long_recipe):
    schedule = replace(long_recipe.schedule, epochs=epochs, small_epochs=small_epochs)
    assert train.phases(replace(long_recipe, schedule=schedule)) == expected


def test_the_curve_is_drawn(trained, keras):
    import cv2

    curve = cv2.imread(str(trained.output / "curve.png"))
    assert curve is not None and curve.std() > 10


def test_a_network_may_start_from_a_shipped_one(train, keras):
    from smiledet.lab.networks.build import build_network
    from smiledet.model_index import find_model

    shipped = keras.saving.load_model(find_model("smile", "mini-xception").file("keras"), compile=False)
    network = build_network("mini-xception", (None, None, 1), 7)
    head = [weight.copy() for weight in network.layers[-3].get_weights()]
    train.start_from(network, "smile/mini-xception")
    same = [
        all(np.array_equal(ours, theirs) for ours, theirs in zip(mine.get_weights(), his.get_weights(), strict=True))
        for mine, his in zip(network.layers[:-3], shipped.layers[:-3], strict=True)
    ]
    assert all(same)
    assert all(np.array_equal(ours, was) for ours, was in zip(network.layers[-3].get_weights(), head, strict=True))


def test_a_wider_network_may_start_from_a_shipped_one(train, keras):
    from smiledet.lab.networks.build import build_network
    from smiledet.model_index import find_model

    shipped = keras.saving.load_model(find_model("smile", "mobilenet-025").file("keras"), compile=False)
    network = build_network("mobilenet-050", (None, None, 1), 2)
    train.start_from(network, "smile/mobilenet-025")
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 96, 96, 1)).astype(np.float32)
    assert np.abs(np.asarray(network(pixels)) - np.asarray(shipped(pixels))).max() < 1e-4


@pytest.mark.parametrize(
    ("initial", "words"),
    [("smile/huge", ("no model 'huge'",)), ("smile/mobilenet-025", ("initial", "smile/mobilenet-025", "architecture"))],
)
def test_a_start_from_something_else_is_refused(initial, words, train, keras, complaint):
    from smiledet.lab.networks.build import build_network

    with complaint(*words):
        train.start_from(build_network("mini-xception", (None, None, 1), 2), initial)


def test_a_finish_is_for_its_own_data(train, recipe):
    teacher = TeacherRecipe(("smile/mini-xception",), weight=0.25, unlabelled=("smiles:smiles",))
    last = train.finishing(replace(recipe, teacher=teacher), Finish(("genki4k:genki4k",), epochs=3))
    assert last.data == ("genki4k:genki4k",) and last.schedule.epochs == 3
    assert last.teacher == replace(teacher, unlabelled=())
    assert train.finishing(recipe, Finish(("genki4k:genki4k",), epochs=3)).teacher is None


def test_in_a_finish_each_head_learns_from_its_own_sets_that_are_named(train, recipe, complaint):
    heads = Head("emotion", ("fer2013:x",)), Head("smile", ("genki4k:x", "smiles:x"))
    finish = Finish(("fer2013:x", "genki4k:x", "genki4k:x"), epochs=3)
    last = train.finishing(replace(recipe, data=(), heads=heads), finish)
    assert [head.data for head in last.heads] == [("fer2013:x",), ("genki4k:x", "genki4k:x")]
    with complaint("finish.data", "'genki4k:y'"):
        train.finishing(replace(recipe, data=(), heads=heads), Finish(("genki4k:y",), epochs=3))


def test_a_network_of_one_side_is_trained_at_it(train, recipe, data_folder, tmp_path, complaint):
    flat = replace(
        recipe,
        architecture="plain-cnn-003",
        input=ChipSpec(48),
        schedule=replace(recipe.schedule, epochs=1),
        finish=(Finish(recipe.data, epochs=1),),
    )
    network, _ = train.train_classifier(TASK, flat, data_folder, tmp_path)
    assert network.input_shape == (None, 48, 48, 1)
    with complaint("plain-cnn-003", "small_epochs"):
        small = replace(flat, schedule=replace(flat.schedule, epochs=2, small_epochs=1, small_side=32))
        train.train_classifier(TASK, small, data_folder, tmp_path / "small")


def test_imagenet_weights_that_are_not_there_are_named(train, recipe, data_folder, tmp_path, complaint):
    wide = replace(recipe, architecture="mobilenet-025", initial=str(tmp_path / "mobilenet_notop.h5"))
    with complaint("mobilenet_notop.h5"):
        train.train_classifier(TASK, wide, data_folder, tmp_path / "run")
