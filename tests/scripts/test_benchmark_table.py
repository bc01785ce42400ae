"""The README's benchmark tables, from files of figures made up."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import smiledet
from smiledet.errors import UsageError

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark_table.py"

ABOUT = {"date": "2026-01-02T03:04:05+00:00", "command": "smiledet bench models", "machine": "an abacus, 2 cores"}

TIMES = [
    {"threads": threads, "faces_at_once": faces, "ms_a_face": 0.2 / threads, "quartiles_ms": [0.1, 0.3]}
    for threads in (1, 2)
    for faces in (1, 8)
]

ROW = {
    "model": "smile/a",
    "engine": "litert",
    "input": [64, 64, 1],
    "parameters": 52658,
    "multiply_adds": 10_163_392,
    "kilobytes": 240.0,
    "fps": 5000.0,
    "milliseconds": 0.2,
    "to_the_fastest": 1.0,
    "times": TIMES,
}

MODELS = {"targets": ["models"], "models": [ROW], "architectures": [], "not_measured": [], "floor": None}


@pytest.fixture(scope="module")
def benchmark_table():
    spec = importlib.util.spec_from_file_location("benchmark_table", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder, **values):
    path = folder / "models.json"
    path.write_text(json.dumps({**ABOUT, **values}))
    return path


def test_cells_become_markdown(benchmark_table, tmp_path):
    text = "\n".join(benchmark_table.render(write(tmp_path, **MODELS)))
    assert text.startswith("2026-01-02, an abacus, 2 cores:\n\n    smiledet bench models")
    heads = "FPS | ms, 1 thread | quartiles | 2 threads | of 8: ms each | of 8: ms each, 2 threads"
    cells = "5000 | 0.200 | 0.100 to 0.300 | 0.100 | 0.200 | 0.100 | 1.00 | 52,658 | 10.2 | 240"
    assert f"| model | engine | {heads} |" in text and f"| smile/a | litert | {cells} |" in text


def test_an_engine_without_several_threads_has_gaps(benchmark_table, tmp_path):
    gpu = {**ROW, "engine": "tensorrt", "times": TIMES[:2]}
    text = "\n".join(benchmark_table.render(write(tmp_path, **{**MODELS, "models": [ROW, gpu]})))
    assert "| tensorrt | 5000 | 0.200 | 0.100 to 0.300 | - | 0.200 | - | 1.00 |" in text


def test_in_short_a_network_has_one_row(benchmark_table, tmp_path):
    slower = {**ROW, "engine": "onnx", "milliseconds": 12.345, "fps": 81.0}
    lonely = {**ROW, "model": "vgg-16", "milliseconds": 1234.5, "fps": 0.81, "multiply_adds": None}
    path = write(tmp_path, **{**MODELS, "models": [slower, ROW], "architectures": [lonely]})
    lines = "\n".join(benchmark_table.render(path, brief=True)).splitlines()
    assert "| model | input | parameters | multiply-adds, M | onnx | litert | FPS of the fastest |" in lines
    assert "| smile/a | 64x64x1 | 52,658 | 10.2 | 12.3 | **0.200** | 5,000 |" in lines
    assert "| vgg-16 | 64x64x1 | 52,658 | - | **1234** | 0.8 |" in lines


def test_a_table_without_a_title(benchmark_table, tmp_path):
    framing = {"detector": "hog", "faces": 3, "framing": dict.fromkeys(("right", "down", "side"), 1), "spread": [1.0]}
    text = "\n".join(benchmark_table.render(write(tmp_path, targets=["detectors"], framing=[framing])))
    assert "\n| detector | faces |" in text and "**" not in text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"targets": ["abacus"]}, "'abacus'; there are detectors"),
        ({"targets": ["models"]}, "lacks what `smiledet bench models` writes"),
        ({"targets": ["models"], **{name: 3 for name in MODELS if name != "targets"}}, "lacks what"),
    ],
)
def test_broken_figures_are_refused(benchmark_table, tmp_path, values, words):
    with pytest.raises(UsageError, match=words):
        list(benchmark_table.render(write(tmp_path, **values)))


def test_the_program_says_so_on_one_line(tmp_path):
    environment = {"PYTHONPATH": str(Path(smiledet.__file__).parents[1]), "HOME": str(tmp_path)}
    command = [sys.executable, str(SCRIPT), str(tmp_path / "none.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "none.json" in done.stderr


KEPT = sorted((SCRIPT.parents[1] / "docs" / "benchmarks").glob("*.json"))


@pytest.mark.parametrize(
    "path", [path for path in KEPT if "targets" in json.loads(path.read_text())], ids=lambda path: path.stem
)
def test_the_figures_in_the_documents_are_shown(benchmark_table, path):
    shown = "\n".join(benchmark_table.render(path, brief=True))
    assert json.loads(path.read_text())["command"] in shown and shown.count("\n") > 4
