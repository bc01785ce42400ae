"""What a run would use, why, and what would be better."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smiledet.config import TaskSettings, load_config, platform_names
from smiledet.engines.base import Engine, engine_class, engine_names
from smiledet.engines.choice import ENGINES, choose_engine
from smiledet.errors import UsageError
from smiledet.model_index import find_model, read_index
from smiledet.platform.advice import advise
from smiledet.platform.cameras import Camera, CameraFormat
from smiledet.platform.choice import Machine, PlatformChoice, read_machine
from smiledet.platform.libraries import OpenCV, TensorRT, read_opencv, read_tensorrt
from smiledet.platform.plan import flatten, plan_run, reason_of, settings_of
from smiledet.platform.power import Power, PowerMode
from smiledet.platform.survey import as_json, as_text, survey

HERE = PlatformChoice("jetson-tx2", "tegra186")


@pytest.fixture
def only_litert(monkeypatch):
    """A board on which nothing but LiteRT is installed."""

    def check(cls: type[Engine]) -> None:
        raise UsageError(f"the engine {cls.name} is not installed")

    for name in set(engine_names()) - {"litert"}:
        monkeypatch.setattr(engine_class(name), "check", classmethod(check))


def decided(plan):
    return {decision.what: decision for decision in plan.decisions}


SHIPPED = {model.task for model in read_index() if model.input is not None}
"""Tasks that a model ships for."""


class TestConfigurations:
    def test_they_may_name_every_engine_that_there_is(self):
        assert set(engine_names()) <= set(ENGINES)

    @pytest.mark.parametrize("name", platform_names())
    def test_every_value_of_a_platform_has_a_reason(self, name):
        loaded = load_config(name)
        own = {setting for setting in loaded.origins if not setting.startswith("why.")} - {"engine.name"}
        assert own <= set(loaded.config.why) | {"engine.name"}
        assert set(loaded.config.why) <= {setting for setting, _, _ in settings_of(loaded)}
        assert "engine.name" in loaded.config.why or loaded.config.engine.name == "auto"
        for setting in own:
            assert reason_of(setting, loaded) == loaded.config.why[setting]

    @pytest.mark.parametrize("name", [name for name in platform_names() if name != "desktop-cpu"])
    def test_the_processor_s_engine_is_always_the_last_resort(self, name):
        assert load_config(name).config.engine.preference[-1] == "litert"

    def test_the_desktop_is_as_it_was(self):
        config = load_config("desktop-cpu").config
        assert (config.detector, config.opencv_threads) == ("haar", 1)
        assert (config.engine.name, config.engine.threads, config.engine.preference) == ("auto", 1, ("litert",))

    @pytest.mark.parametrize("name", [name for name in platform_names() if name.startswith("jetson")])
    def test_a_board_reads_every_task_by_a_small_network(self, name):
        """Whatever the index comes to call its default: MobileNet 0.25 and mini-Xception, as the design has it."""
        config = load_config(name).config
        assert set(config.task) == SHIPPED
        for task, settings in config.task.items():
            assert find_model(task, settings.model).architecture in ("mobilenet-025", "mini-xception")

    @pytest.mark.parametrize("name", platform_names())
    def test_every_platform_s_models_ship_for_its_engines(self, name):
        """But for TensorFlow's, whose files are folders: what a platform picks by itself needs no export first."""
        config = load_config(name).config
        for task in SHIPPED:
            model = find_model(task, config.task.get(task, TaskSettings()).model)
            formats = {engine_class(engine).file_format for engine in config.engine.preference} - {"savedmodel"}
            assert formats <= {key.partition("-")[0] for key in model.files}

    def test_the_desktop_takes_the_index_s_defaults(self):
        assert load_config("desktop-cpu").config.task == {}

    @pytest.mark.parametrize(("text", "word"), [("[]", "empty"), ('["steam"]', "'steam'"), ('"litert"', "a list")])
    def test_a_preference_that_makes_no_sense(self, text, word, tmp_path):
        mine = tmp_path / "mine.toml"
        mine.write_text(f"engine.preference = {text}")
        with pytest.raises(UsageError, match=r"engine\.preference") as caught:
            load_config("desktop-cpu", mine)
        assert word in str(caught.value)


