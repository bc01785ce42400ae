"""Every engine, with every precision of its files: the same scores as Keras, and the same manners.

The scores of every shipped model are compared in float32 (1e-4 at most); in the smaller precisions those of the
smallest one, and of every file that ships in one, within `smiledet.lab.training.export.agreement.TOLERANCES`.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from smiledet.engines.base import Engine, engine_class, engine_names, load_engine
from smiledet.engines.files import FORMATS, file_key
from smiledet.errors import UsageError
from smiledet.model_index import Model, read_index

pytestmark = pytest.mark.train

LIBRARIES = {"onnx": "onnxruntime", "tensorflow": "tensorflow", "tensorrt": "onnxruntime"}
"""What an engine runs on, where that is not a dependency."""

MODELS = [model for model in read_index() if model.input is not None and "keras" in model.files]
SMALLEST = min(MODELS, key=lambda model: (model.folder / model.files["keras"].path).stat().st_size)


@dataclass(frozen=True)
class Case:
    """A network in an engine."""

    engine: str
    precision: str
    model: Model

    def __str__(self) -> str:
        return f"{self.engine}-{self.precision}-{self.model.task}-{self.model.name}"


def precisions(engine: str) -> tuple[str, ...]:
    return FORMATS[engine_class(engine).file_format].precisions


NETWORKS = list({model.files["keras"].path: model for model in reversed(MODELS)}.values())
"""One model of each network: further heads of it take as long to convert."""

LARGE = 1_500_000
"""Bytes of a Keras file."""

EVERY_MODEL = [
    Case(engine, "float32", model)
    for engine in engine_names()
    for model in MODELS
    if model in NETWORKS or file_key(engine_class(engine).file_format, "float32") in model.files
]
EVERY_PRECISION = [Case(engine, precision, SMALLEST) for engine in engine_names() for precision in precisions(engine)]
SHIPPED = [
    Case(engine, precision, model)
    for engine in engine_names()
    for model in MODELS
    for precision in precisions(engine)
    if file_key(engine_class(engine).file_format, precision) in model.files
]
SMALLER = list({str(case): case for case in (*EVERY_PRECISION, *SHIPPED) if case.precision != "float32"}.values())


@pytest.fixture
def file(exported: Callable[..., Path], request: pytest.FixtureRequest) -> Callable[[Case], Path]:
    def get(case: Case) -> Path:
        if case.engine == "tensorrt" and find_spec("tensorrt") is None:
            request.getfixturevalue("fake_tensorrt")  # runs the file by ONNX Runtime: the manners are ours all the same
        if (library := LIBRARIES.get(case.engine)) and find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
        return exported(case.model, engine_class(case.engine).file_format, case.precision)

    return get


@pytest.fixture
def load(file: Callable[[Case], Path]) -> Iterator[Callable[[Case], Engine]]:
    loaded: list[Engine] = []

    def get(case: Case) -> Engine:
        loaded.append(load_engine(case.engine, file(case), precision=case.precision))
        return loaded[-1]

    yield get
    for engine in loaded:
        engine.close()


def test_there_is_something_to_test():
    assert {"litert", "onnx", "tensorflow", "tensorrt"} <= set(engine_names())
    assert {case.precision for case in EVERY_PRECISION} == {"float32", "float16", "dynamic", "int8"}
    assert {case.model.files["keras"].path for case in EVERY_MODEL} == {model.files["keras"].path for model in MODELS}
    assert len(NETWORKS) < len(MODELS)


def is_slow(case: Case) -> bool:
    """Whether the file has to be made, which takes seconds for a large network; small ones have the same layers."""
    key = file_key(engine_class(case.engine).file_format, case.precision)
    return key not in case.model.files and case.model.file("keras").stat().st_size > LARGE


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * is_slow(case), id=str(case)) for case in EVERY_MODEL]
)
def test_scores_are_those_of_keras(case, load, faces, keras_scores):
    expected = keras_scores(case.model)
    assert np.ptp(expected, axis=0).max() > 0.2 * expected.max()  # all alike, they would prove nothing
    scores = load(case).predict(faces(case.model))
    assert np.abs(scores - expected).max() < 1e-4
    assert (scores.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("case", SMALLER, ids=str)
def test_smaller_numbers_come_close(case, load, faces, keras_scores):
    from smiledet.lab.training.export.agreement import TOLERANCES

    difference = np.abs(load(case).predict(faces(case.model)) - keras_scores(case.model))
    assert difference.max() <= TOLERANCES[case.precision].largest
    assert difference.mean() <= TOLERANCES[case.precision].mean
    assert difference.max() > 1e-5  # or it is float32 under another name


@pytest.mark.parametrize("case", EVERY_PRECISION, ids=str)
class TestManners:
    def test_probabilities_come_out(self, case, load, faces):
        scores = load(case).predict(faces(case.model))
        assert (scores.dtype, scores.shape) == (np.float32, (len(faces(case.model)), len(case.model.labels)))
        assert scores.sum(axis=1) == pytest.approx(1, abs=2e-3 if case.precision == "float16" else 1e-5)
        assert scores.min() >= 0

    def test_a_face_scores_the_same_in_any_batch(self, case, load, faces):
        engine, chips = load(case), faces(case.model)
        together = engine.predict(chips)
        kept = together.copy()
        one_by_one = np.concatenate([engine.predict(chip[None]) for chip in chips])
        assert one_by_one == pytest.approx(together, abs=1e-5)
        assert np.concatenate([engine.predict(chips[:5]), engine.predict(chips[5:])]) == pytest.approx(kept, abs=1e-5)
        assert (together == kept).all()  # what was handed out is not written over
        nothing = engine.predict(chips[:0])
        assert (nothing.dtype, nothing.shape) == (np.float32, (0, len(case.model.labels)))

    def test_pixels_may_be_bytes_or_floats(self, case, load, faces):
        engine, chips = load(case), faces(case.model)
        bytes_ = engine.predict(chips)
        assert engine.predict(chips.astype(np.float32)) == pytest.approx(bytes_, abs=1e-5)
        strided = np.repeat(chips, 2, axis=1)[:, ::2]
        assert not strided.flags.c_contiguous
        assert engine.predict(strided) == pytest.approx(bytes_, abs=1e-5)
        for kind in (np.float64, np.int32, np.float16, bool, complex, object):
            with pytest.raises(ValueError, match="type"):
                engine.predict(chips.astype(kind))

    def test_other_shapes_are_refused(self, case, load, faces):
        engine, chips = load(case), faces(case.model)
        for wrong in (chips[0], chips[..., 0], chips[:, 1:], chips[:, :, 1:], chips[None], chips[:0, 1:], chips[0, 0]):
            with pytest.raises(ValueError, match="shape"):
                engine.predict(wrong)
        with pytest.raises(ValueError, match="shape"):
            engine.predict(np.concatenate([chips] * (4 - chips.shape[3]), axis=3))
        assert engine.predict(chips[:1]).shape == (1, len(case.model.labels))  # and goes on

    def test_several_threads_have_one_each(self, case, file, faces):
        """As classifier workers do: made in the thread, run at the same time."""
        path, chips = file(case), faces(case.model)
        with closing(load_engine(case.engine, path)) as first:
            expected = first.predict(chips)
        threads = 4
        barrier = threading.Barrier(threads, timeout=60)
        found: list[list[np.ndarray]] = [[] for _ in range(threads)]

        def work(results: list[np.ndarray]) -> None:
            engine = load_engine(case.engine, path)
            barrier.wait()
            results += [engine.predict(chips) for _ in range(5)]
            barrier.wait()  # none is closed while another still runs
            engine.close()

        workers = [threading.Thread(target=work, args=(results,)) for results in found]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for results in found:
            assert len(results) == 5
            for scores in results:
                assert scores == pytest.approx(expected, abs=1e-5)

    def test_closing_twice_does_no_harm(self, case, load, faces):
        engine, other = load(case), load(case)
        engine.close()
        engine.close()
        with pytest.raises(ValueError, match="closed"):
            engine.predict(faces(case.model))
        assert len(other.predict(faces(case.model)))  # one of its own

    def test_it_says_what_runs_it(self, case, load):
        engine = load(case)
        assert engine.name == case.engine
        assert engine.device.startswith(("CPU, ", "CUDA ", "NVIDIA", "Tesla"))


@pytest.mark.parametrize("case", [case for case in EVERY_PRECISION if case.precision == "float32"], ids=str)
class TestDamagedFiles:
    @pytest.mark.parametrize("damage", ["text", "empty", "half", "zeros", "missing", "other"])
    def test_they_are_refused_on_one_line(self, case, file, damage, tmp_path):
        whole = file(case)
        path = tmp_path / whole.name
        inner = path / "saved_model.pb" if whole.is_dir() else path
        shutil.copytree(whole, path) if whole.is_dir() else shutil.copy(whole, path)
        data = inner.read_bytes()
        inner.unlink()
        if damage == "other":
            inner.mkdir()
        elif damage != "missing":
            kinds = {"text": b"<html>404</html>", "empty": b"", "half": data[: len(data) // 2], "zeros": bytes(4096)}
            inner.write_bytes(kinds[damage])
        with pytest.raises(UsageError) as caught:
            load_engine(case.engine, path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_next_file_loads(self, case, file, faces, tmp_path):
        broken = tmp_path / "broken"
        broken.write_text("no network")
        with pytest.raises(UsageError):
            load_engine(case.engine, broken)
        with closing(load_engine(case.engine, file(case))) as engine:
            assert len(engine.predict(faces(case.model)))
