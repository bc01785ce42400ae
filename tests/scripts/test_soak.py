"""Long runs while things break: what is planned, and what counts as coming back. The run itself is `make soak`."""

from __future__ import annotations

import sys
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from tests.scripts.conftest import SCRIPTS


@pytest.fixture
def script(load_script: Any, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("prometheus_client")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    loaded: ModuleType = load_script("soak")
    return loaded


def test_a_seed_gives_one_plan_with_every_fault(script: ModuleType) -> None:
    plan = script.make_plan(120, 1)
    assert plan == script.make_plan(120, 1) != script.make_plan(120, 2)
    assert {fault.what for fault in plan} == {*script.CAMERA_FAULTS, *script.PROCESS_FAULTS}
    assert {fault.camera for fault in plan} == {*script.NAMES, ""}
    assert plan[0].at >= script.QUIET and plan[-1].at + plan[-1].seconds <= 7200 - script.QUIET


def test_no_fault_of_a_camera_comes_before_it_can_be_seen_to_be_back(script: ModuleType) -> None:
    for seed in range(20):
        plan = script.make_plan(30, seed)
        for name in (*script.NAMES, ""):
            own = [fault for fault in plan if fault.camera == name]
            for early, late in pairwise(own):
                assert late.at >= early.at + early.seconds + script.BACK_WITHIN - 0.2


def test_a_camera_is_back_where_its_frames_are_counted_again(script: ModuleType) -> None:
    plan = [script.Fault(10, 5, "silent", "hall"), script.Fault(60, 5, "silent", "yard")]
    frames = [0 if at < 0 else 10 + max(0, at - 20) for at in range(120)]
    samples = [script.Sample(at, {"hall": frames[at], "yard": min(frames[at], 20)}, answered=True) for at in range(120)]
    (hall, back), (yard, never) = script.recoveries(plan, samples)
    assert (hall.camera, back) == ("hall", 6)  # the first second in which there are more than before
    assert (yard.camera, never) == ("yard", None)


def test_a_page_that_answers_late_still_tells_what_was_taken(script: ModuleType) -> None:
    plan = [script.Fault(10, 5, "silent", "hall")]
    samples = [script.Sample(at, {"hall": at}) for at in range(0, 60, 5)]  # none answered in time
    assert script.recoveries(plan, samples) == [(plan[0], 5)]


def test_threads_that_come_and_go_are_not_left_and_the_end_of_the_run_hides_none(script: ModuleType) -> None:
    passing = [script.Sample(at, {"hall": at}, threads=50 + at % 3) for at in range(240)]
    left = [script.Sample(at, {"hall": at}, threads=50 + at // 60) for at in range(240)]
    ending = script.Sample(239, {"hall": 239}, threads=3)
    fewest = []
    for samples in (passing, left):
        second, last = script.second_and_last_quarter([*samples, ending], 240)
        fewest.append((script.fewest_threads(second), script.fewest_threads(last)))
    assert fewest == [(50, 50), (50, 52)]


def test_figures_take_the_place_of_those_that_are_on_the_page(script: ModuleType, tmp_path: Any) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{script.BEGIN}\nold\n{script.END}\n\nThe rest.\n")
    for _ in range(2):
        script.write(page, "soak.py --minutes 5", {"frames": "12 taken"})
    text = page.read_text()
    assert text.startswith(f"# Page\n\n{script.BEGIN}\n") and text.endswith(f"\n{script.END}\n\nThe rest.\n")
    assert text.count("| frames | 12 taken |") == 1 and "old" not in text


@pytest.mark.parametrize("words", [["--minutes", "1"], ["--write", "nowhere.md"]])
def test_what_cannot_be_is_told_before_anything_starts(
    script: ModuleType, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soak.py", *words])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 2 and words[1] in capsys.readouterr().err
