"""Which file of a model an engine loads, and what is said where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smiledet.engines import base
from smiledet.engines.base import Engine, engine_class, engine_names, in_batches, load_engine
from smiledet.engines.choice import choose_engine
from smiledet.engines.files import (
    FORMATS,
    PRECISIONS,
    exported_file,
    file_key,
    file_name,
    file_there,
    model_file,
    size_of,
    with_readers,
)
from smiledet.engines.tensorflow import TensorFlowEngine
from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.model_index import Model, ModelFile, sha256
from smiledet.system.resources import cache_folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "smiledet"


@pytest.fixture
def model(tmp_path) -> Model:
    """It ships as Keras, LiteRT and int8 LiteRT."""
    files = {}
    for key, name in (("keras", "a.keras"), ("litert", "a.tflite"), ("litert-int8", "a-int8.tflite")):
        (tmp_path / name).write_text(key)
        files[key] = ModelFile(name, sha256(tmp_path / name))
    return Model("smile", "a", "tiny", ("no", "yes"), ChipSpec(8), "none", files, folder=tmp_path)


class TestNames:
    def test_every_engine_reads_a_format_that_can_be_exported(self):
        for name in engine_names():
            assert engine_class(name).name == name
            assert engine_class(name).file_format in FORMATS

    def test_helpers_in_the_folder_are_no_engines(self):
        assert engine_names() == ["litert", "onnx", "tensorflow", "tensorrt"]
        with pytest.raises(UsageError, match="no engine 'files'; there are litert, onnx, tensorflow"):
            load_engine("files", Path("a"))

    def test_every_precision_can_be_had_somewhere(self):
        assert {precision for each in FORMATS.values() for precision in each.precisions} == set(PRECISIONS)

    def test_float32_goes_without_saying(self, model):
        assert (file_key("onnx"), file_key("onnx", "int8")) == ("onnx", "onnx-int8")
        assert file_name(model, "onnx") == "a.onnx"
        assert file_name(model, "litert", "int8") == "a-int8.tflite"
        assert file_name(model, "savedmodel") == "a.savedmodel"

    def test_a_free_batch_is_said(self, model):
        assert file_name(model, "onnx", free_batch=True) == "a-any-batch.onnx"
        assert file_name(model, "onnx", "int8", free_batch=True) == "a-any-batch-int8.onnx"


class TestFinding:
    def test_shipped_files_come_first(self, model, cache):
        path = exported_file(model, "litert")
        path.parent.mkdir(parents=True)
        path.write_text("exported")
        assert model_file(model, "litert", "float32") == model.file("litert")
        assert model_file(model, "litert", "int8") == model.file("litert-int8")

    def test_int8_that_ships_is_what_litert_takes_by_itself(self, model, cache):
        assert model_file(model, "litert", "auto") == model.file("litert-int8")
        without = replace(model, files={key: file for key, file in model.files.items() if key != "litert-int8"})
        path = exported_file(without, "litert", "int8")
        path.parent.mkdir(parents=True)
        path.write_text("somebody tried")
        assert model_file(without, "litert", "auto") == model.file("litert")

    def test_exported_ones_are_found(self, model, cache):
        for engine, file_format, precision in (("onnx", "onnx", "int8"), ("tensorflow", "savedmodel", "float32")):
            path = exported_file(model, file_format, precision)
            assert path.is_relative_to(cache)
            path.mkdir(parents=True)
            assert model_file(model, engine, precision) == path

    def test_one_with_a_free_batch_before_all_others(self, model, tmp_path):
        """Whoever has made it wants it; of the precision that is asked for."""
        (tmp_path / "a.onnx").write_bytes(b"\x08\x08")  # a graph of version 8, and nothing in it
        shipped = ModelFile("a.onnx", sha256(tmp_path / "a.onnx"))
        model = replace(model, files={**model.files, "onnx": shipped})
        assert file_there(model, "onnx", "float32") == tmp_path / "a.onnx"
        assert file_there(model, "onnx", "float32", free_batch=True) is None
        free = exported_file(model, "onnx", free_batch=True)
        for path in (exported_file(model, "onnx"), exported_file(model, "onnx", "int8"), free):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("exported")
        assert file_there(model, "onnx", "float32") == file_there(model, "onnx", "float32", free_batch=True) == free
        assert model_file(model, "onnx") == free
        assert model_file(model, "onnx", "int8") == exported_file(model, "onnx", "int8")
        assert file_there(replace(model, files={"onnx": shipped}), "onnx", "float32") == tmp_path / "a.onnx"

    def test_a_format_without_one_has_none(self, model):
        path = exported_file(model, "litert", free_batch=True)
        path.parent.mkdir(parents=True)
        path.write_text("of no use")
        assert model_file(model, "litert", "float32") == model.file("litert")

    def test_not_those_of_older_weights(self, model):
        path = exported_file(model, "onnx")
        path.parent.mkdir(parents=True)
        path.write_text("of the old weights")
        newer = replace(model, files={**model.files, "keras": ModelFile("a.keras", "0" * 64)})
        with pytest.raises(UsageError, match="no onnx file yet"):
            model_file(newer, "onnx")

    @pytest.mark.parametrize(
        ("engine", "precision", "command"),
        [
            ("onnx", "auto", "smiledet export smile/a --to onnx"),
            ("tensorflow", "float32", "smiledet export smile/a --to savedmodel"),
            ("litert", "float16", "smiledet export smile/a --to litert --precision float16"),
            ("onnx", "int8", "smiledet export smile/a --to onnx --precision int8 --data LAYOUT:PATH"),
        ],
    )
    def test_the_command_that_makes_a_missing_one_is_said(self, engine, precision, command, model, monkeypatch):
        monkeypatch.setattr(TensorFlowEngine, "reads_keras", lambda: False)
        with pytest.raises(UsageError) as caught:
            model_file(model, engine, precision)
        assert str(caught.value).endswith(f"yet; to make it: {command}")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("key", ["litert", "onnx", "keras"])
    def test_a_file_that_a_user_names_finds_its_engine(self, key, model, monkeypatch):
        monkeypatch.setattr(TensorFlowEngine, "reads_keras", lambda: True)
        alone = replace(model, files={key: model.files["keras"]})
        readers = {"litert": ("litert",), "onnx": ("litert", "onnx", "tensorrt"), "keras": ("litert", "tensorflow")}
        assert with_readers(("litert",), [model, alone]) == readers[key]
        assert with_readers(("litert",), [model]) == ("litert",)

    @pytest.mark.parametrize(
        ("engine", "precision", "there"),
        [("onnx", "dynamic", "float32, float16, int8"), ("tensorflow", "int8", "float32"), ("litert", "int4", "int8")],
    )
    def test_precisions_that_cannot_be_had_are_refused(self, engine, precision, there, model):
        with pytest.raises(UsageError, match=f"cannot be had in {precision}; there are .*{there}"):
            model_file(model, engine, precision)

    def test_without_keras_there_is_nothing_to_export_from(self, model):
        with pytest.raises(UsageError, match="smile/a has no keras file"):
            model_file(replace(model, files={}), "onnx")


@pytest.mark.parametrize("given", ["", "relative/cache"])
def test_the_cache_is_the_users_own_without_a_sound_setting(given, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "smiledet"


def test_sizes_are_those_of_all_files(tmp_path):
    (tmp_path / "m" / "variables").mkdir(parents=True)
    (tmp_path / "m" / "a").write_bytes(bytes(300))
    (tmp_path / "m" / "variables" / "b").write_bytes(bytes(44))
    assert (size_of(tmp_path / "m"), size_of(tmp_path / "m" / "a")) == (344, 300)


def test_batches_are_filled_up():
    import numpy as np

    chips = np.arange(1, 8).reshape(7, 1)
    batches = [(rows.start, rows.stop, batch.ravel().tolist()) for rows, batch in in_batches(chips, 3)]
    assert batches == [(0, 3, [1, 2, 3]), (3, 6, [4, 5, 6]), (6, 7, [7, 0, 0])]
    assert list(in_batches(chips[:0], 3)) == []


class TestChoice:
    @pytest.fixture(autouse=True)
    def broken(self, monkeypatch):
        """`onnx` cannot run."""

        def check(cls: type[Engine]) -> None:
            raise UsageError("the engine onnx needs ONNX Runtime")

        monkeypatch.setattr(engine_class("onnx"), "check", classmethod(check))

    def test_auto_takes_the_first_that_can_run(self):
        assert choose_engine().name == "litert"
        choice = choose_engine("auto", ("onnx", "litert"))
        assert choice.name == "litert"
        assert "ONNX Runtime" in choice.reason  # why not the first

    def test_a_named_one_is_never_replaced(self):
        with pytest.raises(UsageError, match="needs ONNX Runtime"):
            choose_engine("onnx", ("litert",))
        with pytest.raises(UsageError, match="no engine 'steam'"):
            choose_engine("steam")

    def test_without_any_it_says_all_that_is_missing(self):
        with pytest.raises(UsageError, match="no engine can run here: the engine onnx needs ONNX Runtime"):
            choose_engine("auto", ("onnx",))


@pytest.mark.parametrize(
    ("engine", "missing"),
    [("litert", "ai-edge-litert"), ("onnx", "smiledet[onnx]"), ("tensorflow", "smiledet[tensorflow]")],
)
def test_a_missing_library_is_said_with_what_brings_it(engine, missing, monkeypatch, tmp_path):
    cls = engine_class(engine)
    monkeypatch.setattr(f"{cls.__module__}.find_spec", lambda name: None)
    for attempt in (cls.check, lambda: base.load_engine(engine, tmp_path)):
        with pytest.raises(UsageError) as caught:
            attempt()
        assert missing in str(caught.value) and "\n" not in str(caught.value)
