"""Work is counted by hand here, layer by layer."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]


@pytest.fixture
def work(keras):
    """Multiply-adds of a model of the given layers on an 8x6x4 input."""
    from smiledet.lab.networks.flops import count_flops

    def count(*layers):
        picture = keras.Input((8, 6, 4))
        return count_flops(keras.Model(picture, keras.Sequential(layers)(picture))).multiply_adds

    return count


def test_each_kind_of_layer(work, keras):
    layers = keras.layers
    assert work(layers.Conv2D(5, 3, padding="same")) == 8 * 6 * 3 * 3 * 4 * 5
    assert work(layers.Conv2D(5, 3, strides=2)) == 3 * 2 * 3 * 3 * 4 * 5
    assert work(layers.Conv2D(6, (3, 1), groups=2, padding="same")) == 8 * 6 * 3 * 2 * 6
    assert work(layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)) == 4 * 3 * 9 * 4 * 2
    assert work(layers.SeparableConv2D(5, 3)) == 6 * 4 * (9 * 4 + 4 * 5)
    assert work(layers.Conv2DTranspose(5, 2, strides=2)) == 8 * 6 * 2 * 2 * 4 * 5
    assert work(layers.Flatten(), layers.Dense(7), layers.Dense(2)) == 8 * 6 * 4 * 7 + 7 * 2
    assert work(layers.Dense(7)) == 8 * 6 * 4 * 7
    assert work(layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(), layers.Dropout(0.5)) == 0


def test_a_layer_within_a_model_within_a_model(work, keras):
    inner = keras.Sequential([keras.Input((8, 6, 4)), keras.layers.Conv2D(5, 1)])
    assert work(inner, keras.layers.Conv2D(2, 1)) == 8 * 6 * (4 * 5 + 5 * 2)


def test_a_layer_of_which_nothing_is_known_is_not_passed_over(work, keras):
    class Ours(keras.layers.Conv2D):
        """May do anything with its kernel."""

    with pytest.raises(TypeError, match="cannot count the work of a Ours"):
        work(Ours(3, 3))
    with pytest.raises(TypeError, match="PReLU"):
        work(keras.layers.PReLU())


def test_an_input_of_any_size_has_no_count(keras):
    from smiledet.lab.networks.build import build_network
    from smiledet.lab.networks.flops import count_flops

    with pytest.raises(ValueError, match="has no size"):
        count_flops(build_network("mini-xception", (None, None, 1), 7))
