"""The comparison of architectures: the list, a tiny run from end to end, and going on with it."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.frame import ChipSpec
from smiledet.tasks.base import get_task

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

RECIPE = """name = "tiny"
architecture = "mini-xception"
data = ["genki4k:genki4k", "smiles:smiles"]
[input]
size = 32
[augmentation]
blur = 0.0
[schedule]
epochs = 2
batch = 8
validation = 0.1
weight_average = 0.8
"""


@pytest.fixture
def entrants(recipe):
    from smiledet.lab.training.classifiers.comparison import entrants

    return lambda listed: entrants(listed, recipe)


def test_a_list_names_sides_and_epochs(entrants):
    rows = entrants("mini-xception, mobilenet-025@96,mobilenet-025@64:1,vgg-16@32:2")
    assert [(row.name, row.recipe.architecture, row.recipe.input.size, row.recipe.schedule.epochs) for row in rows] == [
        ("mini-xception", "mini-xception", 64, 3),
        ("mobilenet-025, 96 px", "mobilenet-025", 96, 3),
        ("mobilenet-025, 64 px, 1 epoch", "mobilenet-025", 64, 1),
        ("vgg-16, 32 px, 2 epochs", "vgg-16", 32, 2),
    ]
    assert len({row.folder for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("", "expected NAME"),
        ("mini-xception,", "expected NAME"),
        ("mini-xception@", "'mini-xception@'"),
        ("mini-xception@64@64", "expected NAME"),
        ("lenet", "'lenet'"),
        ("vgg-16@16", "32 pixels"),
        ("mini-xception:0", "1 epoch or more"),
        ("mini-xception,mini-xception@64", "twice"),
    ],
)
def test_what_makes_no_list(entrants, complaint, listed, words):
    with complaint(words):
        entrants(listed)


@pytest.fixture
def compare(data_folder, tmp_path, capsys):
    (tmp_path / "recipe.toml").write_text(RECIPE)

    def run(listed, *more):
        folders = ["--data-folder", str(data_folder), "--output", str(tmp_path / "out")]
        recipe = str(tmp_path / "recipe.toml")
        code = main(["train", "smile", "--compare", listed, "--recipe", recipe, *folders, *more])
        return code, capsys.readouterr()

    return run


@pytest.mark.usefixtures("_eagerly")
def test_architectures_are_trained_alike_and_a_second_call_goes_on(compare, tmp_path):
    code, said = compare("mini-xception@24:1", "--sigmoid")
    assert code == 0
    (line,) = [line for line in said.out.splitlines() if line.startswith("mini-xception")]
    assert line.split()[:7] == ["mini-xception,", "24", "px,", "1", "epoch", "24", "1"]
    for picture in ("figure-25.png", "curves.png"):
        assert cv2.imread(str(tmp_path / "out" / picture)) is not None
    (outcome,) = (tmp_path / "out").glob("*/outcome.json")
    first = json.loads(outcome.read_text())
    assert first["count"] == 12 and first["parameters"] > 40_000 and first["milliseconds"] > 0
    outcome.write_text(json.dumps({**first, "loss": 7.25}))  # nothing is trained or measured again
    code, said = compare("mini-xception@24:1", "--sigmoid")
    assert code == 0 and " 7.250 " in next(line for line in said.out.splitlines() if line.startswith("mini-xception"))
    code, said = compare("mini-xception@24:1")
    assert code == 2 and "another recipe (output)" in said.err and "--fresh" in said.err


def test_a_comparison_and_a_study_exclude_each_other(compare):
    code, said = compare("mini-xception", "--study", "alignment")
    assert code == 2 and "--study and --compare" in said.err


@pytest.mark.usefixtures("_eagerly")
def test_a_sigmoid_unit_answers_both_labels(keras, recipe, data_folder, tmp_path):
    from smiledet.lab.explain.gradients import only_head
    from smiledet.lab.training.classifiers.train import train_classifier

    short = replace(recipe, output="sigmoid", input=ChipSpec(24), schedule=replace(recipe.schedule, epochs=1))
    network, seen = train_classifier(get_task("smile"), short, data_folder, tmp_path)
    chips = np.random.default_rng(1).integers(0, 256, (5, 24, 24, 1)).astype(np.float32)
    said = network.predict(chips, verbose=0)
    assert said.shape == (5, 2) and said.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    unit, outputs = only_head(network, ())
    assert outputs == () and unit.predict(chips, verbose=0)[:, 0] == pytest.approx(said[:, 1], abs=1e-6)
    assert np.isfinite(seen["loss"])


def test_a_sigmoid_unit_is_for_two_labels(keras, recipe, data_folder, tmp_path, complaint):
    from smiledet.lab.training.classifiers.train import _built

    with complaint('output = "sigmoid"'):
        _built(replace(recipe, output="sigmoid"), 32, 7)


def test_a_curve_of_one_epoch_is_a_point(tmp_path):
    from smiledet.lab.training.classifiers.learning_curve import compare_curves

    logs = {}
    for name, epochs in (("one", 1), ("three", 3)):
        logs[name] = tmp_path / f"{name}.csv"
        rows = [f"{epoch},0.5,{1 / (epoch + 1)},NA,NA" for epoch in range(epochs)]
        logs[name].write_text("\n".join(["epoch,accuracy,loss,val_accuracy,val_loss", *rows]))
    logs["three"].write_text(logs["three"].read_text().replace("NA", "0.25"))
    loss = compare_curves(logs).axes[0]
    _one, three = loss.get_lines()
    assert loss.get_title() == "loss, watched samples"
    assert three.get_marker() == "None" and three.get_ydata().tolist() == [0.25] * 3
    accuracy = compare_curves({"one": logs["one"]}).axes[1]
    assert accuracy.get_lines()[0].get_label() == "one"
    watched = logs["one"].read_text().replace("NA", "0.5")
    logs["one"].write_text(watched)
    assert compare_curves(logs).axes[0].get_lines()[0].get_marker() == "o"
