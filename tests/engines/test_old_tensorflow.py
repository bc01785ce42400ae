"""TensorFlow 2.14, the last for a K40, loads what today's wrote and gives Keras' scores.

It cannot be installed beside today's. SMILEDET_OLD_TENSORFLOW names a Python that has it, made by
`uv venv --python 3.11 FOLDER` and `uv pip install --python FOLDER/bin/python tensorflow-cpu==2.14.1 'numpy<2'`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import smiledet
from smiledet.model_index import Model, read_index

PYTHON = os.environ.get("SMILEDET_OLD_TENSORFLOW", "")

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(not PYTHON, reason="SMILEDET_OLD_TENSORFLOW names no Python with TensorFlow 2.14"),
]

MODELS = [model for model in read_index() if model.input is not None and "keras" in model.files]

PROGRAM = """
import sys
from pathlib import Path
import numpy as np, tensorflow
from smiledet.engines.base import load_engine
engine = load_engine("tensorflow", Path(sys.argv[1]))
np.save(sys.argv[3], engine.predict(np.load(sys.argv[2])))
engine.close()
print(tensorflow.__version__)
"""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.task}-{model.name}")
def test_scores_are_those_of_keras(model: Model, exported, faces, keras_scores, tmp_path) -> None:
    saved, chips, scores = exported(model, "savedmodel"), tmp_path / "chips.npy", tmp_path / "scores.npy"
    np.save(chips, faces(model))
    environment = {**os.environ, "PYTHONPATH": str(Path(smiledet.__file__).parents[1]), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [PYTHON, "-c", PROGRAM, saved, chips, scores], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1].startswith("2.14.")
    expected = keras_scores(model)
    assert np.abs(np.load(scores) - expected).max() < 1e-4
    assert (np.load(scores).argmax(axis=1) == expected.argmax(axis=1)).all()
