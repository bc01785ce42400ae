"""`smiledet export` as a user calls it, and `smiledet run` with what it wrote."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

import smiledet
from smiledet.cli import main
from smiledet.engines.base import load_engine
from smiledet.engines.files import exported_file, model_file
from smiledet.errors import UsageError
from smiledet.lab.backend import prepare
from smiledet.model_index import Model, find_model, read_index, write_row
from smiledet.sources.demo import PORTRAITS


@pytest.fixture(scope="module")
def smile() -> Model:
    """The smallest smile model that ships."""
    models = [model for model in read_index() if model.task == "smile" and "litert" in model.files]
    return min(models, key=lambda model: model.file("litert").stat().st_size)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    """GENKI-4K's layout: sixteen photographs, Grace Hopper, who does not smile, and Eileen Collins, who does."""
    root = tmp_path_factory.mktemp("data") / "genki4k"
    (root / "files").mkdir(parents=True)
    lines = []
    for smiling, portrait in enumerate(reversed(PORTRAITS)):
        picture = cv2.imread(str(portrait.path))
        for tilt in range(-8, 8, 2):
            matrix = cv2.getRotationMatrix2D(portrait.centre, tilt, 100 / portrait.face)
            matrix[:, 2] += (120 - portrait.centre[0], 120 - portrait.centre[1])
            turned = cv2.warpAffine(picture, matrix, (240, 240), borderMode=cv2.BORDER_REPLICATE)
            cv2.imwrite(str(root / "files" / f"file{len(lines):04d}.png"), turned)
            lines.append(f"{smiling} 0 0 0\n")
    (root / "labels.txt").write_text("".join(lines))
    return root