class TestEngines:
    def test_one_that_cannot_do_it_is_passed_over(self):
        def only_litert(name):
            if name != "litert":
                raise UsageError(f"no file for {name}")

        choice = choose_engine("auto", ("tensorflow", "litert"), only_litert)
        assert choice.name == "litert"
        assert [name for name, _ in choice.refused] == ["tensorflow"]

    def test_one_that_is_named_is_tried_too(self):
        def refuse(name):
            raise UsageError("no file")

        with pytest.raises(UsageError, match="no file"):
            choose_engine("litert", (), refuse)


class TestPlan:
    def test_a_board_without_tensorrt_says_what_was_tried(self, only_litert):
        plan = plan_run(HERE, load_config("jetson-tx2"))
        engine = decided(plan)["engine"]
        assert engine.value == "litert"
        assert "not tensorrt: " in engine.reason and "not onnx: the engine onnx is not installed" in engine.reason
        assert decided(plan)["platform"].reason == "tegra186"

    def test_reasons_follow_the_layers(self, tmp_path):
        mine = tmp_path / "mine.toml"
        mine.write_text('detector = "hog"\n[task.smile]\nmodel = "mobilenet-025"')
        loaded = load_config("desktop-cpu", mine, {"engine.threads": 2})
        plan = decided(plan_run(HERE, loaded))
        assert plan["detector"].reason == f"set by {mine}"  # not the platform's reason for another detector
        assert plan["smile model"].value == "mobilenet-025" and str(mine) in plan["smile model"].reason
        assert plan["threads of an inference"].reason == "set by flag engine.threads"
        assert "index" in plan["emotion model"].reason

    def test_a_platform_s_model_has_its_reason(self):
        loaded = load_config("jetson-tx2", None, {"engine.name": "litert"})
        decision = decided(plan_run(HERE, loaded))["smile model"]
        assert decision.value == "mini-xception-emotion"
        assert decision.reason == f"{loaded.config.why['task.smile.model']}; mini-xception-int8.tflite"

    def test_an_engine_that_was_named_and_cannot(self, only_litert):
        plan = plan_run(HERE, load_config("desktop-cpu", None, {"engine.name": "onnx"}))
        assert plan.engine is None and "onnx is not installed" in plan.problem

    def test_a_model_that_is_not_there(self):
        with pytest.raises(UsageError, match="'huge'"):
            plan_run(HERE, load_config("desktop-cpu", None, {"task.smile.model": "huge"}))

    def test_every_setting_is_listed_with_its_origin(self, tmp_path):
        loaded = load_config("desktop-cpu", None, {"task.smile.smoothing": 0.5})
        rows = {name: (value, origin) for name, value, origin in settings_of(loaded)}
        assert rows["detector"] == ("haar", "configs/desktop-cpu.toml")
        assert rows["task.smile.smoothing"] == (0.5, "flag task.smile.smoothing")
        assert rows["buffer.capacity"] == (6, "default")
        assert not [name for name in rows if name.startswith("why")]

    def test_flatten(self):
        assert flatten({"a": {"b": {"c": (1, 2)}}, "d": None}) == {"a.b.c": [1, 2], "d": None}


WITHOUT = OpenCV("4.14.0", {"V4L2": True, "FFmpeg": True, "GStreamer": False}, "python3-gi is not installed: apt …")
ALL = Power(PowerMode(0, "MAXN"), PowerMode(0, "MAXN"), True)


