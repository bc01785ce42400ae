"""TensorRT's engine on stand-ins for TensorRT and CUDA: plans and their cache, every version, what is refused."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from smiledet.engines import tensorrt
from smiledet.engines._tensorrt import board_python, finding, plans
from smiledet.engines._tensorrt.finding import Found, find_tensorrt
from smiledet.engines.base import engine_class, load_engine
from smiledet.engines.files import exported_file, model_file
from smiledet.engines.tensorrt import TensorRTEngine
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import ChipSpec
from smiledet.model_index import Model, ModelFile, sha256

BATCHES = (-1, 3, 1, 20, 1)
VERSIONS = ("8.2.1.8", "8.5.2.2", "8.6.1", "10.3.0", "11.4.0.106")
RUNS = [*zip(VERSIONS, BATCHES, strict=True), *zip(VERSIONS, reversed(BATCHES), strict=True)]
CHIPS = np.random.default_rng(3).integers(0, 256, (37, 8, 8, 1), np.uint8)


def network(path: Path, batch: int = 1, **about: object) -> Path:
    """A network that the stand-in runs: a linear map and a softmax."""
    path.write_text(json.dumps({"input": [batch, 8, 8, 1], "classes": 3, **about}))
    return path


def scores_of(chips: np.ndarray) -> np.ndarray:
    """What that network says, worked out here."""
    weights = np.random.RandomState(5).normal(0, 0.003, (64, 3))
    sums = np.exp(chips.reshape(len(chips), -1).astype(np.float64) @ weights)
    scores: np.ndarray = sums / sums.sum(axis=1, keepdims=True)
    return scores


@pytest.fixture
def builds(fake_gpu, tmp_path, monkeypatch):
    """What the stand-in has built: a line of version and flags each; the cache is empty at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_TENSORRT_BUILDS", str(tmp_path / "builds"))
    return lambda: (tmp_path / "builds").read_text().splitlines() if (tmp_path / "builds").exists() else []


def run_once(path: Path, precision: str = "auto", chips: np.ndarray = CHIPS) -> tuple[np.ndarray, str]:
    engine = TensorRTEngine(path, precision=precision)
    try:
        return engine.predict(chips), engine.device
    finally:
        engine.close()


class TestRunning:
    @pytest.mark.parametrize(("version", "batch"), RUNS)
    def test_every_interface_and_batch(self, version, batch, fake_gpu, tmp_path, builds):
        fake_gpu(version)
        scores, device = run_once(network(tmp_path / "a.onnx", batch))
        assert scores == pytest.approx(scores_of(CHIPS), abs=1e-6)
        assert np.ptp(scores, axis=0).max() > 0.2
        numbers = "float32" if version.startswith("11") else "float16"
        assert device == f"NVIDIA Orin, TensorRT {version}, {numbers}"

    @pytest.mark.parametrize("version", ["8.2.1.8", "10.3.0"])
    def test_the_output_may_come_first(self, version, fake_gpu, tmp_path, builds):
        fake_gpu(version, FAKE_TENSORRT_BACKWARDS="1")
        for batch in (1, -1):
            scores, _ = run_once(network(tmp_path / f"{batch}.onnx", batch))
            assert scores == pytest.approx(scores_of(CHIPS), abs=1e-6)

    def test_half_inputs_and_no_chips(self, tmp_path, builds):
        scores, _ = run_once(network(tmp_path / "a.onnx", type="HALF", half=True))
        assert scores == pytest.approx(scores_of(CHIPS), abs=1e-3)
        none, _ = run_once(network(tmp_path / "a.onnx"), chips=CHIPS[:0])
        assert (none.shape, none.dtype) == ((0, 3), np.float32)

    def test_wrong_chips_are_refused_and_it_goes_on(self, tmp_path, builds):
        engine = TensorRTEngine(network(tmp_path / "a.onnx"))
        for wrong in (CHIPS[0], CHIPS[:, 1:], CHIPS.astype(np.float64), CHIPS[..., 0]):
            with pytest.raises(ValueError, match=r"shape|type"):
                engine.predict(wrong)
        assert engine.predict(CHIPS.astype(np.float32)) == pytest.approx(scores_of(CHIPS), abs=1e-6)
        engine.close()
        engine.close()
        with pytest.raises(ValueError, match="closed"):
            engine.predict(CHIPS)

    def test_a_failing_gpu_is_one_line(self, fake_gpu, tmp_path, builds):
        engine = TensorRTEngine(network(tmp_path / "a.onnx", -1))
        trouble = tmp_path / "trouble"
        fake_gpu("10.3.0", FAKE_TENSORRT_TROUBLE=str(trouble))
        trouble.write_text("fail")
        with pytest.raises(SmiledetError, match="TensorRT failed to run"):
            engine.predict(CHIPS)
        assert len(engine.predict(CHIPS)) == len(CHIPS)
        engine.close()

    def test_a_full_gpu_leaves_nothing_behind(self, fake_gpu, tmp_path, builds):
        path = network(tmp_path / "a.onnx")
        run_once(path)
        fake_gpu("10.3.0", FAKE_CUDA_FULL="1")
        with pytest.raises(UsageError, match="cudaMalloc: out of memory"):  # and see fake_gpu
            TensorRTEngine(path)


