"""The thread that looks at the machine."""

from __future__ import annotations

import threading

import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.telemetry import watch
from smiledet.telemetry.machine_state import MachineState
from smiledet.telemetry.watch import Telemetry

SHORT = 0.001


class FakeReader:
    """Gives readings, and fails after some of them."""

    def __init__(self, by, fails_after=None):
        self.by, self.left = by, fails_after
        self.closed = False

    def read(self):
        if self.left == 0:
            raise SmiledetError(f"{self.by} has gone")
        self.left = None if self.left is None else self.left - 1
        return MachineState(self.by, cpu=50.0, power=2.0)

    def close(self):
        self.closed = True


def refuse():
    raise UsageError("jetson-stats is not installed")


def wait_for(telemetry, by):
    """Until a reading by `by` has come."""
    arrived = threading.Event()
    for _ in range(2000):
        if (reading := telemetry.latest) and reading.by == by:
            return reading
        arrived.wait(SHORT)
    raise AssertionError(f"no reading by {by}")


def test_the_preferred_reader_is_used_and_closed():
    reader = FakeReader("first")
    with Telemetry(lambda: reader, refuse, SHORT) as telemetry:
        assert telemetry.wait(5)
        assert telemetry.latest == MachineState("first", cpu=50.0, power=2.0)
        assert telemetry.parts() == ("2.0 W", "CPU 50 %")
    assert reader.closed
    assert telemetry.summary(fps=10)["fps_per_watt"] == 5.0


def test_without_it_the_other_is():
    with Telemetry(refuse, lambda: FakeReader("second"), SHORT) as telemetry:
        assert wait_for(telemetry, "second")


def test_one_that_goes_away_is_replaced(caplog):
    first = FakeReader("first", fails_after=2)
    with Telemetry(lambda: first, lambda: FakeReader("second"), SHORT) as telemetry:
        wait_for(telemetry, "second")
    assert first.closed
    assert [record.message for record in caplog.records] == ["first has gone; going on with the kernel's files"]
    assert telemetry.summary()["by"] == "second"


def test_before_the_first_reading_there_is_nothing_to_say():
    telemetry = Telemetry(refuse, refuse)
    assert (telemetry.parts(), telemetry.summary(25.0), telemetry.latest) == ((), {}, None)


def test_it_ends_at_once_although_it_looks_seldom():
    reader = FakeReader("first")
    with Telemetry(lambda: reader, refuse, 3600.0):
        pass
    assert reader.closed


def test_readings_do_not_grow_for_ever(monkeypatch):
    monkeypatch.setattr(watch, "MOST", 10)
    telemetry = Telemetry(refuse, refuse)
    for _ in range(100):
        telemetry._keep(MachineState("x"))
    assert telemetry.summary()["readings"] <= 10


@pytest.mark.parametrize("flag", ["--telemetry", "--no-telemetry"])
def test_the_report_of_a_run(flag, tmp_path, monkeypatch):
    import json

    from smiledet.cli import main

    monkeypatch.setattr(Telemetry.__init__, "__defaults__", (refuse, lambda: FakeReader("second"), SHORT, None))
    report = tmp_path / "report.json"
    events = tmp_path / "events.jsonl"
    outputs = ["--report", str(report), "--events", str(events)]
    assert main(["run", "demo", "--no-show", "--max-frames", "8", "--stats", flag, *outputs]) == 0
    told = json.loads(report.read_text())
    assert ("telemetry" in told) == (flag == "--telemetry")
    if flag == "--telemetry":
        assert told["telemetry"]["by"] == "second" and told["telemetry"]["fps_per_watt"] > 0
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert lines and all(("power_w" in line) == (flag == "--telemetry") for line in lines)
    assert flag == "--no-telemetry" or lines[-1]["power_w"] == 2.0
