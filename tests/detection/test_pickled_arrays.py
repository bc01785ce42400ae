"""Weights that a package keeps as a pickle: its arrays are read, and nothing that a pickle names is run."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smiledet.detection.detectors import mtcnn_networks
from smiledet.detection.detectors.pickled_arrays import ArrayReader

ARRAYS = [np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.array([0.5], np.float32)]


def written(what: Any) -> bytes:
    """What joblib writes."""
    joblib = pytest.importorskip("joblib")
    file = io.BytesIO()
    joblib.dump(what, file)
    return file.getvalue()


def test_arrays_are_what_was_written() -> None:
    found = ArrayReader(written(ARRAYS)).read()
    assert [each.tolist() for each in found] == [each.tolist() for each in ARRAYS]
    assert {each.dtype for each in found} == {np.dtype(np.float32)}


def test_the_weights_are_those_that_joblib_reads() -> None:
    joblib = pytest.importorskip("joblib")
    pytest.importorskip("lz4")
    for network in mtcnn_networks.WEIGHTS:
        try:
            path = mtcnn_networks.weight_file(network)
        except mtcnn_networks.ModelError as problem:
            pytest.skip(str(problem))
        for mine, theirs in zip(mtcnn_networks._read_weights(network), joblib.load(path), strict=True):
            assert np.array_equal(mine, theirs)


class Calls:
    """Names a function, which is called while it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.named = (function, arguments)

    def __reduce__(self) -> Any:
        return self.named


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "hostile",
    [
        Calls(os.system, "touch was-run"),
        Calls(eval, "open('was-run', 'w')"),
        Calls(subprocess.Popen, ["touch", "was-run"]),
        Calls(getattr, "x", "upper"),
        [Calls(os.mkdir, "was-run")],
        Calls(np.load, "was-run"),
        Path("was-run"),
    ],
    ids=["system", "eval", "Popen", "getattr", "in a list", "numpy.load", "a class"],
)
def test_any_other_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: Any, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no arrays can be read: it names "):
        ArrayReader(pickle.dumps(hostile, protocol)).read()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", [{}, 3, [1, 2], [[]], None, [np.arange(3)], [np.array([None])], [{"values": 3}]])
def test_what_is_no_list_of_arrays_is_refused(what: Any) -> None:
    with pytest.raises(ValueError, match="no arrays can be read"):
        ArrayReader(written(what)).read()


def test_a_cut_file_is_refused() -> None:
    whole = written(ARRAYS)
    for size in range(len(whole)):
        with pytest.raises(ValueError, match="no arrays can be read"):
            ArrayReader(whole[:size]).read()


def test_a_changed_file_of_the_package_is_not_read_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lz4 = pytest.importorskip("lz4.frame")
    path = tmp_path / "pnet.lz4"
    path.write_bytes(lz4.compress(pickle.dumps(Calls(os.system, f"touch {tmp_path}/was-run"))))
    monkeypatch.setattr(mtcnn_networks, "weight_file", lambda _: path)
    with pytest.raises(mtcnn_networks.ModelError, match="damaged or another edition"):
        mtcnn_networks.proposal_network()
    monkeypatch.setitem(mtcnn_networks.WEIGHTS, "pnet", sha256(path.read_bytes()).hexdigest())
    with pytest.raises(ValueError, match=r"it names (posix|nt)\.system"):
        mtcnn_networks.proposal_network()
    assert [each.name for each in tmp_path.iterdir()] == ["pnet.lz4"]
