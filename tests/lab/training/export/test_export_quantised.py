"""Smaller numbers: what is in the files, and that a comparison finds what is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smiledet.engines.base import load_engine
from smiledet.errors import SmiledetError
from smiledet.frame import ChipSpec

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]


@pytest.fixture(scope="module")
def faces(recipe):
    from smiledet.lab.training.export.agreement import portrait_chips

    return portrait_chips(recipe.input, tilts=(-8, 0, 8), light=(0.7, 1.0))


@pytest.fixture(scope="module")
def whole(trained):
    pytest.importorskip("tf2onnx")
    from smiledet.lab.training.export.conversion import to_onnx

    return to_onnx(trained.network)


def parsed(model: bytes):
    return pytest.importorskip("onnx").load_from_string(model)


def test_portraits_are_real_faces_of_two_people(recipe, faces):
    from smiledet.lab.training.export.agreement import portrait_chips

    assert (faces.dtype, faces.shape) == (np.uint8, (12, 32, 32, 1))
    people = faces.reshape(2, 6, -1).astype(float)
    assert np.corrcoef(people[0, 0], people[0, 2])[0, 1] > np.corrcoef(people[0, 0], people[1, 0])[0, 1]
    assert portrait_chips(ChipSpec(32, channels=3), tilts=(0,), light=(1.0,)).shape == (2, 32, 32, 3)


def test_calibration_spans_all_pixels():
    from smiledet.lab.training.export.quantise import full_range

    chips = np.full((3, 8, 8, 1), 100, np.uint8)
    seen = full_range(chips)
    assert (seen.min(), seen.max(), seen.dtype) == (0, 255, np.float32)
    assert (seen != chips).sum() == 2
    assert (chips == 100).all()


def test_int8_litert_takes_pixels_as_they_are(trained, faces, tmp_path):
    from smiledet.lab.training.export.quantise import to_litert_int8

    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = to_litert_int8(trained.network, faces // 2)  # no pixel above 127 among them
    (given,) = interpreter.Interpreter(model_content=model).get_input_details()
    assert given["dtype"] == np.uint8
    assert given["quantization"] == (1.0, 0)
    (tmp_path / "a.tflite").write_bytes(model)
    engine = load_engine("litert", tmp_path / "a.tflite")
    rounded = engine.predict(faces.astype(np.float32) + 0.4)  # half a grey level is nothing
    assert (rounded == engine.predict(faces)).all()


def test_what_comes_last_keeps_no_layer_in_float32():
    """No layer inherits the error of the mean of the maps, nor that of the probabilities."""
    from smiledet.lab.training.export import quantise

    class Debugger:
        def run(self):
            self.ran = True

        def layer_statistics_dump(self, file):
            assert self.ran
            file.write("op_name,mean_squared_error,scale,tensor_name\n")
            rows = ("CONV_2D", 0.04, 0.1, "first"), ("MEAN", 9, 0.1, "mean"), ("SOFTMAX", 9, 0.1, "answers")
            file.writelines(f"{','.join(map(str, row))}\n" for row in rows)

    errors = quantise.layer_errors(Debugger())
    assert errors == {"first": pytest.approx(2.0)}
    assert quantise.coarse_layers(errors) == ["first"]


def test_coarse_layers_stay_in_float32(trained, faces, tmp_path, monkeypatch):
    from smiledet.lab.training.export import quantise

    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    expected = np.asarray(trained.network(faces.astype(np.float32), training=False))
    measured, real, off = {}, [], []

    def first(errors, kept):
        measured.update(errors)
        return list(errors)[:kept]

    for kept in (0, 20):
        monkeypatch.setattr(quantise, "coarse_layers", lambda errors, kept=kept: first(errors, kept))
        (tmp_path / "a.tflite").write_bytes(model := quantise.to_litert_int8(trained.network, faces))
        tensors = interpreter.Interpreter(model_content=model).get_tensor_details()
        real.append(sum(tensor["dtype"] == np.float32 for tensor in tensors))
        off.append(np.abs(load_engine("litert", tmp_path / "a.tflite").predict(faces) - expected).mean())
    assert real[0] == 0 < real[1]
    assert max(off) < 0.01
    assert len(measured) > 20
    assert 0.2 < np.median(list(measured.values())) < 0.4  # integers suit this network: rounding alone


def test_onnx_is_opset_13_with_a_fixed_batch(trained, faces, tmp_path):
    pytest.importorskip("onnxruntime")
    from smiledet.lab.training.export.conversion import to_onnx

    model = parsed(to_onnx(trained.network, batch=4))
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [13]
    shape = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert shape == [4, 32, 32, 1]
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    expected = np.asarray(trained.network(faces.astype(np.float32), training=False))
    for count in (1, 4, 11):
        assert load_engine("onnx", tmp_path / "a.onnx").predict(faces[:count]) == pytest.approx(
            expected[:count], abs=1e-4
        )


def test_onnx_with_a_free_batch_in_every_precision(trained, faces, tmp_path):
    pytest.importorskip("onnxruntime")
    from smiledet.lab.training.export.export import export

    expected = np.asarray(trained.network(faces.astype(np.float32), training=False))
    for precision, tolerance in (("float32", 1e-4), ("float16", 5e-3), ("int8", 0.1)):
        calibration = faces if precision == "int8" else None
        path = export(trained.network, tmp_path / f"{precision}.onnx", "onnx", precision, calibration, batch=None)
        model = parsed(path.read_bytes())
        assert [entry.version for entry in model.opset_import if entry.domain == ""] == [13]
        (given,), (result,) = model.graph.input, model.graph.output
        batches, *rest = ([side.dim_value for side in each.type.tensor_type.shape.dim] for each in (given, result))
        assert batches == [0, 32, 32, 1] and rest == [[0, expected.shape[1]]]
        for count in (1, 3, len(faces)):
            scores = load_engine("onnx", path).predict(faces[:count])
            assert scores == pytest.approx(expected[:count], abs=tolerance)


def test_half_precision_is_half_the_size(whole):
    pytest.importorskip("onnxruntime")
    from smiledet.lab.training.export.quantise import onnx_to_float16

    model = parsed(onnx_to_float16(whole))
    weights = [each for each in model.graph.initializer if len(each.dims) == 4]
    assert weights and {each.data_type for each in weights} == {10}  # TensorProto.FLOAT16
    ends = [*model.graph.input, *model.graph.output]
    assert [end.type.tensor_type.elem_type for end in ends] == [1, 1]  # FLOAT


def test_int8_onnx_is_what_tensorrt_takes(whole, faces):
    """Q/DQ nodes with zero points of 0, weights by channel."""
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from smiledet.lab.training.export.quantise import onnx_to_int8

    model = parsed(onnx_to_int8(whole, faces))
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [13]
    values = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert {node.domain for node in model.graph.node} == {""}
    assert len(nodes) > 20
    int8 = [values[node.input[2]] for node in nodes if values[node.input[2]].dtype == np.int8]
    assert len(int8) > 20 and not any(zero.any() for zero in int8)
    assert any(zero.size > 1 for zero in int8)


class TestComparing:
    @pytest.fixture
    def engine(self, trained, tmp_path):
        from smiledet.lab.training.export.conversion import to_litert

        (tmp_path / "a.tflite").write_bytes(to_litert(trained.network))
        return load_engine("litert", tmp_path / "a.tflite")

    def test_the_same_network_agrees(self, trained, engine, faces):
        from smiledet.lab.training.export.agreement import check, compare

        expected = np.asarray(trained.network(faces.astype(np.float32), training=False)).argmax(axis=1)
        found = compare(trained.network, engine, faces, np.where(np.arange(len(faces)) < 3, 1 - expected, expected))
        assert (found.chips, found.same) == (12, 1.0)
        assert found.largest < 1e-4 and found.milliseconds > 0
        assert found.accuracy == found.keras_accuracy == pytest.approx(9 / 12)
        check(found, "float32")
        assert compare(trained.network, engine, faces).accuracy is None

    def test_another_network_does_not(self, trained, engine, faces, recipe, keras):
        from smiledet.lab.networks.build import build_network
        from smiledet.lab.training.export.agreement import check, compare

        other = build_network(recipe.architecture, (32, 32, 1), 2)
        found = compare(other, engine, faces)
        assert found.largest > 1e-3
        with pytest.raises(SmiledetError, match="differs from Keras"):
            check(found, "float32")

    def test_what_is_no_number_does_not(self, trained, engine, faces):
        from smiledet.lab.training.export.agreement import check, compare

        found = compare(trained.network, engine, faces)
        for wrong in ({"largest": float("nan")}, {"mean": float("nan")}, {"largest": 0.7}, {"mean": 0.07}):
            with pytest.raises(SmiledetError):
                check(replace(found, **wrong), "int8")
