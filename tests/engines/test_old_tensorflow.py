"""TensorFlow 2.14, the last for a K40, loads what today's wrote and gives Keras' scores.

It cannot be installed beside today's. SMILEDET_OLD_TENSORFLOW names a Python that has it; `make test-extras` makes one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import smiledet
from smiledet.model_index import Model, read_index

PYTHON = os.environ.get("SMILEDET_OLD_TENSORFLOW", "")

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="SMILEDET_OLD_TENSORFLOW names no Python with TensorFlow 2.14"),
]

MODELS = [model for model in read_index() if model.input is not None and "keras" in model.files]

PROGRAM = """
import sys
from pathlib import Path
import numpy as np, tensorflow
from smiledet.engines.base import load_engine
for saved, chips, scores in zip(*[iter(sys.argv[1:])] * 3):
    engine = load_engine("tensorflow", Path(saved))
    np.save(scores, engine.predict(np.load(chips)))
    engine.close()
print(tensorflow.__version__)
"""


@pytest.fixture(scope="module")
def old_scores(exported, faces, tmp_path_factory) -> Callable[[Model], np.ndarray]:
    """What the old TensorFlow says of every model's faces; it is started once."""
    folder = tmp_path_factory.mktemp("old")
    words: list[str] = []
    for model in MODELS:
        name = f"{model.task}-{model.name}"
        np.save(folder / f"{name}.faces.npy", faces(model))
        words += [str(exported(model, "savedmodel")), str(folder / f"{name}.faces.npy"), str(folder / f"{name}.npy")]
    environment = {**os.environ, "PYTHONPATH": str(Path(smiledet.__file__).parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    command = [PYTHON, "-c", PROGRAM, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1].startswith("2.14.")
    return lambda model: np.load(folder / f"{model.task}-{model.name}.npy")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.task}-{model.name}")
def test_scores_are_those_of_keras(model: Model, old_scores, keras_scores) -> None:
    found, expected = old_scores(model), keras_scores(model)
    assert np.abs(found - expected).max() < 1e-4
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
