"""Figures of a run, and how they are laid out."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from smiledet.buffer import FrameBuffer
from smiledet.frame import Frame
from smiledet.report import RunReport, stage_table, summarise, summary_line, table
from smiledet.stage_count import Drop, StageCount
from smiledet.stage_spec import Policy, StageSpec
from smiledet.system.processes import ProcessorTimes
from smiledet.workers import drawer

MS = 1_000_000


def run_of(ages_ms: Sequence[float], seconds: float = 10.0) -> RunReport:
    """A run of which `seconds` lie between the first and the last drawn frame."""
    ages = deque(round(age * MS) for age in ages_ms)
    first = 3_000 * MS
    last = first + round(seconds * 1_000 * MS)
    drawn = StageCount(processed=len(ages), ages_ns=ages, first_ns=first, last_ns=last)
    return RunReport(seconds + 1.5, 400, {drawer.STAGE: drawn})


def test_figures() -> None:
    report = run_of([10.0, 20.0, 30.0, 40.0, 100.0] * 60 + [30.0])
    assert report.drawn == 301
    assert report.fps == 30.0  # 300 steps in 10 s, start-up not included
    assert report.latency_ms() == 30.0
    assert report.latency_ms(100) == 100.0
    assert report.latency_ms(0) == 10.0


def test_the_counts_of_several_sources_add_up() -> None:
    one = StageCount(3, 1, Counter({Drop.EVICTED: 2}), 2, deque([10, 20]), first_ns=500, last_ns=900)
    other = StageCount(4, 0, Counter({Drop.EVICTED: 1, Drop.OVERTAKEN: 5}), 1, deque([30]), first_ns=400, last_ns=800)
    drops = Counter({Drop.EVICTED: 3, Drop.OVERTAKEN: 5})
    for counts in ([one, other], [other, one], [one, StageCount(), other]):
        whole = StageCount.total(counts)
        assert (whole.processed, whole.failed, whole.dropped, whole.missed) == (7, 1, drops, 3)
        assert sorted(whole.ages_ns) == [10, 20, 30] and (whole.first_ns, whole.last_ns) == (400, 900)
    assert StageCount.total([]) == StageCount(ages_ns=deque()) and StageCount().first_ns == 0


def test_processor_time_is_that_of_the_run_itself() -> None:
    report = run_of([20.0])
    assert report.processor == (0.0, 0.0, 0.0)
    ready, over = ProcessorTimes(clock=10.0, user=2.0, system=1.0), ProcessorTimes(clock=20.0, user=5.0, system=2.0)
    assert replace(report, ready=ready, over=over).processor == (3.0, 1.0, 0.4)
    assert replace(report, ready=ready, over=ready).processor == (0.0, 0.0, 0.0)


def test_one_frame_has_no_rate() -> None:
    assert run_of([20.0], seconds=0.0).fps == 0.0


def test_a_run_without_a_frame() -> None:
    report = RunReport(1.0, 0, {drawer.STAGE: StageCount()})
    assert (report.drawn, report.fps, report.latency_ms(), report.latency_ms(95)) == (0, 0.0, 0.0, 0.0)
    assert report.start_up is None
    assert summary_line(report).startswith("0 frames taken, 0 annotated, latency 0.0 ms (95 %: 0.0 ms)")
    assert cells(report) == [["draw", "0", "0", "0", "0.0", "0.0"]]


def test_summary_line() -> None:
    line = summary_line(run_of([10.0] * 190 + [50.0] * 11, seconds=8.0))
    assert line.startswith("400 frames taken, 201 annotated, 25.0 FPS, latency 10.0 ms (95 %: 50.0 ms)")


def test_a_run_is_summed_up_from_its_buffer() -> None:
    now = [0]
    stages = [StageSpec("locate"), StageSpec(drawer.STAGE, frozenset({"locate"}))]
    buffer = FrameBuffer(stages, Policy.LIVE, clock=lambda: now[0])
    for first in (0, 4):
        for number in range(first, first + 4):
            buffer.publish(Frame(number, now[0], 0.0, np.zeros((1, 1, 3), np.uint8)))
        for stage, takes in (("locate", 30 * MS), (drawer.STAGE, 20 * MS)):
            taken = buffer.newest(stage, timeout=0)
            assert taken is not None
            now[0] += takes
            buffer.done(taken, stage, None)
    report = summarise(buffer, 2.0)
    assert (report.seconds, report.published, report.drawn, report.latency_ms()) == (2.0, 8, 2, 50.0)
    assert report.fps == 20.0  # one step, of 50 ms
    assert cells(report) == [
        ["locate", "2", "0", "6 overtaken", "30.0", "30.0"],
        ["draw", "2", "0", "6 evicted", "50.0", "50.0"],
    ]


def cells(report: RunReport) -> list[list[str]]:
    """The stage table's rows."""
    return [re.split(r"\s{2,}", line) for line in stage_table(report).splitlines()[1:]]


def test_causes_are_listed_in_a_fixed_order() -> None:
    dropped = Counter({Drop.OVERTAKEN: 3, Drop.CLOSED: 1, Drop.EVICTED: 2})
    report = RunReport(1.0, 9, {"smile": StageCount(processed=2, failed=1, dropped=dropped)})
    assert cells(report) == [["smile", "2", "1", "1 closed, 2 evicted, 3 overtaken", "0.0", "0.0"]]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("a", "long head"), [("wide cell", "1"), ("2", "3")]).splitlines() == [
        "a          long head",
        "wide cell  1",
        "2          3",
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert table(("a", "b"), []) == "a  b"
