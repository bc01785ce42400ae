"""The helper under a board's Python: the same scores, and what happens when it hangs, dies, fails or cannot start."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smiledet.engines._tensorrt import board_python, finding, helper, program
from smiledet.engines._tensorrt.helper import Helper, Limits
from smiledet.engines._tensorrt.program import BoardProgram, Lost, environment_for, run_to_end
from smiledet.engines.tensorrt import TensorRTEngine
from smiledet.errors import SmiledetError
from tests.engines.conftest import FAKES
from tests.engines.test_tensorrt import CHIPS, network, scores_of

QUICK = Limits(start=30, run=0.25)


def python_of_board(path: Path, python: str = sys.executable, packages: str = "") -> str:
    """A Python as a board has it: its own packages, TensorRT among them, whatever the environment says."""
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{FAKES}:{packages}" exec "{python}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def foreign_plan(folder: Path) -> Path:
    """A whole plan that this TensorRT does not take."""
    plan = b'{"version": "1.0"}'
    facts = json.dumps({"sha256": hashlib.sha256(plan).hexdigest()}).encode()
    (folder / "foreign.plan").write_bytes(facts + b"\n" + plan)
    return folder / "foreign.plan"


@pytest.fixture
def trouble(tmp_path, monkeypatch) -> Path:
    """A file with what goes wrong at the next run."""
    monkeypatch.setenv("FAKE_TENSORRT_TROUBLE", str(tmp_path / "trouble"))
    return tmp_path / "trouble"


@pytest.fixture
def on_board(fake_gpu, tmp_path, monkeypatch, trouble) -> str:
    """TensorRT is not in this Python, but in another; the helper has little time."""
    python = python_of_board(tmp_path / "python3")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(finding, "find_spec", lambda name: None)
    monkeypatch.setattr(finding, "BOARD_PYTHON", python)
    monkeypatch.setattr(helper, "_helpers", {python: Helper(python, QUICK)})
    fake_gpu("8.2.1.8", FAKE_TENSORRT_TALK="1")
    return python


@pytest.fixture
def engine(on_board, tmp_path):
    loaded = TensorRTEngine(network(tmp_path / "a.onnx"))
    yield loaded
    loaded.close()


class TestRunning:
    def test_scores_come_through_shared_memory(self, engine, on_board):
        assert engine.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)
        assert engine.device == f"NVIDIA Orin, TensorRT 8.2.1.8, float16, in a helper under {on_board}"
        assert engine.predict(CHIPS[:0]).shape == (0, 3)
        assert engine.predict(CHIPS.astype(np.float32)[:, ::-1]) == pytest.approx(scores_of(CHIPS[:, ::-1]), abs=1e-6)

    def test_a_free_batch(self, on_board, tmp_path, monkeypatch):
        """Its profiles have run when it is loaded: loading kernels would take longer than a run may."""
        monkeypatch.setenv("FAKE_TENSORRT_RUNS", str(tmp_path / "runs"))
        free = TensorRTEngine(network(tmp_path / "free.onnx", -1))
        assert (tmp_path / "runs").read_text().split("\n") == ["0 1", "1 4", "2 16", ""]
        for count in (1, 3, 16, 37):
            assert free.predict(CHIPS[:count]) == pytest.approx(scores_of(CHIPS[:count]), abs=1e-6)
        free.close()

    def test_networks_of_all_threads_share_one_process(self, engine, on_board, tmp_path):
        other = network(tmp_path / "b.onnx", batch=5, type="HALF", half=True)
        helper_process = helper._helpers[on_board]
        first = helper_process._program
        found: list[float] = []

        def work() -> None:
            mine = TensorRTEngine(other)
            found.extend(float(np.abs(mine.predict(CHIPS) - scores_of(CHIPS)).max()) for _ in range(5))
            mine.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            assert engine.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)
        for thread in threads:
            thread.join()
        assert len(found) == 15 and max(found) < 1e-3
        assert helper_process._program is first

    def test_nothing_is_left_in_shared_memory(self, on_board, monkeypatch, tmp_path):
        shared = tmp_path / "shared"  # other processes of this machine use the usual folders
        shared.mkdir()
        os.utime(shared, (0, 0))
        monkeypatch.setattr(helper, "MEMORY_FOLDER", str(shared))
        loaded = TensorRTEngine(network(tmp_path / "b.onnx", batch=2))
        assert loaded.predict(CHIPS[:2]) == pytest.approx(scores_of(CHIPS[:2]), abs=1e-6)
        loaded.close()
        assert list(shared.iterdir()) == []
        assert shared.stat().st_mtime > 0  # there was a file

    def test_it_ends_with_the_last_network(self, on_board, tmp_path):
        loaded = TensorRTEngine(network(tmp_path / "a.onnx"))
        process = helper._helpers[on_board]._program._process
        loaded.close()
        loaded.close()
        assert process.returncode == 0
        with pytest.raises(ValueError, match="closed"):
            loaded.predict(CHIPS)

    def test_it_ends_with_this_process(self, on_board):
        """Killed, even: its end of the pipe is closed then."""
        running = BoardProgram(on_board, "serve")
        assert running.answer(30)["gpu"] == "Orin"
        running._to.close()
        assert running._process.wait(10) == 0
        running.stop()

    @pytest.mark.parametrize("trouble_is", ["hang", "hang with the lock"])
    def test_it_ends_with_a_parent_that_is_killed_while_it_hangs(self, trouble_is, on_board, trouble, tmp_path):
        """In native code that keeps Python's lock, even: no thread of the helper's could notice anything then."""
        program = f"""
