"""A narrow network's function in a wider one."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]


def pixels(side=40, count=3):
    return np.random.default_rng(3).uniform(0, 255, (count, side, side, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def mobilenet():
    def build(width, classes=2):
        from smiledet.lab.networks.build import build_network

        return build_network(f"mobilenet-{width}", (None, None, 1), classes)

    return build


@pytest.fixture(scope="module")
def narrow(keras, mobilenet):
    """Every channel has another scale and shift: like ones would hide a wrong order."""
    keras.utils.set_random_seed(4)
    network = mobilenet("025")
    generator = np.random.default_rng(5)
    for weight in network.weights:
        spread = {"gamma": (0.5, 1.5), "beta": (-0.2, 0.2), "moving_mean": (-0.1, 0.1), "moving_variance": (0.02, 0.2)}
        if weight.name in spread:
            weight.assign(generator.uniform(*spread[weight.name], weight.shape).astype(np.float32))
    return network


@pytest.mark.parametrize("width", ["050", "075"])
def test_a_widened_network_answers_as_the_narrow_one(width, mobilenet, narrow):
    from smiledet.lab.networks.widen import is_wider, widen

    wide = mobilenet(width)
    assert is_wider(wide, narrow)
    before = np.asarray(wide(pixels()))
    widen(wide, narrow)
    wanted = np.asarray(narrow(pixels()))
    assert np.abs(before - wanted).max() > 1e-3
    assert np.abs(np.asarray(wide(pixels())) - wanted).max() < 1e-5


def test_copies_are_not_read_alike(mobilenet, narrow):
    from smiledet.lab.networks.widen import widen

    wide = mobilenet("050")
    widen(wide, narrow)
    (head, _), (small, _) = wide.layers[-1].get_weights(), narrow.layers[-1].get_weights()
    count = len(small)
    first, copy = head[:count], head[count:]
    assert np.allclose(first + copy, small, atol=1e-6)
    assert (np.abs(first - copy) > 0.02 * np.abs(small)).mean() > 0.9


def test_other_classes_keep_the_head_that_was_drawn(mobilenet, narrow):
    from smiledet.lab.networks.widen import is_wider, widen

    wide = mobilenet("050", classes=7)
    assert is_wider(wide, narrow)
    drawn = wide.layers[-1].get_weights()
    widen(wide, narrow)
    assert all(np.array_equal(ours, was) for ours, was in zip(wide.layers[-1].get_weights(), drawn, strict=True))
    (first, *_) = (layer.get_weights()[0] for layer in wide.layers if layer.get_weights())
    (small, *_) = (layer.get_weights()[0] for layer in narrow.layers if layer.get_weights())
    assert np.array_equal(first[..., : small.shape[-1]], small)


def test_only_a_wider_network_of_the_same_layers_is_wider(mobilenet, narrow):
    from smiledet.lab.networks.build import build_network
    from smiledet.lab.networks.widen import is_wider

    assert not is_wider(mobilenet("025"), narrow)
    assert not is_wider(mobilenet("025", classes=7), narrow)
    assert not is_wider(narrow, mobilenet("050"))
    assert not is_wider(build_network("mini-xception", (None, None, 1), 2), narrow)


def test_a_layer_that_is_not_known_is_named(keras):
    from smiledet.lab.networks.widen import widen

    def chain(filters):
        return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2DTranspose(filters, 3)])

    with pytest.raises(ValueError, match="Conv2DTranspose"):
        widen(chain(4), chain(2))
