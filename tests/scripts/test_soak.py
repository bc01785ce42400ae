"""Long runs while things break: what is planned, and what counts as coming back. The run itself is `make soak`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
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
    def samples_of(readers: Callable[[int], int]) -> list[Any]:
        return [
            script.Sample(at, {"hall": at}, threads={"grab": 4, "read": readers(at), f"attempt {at}": 1})
            for at in range(240)
        ]

    ending = script.Sample(239, {"hall": 239}, threads={"grab": 1})
    told = []
    lost = range(100, 110)  # whose decoder is gone for a while in the second quarter, and nothing is left
    for readers in (lambda at: 50 + at % 3, lambda at: 50 + at // 60, lambda at: 48 if at in lost else 50):
        second, last = script.second_and_last_quarter([*samples_of(readers), ending], 240)
        told.append((script.fewest_threads(second).total(), script.fewest_threads(last).total()))
        told.append(script.in_words(script.further_threads(second, last)))
    assert told == [(54, 54), "", (54, 56), " (more of: 1 read)", (52, 54), ""]


def test_the_threads_of_a_process_tell_their_names(tmp_path: Any) -> None:
    """Of Python's own, which it shows itself from 3.14 on."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, threading, soak_process\n"
        "soak_process.show_names()\n"
        "end = threading.Event()\n"
        "thread = threading.Thread(target=end.wait, name='a reader of clips')\n"
        "thread.start()\n"
        "print(sorted(soak_process.names_of(os.getpid()))[0])\n"
        "end.set()\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{SCRIPTS}:{SCRIPTS.parent}"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "a reader of cli\n"


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
