"""ImageNet weights: those of a file that the test writes, and Keras' own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from smiledet.errors import UsageError

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

SHARED = "weights/mobilenet_v1_0.75_224_imagenet_notop.weights.h5"


def colours(side, count=2):
    """Blue, green, red."""
    return np.random.default_rng(3).uniform(0, 255, (count, side, side, 3)).astype(np.float32)


def features(keras, network):
    """What stands before the head."""
    pooled = next(layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    return keras.Model(network.input, pooled.output)


@pytest.fixture
def mobilenet_file(keras, tmp_path):
    """Keras' own MobileNet 0.25 at 96 pixels, and its file."""
    source = keras.applications.MobileNet(
        alpha=0.25, include_top=False, weights=None, input_shape=(96, 96, 3), pooling="avg"
    )
    generator = np.random.default_rng(5)
    for weight in source.weights:
        # Every channel another scale and shift: fresh ones, all alike, would hide a wrong order.
        spread = {"gamma": (0.5, 1.5), "beta": (-0.2, 0.2), "moving_mean": (-0.1, 0.1), "moving_variance": (0.02, 0.2)}
        if weight.name in spread:
            weight.assign(generator.uniform(*spread[weight.name], weight.shape).astype(np.float32))
    source.save_weights(tmp_path / "notop.weights.h5")
    return source, tmp_path / "notop.weights.h5"


def test_colour_and_grey_chips_read_as_keras_reads_them(keras, mobilenet_file):
    from smiledet.lab.networks.build import build_network

    source, path = mobilenet_file
    chips = colours(96)
    expected = np.asarray(source(chips[..., ::-1] / 127.5 - 1))
    assert expected.std() > 0.1
    colour = features(keras, build_network("mobilenet-025", (96, 96, 3), 2, path))
    assert np.asarray(colour(chips)) == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert not np.allclose(colour(chips[..., ::-1]), expected, atol=1e-2)
    grey = features(keras, build_network("mobilenet-025", (96, 96, 1), 2, path))
    alike = np.repeat(chips[..., :1], 3, axis=-1)
    assert np.asarray(grey(chips[..., :1])) == pytest.approx(np.asarray(colour(alike)), rel=1e-3, abs=1e-4)


def test_any_side_takes_them(mobilenet_file):
    from smiledet.lab.networks.build import build_network

    _, path = mobilenet_file
    free = build_network("mobilenet-025", (None, None, 1), 2, path)
    fixed = build_network("mobilenet-025-128", (64, 64, 1), 3, path)
    body = len(free.get_weights()) - 2
    assert all(
        np.array_equal(*pair) for pair in zip(free.get_weights()[:body], fixed.get_weights()[:body], strict=True)
    )


@pytest.mark.parametrize("name", ["vgg-16", "resnet-50"])
def test_scale_and_mean_colour_go_into_the_first_kernel(keras, name):
    """Away from the edge, the first convolution yields what it does of Caffe's pixels."""
    from smiledet.lab.networks.imagenet import CAFFE_MEAN, fit_first_layer

    generator = np.random.default_rng(2)
    kernel = generator.normal(size=(3, 3, 3, 4)).astype(np.float32)
    bias = generator.normal(size=4).astype(np.float32)
    chips = colours(8)
    expected = keras.ops.conv(chips - CAFFE_MEAN, kernel) + bias
    fitted, moved = fit_first_layer([kernel, bias], 3, caffe=True)
    assert np.allclose(keras.ops.conv(chips / 127.5 - 1, fitted) + moved, expected, atol=0.05)
    grey = chips[..., :1]
    expected = keras.ops.conv(np.repeat(grey, 3, axis=-1) - CAFFE_MEAN, kernel) + bias
    fitted, moved = fit_first_layer([kernel, bias], 1, caffe=True)
    assert np.allclose(keras.ops.conv(grey / 127.5 - 1, fitted) + moved, expected, atol=0.05)
    from smiledet.lab.networks.base import find_architecture

    pretrained = find_architecture(name).pretrained
    assert pretrained is not None and pretrained.caffe


@pytest.mark.parametrize("name", ["vgg-16", "resnet-50", "inception-v3", "xception"])
def test_the_weights_of_keras_own_networks_fit_ours(keras, name):
    """In order and shape, head apart: without values, for there are many of them."""
    from smiledet.lab.networks.base import find_architecture

    row = find_architecture(name)
    with keras.StatelessScope(initialize_variables=False):
        ours = [tuple(weight.shape) for weight in row.build(row.input_shape, 2).weights]
        theirs = [tuple(weight.shape) for weight in row.pretrained.source((224, 224, 3), None).weights]
    keras.utils.clear_session()
    assert ours[: len(theirs)] == theirs
    assert len(ours) - len(theirs) == (6 if name == "vgg-16" else 2)


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("mobilenet-025", "missing.h5", "there is no file .*missing.h5"),
        ("mobilenet-025", "text.h5", "text.h5: no ImageNet weights of mobilenet-025"),
        ("mobilenet-025", "other.weights.h5", "no ImageNet weights of mobilenet-025"),
        ("mobilenet-025", "text.bin", "no ImageNet weights of mobilenet-025"),
        ("mini-xception", "text.h5", "mini-xception: there are no ImageNet weights"),
    ],
)
def test_weights_that_cannot_be_had(keras, tmp_path, name, file, words):
    from smiledet.lab.networks.build import build_network

    for text in ("text.h5", "text.bin"):
        (tmp_path / text).write_text("no weights")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(UsageError, match=words) as caught:
        build_network(name, (64, 64, 1), 2, tmp_path / file)
    assert "\n" not in str(caught.value)


def test_a_download_that_fails_is_one_line(keras, monkeypatch):
    from smiledet.lab.networks.build import build_network

    def refuse(*_arguments, **_options):
        raise Exception("URL fetch failure on somewhere: None -- no network\nmore")

    monkeypatch.setattr(keras.src.applications.mobilenet.file_utils, "get_file", refuse)
    with pytest.raises(UsageError, match="cannot download ImageNet's weights for mobilenet-025: URL fetch") as caught:
        build_network("mobilenet-025", (64, 64, 1), 2, "imagenet")
    assert "\n" not in str(caught.value)


@pytest.mark.data
def test_keras_own_file_loads(keras):
    from smiledet.lab.networks.build import build_network

    data = os.environ.get("SMILEDET_DATA")
    if not data or not Path(data, SHARED).is_file():
        pytest.skip("SMILEDET_DATA has no ImageNet weights of MobileNet 0.75")
    fresh = build_network("mobilenet-075", (96, 96, 3), 2)
    loaded = build_network("mobilenet-075", (96, 96, 3), 2, Path(data, SHARED))
    grey = build_network("mobilenet-075", (96, 96, 1), 2, Path(data, SHARED))
    assert loaded.get_weights()[0].shape == (3, 3, 3, 24)
    assert grey.get_weights()[0].shape == (3, 3, 1, 24)
    assert not np.allclose(loaded.get_weights()[0], fresh.get_weights()[0])
    chips = colours(96)
    alike = np.repeat(chips[..., :1], 3, axis=-1)
    read = np.asarray(features(keras, loaded)(alike))
    assert np.asarray(features(keras, grey)(chips[..., :1])) == pytest.approx(read, rel=1e-3, abs=1e-3)
    assert read.std() > 0.01