import sys
from pathlib import Path
from smiledet.engines._tensorrt.helper import Helper, Limits
from tests.engines.test_tensorrt import CHIPS, scores_of
helper = Helper({on_board!r}, Limits(30, 3600))
network = helper.load(Path(sys.argv[1]))
Path(sys.argv[2]).write_text({trouble_is!r})
print(helper._program._process.pid, flush=True)
network.run(CHIPS[:1], scores_of(CHIPS[:1]))
"""
        built = TensorRTEngine(network(tmp_path / "a.onnx"))
        plan = str(built._network.plan)
        built.close()
        root = str(Path(__file__).parents[2])
        parent = subprocess.Popen(
            [sys.executable, "-c", program, plan, str(trouble)],
            env={**os.environ, "PYTHONPATH": root},
            stdout=subprocess.PIPE,
        )
        with parent:
            left = os.pidfd_open(int(parent.stdout.readline()))
            while trouble.exists():  # the helper removes it and hangs
                pass
            parent.kill()
        watched = select.poll()
        watched.register(left, select.POLLIN)
        assert watched.poll(20_000), "the helper outlives its parent"
        os.close(left)

    def test_after_a_refused_plan_it_is_gone(self, on_board, tmp_path, monkeypatch):
        """Whatever runs the networks then needs its memory."""
        started = []

        class Noted(BoardProgram):
            def __init__(self, *arguments):
                super().__init__(*arguments)
                started.append(self._process)

        monkeypatch.setattr(helper, "BoardProgram", Noted)
        helper_process = helper._helpers[on_board]
        with pytest.raises(board_python.Refused):
            helper_process.load(foreign_plan(tmp_path))
        assert helper_process._program is None
        assert [process.returncode for process in started] == [0]

    def test_a_refused_plan_beside_one_that_runs_leaves_it(self, engine, on_board, tmp_path):
        helper_process = helper._helpers[on_board]
        before = helper_process._program
        with pytest.raises(board_python.Refused):
            helper_process.load(foreign_plan(tmp_path))
        assert helper_process._program is before
        assert engine.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)


class TestTrouble:
    @pytest.mark.parametrize(
        ("what", "words"),
        [("hang", "no answer within 0.25 s"), ("die", "killed by signal 9"), ("fail", "TensorRT failed to run")],
    )
    def test_it_is_started_anew(self, what, words, engine, trouble, caplog, tmp_path):
        other = TensorRTEngine(network(tmp_path / "b.onnx", batch=2))
        trouble.write_text(what)
        assert engine.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)
        assert words in caplog.text and "starting it anew" in caplog.text
        assert other.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)  # loaded anew with it
        other.close()

    def test_after_three_losses_it_is_given_up_on_one_line(self, engine, trouble, on_board):
        trouble.write_text("die always")
        with pytest.raises(SmiledetError, match="was lost 3 times running: killed by signal 9") as caught:
            engine.predict(CHIPS)
        assert "\n" not in str(caught.value)
        trouble.unlink()
        assert engine.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)  # a worker that is restarted may ask

    def test_a_shipped_helper_is_noticed_within_a_second(self):
        assert Limits().run < 1

    def test_a_python_that_says_nothing(self, tmp_path):
        python = tmp_path / "python3"
        python.write_text("#!/bin/sh\nread line\n")
        python.chmod(0o755)
        with pytest.raises(Lost, match=r"silent for 0.05 s"):
            run_to_end(str(python), "probe", limit=0.05)
        mute = Helper(str(python), Limits(start=0.05, run=0.05))
        with pytest.raises(SmiledetError, match=r"lost 3 times running: no answer within 0.05 s"):
            mute.load(tmp_path / "plan")

    def test_without_tensorrt_it_says_so(self, monkeypatch):
        monkeypatch.delenv("PYTHONPATH", raising=False)
        with pytest.raises(Lost, match="No module named 'tensorrt'"):
            run_to_end(sys.executable, "probe", limit=30)

    def test_requests_that_are_none_end_it_with_one_line(self, on_board):
        running = BoardProgram(on_board, "serve")
        running.answer(30)
        running.send({"do": "run", "id": 7, "count": 1})
        with pytest.raises(Lost, match="KeyError"):
            running.answer(30)
        running.kill()


class TestOtherPythons:
    def test_the_file_is_python_3_6(self):
        for path in (Path(board_python.__file__), FAKES / "tensorrt.py"):
            ast.parse(path.read_text(), feature_version=(3, 6))

    def test_it_needs_numpy_and_tensorrt_alone(self):
        """And the standard library of 3.6: no module that came later."""
        imported = {
            alias.name.partition(".")[0]
            for node in ast.walk(ast.parse(Path(board_python.__file__).read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(str(node.module))])
        }
        assert imported - set(sys.stdlib_module_names) == {"numpy", "tensorrt"}
        assert not imported & {"dataclasses", "contextvars", "importlib", "graphlib", "zoneinfo", "tomllib"}

    def test_nothing_beside_it_hides_a_module(self):
        """Python puts the file's own folder first."""
        beside = {path.stem for path in Path(board_python.__file__).parent.glob("*.py")} - {"__init__"}
        assert not beside & {*sys.stdlib_module_names, "numpy", "tensorrt"}

    def test_our_packages_are_not_theirs(self, monkeypatch):
        monkeypatch.setenv("PYTHONPATH", "/ours")
        monkeypatch.setenv("PYTHONHOME", "/ours")
        monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
        assert not {"PYTHONPATH", "PYTHONHOME"} & set(environment_for("/usr/bin/python3"))
        assert environment_for(sys.executable)["PYTHONPATH"] == "/ours"
        for machine, kind in (("aarch64", "ARMV8"), ("x86_64", None)):
            monkeypatch.setattr(program.platform, "machine", lambda machine=machine: machine)
            assert environment_for("/usr/bin/python3").get("OPENBLAS_CORETYPE") == kind

    @pytest.mark.slow
    @pytest.mark.parametrize("version", ["3.6", "3.8"])
    def test_it_runs_there(self, version, old_python, fake_gpu, tmp_path, monkeypatch, trouble, caplog):
        """Building, loading, running and a restart under the very Pythons of JetPack 4 and 5."""
        python = old_python(version)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv(finding.CHOSEN_PYTHON, python)
        monkeypatch.setattr(helper, "_helpers", {python: Helper(python, Limits(start=60, run=2))})
        fake_gpu({"3.6": "8.2.1.8", "3.8": "8.5.2.2"}[version], FAKE_TENSORRT_TALK="1")
        engine = TensorRTEngine(network(tmp_path / "a.onnx", -1))
        assert engine.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)
        trouble.write_text("die")
        assert engine.predict(CHIPS) == pytest.approx(scores_of(CHIPS), abs=1e-6)
        assert "killed by signal 9" in caplog.text and "starting it anew" in caplog.text
        engine.close()


@pytest.fixture
def old_python(tmp_path) -> Callable[[str], str]:
    """A Python of pyenv's, with numpy: its own, or the one unpacked in SMILEDET_OLD_NUMPY/<version>."""

    def get(version: str) -> str:
        found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        if not found:
            pytest.skip(f"there is no Python {version} in ~/.pyenv/versions")
        packages = str(Path(os.environ.get("SMILEDET_OLD_NUMPY", "none"), version))
        python = python_of_board(tmp_path / f"python{version}", str(found[-1]), packages)
        if subprocess.run([python, "-c", "import numpy"], capture_output=True, timeout=60).returncode:
            pytest.skip(f"Python {version} has no numpy; SMILEDET_OLD_NUMPY/{version} may hold one")
        return python

    return get
