"""Timing networks: the arithmetic, the processes that time, and what cannot be timed."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import smiledet
from smiledet.engines.base import Engine
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.models import measure as module
from smiledet.lab.benchmark.models import networks, pacing, timing_process
from smiledet.lab.benchmark.models.measure import Timing, measure_models, measure_networks, to_the_fastest
from smiledet.lab.benchmark.models.openvino import OPENVINO, load_runner, runner_class, runner_names
from smiledet.lab.benchmark.models.timing_process import TimingProcess, random_chips, serve, time_calls
from smiledet.model_index import find_model

# Not importorskip: importing OpenVINO as it is sends an event home.
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")


class Sleeper(Engine):
    """Says that it took as long as its turn says."""

    name, file_format, device = "sleeper", "litert", "nowhere"

    def __init__(self, path=None, threads=1):
        self.seen = []

    def predict(self, chips):
        self.seen.append(chips.shape)
        return np.ones((len(chips), 1), np.float32)


@pytest.fixture
def smile():
    """The smile model without Keras at hand."""
    return networks._shipped(find_model("smile"), ["litert", "onnx", "savedmodel"])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(pacing, "ROUND_SECONDS", 0.0)


def test_ratios_are_of_the_same_rounds():
    """A round in which the machine is slow slows both down."""
    ratios = to_the_fastest({"a": [1.0, 10.0, 1.0], "b": [1.2, 12.0, 1.2], "c": [2.0, 2.0, 2.0]})
    assert ratios == {"a": 1.0, "b": pytest.approx(1.2), "c": 2.0}
    assert to_the_fastest({"a": [3.0]}) == {"a": 1.0}
    assert to_the_fastest({"a": [1.0, 10.0, 1.0], "slow": [4.0, 40.0]}) == {"a": 1.0, "slow": 4.0}


def test_median_and_quartiles():
    timing = Timing(1, 8, (1.0, 2.0, 3.0, 4.0, 100.0))
    assert timing.median == 3.0 and timing.quartiles == (2.0, 4.0)
    assert Timing(1, 1, (5.0,)).quartiles == (5.0, 5.0)


def test_one_slow_call_does_not_count_for_more(monkeypatch):
    clock = iter([0, 1, 1, 2, 2, 90, 90, 91, 91, 92])
    monkeypatch.setattr(timing_process.time, "perf_counter", lambda: next(clock))
    engine = Sleeper()
    assert time_calls(engine, random_chips((4, 4, 1), 3), 5) == 1
    assert engine.seen == [(3, 4, 4, 1)] * 5


def test_a_process_serves_requests_line_by_line(monkeypatch):
    monkeypatch.setattr(timing_process, "load_runner", lambda name, path, threads: Sleeper())
    requests = [{"load": 5, "path": "x.tflite", "shape": [4, 4, 1]}, {"time": 5, "batch": 8, "calls": 2}]
    answers = io.StringIO()
    serve("litert", 1, io.StringIO("\n".join(map(json.dumps, requests)) + "\n"), answers)
    loaded, timed = map(json.loads, answers.getvalue().splitlines())
    assert loaded == {"device": "nowhere"} and timed["seconds"] > 0


def test_a_process_refuses_what_its_engine_refuses_and_goes_on(smile, tmp_path):
    (tmp_path / "no.tflite").write_bytes(b"no")
    with closing(TimingProcess("litert", 1)) as watch:
        with pytest.raises(UsageError, match="is no LiteRT model"):
            watch.load(tmp_path / "no.tflite", (64, 64, 1))
        assert "1 thread" in watch.load(smile.files["litert"], smile.input_shape)
        assert watch.time(0, 2, 1) > 0


class Bursting(Sleeper):
    """Has memory for less than eight faces."""

    def predict(self, chips):
        if len(chips) == 8:
            raise MemoryError
        return super().predict(chips)


def test_what_an_engine_raises_is_an_answer(monkeypatch):
    monkeypatch.setattr(timing_process, "load_runner", lambda name, path, threads: Bursting())
    requests = [{"load": 0, "path": "x", "shape": [4, 4, 1]}]
    requests += [{"time": 0, "batch": batch, "calls": 1} for batch in (8, 1)]
    answers = io.StringIO()
    serve("litert", 1, io.StringIO("\n".join(map(json.dumps, requests)) + "\n"), answers)
    _, too_many, one = map(json.loads, answers.getvalue().splitlines())
    assert too_many == {"refused": "MemoryError()"} and one["seconds"] > 0


def test_an_engine_that_crashes_is_named_and_begins_again(smile):
    with closing(TimingProcess("litert", 1)) as watch:
        watch.load(smile.files["litert"], smile.input_shape)
        watch._process.send_signal(signal.SIGKILL)
        watch._process.wait()
        with pytest.raises(SmiledetError, match="timing on litert ended with signal 9: too little memory"):
            watch.time(0, 1, 1)
        assert watch.time(0, 1, 1) > 0


class Watch:
    """A timing process whose clock is made up: seconds a face of each network; None ends the process."""

    def __init__(self, runner, threads):
        self.runner, self.threads, self.seconds, self.asked = runner, threads, [], []

    def load(self, path, shape):
        self.seconds.append(float(path.stem))
        return "nowhere"

    def time(self, network, batch, calls):
        self.asked.append((network, batch, calls))
        seconds = self.seconds[network] * batch
        if seconds > 100:
            raise SmiledetError(f"timing on {self.runner} ended with signal 9")
        return seconds

    def close(self):
        pass


@pytest.fixture
def made_up(monkeypatch, tmp_path):
    """Networks that take so many seconds a face on Watch."""
    monkeypatch.setattr(module, "TimingProcess", Watch)

    def make(*seconds):
        paths = [tmp_path / f"{each}.tflite" for each in seconds]
        for path in paths:
            path.write_bytes(b"")
        return [networks.Network(path.stem, (4, 4, 1), {"litert": path}, 1, 1, {}, {}) for path in paths]

    return make


def test_slow_networks_get_fewer_rounds_and_three_at_least(made_up):
    speeds, missed = measure_networks(made_up(0.001, 0.45, 9.0), ["litert"], [1], 7)
    assert missed == []
    rounds = [[(each.calls, len(each.rounds)) for each in speed.timings] for speed in speeds]
    assert rounds == [[(50, 7), (6, 7)], [(1, 4), (1, 3)], [(1, 3), (1, 3)]]
    assert [speed.timings[1].median for speed in speeds] == pytest.approx([1, 450, 9000])


def test_no_more_rounds_than_asked_for(made_up):
    (speed,), _ = measure_networks(made_up(9.0), ["litert"], [1], 2)
    assert [len(each.rounds) for each in speed.timings] == [2, 2]


def test_the_slowest_are_not_run_only_to_warm_up(made_up):
    watch = Watch("litert", 1)
    watch.load(made_up(9.0)[0].files["litert"], (4, 4, 1))
    case = pacing.Case(0, watch, 0, "nowhere", 8, 7)
    case.warm_up()
    for _ in range(7):
        case.time()
    assert watch.asked == [(0, 8, 1)] * 3 and case.rounds == [9000.0] * 3


def test_one_setting_that_fails_is_a_line_and_the_rest_stays(made_up):
    speeds, missed = measure_networks(made_up(20.0, 0.01), ["litert"], [1], 3)
    assert [(each.network.name, [timing.batch for timing in each.timings]) for each in speeds] == [
        ("20.0", [1]),
        ("0.01", [1, 8]),
    ]
    assert missed == ["20.0 on litert, 1 thread, 8 faces at once: timing on litert ended with signal 9"]


def test_a_network_that_fails_alone_and_alone_only_is_no_row(made_up):
    speeds, missed = measure_networks(made_up(200.0, 0.01), ["litert"], [1, 2], 3)
    assert [each.network.name for each in speeds] == ["0.01"]
    assert len(missed) == 4 and all(line.startswith("200.0 on litert, ") for line in missed)


def test_a_network_without_a_file_is_said_once(smile, quick):
    speeds, missed = measure_networks([smile], ["litert", "tensorflow"], [1, 2], 2)
    (speed,) = speeds
    assert (speed.network.name, speed.runner) == (f"smile/{find_model('smile').name}", "litert")
    assert [(each.threads, each.batch) for each in speed.timings] == [(1, 1), (1, 8), (2, 1), (2, 8)]
    assert all(len(each.rounds) == 2 and each.median > 0 for each in speed.timings)
    assert speed.kilobytes == pytest.approx(smile.files["litert"].stat().st_size / 1000)
    (why,) = missed
    assert why.startswith("smile/") and "on tensorflow" in why and "smiledet[train]" in why


def test_nothing_to_time():
    assert measure_networks([], ["litert"], [1], 1) == ([], [])


def test_what_a_report_times(monkeypatch):
    monkeypatch.setattr(module, "WARM_UP", 1)
    (speed,) = measure_models(rounds=1, inferences=2, chosen=[find_model("smile")])
    assert speed.milliseconds > 0 and speed.kilobytes > 50


def test_openvino_is_timed_and_is_no_engine(monkeypatch):
    assert runner_names()[-1] == OPENVINO and "litert" in runner_names()
    with pytest.raises(UsageError, match="no engine 'abacus'; there are litert, onnx"):
        runner_class("abacus")
    monkeypatch.setattr("smiledet.lab.benchmark.models.openvino.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'smiledet\[bench\]'"):
        runner_class(OPENVINO).check()


@needs_openvino
def test_openvino_answers_as_litert_does(smile):
    chips = random_chips(smile.input_shape, 3)
    openvino = load_runner(OPENVINO, smile.files["onnx"], 1)
    own = load_runner("litert", smile.files["litert"], 1)
    np.testing.assert_allclose(openvino.predict(chips), own.predict(chips), atol=1e-4)
    openvino.close()
    with pytest.raises(ValueError, match="closed"):
        openvino.predict(chips)


@needs_openvino
def test_openvino_sends_nothing_home():
    """Its converter would, when it is imported, and OpenVINO imports it."""
    program = (
        "import sys\n"
        "from smiledet.lab.benchmark.models.openvino import import_openvino\n"
        "assert import_openvino().Core\n"
        "print([name for name in sys.modules if 'telemetry' in name])"
    )
    environment = {"PYTHONPATH": str(Path(smiledet.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


@needs_openvino
def test_openvino_refuses_what_is_no_network(tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"no")
    with pytest.raises(UsageError, match=r"no\.onnx is no ONNX model"):
        load_runner(OPENVINO, tmp_path / "no.onnx", 1)


def test_names_are_checked(monkeypatch):
    networks.check_names(["smile/mini-xception"], False)
    with pytest.raises(UsageError, match=r"--only 'vgg-16': there are .*smile/mini-xception.*--architectures"):
        networks.check_names(["vgg-16"], False)
    monkeypatch.setattr(networks, "can_convert", lambda: False)
    with pytest.raises(UsageError, match=r"pip install 'smiledet\[train\]'"):
        networks.check_names([], True)


def test_int8_is_timed_beside_the_whole_weights(monkeypatch):
    """Engines are held against each other on whole weights; what LiteRT really runs has a row of its own."""
    monkeypatch.setattr(networks, "can_convert", lambda: False)
    model = find_model("smile", "mini-xception")
    whole, integers = networks.shipped_networks(["litert", "onnx"], ["smile/mini-xception"])
    assert whole.files == {"litert": model.file("litert"), "onnx": model.file("onnx")}
    assert (integers.name, integers.files) == ("smile/mini-xception, int8", {"litert": model.file("litert-int8")})
    assert integers.missing == {}  # no other engine is asked for it, and none is missed
    assert integers.input_shape == whole.input_shape and integers.figures == whole.figures
    (left,) = networks.shipped_networks(["litert"], ["smile/mini-xception"], done=["smile/mini-xception"])
    assert left.name == integers.name
    assert networks.shipped_networks(["onnx"], ["smile/mini-xception"], done=["smile/mini-xception"]) == []


@pytest.mark.parametrize("runner", ["litert", "onnx"])
def test_a_network_for_another_engine_is_passed_over(runner, smile, quick):
    """No row and no complaint."""
    pytest.importorskip("onnxruntime")
    mine = replace(smile, files={runner: smile.files[runner]}, missing={})
    rows, missed = measure_networks([mine], ["litert", "onnx"], [1], 1)
    assert [row.runner for row in rows] == [runner] and missed == []


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "smiledet" / "converted"


@pytest.mark.slow
@pytest.mark.train
def test_architectures_are_converted_and_counted_once(own_cache, monkeypatch):
    pytest.importorskip("tensorflow")
    ((network,),) = list(networks.untrained_networks(["litert"], ["mini-xception"]))
    assert (network.parameters, network.multiply_adds) == (58_423, 10_163_392)
    assert network.missing == {} and network.input_shape == (64, 64, 1)
    assert network.files["litert"].is_relative_to(own_cache) and network.files["litert"].stat().st_size > 200_000
    monkeypatch.setattr("smiledet.lab.benchmark.models.converting._start", None)  # nothing is left to convert
    assert list(networks.untrained_networks(["litert"], ["mini-xception"])) == [[network]]
    assert list(networks.untrained_networks(["litert"], ["mini-xception"], ["mini-xception"])) == []


@pytest.mark.train
def test_small_networks_come_first_and_large_ones_alone(own_cache):
    pytest.importorskip("tensorflow")
    names = ["vgg-16", "mini-xception", "mobilenet-025"]
    assert [[row.name for row in group] for group in networks.together(names)] == [
        ["mini-xception", "mobilenet-025"],
        ["vgg-16"],
    ]
