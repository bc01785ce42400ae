"""Training of the face detector (`smiledet.detection.detectors.fcos`) from random weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.lab.training.detector.mining import mistakes_of
from smiledet.lab.training.detector.network import build, joined
from smiledet.lab.training.detector.pictures import FacePicture
from smiledet.lab.training.detector.scenes import Pictures, compose
from smiledet.lab.training.detector.targets import loss, targets
from smiledet.lab.training.recipe import DetectorRecipe

WARMUP, DECAY = 120, 0.3
"""Steps in which the learning rate rises, and the share of all in which it falls at the end; between them it stays."""

MOST_MISTAKES = 4000
"""The latest, which are shown again."""

WEIGHTS, LATEST = "latest.weights.h5", "latest.onnx"
"""The weights, averaged, after the last epoch that was finished; the network of them that looks for its mistakes."""


class Scenes(keras.utils.PyDataset):  # type: ignore[misc]
    """Scenes as they are composed, batch by batch, none twice.

    Args:
        pictures: See `smiledet.lab.training.detector.pictures`.
        recipe: See `DetectorRecipe`.
    """

    def __init__(self, pictures: Sequence[FacePicture], recipe: DetectorRecipe) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=4)
        self._pictures = Pictures.of(pictures)
        self._recipe = recipe
        self._epoch = 0

    def begin(self, epoch: int, network: keras.Model, file: Path) -> None:
        """Draw the scenes of an epoch, some of what the network now takes for faces.

        Args:
            epoch: Its number, from 0.
            network: As it has been trained so far.
            file: Where it is written, to be run.
        """
        self._epoch = epoch
        if epoch:
            generator = np.random.default_rng((self._recipe.seed, epoch))
            self._pictures.mistakes.extend(mistakes_of(network, file, self._pictures, generator))
            while len(self._pictures.mistakes) > MOST_MISTAKES:
                self._pictures.mistakes.popleft()

    def __len__(self) -> int:
        """Batches an epoch."""
        return self._recipe.steps

    def __getitem__(self, number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Pixels (batch, side, side, 1) and what the cells are to answer (batch, cells, ANSWERS)."""
        recipe = self._recipe
        side = recipe.sides[number % len(recipe.sides)]
        generator = np.random.default_rng((recipe.seed, self._epoch, number))
        scenes = [compose(self._pictures, side, generator) for _ in range(max(1, round(recipe.pixels / side**2)))]
        pixels = np.stack([scene.grey for scene in scenes])[..., None].astype(np.float32)
        return pixels, np.stack([targets(scene) for scene in scenes])


@keras.saving.register_keras_serializable("smiledet")
class Trapezoid(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that rises to its peak, stays there and falls to nothing.

    Until it falls it does not depend on the number of steps: a training that is gone on with may end sooner or later
    than it was meant to, and is none the worse for it.
    """

    def __init__(self, peak: float, steps: int) -> None:
        self._peak, self._steps = peak, steps

    def __call__(self, step: Any) -> Any:
        """The rate at a step."""
        step = keras.ops.cast(step, "float32")
        rising, falling = (step + 1) / WARMUP, (1 - step / self._steps) / DECAY
        return self._peak * keras.ops.clip(keras.ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """What makes it again."""
        return {"peak": self._peak, "steps": self._steps}


def train_detector(pictures: Sequence[FacePicture], recipe: DetectorRecipe, output: Path) -> keras.Model:
    """Train the network.

    Interrupted training goes on where it stopped when called again with the same `output`; the network's mistakes, of
    which scenes are made, are then collected anew.

    Args:
        pictures: See `smiledet.lab.training.detector.pictures`.
        recipe: How.
        output: Folder for checkpoints, `log.csv` and the weights.

    Returns:
        The network, with averaged weights.

    Raises:
        UsageError: No picture shows a face, or the recipe's network or sides cannot be.
    """
    if not any(len(picture.boxes) for picture in pictures):
        raise UsageError("none of the photographs shows a face that can be learnt from")
    if (len(recipe.channels), len(recipe.blocks)) != (3, 4) or min(recipe.channels) < 1 or min(recipe.blocks) < 0:
        given = f"channels are {list(recipe.channels)}, blocks {list(recipe.blocks)}"
        raise UsageError(f"{given}: expected three channels and four blocks")
    if not recipe.sides or any(side % 32 or side < 64 for side in recipe.sides):
        raise UsageError(f"sides are {list(recipe.sides)}: expected multiples of 32, at least 64")
    keras.utils.set_random_seed(recipe.seed)
    network = build(recipe.channels, recipe.blocks)
    model = joined(network)
    optimiser = keras.optimizers.Adam(
        Trapezoid(recipe.learning_rate, recipe.epochs * recipe.steps),
        global_clipnorm=10.0,
        use_ema=True,
        ema_momentum=recipe.weight_average,
    )
    model.compile(optimizer=optimiser, loss=loss, jit_compile=False)
    optimiser.build(model.trainable_variables)
    scenes = Scenes(pictures, recipe)
    output.mkdir(parents=True, exist_ok=True)
    model.fit(
        scenes,
        shuffle=False,
        epochs=recipe.epochs,
        callbacks=[
            # Before the weights' running mean is put back: it is what is looked with.
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, _logs: scenes.begin(epoch, network, output / LATEST)
            ),
            # Before the swap: weights and running mean have to be found in their own places.
            keras.callbacks.BackupAndRestore(str(output / "backup"), delete_checkpoint=False),
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            keras.callbacks.ModelCheckpoint(str(output / WEIGHTS), save_weights_only=True),
            keras.callbacks.CSVLogger(str(output / "log.csv"), append=True),
        ],
        verbose=1 if sys.stdout.isatty() else 2,
    )
    model.load_weights(output / WEIGHTS)
    return network