class TestProfiles:
    """A free batch: the kernels that a number of faces is run with."""

    @pytest.fixture
    def runs(self, fake_gpu, tmp_path, monkeypatch):
        """Loads a network, and tells the profile and the batch of each of its runs since."""
        path = tmp_path / "runs"
        monkeypatch.setenv("FAKE_TENSORRT_RUNS", str(path))

        def since() -> list[tuple[int, ...]]:
            lines = path.read_text().splitlines() if path.exists() else []
            path.unlink(missing_ok=True)
            return [tuple(map(int, line.split())) for line in lines]

        return since

    @pytest.mark.parametrize("version", VERSIONS)
    def test_the_one_that_fits_is_taken(self, version, fake_gpu, tmp_path, builds, runs):
        fake_gpu(version)
        engine = TensorRTEngine(network(tmp_path / "a.onnx", -1))
        assert runs() == [(0, 1), (1, 4), (2, 16)]  # each has loaded its kernels before a face is there
        expected = {1: 0, 2: 1, 3: 1, 4: 1, 5: 2, 8: 2, 15: 2, 16: 2}
        for count in (*expected, *reversed(expected)):  # and back again
            assert engine.predict(CHIPS[:count]) == pytest.approx(scores_of(CHIPS[:count]), abs=1e-6)
            assert runs() == [(expected[count], count)]
        engine.close()

    @pytest.mark.parametrize("version", ["8.2.1.8", "8.6.1", "10.3.0"])
    def test_more_than_the_largest_are_split(self, version, fake_gpu, tmp_path, builds, runs):
        fake_gpu(version, FAKE_TENSORRT_BACKWARDS="1")
        engine = TensorRTEngine(network(tmp_path / "a.onnx", -1))
        for count, expected in ((17, [(2, 16), (0, 1)]), (19, [(2, 16), (1, 3)]), (37, [(2, 16), (2, 16), (2, 5)])):
            runs()
            assert engine.predict(CHIPS[:count]) == pytest.approx(scores_of(CHIPS[:count]), abs=1e-6)
            assert runs() == expected
        engine.close()

    @pytest.mark.parametrize("version", ["8.2.1.8", "10.3.0"])
    def test_a_fixed_batch_has_none(self, version, fake_gpu, tmp_path, builds, runs):
        fake_gpu(version)
        run_once(network(tmp_path / "a.onnx", 3), chips=CHIPS[:4])
        assert runs() == [(0, 3), (0, 3), (0, 3)]  # once to load kernels, and two with a row that is filled up
        plan = json.loads(board_python.read_plan(str(next((tmp_path / "cache").rglob("*.plan"))))[1])
        assert plan["limits"] == []

    def test_together_they_take_every_batch(self):
        taken = [batch for smallest, _, largest in board_python.PROFILES for batch in range(smallest, largest + 1)]
        assert taken == list(range(1, board_python.ROWS + 1))
        assert all(smallest <= best <= largest for smallest, best, largest in board_python.PROFILES)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_they_are_what_is_built(self, version, fake_gpu, tmp_path):
        fake_gpu(version)
        board_python.build(str(network(tmp_path / "a.onnx", -1)), str(tmp_path / "plan"), "auto", lambda _: None)
        facts, plan = board_python.read_plan(str(tmp_path / "plan"))
        expected = [[[batch, 8, 8, 1] for batch in batches] for batches in board_python.PROFILES]
        assert json.loads(plan)["limits"] == expected
        assert facts["profiles"] == [[1, 1, 1], [2, 4, 4], [5, 8, 16]]

    def test_one_that_tensorrt_does_not_take(self, tmp_path, fake_gpu, monkeypatch):
        monkeypatch.setattr(board_python, "PROFILES", ((1, 1, 1), (4, 2, 8)))
        with pytest.raises(board_python.Refused, match="no batch of 4 to 8"):
            board_python.build(str(network(tmp_path / "a.onnx", -1)), str(tmp_path / "plan"), "auto", lambda _: None)

    @pytest.mark.parametrize("version", ["8.2.1.8", "10.3.0"])
    @pytest.mark.parametrize("missing", ["0", "2"])
    def test_no_memory_for_a_context(self, missing, version, fake_gpu, tmp_path, builds, complaint):
        fake_gpu(version, FAKE_TENSORRT_NO_CONTEXT=missing)
        with complaint("cannot get ready for the plan"):  # nothing is left in the GPU's memory: see fake_gpu
            TensorRTEngine(network(tmp_path / "a.onnx", -1))

    def test_other_profiles_are_another_plan(self, tmp_path, builds):
        """Of an older smiledet, say, which knew one from 1 to 16."""
        path = network(tmp_path / "a.onnx", -1)
        run_once(path)
        (plan,) = (tmp_path / "cache").rglob("*.plan")
        facts, whole = board_python.read_plan(str(plan))
        older = {**facts, "profiles": [[1, 1, 16]]}
        assert plans.plan_name(path, older) != plans.plan_name(path, facts) == plan.name
        board_python.write_plan(str(plan), older, whole)
        run_once(path)
        assert len(builds()) == 2


