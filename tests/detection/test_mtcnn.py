"""MTCNN's parts: the networks against the package's own, and what is done with candidates."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.detection.detectors import mtcnn
from smiledet.detection.detectors.choose import installed_detectors
from smiledet.detection.detectors.mtcnn import cut_patch, square, suppress
from smiledet.detection.detectors.mtcnn_networks import (
    _number,
    _read_weights,
    output_network,
    proposal_network,
    refining_network,
)
from smiledet.sources.demo import scene

installed = pytest.mark.skipif("mtcnn" not in installed_detectors(), reason="mtcnn is not installed")


def convolved(values, kernel, bias):
    """A 'valid' convolution as Keras does it: values (rows, columns, channels), kernel (rows, columns, in, out)."""
    size = kernel.shape[0]
    rows, columns = values.shape[0] - size + 1, values.shape[1] - size + 1
    total = np.zeros((rows, columns, kernel.shape[3])) + bias
    for down in range(size):
        for right in range(size):
            total += values[down : down + rows, right : right + columns] @ kernel[down, right]
    return total


def bent(values, slope):
    return np.where(values > 0, values, values * slope.reshape(-1))


def pooled(values, size, same):
    """The largest of windows two apart; 'same' lets the last ones jut out."""
    rows, columns = ((n + 1) // 2 if same else (n - size) // 2 + 1 for n in values.shape[:2])
    return np.array(
        [
            [values[2 * y : 2 * y + size, 2 * x : 2 * x + size].max(axis=(0, 1)) for x in range(columns)]
            for y in range(rows)
        ]
    )


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def by_hand(network, picture, pools):
    """What the weights give, written as the package's Keras layers are: (boxes, probabilities)."""
    weights = _read_weights(network)
    values = np.repeat(picture[..., None], 3, axis=2)
    for size, same in pools:
        values = bent(convolved(values, weights.pop(0), weights.pop(0)), weights.pop(0))
        values = pooled(values, size, same) if size else values
    if network == "pnet":
        boxes = convolved(values, weights.pop(0), weights.pop(0))
        return boxes, softmax(convolved(values, weights.pop(0), weights.pop(0)))
    flat = values.transpose(1, 0, 2).reshape(-1)  # Permute((2, 1, 3))
    flat = bent(flat @ weights.pop(0) + weights.pop(0), weights.pop(0))
    boxes = flat @ weights.pop(0) + weights.pop(0)
    return boxes, softmax(flat @ weights[-2] + weights[-1])


@installed
@pytest.mark.parametrize(
    ("network", "make", "shape", "pools"),
    [
        ("pnet", proposal_network, (31, 26), ((2, True), (0, True), (0, True))),
        ("rnet", refining_network, (24, 24), ((3, True), (3, False), (0, True))),
        ("onet", output_network, (48, 48), ((3, True), (3, False), (2, True), (0, True))),
    ],
)
def test_networks_compute_what_the_package_writes_down(network, make, shape, pools):
    picture = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    loaded = make()
    loaded.setInput(np.stack([picture, picture[::-1]])[:, None])
    boxes, scores = (each[0] for each in loaded.forward(["box", "score"]))
    expected_boxes, expected_scores = by_hand(network, picture, pools)
    if network == "pnet":
        boxes, scores = boxes.transpose(1, 2, 0), scores.transpose(1, 2, 0)
    assert boxes.shape == expected_boxes.shape
    assert np.abs(boxes - expected_boxes).max() < 1e-4
    assert np.abs(scores - expected_scores).max() < 1e-4


def test_numbers_of_protocol_buffers():
    assert _number(0) == b"\0"
    assert _number(127) == b"\x7f"
    assert _number(300) == b"\xac\x02"


def test_candidates_grow_square_about_their_centres():
    assert square(np.array([[10.0, 20, 30, 60, 0.5]])).tolist() == [[0, 20, 40, 60, 0.5]]
    assert square(np.empty((0, 5))).shape == (0, 5)


def test_the_surer_of_two_candidates_stays():
    rows = np.array([[0.0, 0, 10, 10, 0.6], [1, 0, 11, 10, 0.9], [50, 0, 60, 10, 0.7]])
    assert suppress(rows, 0.5)[:, 4].tolist() == [0.9, 0.7]
    assert suppress(rows, 0.9)[:, 4].tolist() == [0.9, 0.7, 0.6]
    assert suppress(np.empty((0, 5)), 0.5).shape == (0, 5)


def test_a_candidate_inside_another_is_judged_by_its_own_area():
    rows = np.array([[0.0, 0, 40, 40, 0.9], [10, 10, 20, 20, 0.8]])
    assert len(suppress(rows, 0.7)) == 2
    assert len(suppress(rows, 0.7, of_smaller=True)) == 1


def test_a_patch_shows_what_its_candidate_frames():
    image = np.zeros((100, 100), np.uint8)
    image[20:60, 30:70] = np.arange(40, 240, 5, dtype=np.uint8)
    patch = cut_patch(image, np.array([30.0, 20, 70, 60, 1]), 20)
    assert np.abs(patch[0].astype(int) - image[40, 30:70].reshape(20, 2).mean(axis=1)).max() <= 1
    outside = cut_patch(image, np.array([-50.0, -50, -10, -10, 1]), 20)
    assert (outside == 128).all()


@installed
def test_many_candidates_go_through_in_batches(monkeypatch):
    """A mosaic of sixty faces: the same boxes and scores, however many candidates are refined at once."""
    tile = cv2.cvtColor(
        cv2.resize(scene(0)[80:380, 50:330], (70, 75), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY
    )
    mosaic = np.tile(tile, (6, 10))
    network, seen = mtcnn._run, []
    monkeypatch.setattr(mtcnn, "_run", lambda net, batch: seen.append(batch.shape) or network(net, batch))
    found = mtcnn.MtcnnDetector().detect(mosaic, 24)
    assert len(found) >= 58
    assert max(shape[0] for shape in seen) == mtcnn.BATCH
    monkeypatch.setattr(mtcnn, "BATCH", 10**9)
    assert mtcnn.MtcnnDetector().detect(mosaic, 24) == found
