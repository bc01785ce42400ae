"""A trained detector's files, what they are worth on photographs that it has not seen, and its row of the index."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from smiledet.detection.detectors.fcos import FcosDetector
from smiledet.detection.detectors.fcos_network import USUAL_FILE, FcosNetwork
from smiledet.frame import Box
from smiledet.lab.training.detector.graph import to_onnx
from smiledet.lab.training.detector.network import build
from smiledet.lab.training.detector.pictures import FacePicture, Rows
from smiledet.lab.training.detector.scenes import Pictures, compose
from smiledet.lab.training.export.conversion import to_litert
from smiledet.lab.training.export.quantise import to_litert_partly_int8
from smiledet.lab.training.recipe import DetectorRecipe
from smiledet.model_index import Model, ModelFile, sha256, write_row

LITERT_SIDE = 320
"""Side in pixels of the pictures that the LiteRT file takes as it is; it can be resized to any multiples of 32."""

SAME = 0.5
"""Intersection over union from which a box is the face."""

INTEGERS = ("quarter", "eighth")
"""Where the layers of the int8 file are integers: on large maps, where time goes. Not the first one, since LiteRT has
no fast kernel of integers for one channel; and of the smaller maps each one in integers would blur the scores."""

CALIBRATED_ON = 160
"""Scenes."""


def ship_detector(
    network: keras.Model,
    recipe: DetectorRecipe,
    learnt: Sequence[FacePicture],
    held_out: Sequence[FacePicture],
    models: Path,
) -> Model:
    """Write a network into a models folder, with its row of the index; returns the row.

    Args:
        network: See `smiledet.lab.training.detector.network.build`.
        recipe: It was trained by.
        learnt: To calibrate the integers on.
        held_out: To measure on.
        models: The models folder.
    """
    folder = models / "detector"
    folder.mkdir(parents=True, exist_ok=True)
    ours = resizable(network, recipe)
    contents = {
        "onnx": (".onnx", to_onnx(network)),
        "litert": (".tflite", to_litert(ours)),
        "litert-int8": ("-int8.tflite", partly_int8(ours, recipe, learnt)),
    }
    files = {}
    for key, (suffix, content) in contents.items():
        path = folder / f"{recipe.name}{suffix}"
        path.write_bytes(content)
        files[key] = ModelFile(f"detector/{path.name}", sha256(path))
    figures = {"parameters": network.count_params(), **measure(models / files[USUAL_FILE].path, held_out)}
    model = Model(
        task="detector",
        name=recipe.name,
        architecture="fcos, " + "-".join(map(str, (*recipe.channels, *recipe.blocks))),
        labels=(),
        input=None,
        preprocessing="none: grey pixels 0 to 255, sides multiples of 32",
        files=files,
        figures=figures,
        card=f"detector/{recipe.name}.md",
        folder=models,
    )
    write_row(model)
    return model


def partly_int8(ours: keras.Model, recipe: DetectorRecipe, learnt: Sequence[FacePicture]) -> bytes:
    """A network of `resizable` as a LiteRT file whose large maps are integers."""
    pictures = Pictures.of(learnt)
    scenes = [
        compose(pictures, LITERT_SIDE, np.random.default_rng((recipe.seed, number))).grey
        for number in range(CALIBRATED_ON)
    ]
    shown = [scene[..., None].astype(np.float32) for scene in scenes]
    return to_litert_partly_int8(ours, shown, lambda layer: layer.startswith(INTEGERS))


class Twice(keras.layers.Layer):  # type: ignore[misc]
    """Each cell as two by two; unlike `UpSampling2D` it leaves no size in a LiteRT file, which can then be resized."""

    def call(self, maps: Any) -> Any:
        """The map (n, rows, columns, channels) at twice its size."""
        import tensorflow as tf  # the converter to LiteRT needs it as well

        return tf.nn.depth_to_space(tf.concat([maps] * 4, axis=-1), 2)


def resizable(network: keras.Model, recipe: DetectorRecipe) -> keras.Model:
    """The network as it becomes a LiteRT file."""
    other = build(recipe.channels, recipe.blocks, LITERT_SIDE, Twice)
    other.set_weights(network.get_weights())
    return other


def measure(path: Path, pictures: Sequence[FacePicture]) -> dict[str, float]:
    """What a network is worth on photographs.

    Args:
        path: The network's file.
        pictures: The photographs.

    Returns:
        `photographs`, `recall` (share of their faces that are found), `false` (boxes that are neither a face nor what
        may be one, of a hundred photographs), and `milliseconds` a look at 320x256 pixels on one thread; the last alone
        where there is no photograph.
    """
    detector = FcosDetector(path, framing=None)
    faces = found = false = 0
    for picture in pictures:
        rows = detector.rows(picture.grey)
        boxes = [_box(row) for row in picture.boxes]
        seen = [_box(row) for row in rows]
        faces += len(boxes)
        found += sum(any(box.iou(other) >= SAME for other in seen) for box in boxes)
        known = [*boxes, *(_box(row) for row in picture.doubtful)]
        false += sum(not any(box.iou(other) >= SAME / 2 for other in known) for box in seen)
    figures = {"milliseconds": _milliseconds(FcosNetwork(path))}
    if faces:
        figures |= {"photographs": len(pictures), "recall": found / faces, "false": 100 * false / len(pictures)}
    return {name: round(value, 4) for name, value in figures.items()}


def _milliseconds(network: FcosNetwork) -> float:
    blank = np.full((1, 256, 320), 127, np.uint8)
    network.candidates(blank, 0.5)
    start = time.thread_time()
    for _ in range(20):
        network.candidates(blank, 0.5)
    return (time.thread_time() - start) * 50


def _box(row: Rows) -> Box:
    left, top, right, bottom = map(float, row[:4])
    return Box(left, top, right - left, bottom - top)