class TestAdvice:
    def advice(self, machine: Machine, files, power=ALL, cameras=(), tensorrt=TensorRT(), platform="desktop-cpu"):  # noqa: B008
        plan = plan_run(HERE, load_config(platform))
        return advise(machine, power, WITHOUT, tensorrt, list(cameras), plan, files)

    def test_nothing_is_wrong_with_a_desktop(self, machine_of, files_of):
        assert self.advice(machine_of("desktop without a GPU"), files_of(None)) == []

    def test_a_slow_board(self, machine_of, files_of, only_litert):
        power = Power(PowerMode(3, "MODE_10W_2CORE"), PowerMode(0, "MAXN"), False)
        lines = self.advice(
            machine_of("Jetson TX2, JetPack 4.6"),
            files_of(None),
            power,
            tensorrt=TensorRT("8.2.1"),
            platform="jetson-tx2",
        )
        text = "\n".join(lines)
        for words in (
            "nvpmodel is in 10 W mode; for MAXN: sudo nvpmodel -m 0",
            "jetson_clocks is off",
            "OpenCV 4.14.0 has no GStreamer: CSI",
            "or Debian's python3-gi; python3-gi is not installed",
            "2 of 6 cores are switched off",
            "TensorRT 8.2.1 is installed, bound to another Python",
        ):
            assert words in text

    def test_of_modes_with_one_budget_that_with_the_most_cores(self, machine_of, files_of):
        machine = machine_of("Jetson Xavier NX, JetPack 5.1")
        two, six = PowerMode(6, "MODE_20W_2CORE"), PowerMode(8, "MODE_20W_6CORE")
        (first, *_) = [line for line in self.advice(machine, files_of(None), Power(two, six, True)) if "nvp" in line]
        assert first == "nvpmodel is in MODE_20W_2CORE; for MODE_20W_6CORE: sudo nvpmodel -m 8"
        assert not [line for line in self.advice(machine, files_of(None), Power(six, six, True)) if "nvp" in line]

    def test_python3_gi_stands_in_for_opencv_s_gstreamer(self, machine_of, files_of):
        plan = plan_run(HERE, load_config("desktop-cpu"))
        machine = machine_of("Jetson AGX Orin, JetPack 6.0")
        for opencv, lines in ((WITHOUT, 1), (replace(WITHOUT, gi_problem=""), 0)):
            advice = advise(machine, ALL, opencv, TensorRT(), [], plan, files_of(None))
            assert len([line for line in advice if "GStreamer" in line]) == lines

    def test_a_board_at_its_best(self, machine_of, files_of):
        lines = self.advice(machine_of("Jetson AGX Orin, JetPack 6.0"), files_of(None))
        assert [line for line in lines if "GStreamer" not in line] == []

    def test_a_driver_without_bindings(self, files_of, fake_nvml):
        files = files_of("desktop without a GPU", {"proc/driver/nvidia/version": "NVRM version: 470.256.02"})
        (line,) = self.advice(read_machine(files, fake_nvml(None)), files)
        assert "NVML Shared Library Not Found" in line

    def test_cameras(self, machine_of, files_of):
        cameras = [
            Camera("/dev/video0", "imx219", (CameraFormat("RG10"),)),
            Camera("/dev/video1", "webcam", problem="Permission denied"),
            Camera("/dev/video2", "webcam", (CameraFormat("MJPG"),)),
        ]
        first, second = self.advice(machine_of("desktop without a GPU"), files_of(None), cameras=cameras)
        assert "/dev/video1" in first and "Permission denied" in first
        assert "/dev/video0" in second and "csi://0" in second


class TestLibraries:
    def test_opencv_is_this_one(self):
        found = read_opencv()
        assert found.back_ends["FFmpeg"] and set(found.back_ends) == {"V4L2", "FFmpeg", "GStreamer"}

    def test_tensorrt_of_this_python(self, files_of):
        found = read_tensorrt(files_of(None), lambda: type("trt", (), {"__version__": "10.3.0"}))
        assert (found.version, found.importable) == ("10.3.0", True)

    def test_tensorrt_of_the_system(self, files_of):
        def broken():
            raise ImportError("libnvinfer.so.8: cannot open shared object file")

        status = "Package: libnvinfer8\nStatus: install ok installed\nVersion: 8.2.1-1+cuda10.2\n"
        found = read_tensorrt(files_of(None, {"var/lib/dpkg/status": status}), broken)
        assert (found.version, found.importable) == ("8.2.1", False)

    def test_none_at_all(self, files_of):
        assert read_tensorrt(files_of(None), lambda: None) == TensorRT()


def test_a_survey_of_each_machine_can_be_told(board, expected, machine_of, files_of):
    machine = machine_of(board)
    choice = PlatformChoice(expected["platform"], "it is")
    found = survey(machine, choice, load_config(choice.name), files_of(None))
    text = as_text(found)
    words = " ".join(text.split())
    assert machine.board.model in words
    assert (f"JetPack {expected['jetpack']} (L4T " in words) == bool(expected["jetpack"])
    for gpu in machine.gpus:
        assert gpu.name in text and gpu.capability in text
    told = as_json(found)
    assert told["board"]["jetpack"] == expected["jetpack"]
    assert told["decisions"][0] == {"what": "platform", "value": choice.name, "reason": "it is"}
