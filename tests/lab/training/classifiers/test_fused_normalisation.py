"""Batch normalisation as one operation: what is learnt is what Keras' own operations learn."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.train


def test_a_step_changes_the_weights_as_keras_own_operations_do(keras):
    from smiledet.lab.training.classifiers.fused_normalisation import fused_normalisation

    generator = np.random.default_rng(1)
    pictures = generator.normal(3, 2, (16, 8, 8, 3)).astype(np.float32)
    wanted = np.eye(2, dtype=np.float32)[generator.integers(0, 2, 16)]

    def network():
        keras.utils.set_random_seed(1)
        layers = keras.layers
        built = keras.Sequential(
            [
                layers.Input((8, 8, 3)),
                layers.Conv2D(4, 3),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2, activation="softmax"),
            ]
        )
        built.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
        return built

    plain, fused = network(), network()
    called = plain.layers[1].call
    plain.fit(pictures, wanted, batch_size=8, epochs=2, shuffle=False, verbose=0)
    with fused_normalisation():
        fused.fit(pictures, wanted, batch_size=8, epochs=2, shuffle=False, verbose=0)
    assert plain.layers[1].call == called  # Keras is as it was
    for ours, theirs in zip(fused.get_weights(), plain.get_weights(), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)
    assert fused.predict(pictures, verbose=0) == pytest.approx(plain.predict(pictures, verbose=0), abs=1e-5)
