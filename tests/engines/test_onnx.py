"""What is ONNX Runtime's own: providers, fixed batches, and that it keeps to itself."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import smiledet
from smiledet.engines.onnx import CPU, CUDA, ONNXEngine, _device
from smiledet.errors import UsageError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def mean_of_pixels(path: Path, batch: int | str, kind: int = onnx.TensorProto.FLOAT, side: int | str = 4) -> Path:
    """A network that says how bright a chip is and how dark; opset 13."""
    helper = onnx.helper
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=onnx.TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axis"], ["column"]),
        helper.make_node("Div", ["column", "full"], ["bright"]),
        helper.make_node("Sub", ["one", "bright"], ["dark"]),
        helper.make_node("Concat", ["dark", "bright"], ["scores"], axis=1),
    ]
    constants = [
        helper.make_tensor("axis", onnx.TensorProto.INT64, [1], [1]),
        helper.make_tensor("full", onnx.TensorProto.FLOAT, [], [255.0]),
        helper.make_tensor("one", onnx.TensorProto.FLOAT, [], [1.0]),
    ]
    given = helper.make_tensor_value_info("pixels", kind, [batch, side, side, 1])
    result = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [batch, 2])
    graph = helper.make_graph(nodes, "brightness", [given], [result], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("batch", [1, 3, "n"])
@pytest.mark.parametrize("kind", [onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8])
def test_fixed_and_free_batches(batch, kind, tmp_path):
    engine = ONNXEngine(mean_of_pixels(tmp_path / "a.onnx", batch, kind))
    chips = np.arange(7 * 16, dtype=np.uint8).reshape(7, 4, 4, 1)
    bright = chips.reshape(7, -1).mean(axis=1) / 255
    assert engine.predict(chips)[:, 1] == pytest.approx(bright, abs=1e-6)
    assert engine.predict(chips[:0]).shape == (0, 2)


def test_a_network_for_something_else_is_refused(tmp_path):
    for name, path in (
        ("chips of one size", mean_of_pixels(tmp_path / "a.onnx", 1, side="side")),
        ("int64", mean_of_pixels(tmp_path / "b.onnx", 1, onnx.TensorProto.INT64)),
    ):
        with pytest.raises(UsageError, match=name) as caught:
            ONNXEngine(path)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="CUDA runs here")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_the_session_is_asked_what_runs(tmp_path, monkeypatch, caplog):
    """CUDA is said to be there, but a session cannot start it."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    with caplog.at_level(logging.WARNING):
        engine = ONNXEngine(mean_of_pixels(tmp_path / "a.onnx", 1), threads=2)
    assert engine.device == "CPU, ONNX Runtime, 2 threads"
    assert "could not start it here; running on CPU" in caplog.text


def test_devices_in_words():
    assert _device([CUDA, CPU], 1) == "CUDA GPU, ONNX Runtime"
    assert _device([CPU], 1) == "CPU, ONNX Runtime, 1 thread"
    assert _device(["OpenVINOExecutionProvider", CPU], 1) == "OpenVINO, ONNX Runtime"


def test_it_is_quiet_and_reports_to_nobody(tmp_path):
    """In a process and with a home of its own: nothing on stderr, and no number for the machine in the cache."""
    path = mean_of_pixels(tmp_path / "a.onnx", 1)
    home = tmp_path / "home"
    home.mkdir()
    program = (
        "import numpy, pathlib, sys\n"
        "from smiledet.engines.onnx import ENGINE\n"
        "engine = ENGINE(pathlib.Path(sys.argv[1]))\n"
        "print(engine.predict(numpy.full((2, 4, 4, 1), 51, numpy.uint8))[1, 1])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("ORT_DISABLE_TELEMETRY",)}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    environment["PYTHONPATH"] = str(Path(smiledet.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, str(path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) == pytest.approx(0.2)
    assert list(home.rglob("*")) == []


def with_data_at(tmp_path, location):
    """A network whose constant lies in another file."""
    path = mean_of_pixels(tmp_path / "outside.onnx", 1)
    model = onnx.load(path)
    (constant,) = [each for each in model.graph.initializer if each.name == "full"]
    constant.ClearField("float_data")
    constant.ClearField("raw_data")
    constant.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        entry = constant.external_data.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/passwd", "a/../../secret.bin", "..\\secret.bin", "link.bin", "C:/secret"]
)
def test_data_outside_its_folder_is_refused(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(b"1234")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    path = with_data_at(folder, location)
    with pytest.raises(UsageError, match="is refused: it would read"):
        ONNXEngine(path)


def test_data_of_a_graph_inside_a_node_is_seen_too(tmp_path):
    outer = onnx.load(with_data_at(tmp_path, "../secret.bin"), load_external_data=False)
    branch = onnx.helper.make_node("If", ["x"], ["y"], then_branch=outer.graph, else_branch=outer.graph)
    graph = onnx.helper.make_graph([branch], "outer", [], [])
    (tmp_path / "nested.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    with pytest.raises(UsageError, match="is refused: it would read"):
        ONNXEngine(tmp_path / "nested.onnx")


def test_data_beside_it_is_read(tmp_path):
    (tmp_path / "weights.bin").write_bytes(np.float32(255).tobytes())
    engine = ONNXEngine(with_data_at(tmp_path, "weights.bin"))
    assert engine.predict(np.full((1, 4, 4, 1), 51, np.uint8))[0, 1] == pytest.approx(0.2)


def test_nothing_is_written_on_standard_output_for_a_damaged_one(tmp_path, capfd):
    path = mean_of_pixels(tmp_path / "a.onnx", 1)
    path.write_bytes(path.read_bytes().replace(b"ReduceMean", b"ReduceLean"))
    with pytest.raises(UsageError, match="is no ONNX model"):
        ONNXEngine(path)
    assert capfd.readouterr().out == ""
