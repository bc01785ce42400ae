"""The landmark teacher: a convolutional network that places the 68 points, however long it takes.

It never runs in the pipeline. It grows out of a shipped network that reads faces, so that a thousand annotated ones
suffice, and names the points of faces that nobody has annotated (`smiledet.training.landmark_labels`); the trees are
grown on both.

Loss: Z. Feng and others: Wing loss for robust facial landmark localisation with convolutional neural networks, CVPR
2018, equation 5.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

import cv2
import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from smiledet.alignment.similarity import transform
from smiledet.alignment.template import POINT_COUNT
from smiledet.errors import UsageError
from smiledet.frame import Box, GreyImage, Matrix, Points
from smiledet.training.boxes import OUTER_CORNERS, BoxSpread, FramedFace
from smiledet.training.landmark_views import (
    VIEW_SIDE,
    cut_view,
    map_of_box,
    map_of_points,
    mirrored_points,
    placed,
    random_views,
)
from smiledet.training.recipe import LandmarkTeacherRecipe
from smiledet.zoo import find_model

log = logging.getLogger(__name__)

FINE_LAYER, COARSE_LAYER = "conv_pw_11_relu", "conv_pw_13_relu"
"""MobileNet's last maps at a sixteenth and at a thirty-second of the view's side."""

FROZEN_UP_TO = "conv_pw_4_relu"
"""The layers to here cost most of a step and see edges, which are the same for every task."""

WING_WIDTH, WING_CURVE = 5.0, 1.0
"""Of the loss, in pixels of the view."""

STEPS_AN_EPOCH = 200
"""After so many steps the log gets a line."""

FACES_AT_ONCE = 256
"""Faces whose views are in memory together."""


def wing_loss(wanted: keras.KerasTensor, found: keras.KerasTensor) -> keras.KerasTensor:
    """Wing loss of points (n, 136) in views, -0.5 to 0.5."""
    apart = ops.abs(ops.subtract(wanted, found)) * VIEW_SIDE
    offset = WING_WIDTH - WING_WIDTH * math.log1p(WING_WIDTH / WING_CURVE)
    return ops.mean(ops.where(apart < WING_WIDTH, WING_WIDTH * ops.log1p(apart / WING_CURVE), apart - offset))


def build_network(trunk: keras.Model, template: Points) -> keras.Model:
    """A network from views float32 (n, VIEW_SIDE, VIEW_SIDE, 1) to points (n, 136), which begins at the template.

    Args:
        trunk: A MobileNet that reads grey faces; its layers are shared, not copied.
        template: (68, 2) in face boxes.

    Raises:
        UsageError: It is no MobileNet.
    """
    try:
        ends = [trunk.get_layer(name).output for name in (FINE_LAYER, COARSE_LAYER)]
    except ValueError as problem:
        raise UsageError(f"the landmark teacher starts from a MobileNet, not from {trunk.name}") from problem
    maps = keras.Model(trunk.inputs, ends)
    edge = [layer.name for layer in maps.layers].index(FROZEN_UP_TO)
    for layer in maps.layers[: edge + 1]:
        layer.trainable = False
    picture = keras.Input((VIEW_SIDE, VIEW_SIDE, 1))
    # The normalisations stay as the trunk has them: batches are small, and a running mean of the weights is kept.
    fine, coarse = maps(picture, training=False)
    rows = []
    for level, channels in ((fine, 64), (coarse, 128)):
        narrow = keras.layers.Conv2D(channels, 1)(level)
        rows.append(keras.layers.Flatten()(keras.layers.PReLU(shared_axes=[1, 2])(narrow)))
    joined = keras.layers.Dropout(0.1)(keras.layers.Concatenate()(rows))
    answer = keras.layers.Dense(2 * POINT_COUNT, kernel_initializer="zeros")
    network = keras.Model(picture, answer(joined))
    answer.bias.assign((placed(template) / VIEW_SIDE - 0.5).ravel().astype(np.float32))
    return network


class LandmarkTeacher:
    """Places the points of faces.

    Args:
        network: As `build_network` makes it.
        template: (68, 2) in face boxes.
        looks: How often it looks at a face; each look but the first is where the one before has placed the points.
    """

    def __init__(self, network: keras.Model, template: Points, looks: int) -> None:
        self._network, self._template, self._looks = network, template, looks

    def place(self, images: Sequence[GreyImage], boxes: Sequence[Box]) -> tuple[Points, npt.NDArray[np.float64]]:
        """The points of some faces.

        Args:
            images: The photographs, grey uint8, one a face.
            boxes: The faces, as Viola-Jones frames them.

        Returns:
            (n, 68, 2) pixels of the photographs, and each face's doubt (n): by how much the answers to the view and to
            its mirror image lie apart, and the last two looks, in distances between the eyes' outer corners.
        """
        points, doubt = [], []
        for begin in range(0, len(images), FACES_AT_ONCE):
            part = slice(begin, begin + FACES_AT_ONCE)
            found = self._place(images[part], boxes[part])
            points.append(found[0])
            doubt.append(found[1])
        return np.concatenate(points), np.concatenate(doubt)

    def _place(self, images: Sequence[GreyImage], boxes: Sequence[Box]) -> tuple[Points, npt.NDArray[np.float64]]:
        maps = [map_of_box(box) for box in boxes]
        before: Points | None = None
        for look in range(self._looks):
            direct, other = self._look(images, maps)
            points = (direct + other) / 2
            if look + 1 < self._looks:
                before, maps = points, [map_of_points(each, self._template) for each in points]
        across = np.linalg.norm(points[:, OUTER_CORNERS[1]] - points[:, OUTER_CORNERS[0]], axis=1)
        doubt = np.linalg.norm(direct - other, axis=2).mean(axis=1) / 2
        if before is not None:
            doubt = doubt + np.linalg.norm(points - before, axis=2).mean(axis=1)
        return points, doubt / np.maximum(across, 1e-6)

    def _look(self, images: Sequence[GreyImage], maps: Sequence[Matrix]) -> tuple[Points, Points]:
        """What the views say, and what their mirror images do: each (n, 68, 2), pixels of the photographs."""
        views = np.stack([cut_view(image, into) for image, into in zip(images, maps, strict=True)])
        answers = []
        for seen in (views, views[:, :, ::-1]):
            said = self._network.predict(np.ascontiguousarray(seen[..., None], np.float32), verbose=0, batch_size=64)
            answers.append((np.asarray(said, np.float64).reshape(len(seen), -1, 2) + 0.5) * VIEW_SIDE)
        answers[1] = np.stack([mirrored_points(each) for each in answers[1]])
        back = [cv2.invertAffineTransform(into) for into in maps]
        direct, other = (
            np.stack([transform(each, points) for each, points in zip(back, answer, strict=True)]) for answer in answers
        )
        return direct, other


class _Views(keras.utils.PyDataset):  # type: ignore[misc]
    """Random views of the faces, a batch a step, no two epochs alike."""

    def __init__(
        self, faces: Sequence[FramedFace], template: Points, spread: BoxSpread, steps: int, batch: int, seed: int
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False, max_queue_size=8)
        self._faces, self._template, self._spread = faces, template, spread
        self._steps, self._batch, self._seed, self._epoch = steps, batch, seed, 0

    def __len__(self) -> int:
        return self._steps

    def on_epoch_end(self) -> None:
        self._epoch += 1

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        generator = np.random.default_rng((self._seed, self._epoch, index))
        chosen = generator.choice(len(self._faces), self._batch, replace=len(self._faces) < self._batch)
        return random_views([self._faces[number] for number in chosen], self._template, self._spread, generator)


def train_teacher(
    faces: Sequence[FramedFace], template: Points, spread: BoxSpread, recipe: LandmarkTeacherRecipe, seed: int
) -> LandmarkTeacher:
    """Train a teacher.

    Args:
        faces: The annotated faces.
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
    network = build_network(trunk, template)
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
            "teacher: step %d of %d, loss %.3f", (epoch + 1) * steps, epochs * steps, logs["loss"]
        )
    )
    views = _Views(faces, template, spread, steps, recipe.batch, seed)
    network.fit(views, epochs=epochs, verbose=0, callbacks=[say])
    return LandmarkTeacher(network, template, recipe.looks)
