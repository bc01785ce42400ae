"""What is LiteRT's own: the integers of full int8 files, and wheels that do not load."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from smiledet.engines.litert import LiteRTEngine, _real
from smiledet.errors import UsageError


def test_integers_become_probabilities_that_sum_to_1():
    """A sure answer is 255 of 256 and rounding may lose one more: the file's own sums are not 1."""
    integers = np.array([[255, 0, 0], [128, 64, 63]], np.float32)
    scores = _real(integers, 1 / 256, 0)
    assert scores.dtype == np.float32
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert scores[0].tolist() == [1, 0, 0]
    assert scores[1] == pytest.approx(integers[1] / 255)
    assert _real(integers - 128, 1 / 256, -128) == pytest.approx(scores)


def test_a_library_that_does_not_load_is_one_line(monkeypatch, tmp_path):
    """JetPack 4's C library is too old for every LiteRT, whatever the wheels say."""

    def too_old(name, *others, **more):
        if name.startswith("ai_edge_litert"):
            raise ImportError("/lib/libm.so.6: version `GLIBC_2.29' not found\n(required by …)")
        return imported(name, *others, **more)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", too_old)
    with pytest.raises(UsageError, match=r"^the engine litert cannot be loaded here: .*GLIBC_2\.29' not found$"):
        LiteRTEngine(tmp_path / "none.tflite")
