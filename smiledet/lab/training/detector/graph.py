"""The detector's network as ONNX, for any size of picture.

Written layer by layer, batch norm folded: a converter would leave transpositions behind, which OpenCV cannot run at
every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from smiledet.detection.detectors.fcos_network import ANSWERS, INPUT, OUTPUTS
from smiledet.errors import SmiledetError
from smiledet.lab.training.export.conversion import OPSET


class _Graph:
    """ONNX nodes and arrays as they are collected."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def add(self, kind: str, given: Sequence[str], values: Sequence[npt.NDArray[Any]] = (), **settings: Any) -> str:
        """Add a node; returns the name of what it gives."""
        from onnx import helper, numpy_helper

        names = [f"values{len(self.arrays) + number}" for number in range(len(values))]
        self.arrays += [
            numpy_helper.from_array(np.array(each, np.float32, order="C"), name)
            for each, name in zip(values, names, strict=True)
        ]
        output = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [*given, *names], [output], **settings))
        return output


def to_onnx(network: keras.Model) -> bytes:
    """A network of `build` as ONNX, from pixels 0 … 255 (1, 1, height, width) to a map a stride, (1, ANSWERS, …).

    Raises:
        SmiledetError: It has a layer that is not known here.
    """
    from onnx import TensorProto, checker, helper

    graph = _Graph()
    named: dict[str, str] = {}
    scale, padding = 1.0, 0
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    norms = {layer.input.name: layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)}
    for layer in layers:
        tensors = layer.input if isinstance(layer.input, list) else [layer.input]
        given = [named.get(tensor.name, INPUT) for tensor in tensors]
        if isinstance(layer, keras.layers.Rescaling):  # it takes nothing away: the first kernel may be scaled instead
            scale, output = float(layer.scale), given[0]
        elif isinstance(layer, keras.layers.ZeroPadding2D):
            padding, output = 1, given[0]
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            kernel, bias = _folded(layer, norms.get(layer.output.name))
            window = kernel.shape[-1]
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            output = graph.add(
                "Conv",
                given,
                [kernel * scale, bias],
                kernel_shape=[window, window],
                strides=list(layer.strides),
                pads=[padding or window // 2] * 4,
                group=kernel.shape[0] if depthwise else 1,
            )
            scale, padding = 1.0, 0
        elif isinstance(layer, keras.layers.BatchNormalization):
            output = given[0]
        elif isinstance(layer, keras.layers.ReLU):
            output = graph.add("Relu", given)
        elif isinstance(layer, keras.layers.Add):
            output = graph.add("Add", given)
        elif isinstance(layer, keras.layers.UpSampling2D):
            scales = np.array([1, 1, 2, 2], np.float32)
            settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            output = graph.add("Resize", [*given, ""], [scales], mode="nearest", **settings)
        elif isinstance(layer, keras.layers.Concatenate):
            output = graph.add("Concat", given, axis=1)
        else:
            raise SmiledetError(f"no way to write the layer {type(layer).__name__} as ONNX")
        named[layer.output.name] = output
    for tensor, name in zip(network.outputs, OUTPUTS, strict=True):
        graph.nodes.append(helper.make_node("Identity", [named[tensor.name]], [name]))
    pixels = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 1, "height", "width"])
    results = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, ANSWERS, f"rows {name}", f"columns {name}"])
        for name in OUTPUTS
    ]
    whole = helper.make_graph(graph.nodes, network.name, [pixels], results, graph.arrays)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    packed: bytes = model.SerializeToString()
    return packed


def _folded(layer: Any, norm: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A convolution's kernel as ONNX has it, and its bias, with the normalisation behind it."""
    kernel = np.asarray(layer.kernel, np.float64)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = kernel.transpose(2, 3, 0, 1)
    else:
        kernel = kernel.transpose(3, 2, 0, 1)
    bias = np.asarray(layer.bias, np.float64) if layer.use_bias else np.zeros(kernel.shape[0])
    if norm is not None:
        gamma, beta, mean, variance = (np.asarray(values, np.float64) for values in norm.weights)
        factor = gamma / np.sqrt(variance + norm.epsilon)
        kernel, bias = kernel * factor[:, None, None, None], (bias - mean) * factor + beta
    return kernel, bias
