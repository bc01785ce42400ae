"""Exported gradients are those that Keras computes."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.model_index import find_model, read_index

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]


@pytest.fixture(scope="module")
def odd(keras):
    """A network with what is hard to differentiate: strides, odd sizes, both paddings, overlapping pools, two heads."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    pixels = keras.Input((13, 11, 1))
    maps = layers.Conv2D(4, 3, padding="valid", activation="relu")(pixels)
    maps = layers.DepthwiseConv2D(3, strides=2, padding="same")(maps)
    maps = layers.ReLU(6.0)(layers.BatchNormalization()(maps))
    maps = layers.DepthwiseConv2D(2, padding="valid")(maps)
    maps = layers.MaxPooling2D(3, strides=2, padding="same")(maps)
    maps = layers.SeparableConv2D(6, 3, padding="same")(maps)
    pooled = layers.GlobalAveragePooling2D()(maps)
    heads = [layers.Dense(size, activation="softmax")(pooled) for size in (3, 2)]
    return keras.Model(pixels, layers.Concatenate()(heads))


def test_of_every_operation(odd, tmp_path):
    from smiledet.lab.explain.gradient_network import check_gradients, to_gradients

    path = tmp_path / "gradients.tflite"
    path.write_bytes(to_gradients(odd))
    chips = np.random.default_rng(1).uniform(0, 5, (2, 13, 11, 1)).astype(np.float32)
    cam, guided = check_gradients(path, odd, [(0, 1, 2), (3, 4)], chips)
    assert cam > 0.999 and guided > 0.999


def test_another_network_is_refused(odd, keras, tmp_path, complaint):
    from smiledet.errors import SmiledetError
    from smiledet.lab.explain.gradient_network import check_gradients, to_gradients

    path = tmp_path / "gradients.tflite"
    path.write_bytes(to_gradients(odd))
    other = keras.models.clone_model(odd)
    with pytest.raises(SmiledetError, match="differ from Keras"):
        check_gradients(path, other, [(0, 1, 2)], np.full((1, 13, 11, 1), 3.0, np.float32))


@pytest.mark.parametrize(
    "name",
    [
        f"{row.task}/{row.name}"
        for row in read_index()
        # Not those of a hundred labels: each has a graph of its own to compare with.
        if row.default and "gradients-float16" in row.files and len(row.labels) <= 10
    ],
)
def test_those_that_ship(name):
    """The class that is read and its opposite, on one real face; `smiledet export --check` compares all of them."""
    from smiledet.lab.explain.gradient_network import check_gradients
    from smiledet.lab.training.export.agreement import portrait_chips
    from smiledet.lab.training.export.export import load_network

    model = find_model(*name.split("/"))
    chips = portrait_chips(model.input, tilts=(0,), light=(1.0,))[:1].astype(np.float32)
    check_gradients(model.file("gradients-float16"), load_network(model), [model.outputs], chips)
