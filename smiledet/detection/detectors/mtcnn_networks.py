"""MTCNN's three networks in OpenCV, with the weights that the `mtcnn` package carries.

That package runs them in TensorFlow, which has no place on the run path; they are small, and were made for Caffe, which
OpenCV reads. So each network is written down here once more, as Caffe's two messages: its layers as text and their
weights as a protocol buffer. What comes out is what the package's own networks give, to a hundred-thousandth.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smiledet.detection.detectors.packages import package_file, require
from smiledet.detection.detectors.pickled_arrays import ArrayReader, Floats
from smiledet.errors import ModelError

NAME, KIND, BLOBS, LAYERS = 1, 2, 7, 100
"""Numbers of Caffe's fields: a layer's name, type and weights, and a network's layers."""

SHAPE, VALUES, SIZES = 7, 5, 1
"""The same of an array of weights: its shape, its values, and the shape's sizes."""


WEIGHTS = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""sha256 of each network's file in `mtcnn` 1.0.0."""


def weight_file(network: str) -> Path:
    """The file of one network's weights.

    Args:
        network: `pnet`, `rnet` or `onet`.

    Raises:
        ModelError: The `mtcnn` package, or what it needs to read its own files, is not installed.
    """
    file = package_file("mtcnn", "mtcnn", f"assets/weights/{network}.lz4")
    require("mtcnn", "lz4")
    return file


def _read_weights(network: str) -> list[Floats]:
    """The network's arrays in Keras' order and layout, first layer first.

    Raises:
        ModelError: See `weight_file`; or the file's sha256 is not in `WEIGHTS`.
    """
    path = weight_file(network)
    data = path.read_bytes()
    if sha256(data).hexdigest() != WEIGHTS[network]:
        raise ModelError(f"detector mtcnn: {path} is damaged or another edition: pip install --force-reinstall mtcnn")
    import lz4.frame

    return ArrayReader(lz4.frame.decompress(data)).read()


def _number(value: int) -> bytes:
    """A whole number as protocol buffers write it: seven bits a byte, lowest first."""
    low, rest = value & 127, value >> 7
    return bytes([low | 128]) + _number(rest) if rest else bytes([low])


def _field(number: int, content: bytes) -> bytes:
    """A field that says its length."""
    return _number(number << 3 | 2) + _number(len(content)) + content


def _array(values: Floats) -> bytes:
    shape = _field(SHAPE, _field(SIZES, b"".join(map(_number, values.shape))))
    return _field(BLOBS, shape + _field(VALUES, np.ascontiguousarray(values, "<f4").tobytes()))


class _Network:
    """A network as it is written down, layer by layer.

    Grey pictures would be handed to the first layer three times over; its three planes of weights are added up instead.

    Args:
        weights: See `_read_weights`; every layer takes its own off the front.
        side: Of the pictures that it takes; a network without full connections takes any.
    """

    def __init__(self, weights: list[Floats], side: int) -> None:
        self._weights = [weights[0].sum(axis=2, keepdims=True), *weights[1:]]
        self._text = [f'input: "picture" input_shape {{ dim: 1 dim: 1 dim: {side} dim: {side} }}']
        self._arrays = b""
        self._last = "picture"

    def _add(self, kind: str, setting: str, arrays: Iterable[Floats] = (), name: str = "") -> None:
        name = name or f"layer{len(self._text)}"
        self._text.append(f'layer {{ name: "{name}" type: "{kind}" bottom: "{self._last}" top: "{name}" {setting} }}')
        described = _field(NAME, name.encode()) + _field(KIND, kind.encode())
        self._arrays += _field(LAYERS, described + b"".join(map(_array, arrays)))
        self._last = name

    def convolve(self, name: str = "") -> None:
        kernel, bias = self._weights.pop(0), self._weights.pop(0)
        setting = f"convolution_param {{ num_output: {len(bias)} kernel_size: {kernel.shape[0]} }}"
        self._add("Convolution", setting, (kernel.transpose(3, 2, 0, 1), bias), name)

    def connect(self, name: str = "", grid: int = 0) -> None:
        """A full connection; to a square of so many places a side, if to one."""
        kernel, bias = self._weights.pop(0), self._weights.pop(0)
        if grid:  # columns, rows, channels in the file; channels, rows, columns in Caffe
            kernel = kernel.reshape(grid, grid, -1, len(bias)).transpose(2, 1, 0, 3).reshape(-1, len(bias))
        self._add("InnerProduct", f"inner_product_param {{ num_output: {len(bias)} }}", (kernel.T, bias), name)

    def bend(self) -> None:
        """A rectifier with a slope of its own for each channel."""
        self._add("PReLU", "", (self._weights.pop(0).reshape(-1),))

    def shrink(self, size: int) -> None:
        """The largest of every window; one that juts out at the end counts, as with TensorFlow's 'same'."""
        self._add("Pooling", f"pooling_param {{ pool: MAX kernel_size: {size} stride: 2 }}")

    def blocks(self, *pools: int) -> None:
        """Convolutions, each with its rectifier, and a pooling of that size behind unless it is 0."""
        for pool in pools:
            self.convolve()
            self.bend()
            if pool:
                self.shrink(pool)

    def branch(self, layer: Any, *names: str) -> None:
        """Outputs side by side on the last layer; the last of them is made a probability, `score`."""
        trunk = self._last
        for name in names:
            self._last = trunk
            layer(name)
        self._add("Softmax", "softmax_param { axis: 1 }", name="score")

    def load(self) -> Any:
        """The network in OpenCV."""
        text = "\n".join(self._text).encode()
        return cv2.dnn.readNetFromCaffe(np.frombuffer(text, np.uint8), np.frombuffer(self._arrays, np.uint8))


def proposal_network() -> Any:
    """P-Net: a box and a score for every second pixel of a picture, from the 12 pixels around it."""
    network = _Network(_read_weights("pnet"), 12)
    network.blocks(2, 0, 0)
    network.branch(network.convolve, "box", "faceness")
    return network.load()


def refining_network() -> Any:
    """R-Net: a better box and score for a patch of 24 pixels."""
    network = _Network(_read_weights("rnet"), 24)
    network.blocks(3, 3, 0)
    network.connect(grid=3)
    network.bend()
    network.branch(network.connect, "box", "faceness")
    return network.load()


def output_network() -> Any:
    """O-Net: the final box and score of a patch of 48 pixels (and five points, which nobody here asks for)."""
    network = _Network(_read_weights("onet"), 48)
    network.blocks(3, 3, 2, 0)
    network.connect(grid=3)
    network.bend()
    network.branch(network.connect, "box", "points", "faceness")
    return network.load()
