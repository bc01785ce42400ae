"""A shipped model's gradients, run without TensorFlow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.engines.files import gradient_file
from smiledet.engines.gradients import GradientNetwork
from smiledet.frame import Box
from smiledet.model_index import find_model
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.demo import PORTRAITS


@pytest.fixture(scope="module")
def model():
    return find_model("emotion", "mini-xception")


@pytest.fixture(scope="module")
def happy(model):
    """Eileen Collins' face as the model sees it, and what is asked: why is she happy?"""
    portrait = PORTRAITS[0]
    picture = cv2.imread(str(portrait.path))
    (x, y), side = portrait.centre, portrait.face
    box = Box(x - side / 2, y - side / 2, side, side)
    face = shipped_aligner().align(picture, cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), box, [model.input])
    return face.chips[model.input], model.outputs[model.labels.index("happy")]


@pytest.fixture(scope="module")
def network(model):
    return GradientNetwork(gradient_file(model))


def test_a_smile_is_read_from_the_mouth(network, happy):
    chip, output = happy
    found = network.explain(chip, network.one(output))
    assert found.cam.shape == (4, 4) and found.cam.min() >= 0
    assert found.cam[2:].sum() > found.cam[:2].sum(), "the lower half of the face"
    strength = np.abs(found.guided[..., 0])
    assert strength.shape == (64, 64)
    assert strength[40:56, 18:46].mean() > 2 * strength[:12, 12:52].mean(), "mouth against forehead"


def test_each_label_has_its_own(network, happy):
    chip, output = happy
    one, other = (network.explain(chip, network.one(each)).guided for each in (output, 0))
    assert not np.allclose(one, other)


def test_a_chip_of_another_size_is_refused(network):
    with pytest.raises(ValueError, match="expected"):
        network.explain(np.zeros((32, 32, 1), np.uint8), network.one(0))


def test_a_model_without_gradients_says_how_to_make_them(tmp_path, monkeypatch, complaint):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with complaint("smiledet export smile/mobilenet-100 --to gradients"):
        gradient_file(find_model("smile", "mobilenet-100"))


def test_another_network_is_refused(model, complaint):
    with complaint("holds no gradients"):
        GradientNetwork(model.file("litert"))
