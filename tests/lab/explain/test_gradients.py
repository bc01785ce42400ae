"""The gradient rules on networks small enough to check by hand, and on those that ship."""

from __future__ import annotations

import numpy as np
import pytest

from smiledet.model_index import find_model

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]


@pytest.fixture(scope="module")
def gradients(keras):
    from smiledet.lab.explain import gradients

    return gradients


@pytest.fixture(scope="module")
def tiny(keras):
    """Two pixels, two hidden units behind a ReLU, two classes; every weight is known."""
    pixels = keras.Input((1, 2, 1))
    hidden = keras.layers.ReLU()(keras.layers.Dense(2, use_bias=False, name="in")(keras.layers.Flatten()(pixels)))
    network = keras.Model(pixels, keras.layers.Dense(2, use_bias=False, activation="softmax", name="out")(hidden))
    network.get_layer("in").set_weights([np.array([[1.0, 2.0], [3.0, -1.0]])])
    network.get_layer("out").set_weights([np.array([[1.0, -1.0], [-2.0, 5.0]])])
    return network


PIXELS = np.array([[[[1.0], [0.5]]]], np.float32)
"""Hidden units 1 * 1 + 3 * 0.5 = 2.5 and 2 * 1 - 1 * 0.5 = 1.5: both active."""


def test_without_softmax_the_scores_are_plain(gradients, tiny):
    scores = np.asarray(gradients.without_softmax(tiny)(PIXELS))
    assert scores[0] == pytest.approx([2.5 - 3.0, -2.5 + 7.5])
    assert np.asarray(gradients.without_softmax(tiny, guided=True)(PIXELS))[0] == pytest.approx(scores[0])


def test_equation_2_by_hand(gradients, tiny):
    guided = gradients.without_softmax(tiny, guided=True)
    found = gradients.guided_backpropagation(guided, np.repeat(PIXELS, 2, axis=0), np.array([0, 1]))
    # Class 0's gradient at the units is (1, -2): the second is filtered out. Class 1's is (-1, 5): the first is.
    assert found[0].ravel() == pytest.approx([1.0, 3.0])
    assert found[1].ravel() == pytest.approx([2 * 5.0, -1 * 5.0])


def test_silent_units_pass_nothing(gradients, tiny):
    guided = gradients.without_softmax(tiny, guided=True)
    pixels = np.array([[[[-1.0], [1.0]]]], np.float32)  # units 2 and -3
    assert gradients.guided_backpropagation(guided, pixels, np.array([1])).ravel() == pytest.approx([0, 0])
    assert gradients.guided_backpropagation(guided, pixels, np.array([0])).ravel() == pytest.approx([1, 3])


@pytest.mark.parametrize("make", ["layer", "activation", "relu6", "argument"])
def test_every_kind_of_relu_is_guided(gradients, keras, make):
    pixels = keras.Input((2,))
    activations = {
        "layer": lambda values: keras.layers.ReLU()(values),
        "activation": lambda values: keras.layers.Activation("relu")(values),
        "relu6": lambda values: keras.layers.ReLU(6.0)(values),
    }
    one = np.ones((2, 1), np.float32)
    if make == "argument":
        hidden = keras.layers.Dense(1, use_bias=False, activation="relu", name="in")(pixels)
    else:
        hidden = activations[make](keras.layers.Dense(1, use_bias=False, name="in")(pixels))
    network = keras.Model(pixels, keras.layers.Dense(1, use_bias=False, name="out")(hidden))
    network.get_layer("in").set_weights([one])
    for weight, expected in (2.0, 2.0), (-2.0, 0.0):
        network.get_layer("out").set_weights([np.array([[weight]], np.float32)])
        guided = gradients.without_softmax(network, guided=True)
        found = gradients.guided_backpropagation(guided, np.array([[1.0, 2.0]], np.float32), np.array([1]))
        assert found.ravel() == pytest.approx([expected, expected])
    saturated = gradients.guided_backpropagation(
        gradients.without_softmax(network, guided=True), np.array([[5.0, 2.0]], np.float32), np.array([0])
    )
    assert saturated.ravel() == pytest.approx([0, 0] if make == "relu6" else [2, 2])


