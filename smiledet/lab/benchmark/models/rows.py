"""What `smiledet bench models` writes of each network and engine, and the verdict on those that ship."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smiledet.engines.choice import choose_engine
from smiledet.lab.benchmark.models.measure import NetworkSpeed, to_the_fastest

FLOOR = 1.3
"""How many times slower than the fastest a shipped network may be on the engine that runs it."""

HELD_AGAINST = ("litert", "onnx", "openvino")


def as_rows(speeds: Sequence[NetworkSpeed]) -> list[dict[str, Any]]:
    """A JSON object a network and engine."""
    first: dict[str, dict[str, tuple[float, ...]]] = {}
    for speed in speeds:
        first.setdefault(speed.network.name, {})[speed.runner] = speed.timings[0].rounds
    ratios = {name: to_the_fastest(times) for name, times in first.items()}
    return [_row(speed, ratios[speed.network.name][speed.runner]) for speed in speeds]


def _row(speed: NetworkSpeed, ratio: float) -> dict[str, Any]:
    network = speed.network
    return {
        "model": network.name,
        "engine": speed.runner,
        "device": speed.device,
        "input": list(network.input_shape),
        "parameters": network.parameters,
        "multiply_adds": network.multiply_adds,
        "kilobytes": round(speed.kilobytes, 1),
        "fps": round(1000 / speed.timings[0].median, 1),
        "milliseconds": round(speed.timings[0].median, 4),
        "to_the_fastest": round(ratio, 3),
        "times": [
            {
                "threads": timing.threads,
                "faces_at_once": timing.batch,
                "ms_a_face": round(timing.median, 4),
                "quartiles_ms": [round(each, 4) for each in timing.quartiles],
                "runs_a_round": timing.calls,
                "rounds_ms": [round(each, 4) for each in timing.rounds],
            }
            for timing in speed.timings
        ],
        **network.figures,
    }


def verdict(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Whether every shipped network keeps to `FLOOR` on the engine that runs it; None where that was not timed."""
    engine = choose_engine().name
    times: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row["engine"] in HELD_AGAINST:
            times.setdefault(row["model"], {})[row["engine"]] = row["times"][0]["rounds_ms"]
    ratios = {name: to_the_fastest(each)[engine] for name, each in times.items() if engine in each and len(each) > 1}
    if not ratios:
        return None
    against = sorted({name for each in times.values() for name in each})
    kept = all(ratio <= FLOOR for ratio in ratios.values())
    rounded = {name: round(ratio, 3) for name, ratio in ratios.items()}
    return {"engine": engine, "against": against, "limit": FLOOR, "ratios": rounded, "kept": kept}
