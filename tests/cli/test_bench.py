"""`smiledet bench` and its targets."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from smiledet.cli import main
from smiledet.cli.bench import as_text, target, target_names
from smiledet.detection.detectors import packages
from smiledet.detection.detectors.choose import installed_detectors
from smiledet.lab.benchmark.models.measure import measure_networks
from smiledet.lab.benchmark.models.networks import shipped_networks
from smiledet.lab.benchmark.peers.environment import PeerEnvironment
from smiledet.lab.benchmark.peers.programs import Peer
from smiledet.lab.benchmark.peers.worker import PeerError
from smiledet.lab.benchmark.records import read_kept
from smiledet.model_index import find_model, read_index


@pytest.fixture
def quick(monkeypatch):
    """Few inferences, and no Keras, which would convert and count first."""
    monkeypatch.setattr("smiledet.lab.benchmark.models.pacing.ROUND_SECONDS", 0.0)
    monkeypatch.setattr("smiledet.lab.benchmark.models.networks.can_convert", lambda: False)


def refused(capsys, *arguments):
    assert main(["bench", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    return complaint


def test_every_target_is_whole():
    assert {"models", "pipeline", "detectors", "resources", "peers"} <= set(target_names())
    for name in target_names():
        module = target(name)
        assert module.__doc__.splitlines()[0].endswith(".")
        for part in ("add_arguments", "check", "sections"):
            assert callable(getattr(module, part))
        assert hasattr(module, "measure") != hasattr(module, "grow")


@pytest.mark.parametrize("name", target_names())
def test_every_target_has_help_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as left:
        main(["bench", name, "--help"])
    assert left.value.code == 0
    assert f"smiledet bench {name}" in capsys.readouterr().out


ONE = ("models", "--only", "smile/mini-xception", "--engine", "litert", "--repeats", "2", "--threads", "1")


def test_models_alone(quick, capsys):
    assert main(["bench", "models", "--engine", "litert", "--repeats", "1", "--threads", "1", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {"date", "command", "machine", "models", "floor"} <= set(result)
    assert result["command"] == "smiledet bench models --engine litert --threads 1 --repeats 1"
    shipped = [(f"{model.task}/{model.name}", model.files) for model in read_index() if model.input]
    names = [name for name, files in shipped if "litert" in files]
    names += [f"{name}, int8" for name, files in shipped if "litert-int8" in files]
    assert [row["model"] for row in result["models"]] == names
    assert all(row["to_the_fastest"] == 1 and row["milliseconds"] > 0 for row in result["models"])
    assert result["floor"] is None  # nothing to hold it against


def test_engines_are_held_against_each_other(quick, capsys):
    pytest.importorskip("onnxruntime")
    assert main(["bench", *ONE, "--engine", "onnx", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    rows = [(row["model"], row["engine"]) for row in result["models"]]
    name = "smile/mini-xception"
    assert sorted(rows) == [(name, "litert"), (name, "onnx"), (f"{name}, int8", "litert")]
    assert min(row["to_the_fastest"] for row in result["models"]) == 1
    floor = result["floor"]
    assert (floor["engine"], floor["against"], list(floor["ratios"])) == (
        "litert",
        ["litert", "onnx"],
        ["smile/mini-xception"],
    )
    assert floor["kept"] is (floor["ratios"]["smile/mini-xception"] <= 1.3)


@pytest.mark.parametrize("words", [("--json", *ONE), (*ONE, "--json")])
def test_a_shared_flag_may_stand_on_either_side(quick, capsys, words):
    assert main(["bench", *words]) == 0
    assert json.loads(capsys.readouterr().out)["models"]


def test_tables_are_printed_kept_and_drawn(quick, capsys, tmp_path):
    kept, drawn = tmp_path / "kept", tmp_path / "drawn"
    assert main(["bench", *ONE, "--output", str(kept), "--plots", str(drawn)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "cores" in lines[0] and any(line.startswith("model ") and "ms, 1 thread" in line for line in lines)
    assert any(line.split()[:2] == ["smile/mini-xception", "litert"] for line in lines)
    assert [path.name for path in kept.iterdir()] == ["models.json"]
    assert {path.name for path in drawn.iterdir()} == {"models-fps.png", "models-accuracy.png"}
    assert lines[-1].startswith("plots: ")
    assert read_kept(kept / "models.json")["models"][0]["times"][0]["rounds_ms"]


@pytest.fixture
def groups(quick, monkeypatch):
    """Three architectures, the second without a file; what was timed. "interrupt" in it interrupts the third."""
    model = find_model("smile", "mini-xception")
    network = shipped_networks(["litert"], ["smile/mini-xception"])[0]
    timed = []

    def made_up(arguments, runners, done):
        for name in ("first", "second", "third"):
            if name not in done:
                files = {} if name == "second" else {"litert": model.file("litert")}
                yield "architectures", [replace(network, name=name, files=files, missing={"litert": "too large"})]

    def timing(networks, *settings):
        if "interrupt" in timed and networks[0].name == "third":
            raise KeyboardInterrupt
        timed.append(networks[0].name)
        return measure_networks(networks, *settings)

    monkeypatch.setattr("smiledet.cli._bench.models._groups", made_up)
    monkeypatch.setattr("smiledet.lab.benchmark.models.measure.measure_networks", timing)
    return timed


def test_an_interrupted_run_keeps_what_it_has_and_goes_on(groups, capsys, tmp_path):
    path = tmp_path / "models.json"
    command = ["bench", "models", "--engine", "litert", "--threads", "1", "--repeats", "1", "--output", str(path)]
    groups.append("interrupt")
    assert main(command) == 130
    half = read_kept(path)
    assert (half["unfinished"], [row["model"] for row in half["architectures"]]) == ("models", ["first"])
    assert half["not_measured"] == ["second on litert: too large"]
    groups.clear()
    assert main(command) == 0
    assert groups == ["second", "third"]  # what was not measured is tried again
    whole = read_kept(path)
    assert "unfinished" not in whole and whole["date"] == half["date"] and whole["resumed"] >= half["date"]
    assert [row["model"] for row in whole["architectures"]] == ["first", "third"]
    assert whole["architectures"][0] == half["architectures"][0]
    assert whole["not_measured"] == ["second on litert: too large"]
    assert "Not measured: second on litert: too large" in capsys.readouterr().out
    groups.clear()
    assert main(command) == 0
    assert groups == ["first", "second", "third"]  # a whole one is measured anew


def test_converting_alone_measures_nothing(groups, capsys, monkeypatch):
    monkeypatch.setattr("smiledet.lab.benchmark.models.networks.can_convert", lambda: True)
    assert main(["bench", "models", "--convert-only", "--engine", "litert"]) == 0
    assert groups == []
    out = capsys.readouterr().out
    assert "Not converted: second to litert: too large" in out
    assert "Not measured" not in out


def floor_table(ratio):
    """The verdict on one made-up network."""
    floor = {"engine": "litert", "against": ["litert", "onnx"], "limit": 1.3, "ratios": {"smile/a": ratio}}
    result = {"models": [], "architectures": [], "not_measured": ["gone"], "floor": {**floor, "kept": ratio <= 1.3}}
    (text,) = as_text(target("models"), result)
    return text


def test_the_verdict_is_said():
    assert "kept by litert; the slowest is smile/a, 1.30 times" in floor_table(1.3)
    assert "NOT kept by litert; the slowest is smile/a, 1.31 times" in floor_table(1.31)
    assert floor_table(1.0).endswith("Not measured: gone")


def test_the_papers_figures_stand_below_ours():
    median = dict.fromkeys(("cpu", "cpu_user", "cpu_system", "user", "system", "memory", "megabytes", "faces"), 1.5)
    rows = [
        {"network": name, "stage": "testing", "median": median, "quartiles": [1.0, 2.0], "peak": 3.0}
        for name in ("light-weight-cnn", "mobilenet-025")
    ]
    result = {"resources": rows, "pace": 30.0, "seconds": 1.0, "paper_machine": "an i5"}
    text, remarks = as_text(target("resources"), result)
    lines = text.splitlines()
    assert lines[0] == "Testing (LiteRT, one thread, 30 faces a second)" and len(lines) == 5
    assert lines[2].split()[:3] == ["light-weight-cnn", "here", "1.5"]
    assert lines[3].split() == ["light-weight-cnn", "in", "the", "paper", "17.5", "21.1", "2.6", "3.1"]
    assert "an i5" in remarks


def test_a_value_before_the_target_is_heeded(capsys):
    assert "--threads 0" in refused(capsys, "--threads", "0", "models")


def test_detectors_on_the_demo(capsys, tmp_path):
    sheet, plot = tmp_path / "sheet.png", tmp_path / "plot.png"
    arguments = ["bench", "detectors", "--frames", "2", "--detectors", "haar,hog", "--sheet", str(sheet)]
    assert main([*arguments, "--plot", str(plot)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("demo: 2 pictures") and "; reference: " in line for line in lines)
    assert [line.split()[0] for line in lines[-2:]] == ["haar", "hog"]
    assert cv2.imread(str(sheet)) is not None and cv2.imread(str(plot)) is not None


def test_detectors_as_one_json_object(capsys):
    assert main(["bench", "detectors", "--frames", "1", "--detectors", "haar", "--clip", "demo", "--json"]) == 0
    (comparison,) = json.loads(capsys.readouterr().out)["detectors"]
    assert comparison["source"] == "demo" and comparison["detectors"][0]["detector"] == "haar"


def test_without_names_all_that_are_installed_are_compared(capsys, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda package: None)
    assert installed_detectors() == ["haar", "hog", "fcos"]
    assert main(["bench", "detectors", "--frames", "1", "--json"]) == 0
    (comparison,) = json.loads(capsys.readouterr().out)["detectors"]
    assert [row["detector"] for row in comparison["detectors"]] == ["haar", "hog", "fcos"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cameras"], ["'cameras'", "detectors", "models"]),
        (["detectors", "--photos", "0"], ["--photos 0", "at least 1"]),
        (["detectors", "--frames", "-3"], ["--frames -3", "at least 1"]),
        (["detectors", "--photos", "many"], ["--photos", "'many'"]),
        (["detectors", "--detectors", "haar,eyes"], ["'eyes'", "haar, hog, mmod, mtcnn"]),
        (["detectors", "--detectors", ","], ["','", "separated by commas"]),
        (["detectors", "--data", "nowhere"], ["'nowhere'", "LAYOUT:PATH"]),
        (["detectors", "--data", "genki4k:nowhere"], ["nowhere"]),
        (["detectors", "--clip", "nowhere.mp4"], ["'nowhere.mp4'"]),
        (["detectors", "--framing"], ["--framing", "--data"]),
        (["detectors", "--sheet", "out.txt"], ["out.txt", ".png"]),
        (["detectors", "--plot", "nowhere/out.png"], ["nowhere"]),
        (["models", "--repeats", "0"], ["--repeats 0", "at least 1"]),
        (["models", "--engine", "abacus"], ["'abacus'", "litert", "openvino"]),
        (["models", "--only", "smile/none"], ["'smile/none'", "smile/mini-xception"]),
        (["models", "--output", "nowhere/a.json"], ["nowhere"]),
        (["models", "--plots", "/dev/null"], ["/dev/null"]),
        (["--convert-only"], ["--convert-only", "smiledet bench models"]),
        (["models", "--convert-only", "--output", "a.json"], ["--convert-only", "--output"]),
        (["resources", "--seconds", "0"], ["--seconds 0", "more than 0"]),
        (["resources", "--seconds", "nan"], ["--seconds nan", "more than 0"]),
        (["resources", "--pace", "-1"], ["--pace -1", "faces a second"]),
        (["resources", "--rounds", "0"], ["--rounds 0", "at least 1"]),
        (["resources", "--all", "--only", "vgg-16"], ["--all", "--only"]),
        (["resources", "--all", "--paper"], ["--all", "--paper"]),
        (["peers", "--rounds", "0"], ["--rounds 0", "at least 1"]),
        (["peers", "--frames", "0"], ["--frames 0", "at least 1"]),
        (["peers", "--sampled", "-1"], ["--sampled -1", "at least 1"]),
        (["peers", "--limit", "nan"], ["--limit nan", "86400"]),
        (["peers", "--size", "big"], ["--size big", "640x480"]),
        (["peers", "--peers", "fer,nobody"], ["'nobody'", "fer-keras"]),
        (["peers", "--reference", "eyes"], ["'eyes'", "haar, hog"]),
        (["peers", "--reference", ","], ["--reference", "separated by commas"]),
        (["peers", "--environment", "taken"], ["taken", "virtual environment"]),
        (["peers", "--sheet", "out.txt"], ["out.txt", ".png"]),
        (["peers", "--clip", "nowhere.mp4"], ["'nowhere.mp4'"]),
    ],
)
def test_what_makes_no_sense_is_refused_on_one_line(capsys, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter.txt").write_text("mine")
    complaint = refused(capsys, *arguments)
    for word in words:
        assert word in complaint


def test_a_detector_that_is_not_installed_names_its_extra(capsys, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda package: None)
    assert "needs mtcnn: pip install 'smiledet[mtcnn]'" in refused(capsys, "detectors", "--detectors", "haar,mtcnn")
    assert main(["run", "demo", "--no-show", "--max-frames", "2", "--detector", "mmod"]) == 2
    assert "smiledet: detector mmod needs face_recognition_models: pip install 'smiledet[mmod]'" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("name", installed_detectors())
def test_run_with_each_detector(name, capsys):
    assert main(["run", "demo", "--no-show", "--max-frames", "3", "--detector", name, "--report", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 3


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Peers of a few lines instead of the real ones: one that runs, one whose installation fails."""
    loop = tmp_path / "loop.py"
    loop.write_text("def prepare(options):\n    return lambda pictures: [[(0, 0, 9, 9)]] * len(pictures)\n")
    peers = tuple(
        Peer(name, f"the peer {name}", loop, packages=((package,),), large=name == "huge")
        for name, package in (("runs", "there"), ("breaks", "missing"), ("huge", "there"))
    )
    monkeypatch.setattr("smiledet.lab.benchmark.peers.programs.PEERS", peers)
    monkeypatch.setattr("smiledet.lab.benchmark.peers.programs.SMILEDET", Peer("smiledet", "in its place", loop))
    monkeypatch.setattr(PeerEnvironment, "python", Path(sys.executable))

    def call(self, what, command):
        if "missing" in command:
            raise PeerError("does not install: no wheel of missing")

    monkeypatch.setattr(PeerEnvironment, "_call", call)
    monkeypatch.setattr(PeerEnvironment, "_note", lambda self, calls: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_peers_in_tables(stand_in, capsys, tmp_path):
    sheet = tmp_path / "sheet.png"
    arguments = ["bench", "peers", "--frames", "3", "--rounds", "1", "--sampled", "1", "--sheet", str(sheet)]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    lines = output.splitlines()
    assert "demo, 640x480: 3 pictures, 1 rounds" in lines
    assert [line.split()[0] for line in lines if " of " in line and "%" not in line and "faces:" not in line][:2] == [
        "smiledet",
        "runs",
    ]
    assert "breaks: does not install: no wheel of missing" in lines
    assert any(line.startswith("huge: not measured: large") for line in lines)
    assert any(line.startswith("py-feat: not measured") for line in lines)
    assert cv2.imread(str(sheet)) is not None


def test_peers_as_one_json_object(stand_in, capsys):
    arguments = ["bench", "peers", "--frames", "2", "--rounds", "2", "--peers", "runs", "--size", "320x240", "--json"]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    (compared,) = result["peers"]
    assert (compared["size"], compared["frames"], result["not_measured"]) == ("320x240", 2, {})
    smiledet, runs = compared["peers"]
    assert smiledet["slower"] is None and runs["slower"] > 0 and runs["problem"] is None


def test_the_reader_is_measured_beside_its_stages(capsys):
    assert main(["bench", "reader", "--calls", "3", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["reader"]
    assert (figures["faces"], figures["rounds"]) == (1, 3)
    assert list(figures["stages"]) == ["grey", "exposure", "locate", "align", "smile+emotion"]
    assert figures["call"] > 0 and figures["together"] >= max(figures["stages"].values())
    assert main(["bench", "reader", "--calls", "2"]) == 0
    assert "times what its stages take" in capsys.readouterr().out
    assert "--calls 0: expected at least 1" in refused(capsys, "reader", "--calls", "0")