class TestNumbers:
    @pytest.mark.parametrize(
        ("about", "wanted", "compute", "numbers", "flags"),
        [
            ({}, "auto", "6.2", "float16", "FP16"),
            ({}, "auto", "6.1", "float32", ""),
            ({}, "float16", "6.1", "float16", "FP16"),
            ({}, "float32", "8.7", "float32", ""),
            ({"half": True}, "float16", "5.3", "float16", "FP16"),
            ({"quantised": True}, "int8", "7.2", "int8", "FP16 INT8"),
            ({"quantised": True}, "auto", "6.1", "int8", "FP16 INT8"),
        ],
    )
    @pytest.mark.parametrize("version", ["8.2.1.8", "10.3.0"])
    def test_flags(self, about, wanted, compute, numbers, flags, version, fake_gpu, tmp_path, builds):
        fake_gpu(version, FAKE_CUDA_COMPUTE=compute)
        _, device = run_once(network(tmp_path / "a.onnx", **about), wanted)
        assert device.endswith(f"TensorRT {version}, {numbers}")
        assert builds() == [f"{version} {flags}".strip()]

    @pytest.mark.parametrize(
        ("version", "about", "wanted", "words"),
        [
            ("8.2.1.8", {"quantised": True}, "int8", ("6.2 has no int8", "float16")),
            ("8.2.1.8", {}, "int8", ("Q/DQ", "--precision int8")),
            ("11.4.0.106", {}, "float16", ("numbers of the file, here float32", "--to onnx --precision float16")),
            ("11.4.0.106", {"half": True}, "float32", ("here float16", "--precision float32")),
            ("10.3.0", {"inputs": 2}, "auto", ("2 inputs",)),
            ("10.3.0", {}, "dynamic", ("cannot compute in dynamic", "int8")),
        ],
    )
    def test_what_cannot_be_had(self, version, about, wanted, words, fake_gpu, tmp_path, builds, complaint):
        fake_gpu(version, FAKE_CUDA_COMPUTE="6.2")
        with complaint(*words):
            TensorRTEngine(network(tmp_path / "a.onnx", **about), precision=wanted)
        assert builds() == []
        assert [each for each in (tmp_path / "cache").rglob("*") if each.suffix in (".plan", ".partial")] == []

    def test_from_11_on_the_file_decides(self, fake_gpu, tmp_path, builds):
        fake_gpu("11.4.0.106")
        for name, about in {"float16": {"half": True}, "int8": {"quantised": True}, "float32": {}}.items():
            for wanted in ("auto", name):
                assert run_once(network(tmp_path / f"{name}.onnx", **about), wanted)[1].endswith(name)


