"""Why a face is read as it is: where the evidence for a label lies, by Grad-CAM, in the photograph's colours."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.aligner import FaceAligner
from smiledet.alignment.chips import chip_map
from smiledet.engines.files import gradient_file
from smiledet.engines.gradients import GradientNetwork
from smiledet.errors import UsageError
from smiledet.frame import Box, Image, Matrix
from smiledet.model_index import Model
from smiledet.shipped_models import shipped_aligner
from smiledet.turning import turn, turn_box

STRONGEST = 0.65
"""Opacity of the colour over the part that counts most."""


class Reasons:
    """Explains the labels of faces, one at a time; a model's gradients are loaded when they are first asked for.

    Args:
        models: The model of each task.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        self._networks: dict[str, GradientNetwork] = {}
        self._aligner: FaceAligner | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smiledet-why")

    def explained(self, image: Image, box: Box, task: str, label: str, turned: int = 0) -> Image:
        """A copy of a picture in which the parts of a face that a label was read from are coloured.

        Args:
            image: BGR uint8 (height, width, 3).
            box: The face.
            task: What was read.
            label: The answer.
            turned: Degrees clockwise by which the picture has to be turned until the face is upright.

        Raises:
            UsageError: The model has no gradients, or no such label.
        """
        return self._thread.submit(self._explained, image, box, task, label, turned).result()

    def close(self) -> None:
        """End the thread; closing twice does no harm."""
        self._thread.shutdown()

    def _explained(self, image: Image, box: Box, task: str, label: str, turned: int) -> Image:
        model = self._models.get(task)
        if model is None or model.input is None or label not in model.labels:
            raise UsageError(f"{task} is not read as {label!r} here")
        if task not in self._networks:
            self._networks[task] = GradientNetwork(gradient_file(model))
        aligner = self._aligner = self._aligner or shipped_aligner()
        network = self._networks[task]
        upright = turn(image, turned)
        if turned:
            box = turn_box(box, turned, (image.shape[1], image.shape[0]))
        grey = cv2.cvtColor(upright, cv2.COLOR_BGR2GRAY)
        face = aligner.align(upright, grey, box, [model.input])
        assert face.to_template is not None
        place = model.labels.index(label)
        wanted = network.one(model.outputs[place] if model.outputs else place)
        cam = network.explain(face.chips[model.input], wanted).cam
        return turn(coloured(upright, cam, chip_map(face.to_template, model.input), model.input.size), -turned % 360)


def coloured(image: Image, cam: npt.NDArray[np.float32], to_chip: Matrix, size: int) -> Image:
    """A copy of a picture with Grad-CAM's map laid over the face.

    Args:
        image: BGR uint8 (height, width, 3).
        cam: float32 (rows, columns), 0 and up; it spans the chip.
        to_chip: 2x3, from the picture's pixels to the chip's.
        size: Side of the chip, in pixels.
    """
    shown: Image = image.copy()
    if cam.max() <= 0:
        return shown
    share = cv2.resize(cam / cam.max(), (size, size), interpolation=cv2.INTER_CUBIC)
    height, width = image.shape[:2]
    strength = cv2.warpAffine(
        np.clip(share, 0, 1), to_chip, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )[..., None]
    colours = cv2.applyColorMap((255 * strength[..., 0]).astype(np.uint8), cv2.COLORMAP_INFERNO)
    part = strength[..., 0] > 0
    mixed = image * (1 - STRONGEST * strength) + colours * (STRONGEST * strength)
    shown[part] = mixed[part].astype(np.uint8)
    return shown
