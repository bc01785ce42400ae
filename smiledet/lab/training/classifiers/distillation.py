"""Soft labels: a small network learns from what larger ones say, not from the labels alone.

G. Hinton, O. Vinyals, J. Dean: Distilling the knowledge in a neural network, 2015. The teachers look at each face once,
and at its mirror image, without augmentation; the student sees it anew each epoch under the same target.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from smiledet.engines.answers import answers_of
from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.lab.training.recipe import TeacherRecipe
from smiledet.model_index import Model, find_model
from smiledet.tasks.base import Task

log = logging.getLogger(__name__)


class Teacher:
    """One or more shipped models whose mean answer is learnt from.

    Args:
        recipe: Which models, and what they weigh.
        task: What the student learns; the teachers must have its labels.

    Raises:
        UsageError: A model is missing, keeps no Keras file, takes no chips or has other labels.
    """

    def __init__(self, recipe: TeacherRecipe, task: Task) -> None:
        self._weight = recipe.weight
        self._networks: list[tuple[keras.Model, Model, ChipSpec]] = []
        for entry in recipe.models:
            of_task, _, name = entry.partition("/")
            model = find_model(of_task, name)
            if model.input is None or model.labels != task.labels:
                raise UsageError(f"teacher: {entry} has other labels than {task.name}")
            self._networks.append((keras.saving.load_model(model.file("keras"), compile=False), model, model.input))

    def targets(
        self,
        known: npt.NDArray[np.float32] | None,
        chips_for: Callable[[ChipSpec], npt.NDArray[np.uint8]],
    ) -> npt.NDArray[np.float32]:
        """What the student should say of some faces.

        Args:
            known: The labels' own targets, float32 (n, classes); None where there are no labels.
            chips_for: The faces' chips in a teacher's geometry, uint8 (n, size, size, channels), in the same order.

        Returns:
            float32 (n, classes): the teachers' mean answer, mixed with the labels where there are any.
        """
        said = np.mean([_said(network, model, chips_for(spec)) for network, model, spec in self._networks], axis=0)
        if known is None:
            return np.asarray(said, np.float32)
        right = float((said.argmax(axis=1) == known.argmax(axis=1)).mean())
        log.info("the teacher agrees with %.1f %% of %d labels", 100 * right, len(known))
        return np.asarray(self._weight * said + (1 - self._weight) * known, np.float32)


def _said(network: keras.Model, model: Model, chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return answers_of(model, both_views(network, chips))


def both_views(network: keras.Model, chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The mean of what a network says of chips (n, side, side, channels) and of their mirror images."""
    views = (chips, chips[:, :, ::-1])
    said = [network.predict(view.astype(np.float32), batch_size=256, verbose=0) for view in views]
    return np.asarray(np.mean(said, axis=0), np.float32)
