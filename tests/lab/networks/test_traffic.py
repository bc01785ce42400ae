"""Traffic is counted by hand here, layer by layer."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]


@pytest.fixture
def traffic(keras):
    """Of a model of the given layers on an 8x6x4 input."""
    from smiledet.lab.networks.traffic import count_traffic

    def count(*layers):
        picture = keras.Input((8, 6, 4))
        return count_traffic(keras.Model(picture, keras.Sequential(layers)(picture)))

    return count


def test_each_step_reads_and_writes_its_maps(traffic, keras):
    layers = keras.layers
    found = traffic(layers.Conv2D(5, 3, padding="same"), layers.MaxPooling2D(2))
    picture, maps, pooled = 8 * 6 * 4, 8 * 6 * 5, 4 * 3 * 5
    assert found.activations == (picture + maps) + (maps + pooled)
    assert (found.weights, found.steps) == (3 * 3 * 4 * 5 + 5, 2)
    assert found.bytes(2) == 2 * (found.weights + found.activations)


def test_what_an_engine_fuses_moves_nothing(traffic, keras):
    layers = keras.layers
    found = traffic(layers.Rescaling(1 / 255), layers.ReLU(), layers.Dropout(0.5), layers.Flatten(), layers.Dense(7))
    assert (found.activations, found.steps) == (8 * 6 * 4 + 7, 1)


def test_a_separable_convolution_is_two_steps(traffic, keras):
    found = traffic(keras.layers.SeparableConv2D(5, 3, depth_multiplier=2, strides=2, padding="same"))
    between = 4 * 3 * 4 * 2
    assert found.activations == (8 * 6 * 4 + between) + (between + 4 * 3 * 5)
    assert found.steps == 2


def test_a_sum_reads_both(keras):
    from smiledet.lab.networks.traffic import count_traffic

    picture = keras.Input((8, 6, 4))
    total = keras.layers.Add()([keras.layers.Conv2D(4, 1)(picture), keras.layers.Conv2D(4, 1)(picture)])
    found = count_traffic(keras.Model(picture, total))
    assert found.activations == 8 * 6 * 4 * (2 + 2 + 3)


def test_an_input_without_a_size_is_refused(keras):
    from smiledet.lab.networks.traffic import count_traffic

    picture = keras.Input((None, None, 1))
    model = keras.Model(picture, keras.layers.Conv2D(2, 3)(picture))
    with pytest.raises(ValueError, match="no size"):
        count_traffic(model)
