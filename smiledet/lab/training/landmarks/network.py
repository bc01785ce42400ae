"""Networks that place a face's 68 points, and their training.

They grow out of a shipped network that reads faces, so that a thousand annotated ones suffice.

Loss: Z. Feng and others: Wing loss for robust facial landmark localisation with convolutional neural networks, CVPR
2018, equation 5.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from smiledet.alignment.landmark_refiner import VIEW
from smiledet.alignment.template import POINT_COUNT
from smiledet.errors import UsageError
from smiledet.frame import Points
from smiledet.lab.training.landmarks.boxes import BoxSpread, FramedFace
from smiledet.lab.training.landmarks.views import random_views
from smiledet.lab.training.recipe import LandmarkNetworkRecipe
from smiledet.model_index import find_model

log = logging.getLogger(__name__)

FINE_LAYER, COARSE_LAYER = "conv_pw_11_relu", "conv_pw_13_relu"
"""MobileNet's last maps at a sixteenth and at a thirty-second of the view's side."""

FROZEN_UP_TO = "conv_pw_4_relu"
"""The layers to here cost most of a step and see edges, which are the same for every task."""

WING_WIDTH, WING_CURVE = 5.0, 1.0
"""Of the loss, in pixels of the view."""

STEPS_AN_EPOCH = 200
"""After so many steps the log gets a line."""


def wing_loss(wanted: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
    """Wing loss of answers (n, 136), in sides of a view."""
    apart = ops.abs(ops.subtract(wanted, found)) * VIEW.size
    offset = WING_WIDTH - WING_WIDTH * math.log1p(WING_WIDTH / WING_CURVE)
    return ops.mean(ops.where(apart < WING_WIDTH, WING_WIDTH * ops.log1p(apart / WING_CURVE), apart - offset))


def build_network(trunk: keras.Model, recipe: LandmarkNetworkRecipe) -> keras.Model:
    """A network from views float32 (n, 96, 96, 1) to answers (n, 136); it begins by answering with the template.

    Args:
        trunk: A MobileNet that reads grey faces; its layers are shared, not copied.
        recipe: Settings.

    Raises:
        UsageError: It is no MobileNet.
    """
    try:
        ends = [trunk.get_layer(name).output for name in (FINE_LAYER, COARSE_LAYER)]
    except ValueError as problem:
        raise UsageError(f"a landmark network starts from a MobileNet, not from {trunk.name}") from problem
    maps = keras.Model(trunk.inputs, ends)
    picture = keras.Input((VIEW.size, VIEW.size, VIEW.channels))
    if recipe.frozen:
        edge = [layer.name for layer in maps.layers].index(FROZEN_UP_TO)
        for layer in maps.layers[: edge + 1]:
            layer.trainable = False
        fine, coarse = maps(picture, training=False)
    else:
        fine, coarse = maps(picture)
    rows = []
    for level, channels in ((fine, recipe.fine), (coarse, recipe.coarse)):
        narrow = keras.layers.Conv2D(channels, 1, activation="relu")(level)
        rows.append(keras.layers.Flatten()(narrow))
    joined = keras.layers.Concatenate()(rows)
    if recipe.dropout:
        joined = keras.layers.Dropout(recipe.dropout)(joined)
    return keras.Model(picture, keras.layers.Dense(2 * POINT_COUNT, kernel_initializer="zeros")(joined))


class _Views(keras.utils.PyDataset):  # type: ignore[misc]
    """Random views of the faces, a batch a step, no two epochs alike."""

    def __init__(
        self,
        sets: Sequence[tuple[Sequence[FramedFace], float]],
        template: Points,
        spread: BoxSpread,
        size: tuple[int, int],
        seed: int,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._sets, self._template, self._spread = sets, template, spread
        (self._steps, self._batch), self._seed, self._epoch = size, seed, 0

    def __len__(self) -> int:
        return self._steps

    def on_epoch_end(self) -> None:
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        generator = np.random.default_rng((self._seed, self._epoch, index))
        counts = generator.multinomial(self._batch, [share for _, share in self._sets])
        chosen = [
            faces[number]
            for (faces, _), count in zip(self._sets, counts, strict=True)
            for number in generator.choice(len(faces), count, replace=len(faces) < count)
        ]
        return random_views(chosen, self._template, self._spread, generator)


def train_network(
    annotated: Sequence[FramedFace],
    labelled: Sequence[FramedFace],
    template: Points,
    spread: BoxSpread,
    recipe: LandmarkNetworkRecipe,
    seed: int,
) -> keras.Model:
    """Train a network; see `build_network`.

    Args:
        annotated: Faces whose points people have placed.
        labelled: Faces whose points a teacher has placed; may be none.
        template: (68, 2) in face boxes.
        spread: How Viola-Jones' boxes lie.
        recipe: Settings.
        seed: Of the views.

    Raises:
        UsageError: The model that it starts from is missing or is no MobileNet.
    """
    of_task, _, name = recipe.initial.partition("/")
    keras.utils.set_random_seed(seed)
    trunk = keras.saving.load_model(find_model(of_task, name).file("keras"), compile=False)
    network = build_network(trunk, recipe)
    steps = min(recipe.steps, STEPS_AN_EPOCH)
    epochs = math.ceil(recipe.steps / steps)
    warmup = max(1, min(200, recipe.steps // 10))
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 50,
        max(1, epochs * steps - warmup),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=1e-4, global_clipnorm=5.0, use_ema=True, ema_momentum=recipe.weight_average
    )
    network.compile(optimizer=optimizer, loss=wing_loss, jit_compile=False)
    say = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: log.info(
            "step %d of %d, loss %.3f", (epoch + 1) * steps, epochs * steps, logs["loss"]
        )
    )
    share = recipe.annotated if labelled else 1.0
    sets = [(annotated, share), *([(labelled, 1 - share)] if labelled else [])]
    network.fit(_Views(sets, template, spread, (steps, recipe.batch), seed), epochs=epochs, verbose=0, callbacks=[say])
    return network
