"""Every architecture: its size, its outputs, its gradients, its export."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from smiledet.errors import UsageError

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

# The parameters that the papers print or that Keras documents, at (input, classes); trainable ones where known.
PUBLISHED = {
    ("mini-xception", (64, 64, 1), 7): 58_423,
    ("light-weight-cnn", (64, 64, 1), 7): 58_423,
    ("affective-baseline", (224, 224, 1), 8): 102_830_056,
    ("affective-enhanced-baseline", (224, 224, 1), 8): 102_830_856,
    ("xcao", (224, 224, 1), 8): 6_970_728,
    ("xcao-two-streams", (224, 224, 1), 8): 7_509_672,
    ("fractal", (224, 224, 1), 8): 26_399_016,
    # Seed 001's references, listed there with ImageNet's thousand classes, as Keras documents them all.
    ("inception-v3", (224, 224, 3), 1000): 23_851_784,
    ("mobilenet-100", (224, 224, 3), 1000): 4_253_864,
    ("vgg-16", (224, 224, 3), 1000): 138_357_544,
    ("resnet-50", (224, 224, 3), 1000): 25_636_712,
    ("xception", (299, 299, 3), 1000): 22_910_480,
}

# Millions of multiply-adds that the papers print, at (input, classes).
PUBLISHED_WORK = {
    ("mobilenet-100", (224, 224, 3), 1000): (569, 1),
    ("mobilenet-025", (224, 224, 3), 1000): (41, 0.5),
    ("mobilenet-050", (224, 224, 3), 1000): (149, 1),
    ("mobilenet-075", (224, 224, 3), 1000): (325, 1),
    ("mobilenet-100", (128, 128, 3), 1000): (186, 1),
    ("vgg-16", (224, 224, 3), 1000): (15_500, 50),
    ("resnet-50", (224, 224, 3), 1000): (3_860, 50),
}

THESIS = {f"mobilenet-{width}{side}" for width in ("025", "050", "075", "100") for side in ("", "-128")} | {
    "vgg-16",
    "resnet-50",
    "inception-v3",
    "inception-resnet-v2",
    "xception",
}

OTHERS = {
    "affective-baseline",
    "affective-enhanced-baseline",
    "densenet-small",
    "fractal",
    "light-weight-cnn",
    "mini-xception",
    "plain-cnn-003",
    "resnet-50-003",
    "resnet-small",
    "sequential-fully-cnn",
    "vgg-net-003",
    "xcao",
    "xcao-two-streams",
}

# The `-128` rows are the same networks as those without: only their listed input differs.
DISTINCT = sorted(name for name in THESIS | OTHERS if not name.endswith("-128"))


SLOW_GRADIENTS = {
    "inception-resnet-v2",
    "inception-v3",
    "mobilenet-050",
    "mobilenet-075",
    "mobilenet-100",
    "resnet-50",
    "vgg-16",
    "xception",
}
"""Large networks of Keras' own, of which mobilenet-025 is one, too."""

SLOW_EXPORTS = {
    "affective-baseline",
    "affective-enhanced-baseline",
    "inception-resnet-v2",
    "inception-v3",
    "mobilenet-050",
    "mobilenet-075",
    "resnet-50",
    "resnet-50-003",
    "vgg-16",
    "vgg-net-003",
    "xception",
}
"""The converter takes up to a minute and 2 GB for them: `make test-slow`. But for the two
Inceptions, their layers are those of networks that are always converted."""


def small_side(name):
    """The smallest there is, where weights or time grow with it."""
    return {"inception-v3": 75, "inception-resnet-v2": 75, "xception": 71, "vgg-16": 32}.get(name, 48)


def sizes(weights):
    return sum(math.prod(weight.shape) for weight in weights)


@pytest.fixture(scope="module")
def outline():
    """Measures an architecture at an input and a number of classes, without drawing its weights, each once."""
    from dataclasses import replace

    from smiledet.lab.networks import listing
    from smiledet.lab.networks.base import find_architecture

    @cache
    def measure(name, input_shape=None, classes=None):
        row = find_architecture(name)
        changed = replace(row, input_shape=input_shape or row.input_shape, classes=classes or row.classes)
        return listing.outline(changed)

    return measure


def test_the_thirteen_networks_of_the_thesis_and_the_others_are_there():
    from smiledet.lab.networks.base import architectures

    assert len(THESIS) == 13
    assert set(architectures()) == THESIS | OTHERS
    assert {row.name for row in architectures().values() if row.source.startswith("seed 000")} == THESIS
    for row in architectures().values():
        assert (row.classes == 1) == (row.name in THESIS)
        assert row.input_shape[0] >= row.smallest


@pytest.mark.parametrize(
    ("case", "count"), PUBLISHED.items(), ids=lambda case: case[0] if isinstance(case, tuple) else ""
)
def test_parameters_are_those_published(outline, case, count):
    measured = outline(*case)
    assert measured.parameters == count
    if measured.row.published is not None:
        assert measured.row.published == count


def test_every_published_count_is_held_by_a_test():
    from smiledet.lab.networks.base import architectures

    claimed = {(row.name, row.input_shape, row.classes) for row in architectures().values() if row.published}
    assert claimed <= set(PUBLISHED)


def test_the_two_streams_have_two_of_every_convolution(outline):
    assert outline("xcao-two-streams").parameters - outline("xcao").parameters == 538_944


def test_sizes_that_the_papers_only_round(outline):
    assert outline("sequential-fully-cnn").parameters == 642_935  # "approximately 600,000"
    assert outline("mobilenet-025-128").trainable == pytest.approx(0.21e6, abs=5e3)
    assert outline("mobilenet-025-128").work.flops == pytest.approx(0.03e9, abs=5e6)
    assert outline("densenet-small").parameters == pytest.approx(95_263, rel=0.01)
    assert 40e6 < outline("resnet-small").work.multiply_adds < 60e6


