"""What is LiteRT's own: the integers of full int8 files, and wheels that do not load."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from smiledet.engines.base import load_engine
from smiledet.engines.litert import LiteRTEngine, _real
from smiledet.errors import UsageError
from smiledet.model_index import find_model


def test_integers_become_probabilities_that_sum_to_1():
    """A sure answer is 255 of 256 and rounding may lose one more: the file's own sums are not 1."""
    integers = np.array([[255, 0, 0], [128, 64, 63]], np.float32)
    scores = _real(integers, 1 / 256, 0)
    assert scores.dtype == np.float32
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert scores[0].tolist() == [1, 0, 0]
    assert scores[1] == pytest.approx(integers[1] / 255)
    assert _real(integers - 128, 1 / 256, -128) == pytest.approx(scores)


@pytest.mark.parametrize("task", ["smile", "emotion"])
def test_a_file_of_integers_says_nearly_what_its_float_file_says(task):
    """On black, white, grey and noise: whatever integers come out, sums and differences of them do not overflow."""
    model = find_model(task, "mini-xception")
    side = model.input.size
    chance = np.random.default_rng(1)
    plain = [np.full((side, side, 1), level, np.uint8) for level in (0, 90, 170, 255)]
    chips = np.stack([*plain, *chance.integers(0, 256, (12, side, side, 1), np.uint8)])
    scores = {}
    for file in ("litert", "litert-int8"):
        engine = LiteRTEngine(model.file(file))
        scores[file] = engine.predict(chips)
        engine.close()
    assert scores["litert-int8"].min() >= 0
    assert np.abs(scores["litert-int8"] - scores["litert"]).mean() < 0.1


@pytest.mark.parametrize(("level", "given"), [(200, (0.5, 0)), (100, (2.0, -90))], ids=["white", "black"])
def test_pixels_beyond_what_a_file_of_integers_takes_are_its_whitest_and_blackest(level, given):
    """They would come out at the other end."""
    engine = LiteRTEngine(find_model("smile", "mini-xception").file("litert-int8"))
    side = find_model("smile", "mini-xception").input.size
    plain = {shade: np.full((1, side, side, 1), shade, np.uint8) for shade in (0, 255, level)}
    end = engine.predict(plain[255 if given[1] == 0 else 0])
    wrapped = engine.predict(plain[level] * 2 if given[1] == 0 else plain[level] // 2 - 90)
    engine._given = given
    assert engine.predict(plain[level]).tolist() == end.tolist() != wrapped.tolist()
    engine.close()


def test_every_network_gets_the_threads_that_were_asked_for(monkeypatch):
    from ai_edge_litert import interpreter

    asked = []

    class Noting(interpreter.Interpreter):
        def __init__(self, *given, num_threads=None, **others):
            asked.append(num_threads)
            super().__init__(*given, num_threads=num_threads, **others)

    monkeypatch.setattr(interpreter, "Interpreter", Noting)
    file = find_model("smile", "mini-xception").file("litert")
    engines = [load_engine("litert", file, threads) for threads in (3, 2, 3)]
    assert asked == [3, 2, 3]
    assert [engine.device for engine in engines] == [f"CPU, XNNPACK, {threads} threads" for threads in (3, 2, 3)]


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
