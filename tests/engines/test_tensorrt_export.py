"""`smiledet export --to tensorrt` on the stand-ins for TensorRT and CUDA, which run the real networks."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from smiledet.cli import main
from smiledet.engines._tensorrt import finding, making
from smiledet.engines._tensorrt.finding import find_tensorrt
from smiledet.engines.files import exported_file, model_file
from smiledet.model_index import Model, read_index


@pytest.fixture(scope="module")
def model() -> Model:
    """The smallest model that ships with an ONNX file."""
    models = [each for each in read_index() if {"onnx", "keras"} <= set(each.files)]
    return min(models, key=lambda each: each.file("onnx").stat().st_size)


@pytest.fixture
def command(model: Model) -> list[str]:
    return ["export", f"{model.task}/{model.name}", "--to", "tensorrt"]


@pytest.fixture
def built(fake_gpu, tmp_path, monkeypatch):
    """Runs with an empty cache; gives what the stand-in has built so far."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_TENSORRT_BUILDS", str(tmp_path / "builds"))
    return lambda: (tmp_path / "builds").read_text().splitlines()


@pytest.mark.parametrize(("precision", "numbers"), [("auto", "float16"), ("float32", "float32")])
def test_the_plan_is_built_once_and_told(precision, numbers, command, built, model, capsys):
    for _ in range(2):
        assert main([*command, "--precision", precision]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        found = re.fullmatch(
            rf"plan (\S+\.plan), \d+ kB, {numbers}, of {model.name}\.onnx for Orin, TensorRT 10\.3\.0", line
        )
        assert found and Path(found[1]).is_file()
    assert len(built()) == 1


@pytest.mark.train
def test_it_is_compared_with_keras(command, built, keras, capfd):
    assert main([*command, "--precision", "float32", "--check"]) == 0
    output = capfd.readouterr().out
    assert "tensorrt on NVIDIA Orin, TensorRT 10.3.0, float32:" in output
    assert float(re.search(r"largest difference of a score (\S+),", output)[1]) < 1e-4
    assert re.search(r"\d ms a face\n", output) and "same label 100.00%" in output


@pytest.mark.train
def test_a_free_batch_gets_its_profiles(command, built, keras, model, capfd, monkeypatch, tmp_path):
    """It is exported, built, and from then on what a run takes."""
    monkeypatch.setenv("FAKE_TENSORRT_RUNS", str(tmp_path / "runs"))
    for more in (["--batch", "any", "--check"], ["--batch", "any"], []):
        assert main([*command, "--precision", "float32", *more]) == 0
    output = capfd.readouterr().out
    assert output.count(f"of {model.name}-any-batch.onnx for Orin") == 3
    assert float(re.search(r"largest difference of a score (\S+),", output)[1]) < 1e-4
    assert len(built()) == 1
    assert (tmp_path / "runs").read_text().split("\n")[:3] == ["0 1", "1 4", "2 16"]
    assert model_file(model, "tensorrt") == exported_file(model, "onnx", free_batch=True)


def test_why_a_shipped_file_keeps_its_batch(model):
    """See `board_python.build`: its Reshapes name it. With -1 it could be set free on the board."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(str(model.file("onnx"))).graph
    shapes = {each.name: onnx.numpy_helper.to_array(each).tolist() for each in graph.initializer}
    given = [shapes[node.input[1]] for node in graph.node if node.op_type == "Reshape"]
    assert given and all(shape[0] == 1 for shape in given)


def test_a_model_without_an_onnx_file_gets_one(built, model, tmp_path):
    bare = replace(model, files={"keras": model.files["keras"]})
    asked = []

    def export(path: Path, precision: str) -> None:
        asked.append(precision)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.file("onnx").read_bytes())

    first, second = (making.make_plan(bare, "auto", export) for _ in range(2))
    assert asked == ["float32"] and first == second
    assert first.network.is_relative_to(tmp_path / "cache")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--ship"], ["good for the board that built it", "leave --ship and --output out"]),
        (["--output", "."], ["good for the board that built it"]),
        (["--precision", "dynamic"], ["tensorrt cannot compute in dynamic", "float16, int8"]),
        (["--precision", "int8"], ["real faces", "--data LAYOUT:PATH"]),
    ],
)
def test_bad_flags(more, words, command, fake_gpu, capsys):
    assert main([*command, *more]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and all(word in line for word in words), line


def test_without_tensorrt_it_says_what_is_missing(command, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv(finding.CHOSEN_PYTHON, raising=False)
    monkeypatch.setattr(finding, "find_spec", lambda name: None)
    monkeypatch.setattr(finding, "BOARD_PYTHON", str(tmp_path / "none"))
    find_tensorrt.cache_clear()
    try:
        assert main(command) == 2
    finally:
        find_tensorrt.cache_clear()
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    mine = f"this Python {sys.version_info.major}.{sys.version_info.minor} (No module named 'tensorrt')"
    assert mine in line and "part of JetPack" in line