@pytest.fixture
def refused(call_smiledet, tmp_path):
    """Runs a command that must be refused; its one line."""

    def run(*arguments: object) -> str:
        done = call_smiledet(*arguments, env={"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")})
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith("smiledet: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    return run


def test_export_refuses_before_keras_is_imported(refused, smile, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    assert "TASK/NAME" in refused("export", smile.name)
    assert "'nothing'" in refused("export", "smile/nothing")
    assert "landmarks/ert68 has no keras file" in refused("export", "landmarks/ert68")
    name = f"smile/{smile.name}"
    assert str(tmp_path / "none") in refused("export", name, "--output", tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert "no such folder" in refused("export", name, "--output", tmp_path / "file")
    line = refused("export", name, "--to", "caffe")
    assert all(word in line for word in ("caffe", "litert", "onnx", "savedmodel"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--precision", "int4"], ["int4", "float16", "dynamic"]),
        (["--to", "onnx", "--precision", "dynamic"], ["onnx files cannot be had in dynamic", "float16, int8"]),
        (["--to", "savedmodel", "--precision", "int8"], ["savedmodel", "int8"]),
        (["--precision", "int8"], ["real faces", "--data LAYOUT:PATH"]),
        (["--ship", "--output", "."], ["--output", "--ship"]),
        (["--ship", "--to", "savedmodel"], ["does not ship"]),
        (["--batch", "any"], ["--batch is for --to onnx and tensorrt"]),
        (["--batch", "any", "--to", "savedmodel"], ["a SavedModel any number"]),
        (["--batch", "any", "--to", "onnx", "--ship"], ["one face at a time", "leave --ship out"]),
        (["--batch", "0", "--to", "onnx"], ["--batch", "1", "any"]),
    ],
)
def test_export_refuses_bad_flags(more, words, smile, capsys):
    assert main(["export", f"smile/{smile.name}", *more]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and all(word in line for word in words), line


class TestRunning:
    """An engine that was asked for by hand runs or is refused; nothing takes its place."""

    @pytest.fixture
    def refused_run(self, call_smiledet, tmp_path):
        """Runs the demo, which must be refused; the last line, which follows the source's."""

        def run(*arguments: object) -> str:
            done = call_smiledet("run", "demo", "--no-show", *arguments, env={"XDG_CACHE_HOME": str(tmp_path)})
            assert (done.returncode, done.stdout) == (2, ""), done.stderr
            lines = done.stderr.splitlines()
            assert all(line.startswith("smiledet: ") for line in lines) and len(lines) <= 2, done.stderr
            return lines[-1]

        return run

    def test_without_a_file_the_command_that_makes_one_is_said(self, refused_run):
        line = refused_run("--engine", "litert", "--precision", "dynamic")
        assert re.search(r"to make it: smiledet export smile/\S+ --to litert --precision dynamic", line)

    def test_an_unknown_engine_or_precision_is_refused(self, refused_run):
        assert "one of auto, litert, onnx, tensorflow" in refused_run("--engine", "steam")
        assert "one of auto, float32" in refused_run("--precision", "int4")
        if find_spec("tensorflow") is None:
            pytest.skip("TensorFlow is not installed")
        assert "cannot be had in int8" in refused_run("--engine", "tensorflow", "--precision", "int8")


@pytest.fixture
def trainer() -> None:
    try:
        prepare()
    except UsageError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.train
@pytest.mark.usefixtures("trainer")
class TestExporting:
    def test_litert_is_what_ships(self, smile, tmp_path, capfd):
        assert main(["export", f"smile/{smile.name}", "--output", str(tmp_path), "--check"]) == 0
        output, complaints = capfd.readouterr()
        assert complaints == ""
        again = tmp_path / f"{smile.name}.tflite"
        first, second, third = output.splitlines()[:3]
        assert first == f"wrote {again}, {again.stat().st_size / 1000:.0f} kB"
        assert second.startswith(f"wrote {again}.json, ")
        assert third.startswith("compared with Keras on ")
        assert float(re.search(r"largest difference of a score (\S+),", output)[1]) < 1e-4
        assert re.search(r"\d ms a face\n", output)
        shape = (6, smile.input.size, smile.input.size, smile.input.channels)
        chips = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
        scores = load_engine("litert", again).predict(chips)
        assert scores == pytest.approx(load_engine("litert", smile.file("litert")).predict(chips), abs=1e-4)
        assert find_model("smile", smile.name) == smile
        assert sorted(path.name for path in tmp_path.iterdir()) == [again.name, f"{again.name}.json"]
        assert find_model("smile", str(again)).input == smile.input  # as its card says

    def test_gradients_are_no_model_of_their_own(self, smile, tmp_path, capfd):
        """What `--explain` runs; `--model` does not take it, so that no card for it is written."""
        assert main(["export", f"{smile.task}/{smile.name}", "--to", "gradients", "--output", str(tmp_path)]) == 0
        (written,) = tmp_path.iterdir()
        assert written.name == f"{smile.name}-float16-gradients.tflite"
        assert "--model" not in capfd.readouterr().out

    def test_what_loses_too_much_does_not_ship(self, smile, tmp_path, capfd, monkeypatch):
        """The index named it already, and LiteRT would have taken it."""
        from smiledet.lab.training.export import agreement

        shutil.copytree(smile.folder / "smile", tmp_path / "smile")
        mine = replace(smile, folder=tmp_path, files={"keras": smile.files["keras"]})
        write_row(mine)
        monkeypatch.setattr("smiledet.cli.export._model", lambda wanted: mine)
        before = sorted(tmp_path.rglob("*"))
        monkeypatch.setitem(agreement.TOLERANCES, "float16", agreement.Tolerance(0, 0))
        command = ["export", f"smile/{smile.name}", "--precision", "float16", "--ship", "--check"]
        assert main(command) == 1
        assert "ships" not in capfd.readouterr().out
        assert find_model("smile", smile.name, tmp_path) == mine and sorted(tmp_path.rglob("*")) == before
        monkeypatch.undo()
        monkeypatch.setattr("smiledet.cli.export._model", lambda wanted: mine)
        assert main(command) == 0
        assert set(find_model("smile", smile.name, tmp_path).files) == {"keras", "litert-float16"}
        assert "it ships: " in capfd.readouterr().out

    def test_int8_from_photographs(self, smile, photographs, cache, capfd):
        data = f"genki4k:{photographs}"
        command = ["export", f"smile/{smile.name}", "--precision", "int8", "--data", data, "--check"]
        assert main(command) == 0
        output, complaints = capfd.readouterr()
        assert complaints == ""
        assert f"faces of {data} (test)" in output
        assert re.search(r"accuracy \d+\.\d\d% \([+-]\d\.\d\d points; Keras ", output)
        assert exported_file(smile, "litert", "int8").is_relative_to(cache)
        assert exported_file(smile, "litert", "int8").stat().st_size < smile.file("litert").stat().st_size / 2

    def test_a_difference_is_a_fault(self, smile, tmp_path, capfd, monkeypatch):
        from smiledet.lab.training.export import agreement

        monkeypatch.setitem(agreement.TOLERANCES, "float16", agreement.Tolerance(1e-9, 1e-9))
        command = ["export", f"smile/{smile.name}", "--precision", "float16", "--output", str(tmp_path), "--check"]
        assert main(command) == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert "differs from Keras by up to" in line and "allowed in float16 are 1e-09" in line

    def test_a_free_batch(self, smile, cache, capfd):
        """ONNX Runtime takes 1, 3 and 16 faces at once, and says what Keras does of each."""
        onnxruntime = pytest.importorskip("onnxruntime")
        from smiledet.lab.training.export.export import load_network

        assert main(["export", f"smile/{smile.name}", "--to", "onnx", "--batch", "any", "--check"]) == 0
        output, complaints = capfd.readouterr()
        path = exported_file(smile, "onnx", free_batch=True)
        assert complaints == "" and output.startswith(f"wrote {path}, ")
        assert "same label 100.00%" in output
        assert model_file(smile, "onnx") == model_file(smile, "tensorrt", "float32") == path
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        network = load_network(smile)
        for count in (1, 3, 16):
            shape = (count, smile.input.size, smile.input.size, smile.input.channels)
            chips = np.random.default_rng(count).integers(0, 256, shape).astype(np.float32)
            (scores,) = session.run(None, {"pixels": chips})
            assert scores == pytest.approx(np.asarray(network(chips, training=False)), abs=1e-5)

    def test_run_finds_what_it_wrote(self, cache, call_smiledet, tmp_path, capfd):
        pytest.importorskip("onnxruntime")
        for model in ("smile/mini-xception", "emotion/mini-xception"):
            if "onnx" not in find_model(*model.split("/")).files:
                assert main(["export", model, "--to", "onnx"]) == 0
        events = {}
        for engine in ("litert", "onnx"):
            command = [
                "run",
                "demo",
                "--no-show",
                "--max-frames",
                12,
                "--engine",
                engine,
                "--events",
                f"{engine}.jsonl",
            ]
            done = call_smiledet(*command, "--model", "smile=mini-xception", env={"XDG_CACHE_HOME": str(cache)})
            assert done.returncode == 0, done.stderr
            assert f"{engine} on CPU, " in done.stderr
            lines = (tmp_path / f"{engine}.jsonl").read_text().splitlines()
            events[engine] = [json.loads(line) for line in lines]
        labels = [[(event["frame"], event["smile"], event["emotion"]) for event in each] for each in events.values()]
        assert labels[0] and labels[0] == labels[1]


@pytest.mark.slow
@pytest.mark.train
def test_the_export_says_nothing_else(smile, tmp_path):
    """In a process of its own: neither TensorFlow's greeting nor the converter's talk."""
    pytest.importorskip("tensorflow")
    command = ["export", f"smile/{smile.name}", "--to", "savedmodel", "--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "smiledet", *command],
        env={**os.environ, "PYTHONPATH": str(Path(smiledet.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=280,  # importing TensorFlow takes ten seconds, and a minute beside a training
    )
    folder = tmp_path / f"{smile.name}.savedmodel"
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"wrote {re.escape(str(folder))}, \d+ kB\n", done.stdout)
