"""The anchor-free network as LiteRT or OpenCV runs it, and what its answers mean.

The usual file is LiteRT's with integers on the large maps: XNNPACK takes half the time of OpenCV, and a third less with
integers there. The ONNX file, which OpenCV reads, is for other programs and for the trainer, which looks for the
network's mistakes after every epoch.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.errors import ModelError
from smiledet.system.litert import opened
from smiledet.system.memory import hand_back_memory

USUAL_FILE = "litert-int8"
"""Of the model's files, as the index names them."""

STRIDES = (8, 16, 32)
"""Pixels from cell to cell of the three maps."""

ANSWERS = 15
"""Of a cell: a logit, where the middle of the box lies, logarithms of its sides, five points; in cells, from it."""

INPUT = "pixels"
OUTPUTS = ("eighth", "sixteenth", "thirtysecond")
"""Names in the ONNX file."""

SIDES = (-4, 6)
"""Least and largest logarithm of a box's side in cells that is believed."""

SMALLEST_INPUT = 64
"""Sides below this are padded."""

SMALL = 320 * 320
"""Pixels of a small picture at most: a second look's, or that to which a photograph is shrunk."""

SMALL_KEPT = 4
"""Sizes of small pictures for which LiteRT keeps memory, a few MB each; of large ones it is one (1280x960: 82 MB)."""

LITERT_MARK = b"TFL3"
"""From the fifth byte of a LiteRT file."""

Rows = npt.NDArray[np.float32]
"""Candidates, (n, 15): left, top, right, bottom, score and five points, x and y in turn: the eyes, the nose's tip, the
mouth's corners, left in the picture first."""

Stack = npt.NDArray[np.uint8]
"""Grey pictures of one size, (n, height, width)."""

Maps = list[npt.NDArray[np.float32]]
"""The answers for a stack, (n, ANSWERS, rows, columns) a stride."""


class FcosNetwork:
    """The network. It belongs to one thread.

    Args:
        path: The LiteRT or ONNX file.

    Raises:
        ModelError: It is missing or no such network.
    """

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
            self._run: _LiteRT | _OpenCV = _LiteRT(path) if content[4:8] == LITERT_MARK else _OpenCV(content)
            self.candidates(np.zeros((1, SMALLEST_INPUT, SMALLEST_INPUT), np.uint8), 0.5)
        except (OSError, cv2.error, ImportError, RuntimeError, ValueError, IndexError) as problem:
            reason = str(getattr(problem, "err", None) or problem).strip().splitlines()[0]
            raise ModelError(f"detector fcos: {path} is no such network: {reason}") from problem

    def candidates(self, pictures: Stack, score: float) -> tuple[npt.NDArray[np.intp], Rows]:
        """What may be a face, several times over.

        Args:
            pictures: Grey uint8 (n, height, width).
            score: The least, above 0 and below 1.

        Returns:
            The number of the picture that each candidate is in, (m,), and the candidates.
        """
        below, beside = (
            max(SMALLEST_INPUT, -(-side // STRIDES[-1]) * STRIDES[-1]) - side for side in pictures.shape[1:]
        )
        padded = np.pad(pictures, ((0, 0), (0, below), (0, beside)), "edge") if below or beside else pictures
        logit = float(np.log(score / (1 - score)))
        parts = [decoded(answers, stride, logit) for answers, stride in zip(self._run(padded), STRIDES, strict=True)]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def hand_back(self) -> None:
        """Let go of the memory that the last pictures took."""
        self._run.hand_back()


class _OpenCV:
    """An ONNX file in OpenCV's engine; from memory, since OpenCV cannot open every path there is on Windows."""

    def __init__(self, content: bytes) -> None:
        self._network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))

    def __call__(self, pictures: Stack) -> Maps:
        answers = []
        for grey in pictures:  # the file takes one
            self._network.setInput(grey.astype(np.float32)[None, None])
            answers.append(self._network.forward(list(OUTPUTS)))
        return [np.concatenate(maps) for maps in zip(*answers, strict=True)]

    def hand_back(self) -> None:
        """OpenCV keeps what the last picture took."""


class _LiteRT:
    """A LiteRT file, with memory for the last large size, and for some small ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._large: Any = None
        self._largest = 0
        self._of_size: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def __call__(self, pictures: Stack) -> Maps:
        interpreter = self._sized(pictures.shape)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pictures.astype(np.float32)[..., None])
        interpreter.invoke()
        maps = [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]
        return [answers.transpose(0, 3, 1, 2) for answers in sorted(maps, key=lambda each: -each.shape[1])]

    def hand_back(self) -> None:
        """Close the network for every size."""
        self._large, self._largest = None, 0
        self._of_size.clear()

    def _sized(self, size: tuple[int, ...]) -> Any:
        pixels = size[1] * size[2]
        if pixels > SMALL:
            if pixels > self._largest:
                self._large, self._largest = None, pixels  # else it would hold the memory of both while it grows
                hand_back_memory()
            self._large = _resized(self._large or opened(self._path, 1), size)
            return self._large
        if size in self._of_size:
            self._of_size.move_to_end(size)
            return self._of_size[size]
        full = len(self._of_size) == SMALL_KEPT
        interpreter = self._of_size.popitem(last=False)[1] if full else opened(self._path, 1)
        self._of_size[size] = _resized(interpreter, size)
        return interpreter


def _resized(interpreter: Any, size: tuple[int, ...]) -> Any:
    """The interpreter with memory for a stack of a size (n, height, width)."""
    pixels = interpreter.get_input_details()[0]
    if tuple(pixels["shape"][:3]) != size:
        interpreter.resize_tensor_input(pixels["index"], (*size, 1))
        interpreter.allocate_tensors()
    return interpreter


def decoded(answers: npt.NDArray[np.float32], stride: int, logit: float) -> tuple[npt.NDArray[np.intp], Rows]:
    """The candidates of a map (n, ANSWERS, rows, columns) that are at least so sure, and the pictures they are in.

    >>> answers = np.full((1, 15, 2, 2), -9, np.float32)
    >>> answers[0, :5, 1, 0] = [0, 0.5, 0, np.log(4), np.log(2)]  # right of a cell's middle, four cells wide, two high
    >>> decoded(answers, 8, logit=-1)[1][0, :5]
    array([-8. ,  4. , 24. , 20. ,  0.5], dtype=float32)
    """
    pictures, rows, columns = np.nonzero(answers[:, 0] >= logit)
    there = answers[pictures, :, rows, columns].T
    cells = np.stack([columns, rows]).astype(np.float32) + 0.5
    middles = (there[1:3] + cells) * stride
    half = np.exp(np.clip(there[3:5], *SIDES)) * (stride / 2)
    points = (there[5:].reshape(5, 2, -1) + cells) * stride - 0.5
    scores = 1 / (1 + np.exp(-there[:1]))
    found = np.concatenate([middles - half, middles + half, scores, points.reshape(10, -1)])
    return pictures, np.ascontiguousarray(found.T, np.float32)
