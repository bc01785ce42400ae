"""The speeds of networks as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Table: TypeAlias = "tuple[tuple[str, ...], list[tuple[str, ...]]]"
"""Header and rows."""

Row: TypeAlias = "Mapping[str, Any]"
"""One network on one engine, as `smiledet bench models` writes it."""

COUNTS = ("x fastest", "parameters", "multiply-adds, M", "kB")
"""Headings of the last columns."""


def by_engine(rows: Sequence[Row]) -> Table:
    """A row a network and engine."""
    settings = _settings(rows)
    header = ("model", "engine", "FPS", "ms, 1 thread", "quartiles", *settings.values(), *COUNTS)
    return header, [_cells(row, list(settings)) for row in rows]


def _settings(rows: Sequence[Row]) -> dict[tuple[int, int], str]:
    """Faces at once and threads of every column of times but the first, with its heading."""
    there = sorted({_setting(each) for row in rows for each in row["times"]} - {(1, 1)})
    return {
        (faces, threads): ", ".join(
            ([f"of {faces}: ms each"] if faces > 1 else []) + ([f"{threads} threads"] if threads > 1 else [])
        )
        for faces, threads in there
    }


def _setting(times: Mapping[str, Any]) -> tuple[int, int]:
    return times["faces_at_once"], times["threads"]


def _cells(row: Row, settings: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """A row, its times in the order of the settings."""
    times = {_setting(each): f"{each['ms_a_face']:.3f}" for each in row["times"]}
    low, high = row["times"][0]["quartiles_ms"]
    return (
        row["model"],
        row["engine"],
        f"{row['fps']:.0f}" if row["fps"] >= 10 else f"{row['fps']:.1f}",
        f"{row['milliseconds']:.3f}",
        f"{low:.3f} to {high:.3f}",
        *(times.get(setting, "-") for setting in settings),
        f"{row['to_the_fastest']:.2f}",
        _parameters(row),
        _work(row),
        f"{row['kilobytes']:,.0f}",
    )


def by_network(rows: Sequence[Row]) -> Table:
    """A row a network: milliseconds a face by engine, the fastest's faces a second."""
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    networks: dict[str, dict[str, Row]] = {}
    for row in rows:
        networks.setdefault(row["model"], {})[row["engine"]] = row
    header = ("model", "input", "parameters", "multiply-adds, M", *engines, "FPS of the fastest")
    return header, [_across(found, engines) for found in networks.values()]


def _across(found: Mapping[str, Row], engines: Sequence[str]) -> tuple[str, ...]:
    """A network's times on each engine, the fastest in bold."""
    fastest = min(found.values(), key=lambda row: float(row["milliseconds"]))
    times = {engine: _digits(row["milliseconds"]) for engine, row in found.items()}
    times[fastest["engine"]] = f"**{times[fastest['engine']]}**"
    return (
        fastest["model"],
        "x".join(map(str, fastest["input"])),
        _parameters(fastest),
        _work(fastest),
        *(times.get(engine, "-") for engine in engines),
        f"{fastest['fps']:,.0f}" if fastest["fps"] >= 10 else f"{fastest['fps']:.1f}",
    )


def _digits(value: float) -> str:
    """A time to about three digits."""
    return f"{value:.{3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0}f}"


def _parameters(row: Row) -> str:
    return "-" if row["parameters"] is None else f"{row['parameters']:,}"


def _work(row: Row) -> str:
    return "-" if row["multiply_adds"] is None else f"{row['multiply_adds'] / 1e6:,.1f}"
