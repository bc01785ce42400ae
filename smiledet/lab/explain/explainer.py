"""One model's reasons for what it reads from a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import keras
import numpy as np
import numpy.typing as npt

from smiledet.alignment.aligner import FaceAligner
from smiledet.engines.answers import answers_of
from smiledet.errors import UsageError
from smiledet.frame import Box, ChipSpec, Image
from smiledet.lab.datasets.base import Sample
from smiledet.lab.explain.gradients import (
    grad_cam,
    guided_backpropagation,
    only_head,
    strongest_neuron,
    without_softmax,
)
from smiledet.lab.training.faces.chips import align_sample
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator
from smiledet.model_index import Model

SHOWN = 256
"""Side of a face as it is shown, in pixels."""

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What speaks for one class in one face.

    Attributes:
        label: The class.
        probability: The model's, 0 to 1.
        guided: float32 (height, width) of the chip, signed: the pixel by whose brightness the class' score rises (or
            falls), by guided back-propagation; of a colour chip the channel that counts most.
        cam: float32 (rows, columns) of the last feature maps, 0 and up: where the evidence lies, by Grad-CAM.
    """

    label: str
    probability: float
    guided: npt.NDArray[np.float32]
    cam: npt.NDArray[np.float32]


class Explainer:
    """A shipped model, ready to explain itself.

    Args:
        model: Its row in the index.

    Raises:
        UsageError: It takes no chips, has no Keras file, or Keras does not run under TensorFlow.
    """

    def __init__(self, model: Model) -> None:
        if model.input is None:
            raise UsageError(f"model {model.task}/{model.name} takes no chips")
        self.model, self.spec = model, model.input
        whole = keras.saving.load_model(model.file("keras"), compile=False)
        self._network, self._outputs = only_head(whole, model.outputs)
        self._plain = without_softmax(self._network)
        self._guided = without_softmax(self._network, guided=True)

    def probabilities(self, chip: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The probability of each class, float32 (classes,)."""
        rows = np.asarray(self._network(self._batch(chip, 1), training=False), np.float32)
        if rows.shape[1] == 1:
            return np.array([1 - rows[0, 0], rows[0, 0]], np.float32)
        answers: npt.NDArray[np.float32] = answers_of(replace(self.model, outputs=self._outputs), rows)
        return np.asarray(answers[0], np.float32)

    def explain(self, chip: npt.NDArray[np.uint8], labels: Sequence[str] | None = None) -> list[Explanation]:
        """Explain a chip.

        Args:
            chip: uint8 of the model's geometry.
            labels: Which classes; None for the one that the model reads.

        Raises:
            UsageError: The model has no such class.
        """
        probabilities = self.probabilities(chip)
        wanted = [self.model.labels[int(probabilities.argmax())]] if labels is None else labels
        if unknown := [label for label in wanted if label not in self.model.labels]:
            raise UsageError(f"no class {unknown[0]!r} in {self.model.task}: {', '.join(self.model.labels)}")
        classes = np.array([self.model.labels.index(label) for label in wanted], np.int64)
        batch = self._batch(chip, len(classes))
        neurons = np.array(self._outputs, np.int64)[classes] if self._outputs else classes
        guided = guided_backpropagation(self._guided, batch, neurons)
        cams = grad_cam(self._plain, batch, neurons)
        return [
            Explanation(label, float(probabilities[index]), _strongest(signed), cam)
            for label, index, signed, cam in zip(wanted, classes, guided, cams, strict=True)
        ]

    def strongest(self, chip: npt.NDArray[np.uint8]) -> Explanation:
        """What the model reads, with the pixels of the most active neuron of its last convolution for `guided`.

        Args:
            chip: uint8 of the model's geometry.
        """
        (read,) = self.explain(chip)
        return replace(read, guided=_strongest(strongest_neuron(self._guided, self._batch(chip, 1))[0]))

    def _batch(self, chip: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.float32]:
        shape = (1, self.spec.size, self.spec.size, self.spec.channels)
        return np.repeat(chip.reshape(shape).astype(np.float32), count, axis=0)


def _strongest(gradient: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of each pixel the channel with the largest gradient, (height, width, channels) to (height, width)."""
    channel = np.abs(gradient).argmax(axis=-1)[..., None]
    return np.take_along_axis(gradient, channel, axis=-1)[..., 0]


def cut_face(
    path: Path, specs: Sequence[ChipSpec], aligner: FaceAligner, whole: bool = False
) -> dict[ChipSpec, npt.NDArray[np.uint8]]:
    """The largest face of a photograph, aligned and cut as at deployment.

    Args:
        path: The photograph.
        specs: Geometries of the chips.
        aligner: The deployment aligner.
        whole: The photograph is a face already, cropped as Viola-Jones does.

    Raises:
        UsageError: The file cannot be read, or shows no face.
    """
    if not path.is_file() or not cv2.haveImageReader(str(path)):
        raise UsageError(f"cannot read the photograph {path}")
    sample = Sample(path, "", "", WHOLE if whole else None)
    face = align_sample(sample, LabelledFaceLocator(), aligner, specs)
    if face is None:
        raise UsageError(f"no face found in {path} (--crop takes the whole picture for one)")
    return dict(face.chips)


def shown_face(chips: dict[ChipSpec, npt.NDArray[np.uint8]], spec: ChipSpec) -> Image:
    """The face as a model's chips frame it, BGR; `chips` were cut with `display_spec(spec)` among others."""
    return chips[display_spec(spec)]


def display_spec(spec: ChipSpec) -> ChipSpec:
    """What shows a person the view that a model has."""
    return ChipSpec(SHOWN, spec.margin, 3)
