"""What is shipped is what was trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smiledet.engines.base import load_engine
from smiledet.engines.files import model_file
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.training.faces.chips import cut_chips
from smiledet.model_index import Model, ModelFile, find_model, read_index, sha256, write_row
from smiledet.tasks.base import get_task

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

TASK = get_task("smile")


@pytest.fixture(scope="module")
def models(trained, recipe, tmp_path_factory):
    """A models folder that held another model, and an older one of the same name."""
    from smiledet.lab.training.export.export import ship

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


@pytest.fixture(scope="module")
def half(trained, recipe, keras, tmp_path_factory):
    from smiledet.lab.training.export.export import export_to_index, load_network, ship

    folder = tmp_path_factory.mktemp("half")
    network = keras.saving.load_model(trained.output / "model.keras", compile=False)
    (model,) = ship(TASK, replace(recipe, name="half", stored="float16"), network, folder)
    return export_to_index(model, load_network(model), "onnx", "float16")


class TestHalf:
    def test_its_files_are_smaller(self, half, models):
        whole = find_model("smile", "tiny", models)
        assert half.file("keras").stat().st_size < 0.8 * whole.file("keras").stat().st_size
        assert half.file("litert-float16").stat().st_size < 0.8 * whole.file("litert").stat().st_size
        assert set(half.files) == {"keras", "litert-float16", "onnx-float16"}

    @pytest.mark.parametrize("engine", ["litert", "onnx"])
    def test_an_engine_takes_the_half_where_there_is_no_whole(self, half, engine, chips):
        from smiledet.lab.training.export.export import load_network

        path = model_file(half, engine)
        assert path == half.file(f"{engine}-float16")
        expected = np.asarray(load_network(half)(chips.astype(np.float32), training=False))
        assert load_engine(engine, path).predict(chips) == pytest.approx(expected, abs=5e-3)

    def test_the_whole_one_goes_first(self, models, trained, chips):
        from smiledet.lab.training.export.export import export_to_index

        model = export_to_index(find_model("smile", "tiny", models), trained.network, "litert", "float16")
        assert model_file(model, "litert") == model.file("litert")

    def test_the_kept_network_scores_as_the_trained_one_does(self, half, trained, chips):
        from smiledet.lab.training.export.export import load_network

        pixels = chips.astype(np.float32)
        expected = np.asarray(trained.network(pixels, training=False))
        assert np.asarray(load_network(half)(pixels, training=False)) == pytest.approx(expected, abs=5e-3)


class TestIntegers:
    @pytest.fixture
    def stored(self, recipe):
        return replace(recipe, name="integers", stored="int8", data=("genki4k:genki4k", "genki4k:elsewhere"))

    def test_they_are_calibrated_on_the_first_data_set_s_training_faces(self, stored, recipe, data_folder):
        from smiledet.lab.training.export.export import calibration_chips, labelled_chips

        expected = labelled_chips("smile", recipe.input, f"genki4k:{data_folder / 'genki4k'}", "train").chips
        assert (calibration_chips(TASK, stored, data_folder) == expected).all()
        assert calibration_chips(TASK, replace(stored, stored="float16"), data_folder) is None

    def test_the_litert_file_is_of_integers_alone(self, stored, trained, keras, data_folder, chips, tmp_path):
        from smiledet.lab.training.export.export import calibration_chips, load_network, ship

        network = keras.saving.load_model(trained.output / "model.keras", compile=False)
        (model,) = ship(TASK, stored, network, tmp_path, calibration_chips(TASK, stored, data_folder))
        assert set(model.files) == {"keras", "litert-int8"}
        path = model_file(model, "litert")
        assert path == model.file("litert-int8")
        expected = np.asarray(load_network(model)(chips.astype(np.float32), training=False))
        assert load_engine("litert", path).predict(chips) == pytest.approx(expected, abs=0.1)

    def test_they_are_refused_without_faces(self, stored, trained, tmp_path, complaint):
        from smiledet.lab.training.export.export import ship

        before = trained.network.get_weights()
        with complaint("int8 needs real faces"):
            ship(TASK, stored, trained.network, tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert all(np.array_equal(*pair) for pair in zip(before, trained.network.get_weights(), strict=True))


class TestExport:
    @pytest.mark.parametrize(("file_format", "engine"), [("litert", "litert"), ("onnx", "onnx")])
    def test_a_file_is_replaced_once_the_new_one_is_whole(
        self, file_format, engine, trained, chips, tmp_path, monkeypatch
    ):
        from smiledet.lab.training.export import export as module

        path = tmp_path / "deep" / "a.file"
        module.export(trained.network, path, file_format)
        expected = np.asarray(trained.network(chips.astype(np.float32), training=False))
        assert load_engine(engine, path).predict(chips) == pytest.approx(expected, abs=1e-4)
        before = path.read_bytes()

        def interrupted(*_: object) -> bytes:
            raise KeyboardInterrupt

        monkeypatch.setattr(module, "_converted", interrupted)
        with pytest.raises(KeyboardInterrupt):
            module.export(trained.network, path, file_format)
        assert path.read_bytes() == before
        monkeypatch.setattr(module, "_converted", lambda *_: b"new")
        module.export(trained.network, path, file_format)
        assert path.read_bytes() == b"new"
        assert [each.name for each in path.parent.iterdir()] == ["a.file"]

    def test_a_saved_model_takes_no_other_folders_place(self, trained, chips, tmp_path, complaint):
        from smiledet.lab.training.export.export import export

        pytest.importorskip("tensorflow")
        path = tmp_path / "a.savedmodel"
        path.mkdir()
        (path / "thesis.tex").write_text("years of work")
        with complaint(str(path), "something else"):
            export(trained.network, path, "savedmodel")
        assert (path / "thesis.tex").read_text() == "years of work"
        (path / "thesis.tex").unlink()
        for _ in range(2):  # the second takes the place of the first
            export(trained.network, path, "savedmodel")
        expected = np.asarray(trained.network(chips.astype(np.float32), training=False))
        assert load_engine("tensorflow", path).predict(chips) == pytest.approx(expected, abs=1e-4)
        assert [each.name for each in tmp_path.iterdir()] == ["a.savedmodel"]
        assert (path / "variables" / "variables.data-00000-of-00001").stat().st_size < 1000  # its weights are constants

    def test_what_cannot_be_written_is_said(self, trained, tmp_path, complaint):
        from smiledet.lab.training.export.export import export

        (tmp_path / "file").write_text("")
        with complaint("cannot write", str(tmp_path / "file" / "a.tflite")):
            export(trained.network, tmp_path / "file" / "a.tflite", "litert")

    def test_int8_needs_faces(self, trained, chips, tmp_path, complaint):
        from smiledet.lab.training.export.export import export

        for calibration in (None, chips[:0]):
            with complaint("int8 needs real faces", "--data"):
                export(trained.network, tmp_path / "a.tflite", "litert", "int8", calibration)
        with complaint("savedmodel files cannot be had in int8"):
            export(trained.network, tmp_path / "a", "savedmodel", "int8", chips)
        assert list(tmp_path.iterdir()) == []

    def test_a_further_file_ships(self, models, trained, chips):
        from smiledet.lab.training.export.export import export_to_index

        before = find_model("smile", "tiny", models)
        export_to_index(before, trained.network, "litert", "int8", chips)
        after = find_model("smile", "tiny", models)
        assert set(after.files) == {*before.files, "litert-int8"}
        assert after.file("litert-int8") == models / "smile" / "tiny-int8.tflite"
        assert after.file("litert") == before.file("litert")
        write_row(before)


class TestLabelledChips:
    def test_a_limit_is_drawn_from_all(self, recipe, data_folder):
        from smiledet.lab.training.export.export import labelled_chips

        found = labelled_chips("smile", recipe.input, f"genki4k:{data_folder / 'genki4k'}", "train", 8)
        assert found.chips.shape == (8, 32, 32, 1)
        assert set(found.classes) == {0, 1}
        everything = labelled_chips("smile", recipe.input, f"genki4k:{data_folder / 'genki4k'}", "train")
        assert len(everything.chips) > 8

    def test_what_cannot_be_cut_is_said(self, recipe, data_folder, tmp_path, complaint):
        from smiledet.lab.training.export.export import labelled_chips

        (tmp_path / "cheese").mkdir()
        portrait = next((data_folder / "genki4k" / "files").iterdir())
        (tmp_path / "cheese" / "a.png").write_bytes(portrait.read_bytes())
        with complaint("'cheese'", "not smiling, smiling"):
            labelled_chips("smile", recipe.input, f"folders:{tmp_path}", "train")

    def test_the_labels_are_those_of_the_task(self, recipe, data_folder, tmp_path):
        """UTKFace answers two; an age is its class, whatever the layout's usual task."""
        from smiledet.lab.training.export.export import labelled_chips

        folder = tmp_path / "UTKFace"
        folder.mkdir()
        portrait = next((data_folder / "genki4k" / "files").iterdir())
        for age, gender in ((30, 1), (41, 0)):
            (folder / f"{age}_{gender}_0_20170104200000000.jpg.chip.jpg").write_bytes(portrait.read_bytes())
        ages, genders = (
            labelled_chips(task, recipe.input, f"utkface:{tmp_path}", "train").classes for task in ("age", "gender")
        )
        assert sorted(ages) == [30, 41]
        assert sorted(genders) == [0, 1]
