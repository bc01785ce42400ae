"""What is shipped is what was trained."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.datasets.base import read_samples
from smiledet.engines.base import load_engine
from smiledet.tasks.base import get_task
from smiledet.training.chips import cut_chips
from smiledet.zoo import Model, ModelFile, find_model, read_index, sha256, write_row

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

TASK = get_task("smile")


@pytest.fixture(scope="module")
def models(trained, recipe, tmp_path_factory):
    """A models folder that held another model, and an older one of the same name."""
    from smiledet.training.export import ship

    folder = tmp_path_factory.mktemp("models")
    (folder / "other.bin").write_text("weights")
    file = ModelFile("other.bin", sha256(folder / "other.bin"))
    for task, name in (("emotion", "other"), ("smile", "tiny")):
        write_row(Model(task, name, "x", ("a",), None, "none", {"litert": file}, folder=folder))
    ship(TASK, recipe, trained.network, folder)
    return folder


@pytest.fixture(scope="module")
def chips(aligner, recipe, data_folder):
    samples = read_samples(f"genki4k:{data_folder / 'genki4k'}")[1][:12]
    return cut_chips(samples, TASK.labels, aligner, recipe.input).chips


def test_the_shipped_files_score_as_the_trained_network_does(models, trained, chips, keras):
    expected = np.asarray(trained.network(chips.astype(np.float32), training=False))
    assert np.ptp(expected[:, 0]) > 1e-3  # all alike, they would prove nothing
    model = find_model("smile", "tiny", models)
    scores = load_engine("litert", model.file("litert")).predict(chips)
    assert np.abs(scores - expected).max() < 1e-4
    network = keras.saving.load_model(model.file("keras"))
    assert np.abs(np.asarray(network(chips.astype(np.float32), training=False)) - expected).max() < 1e-6


def test_the_row_says_what_was_shipped(models, recipe):
    model = find_model("smile", "tiny", models)
    assert model.labels == TASK.labels
    assert (model.architecture, model.input) == ("mini-xception", recipe.input)
    assert {engine: file.path for engine, file in model.files.items()} == {
        "keras": "smile/tiny.keras",
        "litert": "smile/tiny.tflite",
    }
    assert model.card == "smile/tiny.md"
    for engine, file in model.files.items():
        assert sha256(models / file.path) == file.sha256
        assert model.file(engine) == models / file.path


def test_other_rows_stay_and_its_own_is_replaced(models):
    assert [(model.task, model.name) for model in read_index(models)] == [("emotion", "other"), ("smile", "tiny")]
    assert find_model("emotion", "other", models).file("litert").read_text() == "weights"
