"""Runs that are interrupted at random moments; 40 of them here."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from smiledet.frame import Annotation, Frame
from smiledet.sinks.video import VideoSink

RUNS = 40


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("interrupted_runs")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_every_run_ends_with_130_and_readable_outputs(script, tmp_path):
    plans = script.make_plans(RUNS, seed=0)
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda plan: script.run(plan, tmp_path / str(plan.number)), plans))
    assert [(each.plan, each.problem) for each in outcomes if each.problem] == [], script.summary(outcomes)
    assert any((tmp_path / str(plan.number) / f"out{plan.suffix}").exists() for plan in plans)


def test_the_plans_are_those_of_the_seed(script):
    assert script.make_plans(20, 3) == script.make_plans(20, 3) != script.make_plans(20, 4)
    assert {plan.moment for plan in script.make_plans(5, 0)} == set(script.MOMENTS)


class TestWhatIsWrong:
    @pytest.fixture
    def outputs(self, tmp_path):
        """A recording and events that are whole."""
        video = VideoSink(tmp_path / "out.mp4", 30)
        video.open()
        image = np.zeros((48, 64, 3), np.uint8)
        for index in range(3):
            video.write(Frame(index, 0, index / 30, image), Annotation(image, ()))
        video.close()
        (tmp_path / "out.jsonl").write_text('{"frame": 0}\n')
        return tmp_path / "out.mp4", tmp_path / "out.jsonl"

    def test_nothing(self, script, outputs):
        assert script.find_problem(130, "smiledet: interrupted\n", *outputs) == ""

    @pytest.mark.parametrize("code", [0, 1, -6, -11, -15])
    def test_another_exit_code(self, script, outputs, code):
        assert script.find_problem(code, "the end\n", *outputs) == f"exit code {code}: ['the end']"

    @pytest.mark.parametrize("words", ["Traceback (most", "terminate called without an active exception"])
    def test_words(self, script, outputs, words):
        assert script.find_problem(130, f"{words}\nlast\n", *outputs) == "a traceback: ['last']"

    @pytest.mark.parametrize("data", [b"", b"no video at all"])
    def test_a_recording_that_cannot_be_read(self, script, outputs, data):
        outputs[0].write_bytes(data)
        assert script.find_problem(130, "", *outputs).startswith("out.mp4 ")

    @pytest.mark.parametrize("text", ['{"frame": 0}', '{"frame": 0}\n{"fra', '{"frame"\n'])
    def test_half_a_line(self, script, outputs, text):
        outputs[1].write_text(text)
        assert script.find_problem(130, "", *outputs) == "an event is no whole line"

    def test_a_file_that_is_left(self, script, outputs):
        outputs[0].with_name("out.partial.mp4").touch()
        assert script.find_problem(130, "", *outputs) == "left behind: out.partial.mp4"
