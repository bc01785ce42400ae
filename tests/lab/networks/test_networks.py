from itertools import pairwise

import numpy as np
import pytest

from smiledet.errors import UsageError

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

ARCHITECTURES = ("densenet-small", "mini-xception", "mobilenet-025", "resnet-small")


@pytest.fixture
def build():
    from smiledet.lab.networks.build import build_network

    return build_network


def pixels(side, count=4, channels=1):
    generator = np.random.default_rng(side)
    return generator.uniform(0, 255, (count, side, side, channels)).astype(np.float32)


def sizes(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def test_mini_xception_is_the_published_one(build):
    network = build("mini-xception", (64, 64, 1), 7)
    assert network.count_params() == 58_423
    assert sizes(network.trainable_weights) == 56_951


def test_mobilenet_is_a_quarter_as_wide(build, keras):
    network = build("mobilenet-025", (96, 96, 1), 2)
    depthwise = [layer for layer in network.layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    # Howard et al., table 1, a quarter as wide; a normalisation has four numbers a channel.
    channels = [8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256]
    assert [layer.input.shape[-1] for layer in depthwise] == channels[:-1]
    blocks = sum(9 * each + 4 * each + each * more + 4 * more for each, more in pairwise(channels))
    assert sizes(network.weights) == (9 * 8 + 4 * 8) + blocks + (256 * 2 + 2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (7, 1), (5, 3)])
def test_the_outputs_are_probabilities_of_any_number_of_classes(build, architecture, classes, channels):
    network = build(architecture, (48, 48, channels), classes)
    scores = np.asarray(network(pixels(48, 3, channels), training=False))
    assert scores.shape == (3, classes) and scores.dtype == np.float32
    assert scores.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_weights_learnt_at_any_side_fit_the_one_that_ships(build, architecture):
    free = build(architecture, (None, None, 1), 3)
    # Fresh means and variances make an untrained network's outputs all alike; those of a few batches do not.
    for side in (40, 64):
        assert free(pixels(side, 2), training=True).shape == (2, 3)
    for weight in free.non_trainable_weights:
        if "moving_variance" in weight.path:
            weight.assign(0.02 * weight)
    fixed = build(architecture, (64, 64, 1), 3)
    chips = pixels(64)
    expected = np.asarray(free(chips, training=False))
    assert not np.allclose(fixed(chips, training=False), expected, atol=1e-3)
    fixed.set_weights(free.get_weights())
    assert np.allclose(fixed(chips, training=False), expected, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_pixels_are_scaled_by_the_network_itself(build, architecture, keras):
    network = build(architecture, (48, 48, 1), 2)
    scaled = keras.Model(network.input, network.layers[1].output)
    assert np.asarray(scaled(np.full((1, 48, 48, 1), 255, np.float32))).max() == pytest.approx(1)
    assert np.asarray(scaled(np.zeros((1, 48, 48, 1), np.float32))).min() == pytest.approx(-1)


def test_an_unknown_architecture_lists_those_that_there_are(build):
    with pytest.raises(UsageError, match=r"'resnet-5000'.*mini-xception, mobilenet-025") as caught:
        build("resnet-5000", (64, 64, 1), 2)
    assert "\n" not in str(caught.value)