def test_one_sigmoid_speaks_for_both_classes(gradients, keras):
    pixels = keras.Input((2,))
    network = keras.Model(pixels, keras.layers.Dense(1, use_bias=False, activation="sigmoid")(pixels))
    network.set_weights([np.array([[3.0], [-1.0]], np.float32)])
    guided = gradients.without_softmax(network, guided=True)
    found = gradients.guided_backpropagation(guided, np.ones((2, 2), np.float32), np.array([1, 0]))
    assert found.tolist() == [[3, -1], [-3, 1]]


def test_grad_cam_by_hand(gradients, keras):
    pixels = keras.Input((2, 2, 1))
    features = keras.layers.Conv2D(3, 1, use_bias=False, name="maps")(pixels)
    head = keras.layers.Dense(2, use_bias=False, activation="softmax", name="out")
    network = keras.Model(pixels, head(keras.layers.GlobalAveragePooling2D()(features)))
    network.get_layer("maps").set_weights([np.array([1.0, -1.0, 2.0]).reshape(1, 1, 1, 3)])
    head.set_weights([np.array([[1.0, 0.0], [2.0, 0.0], [0.0, -4.0]])])
    chips = np.array([[1.0, -2.0], [0.0, 4.0]], np.float32).reshape(1, 2, 2, 1)
    found = gradients.grad_cam(gradients.without_softmax(network), np.repeat(chips, 2, axis=0), np.array([0, 1]))
    # Mean gradients are a quarter of the head's weights: class 0 has (1 * p + 2 * -p) / 4, class 1 has -4 * 2p / 4.
    assert found[0] == pytest.approx(np.array([[0, 0.5], [0, 0]]))
    assert found[1] == pytest.approx(np.array([[0, 4.0], [0, 0]]))


def test_the_strongest_neuron_by_hand(gradients, keras):
    pixels = keras.Input((2, 2, 1))
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")(pixels)
    network = keras.Model(pixels, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(maps)))
    network.get_layer("maps").set_weights([np.array([1.0, -3.0]).reshape(1, 1, 1, 2)])
    guided = gradients.without_softmax(network, guided=True)
    chips = np.array([[[1, 2], [5, 4]], [[1, -2], [0, 4]]], np.float32)[..., None]
    found = gradients.strongest_neuron(guided, chips)[..., 0]
    # The first map is highest at 5; of the second chip the other one at -3 * -2.
    assert found.tolist() == [[[0, 0], [1, 0]], [[0, -3], [0, 0]]]


def test_a_network_without_convolutions_has_no_strongest_neuron(gradients, tiny, complaint):
    with complaint("no convolution"):
        gradients.strongest_neuron(tiny, PIXELS)


def test_a_network_without_maps_is_refused(gradients, tiny, complaint):
    with complaint("no feature maps"):
        gradients.grad_cam(tiny, PIXELS, np.array([0]))


@pytest.mark.parametrize(("task", "name"), [("emotion", "mini-xception"), ("smile", "mobilenet-025")])
def test_shipped_networks_score_as_before(gradients, keras, task, name):
    whole = keras.saving.load_model(find_model(task, name).file("keras"), compile=False)
    network, outputs = gradients.only_head(whole, find_model(task, name).outputs)
    assert network.output_shape[-1] >= max(outputs, default=0) + 1
    side = find_model(task, name).input.size
    chips = np.random.default_rng(1).uniform(0, 255, (2, side, side, 1)).astype(np.float32)
    expected = np.asarray(network(chips, training=False))
    plain, guided = gradients.without_softmax(network), gradients.without_softmax(network, guided=True)
    for each in plain, guided:
        assert np.asarray(keras.ops.softmax(each(chips, training=False))) == pytest.approx(expected, abs=1e-5)
    assert sum(isinstance(layer, gradients.GuidedReLU) for layer in guided.layers) == sum(
        isinstance(layer, keras.layers.ReLU) for layer in network.layers
    )
    assert not any(isinstance(layer, gradients.GuidedReLU) for layer in plain.layers)