@pytest.mark.parametrize(
    ("case", "expected"), PUBLISHED_WORK.items(), ids=lambda case: f"{case[0]}" if isinstance(case, tuple) else ""
)
def test_work_is_that_published(outline, case, expected):
    millions, tolerance = expected
    work = outline(*case).work
    assert work.multiply_adds / 1e6 == pytest.approx(millions, abs=tolerance)
    assert work.flops == 2 * work.multiply_adds


def test_an_outline_is_what_is_built(outline, keras):
    """And later scopes draw none of the weights that it left without values."""
    from smiledet.lab.networks.build import build_network

    network = build_network("resnet-small", (48, 48, 1), 7)
    measured = outline("resnet-small")
    assert measured.parameters == network.count_params()
    assert measured.trainable == sizes(network.trainable_weights)
    before = keras.src.backend.common.global_state.get_global_attribute("uninitialized_variables")
    assert not before


class TestBadInput:
    @pytest.mark.parametrize(
        ("name", "shape", "classes", "words"),
        [
            ("vgg-16", (None, None, 1), 2, "vgg-16.*needs a height and a width"),
            ("inception-v3", (64, 64, 3), 2, "64x64 pixels, expected at least 75"),
            ("mini-xception", (64, 64, 2), 2, "2 channels, expected 1"),
            ("mini-xception", (64, 64, 1), 0, "0 classes, expected 1"),
            ("xcao", (16, 16, 1), 2, "at least 32"),
            ("alexnet", (64, 64, 1), 2, "no architecture 'alexnet'; there are affective-baseline"),
        ],
    )
    def test_a_network_that_cannot_be_built(self, name, shape, classes, words):
        from smiledet.lab.networks.build import build_network

        with pytest.raises(UsageError, match=words) as caught:
            build_network(name, shape, classes)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", sorted(OTHERS))
    def test_the_smallest_side_is_one_that_builds(self, keras, name):
        """Those of the thesis are trained at theirs below, or at one little above."""
        from smiledet.lab.networks.base import find_architecture

        row = find_architecture(name)
        with keras.StatelessScope(initialize_variables=False):
            assert row.build((row.smallest, row.smallest, 1), 2).output_shape == (None, 2)
        keras.utils.clear_session()


@pytest.fixture(scope="module")
def network(request, keras):
    """Each architecture in turn, three classes, at a small side."""
    from smiledet.lab.networks.build import build_network

    keras.utils.set_random_seed(1)
    side = small_side(request.param)
    yield build_network(request.param, (side, side, 1), 3)
    keras.utils.clear_session()


def chips_for(network, count):
    generator = np.random.default_rng(count)
    return generator.uniform(0, 255, (count, *network.input_shape[1:])).astype(np.float32)


def slow(names):
    """Every architecture, some of them marked as slow."""
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in names)) for name in DISTINCT]


@pytest.mark.parametrize("network", slow(SLOW_GRADIENTS), indirect=True)
def test_gradients_reach_every_trainable_weight(network, keras):
    tensorflow = pytest.importorskip("tensorflow")
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    # The loss alone: weight decay would reach a weight that is connected to nothing.
    with tensorflow.GradientTape() as tape:
        scores = network(chips_for(network, 4), training=True)
        loss = keras.ops.mean(keras.losses.categorical_crossentropy(targets, scores))
    assert scores.shape == (4, 3)
    assert np.asarray(scores).sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    weights = network.trainable_weights
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    stuck = [
        weight.path
        for weight, gradient in zip(weights, gradients, strict=True)
        if gradient is None or not np.abs(gradient).max() > 0
    ]
    assert not stuck


@pytest.mark.parametrize("network", slow(SLOW_EXPORTS), indirect=True)
def test_its_export_scores_as_it_does(network, tmp_path):
    from smiledet.engines.base import load_engine
    from smiledet.lab.training.export.export import to_litert

    path = tmp_path / "network.tflite"
    path.write_bytes(to_litert(network))
    chips = chips_for(network, 1).astype(np.uint8)
    expected = np.asarray(network(chips.astype(np.float32), training=False))
    scores = load_engine("litert", path).predict(chips)
    assert scores.shape == (1, 3)
    assert np.abs(scores - expected).max() < 1e-4


@pytest.mark.parametrize(
    "name", ["mini-xception", "mobilenet-025", "sequential-fully-cnn", "xcao", "affective-baseline"]
)
def test_one_class_is_one_sigmoid_unit(name):
    from smiledet.lab.networks.build import build_network

    network = build_network(name, (48, 48, 1), 1)
    scores = np.asarray(network(chips_for(network, 3), training=False))
    assert scores.shape == (3, 1)
    assert ((scores > 0) & (scores < 1)).all()
    # A softmax over one score would be 1 whatever the picture.
    assert np.abs(scores - 1).max() > 1e-3


def test_weight_decay_reaches_the_kernels_of_the_papers_own_networks(keras):
    from smiledet.lab.networks.build import build_network

    for name in ("light-weight-cnn", "resnet-50-003", "plain-cnn-003"):
        network = build_network(name, (48, 48, 1), 7)
        kernels = [
            layer for layer in network.layers if type(layer) in (keras.layers.Conv2D, keras.layers.SeparableConv2D)
        ]
        assert len(network.losses) >= len(kernels) / 2  # shortcuts are spared in mini-Xception
        assert float(sum(network.losses)) > 0