class TestCache:
    def test_a_plan_is_built_once(self, tmp_path, builds, caplog):
        path = network(tmp_path / "a.onnx")
        with caplog.at_level(logging.INFO):
            run_once(path)
        assert "TensorRT 10.3.0 builds a for Orin, once" in caplog.text
        assert "built a-" in caplog.text
        run_once(path)
        TensorRTEngine(path).close()
        assert len(builds()) == 1
        assert [each.suffix for each in sorted((tmp_path / "cache").rglob("a-*"))] == [".lock", ".plan"]

    def test_anew_for_whatever_differs(self, fake_gpu, tmp_path, builds):
        path = network(tmp_path / "a.onnx")
        run_once(path)
        run_once(path, "float32")
        fake_gpu("8.6.1")
        run_once(path)
        fake_gpu("10.3.0", FAKE_CUDA_COMPUTE="7.2")
        run_once(path)
        fake_gpu("10.3.0", FAKE_CUDA_COMPUTE="8.7", FAKE_CUDA_NAME="Orin Nano / Super")
        run_once(path)
        run_once(network(path, classes=4))
        assert len(builds()) == 6
        assert len(list((tmp_path / "cache").rglob("*.plan"))) == 6

    @pytest.mark.parametrize("damage", ["empty", "half", "text", "other", "refused"])
    def test_anew_where_it_is_damaged(self, damage, tmp_path, builds):
        path = network(tmp_path / "a.onnx")
        expected, _ = run_once(path)
        (plan,) = (tmp_path / "cache").rglob("*.plan")
        data = plan.read_bytes()
        facts, whole = board_python.read_plan(str(plan))
        if damage == "other":  # copied from another board under the same name
            board_python.write_plan(str(plan), {**facts, "gpu": "Xavier"}, whole)
        elif damage == "refused":  # whole, but TensorRT does not take it
            board_python.write_plan(str(plan), facts, whole.replace(b"10.3.0", b"10.2.9"))
        else:
            plan.write_bytes({"empty": b"", "half": data[: len(data) // 2], "text": b"<html>\n404"}[damage])
        scores, _ = run_once(path)
        assert (scores == expected).all()
        assert len(builds()) == 2
        assert plan.read_bytes() == data

    def test_threads_build_it_once(self, tmp_path, builds):
        path = network(tmp_path / "a.onnx")
        find_tensorrt()
        done = []
        threads = [threading.Thread(target=lambda: done.append(run_once(path)[1])) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(done), len(builds())) == (3, 1)

    def test_what_cannot_be_built(self, fake_gpu, tmp_path, builds, complaint):
        fake_gpu("10.3.0", FAKE_TENSORRT_NO_BUILD="1")
        with complaint(str(tmp_path / "a.onnx"), "cannot build it: Could not find any implementation"):
            TensorRTEngine(network(tmp_path / "a.onnx"))
        (tmp_path / "b.onnx").write_bytes(b"{no network")
        with complaint(str(tmp_path / "b.onnx"), "no ONNX model that TensorRT 10.3.0 reads: ModelImporter:"):
            TensorRTEngine(tmp_path / "b.onnx")
        with complaint(str(tmp_path / "c.onnx"), "No such file"):
            TensorRTEngine(tmp_path / "c.onnx")
        assert not list((tmp_path / "cache").rglob("*.plan"))

    def test_a_cache_that_cannot_be_written(self, tmp_path, builds, complaint, monkeypatch):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        with complaint("cannot write", "file"):
            TensorRTEngine(network(tmp_path / "a.onnx"))

    def test_progress_is_told(self, tmp_path, fake_gpu):
        told: list[dict[str, object]] = []
        path = network(tmp_path / "a.onnx")
        board_python.build(str(path), str(tmp_path / "plan"), "auto", told.append)
        assert told == [{"progress": "Building", "step": step, "steps": 2} for step in (1, 2)]
        fake_gpu("8.6.1")
        board_python.build(str(path), str(tmp_path / "plan"), "auto", told.append)
        assert len(told) == 2  # it has nothing to tell

    def test_a_builder_that_dies_is_a_fault(self, tmp_path, builds, monkeypatch):
        found = Found(str(tmp_path / "no-python"), find_tensorrt().facts)
        with pytest.raises(SmiledetError, match=r"failed to build .*no-python: No such file"):
            plans.plan_of(network(tmp_path / "a.onnx"), "auto", found)


class TestFinding:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch):
        monkeypatch.delenv(finding.CHOSEN_PYTHON, raising=False)
        find_tensorrt.cache_clear()
        yield
        find_tensorrt.cache_clear()

    def test_without_any_it_says_what_is_missing_where(self, monkeypatch, complaint, tmp_path):
        monkeypatch.setattr(finding, "find_spec", lambda name: None)
        python = tmp_path / "python3"
        python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'numpy'\" >&2\nexit 1\n")
        python.chmod(0o755)
        monkeypatch.setattr(finding, "BOARD_PYTHON", str(python))
        mine = f"this Python {sys.version_info.major}.{sys.version_info.minor} (No module named 'tensorrt')"
        for attempt in (TensorRTEngine.check, lambda: load_engine("tensorrt", tmp_path)):
            with complaint(
                mine, f"{python} (ended with code 1: ModuleNotFoundError", "JetPack", "pip install tensorrt"
            ):
                attempt()
        find_tensorrt.cache_clear()
        monkeypatch.setattr(finding, "BOARD_PYTHON", str(tmp_path / "none"))
        with complaint(mine, f"{tmp_path / 'none'}: No such file"):
            TensorRTEngine.check()

    def test_without_a_gpu(self, fake_tensorrt, monkeypatch, complaint):
        fake_tensorrt("10.3.0", FAKE_CUDA_GPUS="0")
        monkeypatch.setattr(finding, "BOARD_PYTHON", sys.executable)
        with complaint("no CUDA GPU here: cudaGetDeviceCount: no CUDA-capable device is detected"):
            TensorRTEngine.check()

    def test_something_else_of_that_name(self, monkeypatch, complaint, tmp_path):
        (tmp_path / "tensorrt").mkdir()
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(finding, "BOARD_PYTHON", sys.executable)
        with complaint("this Python"):
            TensorRTEngine.check()
        sys.modules.pop("tensorrt", None)

    def test_names_in_words(self):
        facts = {"tensorrt": "8.2.1.8", "gpu": "Tesla T4", "strongly_typed": False}
        assert tensorrt._device(Found(None, facts), "int8") == "Tesla T4, TensorRT 8.2.1.8, int8"
        board_python = Found("/usr/bin/python3", {**facts, "gpu": "NVIDIA Tegra X2"})
        found = tensorrt._device(board_python, "float16")
        assert found == "NVIDIA Tegra X2, TensorRT 8.2.1.8, float16, in a helper under /usr/bin/python3"


class TestFiles:
    """Half precision is made of a float32 file, as long as TensorRT can."""

    @pytest.fixture
    def model(self, tmp_path) -> Model:
        (tmp_path / "a.keras").write_text("keras")
        files = {"keras": ModelFile("a.keras", sha256(tmp_path / "a.keras"))}
        return Model("smile", "a", "tiny", ("no", "yes"), ChipSpec(8), "none", files, folder=tmp_path)

    @pytest.mark.parametrize(
        ("version", "wanted", "there", "taken"),
        [
            ("8.2.1.8", "auto", ("float32", "float16", "int8"), "float32"),
            ("8.2.1.8", "float16", ("float16",), "float16"),
            ("11.4.0.106", "auto", ("float32", "float16", "int8"), "float16"),
            ("11.4.0.106", "auto", ("float32",), "float32"),
            ("11.4.0.106", "float32", ("float32", "float16"), "float32"),
            ("8.2.1.8", "int8", ("float32", "int8"), "int8"),
        ],
    )
    def test_which_file_is_taken(self, version, wanted, there, taken, model, fake_tensorrt, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        fake_tensorrt(version)
        for precision in there:
            path = exported_file(model, "onnx", precision)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("network")
        assert model_file(model, "tensorrt", wanted) == exported_file(model, "onnx", taken)

    def test_the_command_that_makes_one(self, model, fake_tensorrt, tmp_path, monkeypatch, complaint):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with complaint("no onnx file yet", "smiledet export smile/a --to onnx"):
            model_file(model, "tensorrt")
        with complaint("cannot be had in dynamic"):
            model_file(model, "tensorrt", "dynamic")

    def test_others_take_the_file_as_it_is(self):
        assert engine_class("litert").file_precisions("auto") == ("float32", "float16", "dynamic")
        assert engine_class("onnx").file_precisions("int8") == ("int8",)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("SMILEDET_LIBCUDART"), reason="SMILEDET_LIBCUDART names no real libcudart")
def test_the_real_runtime_has_what_is_called():
    """Of CUDA 11, 12 or 13; it needs no GPU to be asked for its names."""
    library = ctypes.CDLL(os.environ["SMILEDET_LIBCUDART"])
    called = set(re.findall(r'"(cuda[A-Z]\w+)"', Path(board_python.__file__).read_text()))
    assert {"cudaMalloc", "cudaHostAlloc", "cudaMemcpyAsync"} <= called
    for name in called:
        assert hasattr(library, name)
