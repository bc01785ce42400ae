"""What a network looks at, from its gradients: a network of their own that LiteRT runs beside the others.

Grad-CAM (Selvaraju et al., 2017): where the evidence for a label lies. Guided back-propagation (Springenberg et al.,
2015): the pixels by whose brightness a label's score rises or falls. `smiledet.lab.explain.gradient_network` makes the
files; LiteRT is on every machine that smiledet runs on, whatever engine reads the faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from smiledet.engines.base import check_chips
from smiledet.engines.litert import LiteRTEngine, open_network
from smiledet.errors import ModelError


@dataclass(frozen=True, slots=True)
class Gradients:
    """What speaks for a label in one face.

    Attributes:
        cam: float32 (rows, columns) of the last feature maps, 0 and up: where the evidence lies.
        guided: float32, the chip's shape, signed: the pixels by whose brightness the score rises (or falls).
    """

    cam: npt.NDArray[np.float32]
    guided: npt.NDArray[np.float32]


class GradientNetwork:
    """A network's gradients, loaded. It belongs to the thread that made it.

    Args:
        path: A file that `smiledet export TASK/NAME --to gradients` made.
        threads: Threads that one inference may use.

    Raises:
        ModelError: LiteRT cannot be loaded here, or the file is none of these.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        LiteRTEngine.check()
        interpreter = open_network(path, threads)
        # Told apart by their ranks: what they are called depends on the converter.
        inputs = {len(each["shape"]): each for each in interpreter.get_input_details()}
        outputs = {len(each["shape"]): each["index"] for each in interpreter.get_output_details()}
        if set(inputs) != {4, 2} or set(outputs) != {3, 2}:
            raise ModelError(f"{path} holds no gradients of a network")
        self._interpreter = interpreter
        self._pixels, self._wanted = inputs[4]["index"], inputs[2]["index"]
        self._cam, self._guided = outputs[2], outputs[3]
        self._shape = tuple(int(side) for side in inputs[4]["shape"][1:])
        self.outputs = int(inputs[2]["shape"][-1])

    def one(self, output: int) -> npt.NDArray[np.float32]:
        """What is wanted of one of the network's outputs.

        Args:
            output: Its place; of a network with a single output, which speaks for its second label, 0 or 1.
        """
        if self.outputs == 1:
            return np.array([1.0 if output == 1 else -1.0], np.float32)
        wanted = np.zeros(self.outputs, np.float32)
        wanted[output] = 1.0
        return wanted

    def explain(self, chip: npt.NDArray[Any], wanted: npt.NDArray[np.float32]) -> Gradients:
        """What speaks for some of the network's outputs in a face.

        Args:
            chip: (height, width, channels), or without channels where there is one; pixels 0 … 255.
            wanted: float32 (outputs,), the weight of each output's score.

        Raises:
            ValueError: The chip is not what the network takes.
        """
        chips = np.asarray(chip, np.float32)[None] if chip.ndim == 3 else np.asarray(chip, np.float32)[None, ..., None]
        check_chips(chips, self._shape)
        self._interpreter.set_tensor(self._pixels, chips)
        self._interpreter.set_tensor(self._wanted, wanted[None])
        self._interpreter.invoke()
        return Gradients(self._interpreter.get_tensor(self._cam), self._interpreter.get_tensor(self._guided))
