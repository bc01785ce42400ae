"""From a trained Keras network to the files that the engines read, and its row in the index."""

from __future__ import annotations

from pathlib import Path

import keras

from smiledet.tasks.base import Task
from smiledet.training.recipe import ClassifierRecipe
from smiledet.zoo import Model, ModelFile, find_model, sha256, write_row

PREPROCESSING = "none: float32 pixels 0 to 255; the network scales them to -1 to 1 itself"


def to_litert(network: keras.Model) -> bytes:
    """The network as a float32 LiteRT model with a batch of one."""
    import tensorflow as tf  # only the converter needs it; training itself may run on another backend

    pixels = keras.Input(batch_shape=(1, *network.input_shape[1:]), name="pixels")
    single = keras.Model(pixels, network(pixels))
    converted: bytes = tf.lite.TFLiteConverter.from_keras_model(single).convert()
    return converted


def ship(task: Task, recipe: ClassifierRecipe, network: keras.Model, folder: Path) -> Model:
    """Write a trained network into a models folder: Keras and LiteRT files, and the row of the index.

    Args:
        task: What it reads.
        recipe: What it was trained from.
        network: The trained network.
        folder: The models folder.

    Returns:
        The new row.
    """
    (folder / task.name).mkdir(parents=True, exist_ok=True)
    stem = f"{task.name}/{recipe.name}"
    network.save(folder / f"{stem}.keras")
    (folder / f"{stem}.tflite").write_bytes(to_litert(network))
    paths = {"keras": f"{stem}.keras", "litert": f"{stem}.tflite"}
    model = Model(
        task=task.name,
        name=recipe.name,
        architecture=recipe.architecture,
        labels=task.labels,
        input=recipe.input,
        preprocessing=PREPROCESSING,
        files={engine: ModelFile(path, sha256(folder / path)) for engine, path in paths.items()},
        card=f"{stem}.md",
        folder=folder,
    )
    write_row(model)
    return model


def export_litert(task: str, name: str, output: Path) -> Path:
    """Convert a shipped model's Keras file anew.

    Args:
        task: The task.
        name: The model's name in the index.
        output: The file to write.

    Returns:
        `output`.

    Raises:
        UsageError: No such model, or no Keras file of it.
    """
    network = keras.saving.load_model(find_model(task, name).file("keras"), compile=False)
    output.write_bytes(to_litert(network))
    return output
