"""Frames a second per watt in `smiledet bench pipeline`."""

from __future__ import annotations

from smiledet.cli._bench import pipeline
from smiledet.cli.bench import as_text
from smiledet.telemetry.machine_state import MachineState, summarise


def rows(*readings: MachineState) -> dict[str, object]:
    """What two runs of the demo come to, at 20 frames a second."""
    run = {"source": "demo", "fps": 20.0, "telemetry": summarise(readings, fps=20.0)}
    return {"rounds": 1, "pipeline": [{**run, "mode": mode} for mode in ("every frame", "live")]}


def test_where_the_power_is_known_there_is_a_column_for_it():
    _, watched = as_text(
        pipeline, rows(MachineState("jetson-stats", power=4.0), MachineState("jetson-stats", power=6.0))
    )
    header, *lines = [line.split() for line in watched.splitlines()]
    assert {"power_w", "fps_per_watt"} <= set(header)
    assert [line[-1] for line in lines[-2:]] == ["4.0", "4.0"]


def test_where_it_is_not_there_is_none():
    _, watched = as_text(pipeline, rows(MachineState("kernel", cpu=50.0)))
    assert "cpu_percent" in watched and "watt" not in watched
