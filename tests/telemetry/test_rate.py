"""Frames a second by a fake clock."""

from __future__ import annotations

import pytest

from smiledet.telemetry.rate import RateMeter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(meter: RateMeter, clock: Clock, rate: float, count: int) -> None:
    """Ticks at a steady rate; the clock ends at the last one."""
    for number in range(count):
        clock.now += 1 / rate if number else 0.0
        meter.tick()


@pytest.mark.parametrize("ticks", [0, 1])
def test_too_few_events_have_no_rate(ticks: int) -> None:
    clock = Clock()
    meter = RateMeter(2.0, clock)
    run(meter, clock, 10, ticks)
    assert meter.rate == 0.0


@pytest.mark.parametrize("rate", [1.5, 10, 60, 400])
@pytest.mark.parametrize("seconds", [1, 2, 30])
def test_a_steady_rate_is_read_as_it_is(rate: float, seconds: int) -> None:
    clock = Clock()
    meter = RateMeter(2.0, clock)
    run(meter, clock, rate, max(2, round(rate * seconds)))
    assert meter.rate == pytest.approx(rate, rel=0.01)


def test_a_rate_that_overflows_the_memory_is_still_read_right() -> None:
    clock = Clock()
    meter = RateMeter(2.0, clock)
    run(meter, clock, 5000, 20_000)
    assert meter.rate == pytest.approx(5000, rel=0.01)
    assert len(meter._events) == RateMeter.MAX_EVENTS


def test_the_rate_decays_when_events_stop() -> None:
    clock = Clock()
    meter = RateMeter(2.0, clock)
    run(meter, clock, 10, 100)
    rates = []
    for _ in range(5):
        rates.append(meter.rate)
        clock.now += 0.5
    assert rates[0] == pytest.approx(10, rel=0.01)
    assert rates == sorted(rates, reverse=True)
    assert rates[2] < 6
    assert meter.rate == 0.0


def test_a_change_of_rate_is_followed_within_the_window() -> None:
    clock = Clock()
    meter = RateMeter(2.0, clock)
    run(meter, clock, 60, 600)
    clock.now += 0.1
    run(meter, clock, 10, 25)
    assert meter.rate == pytest.approx(10, rel=0.05)


def test_events_at_one_moment_do_no_harm() -> None:
    clock = Clock()
    meter = RateMeter(2.0, clock)
    for _ in range(3):
        meter.tick()
    assert meter.rate == pytest.approx(2e9)


def test_an_event_counts_for_exactly_the_window() -> None:
    clock = Clock()
    meter = RateMeter(2.0, clock)
    run(meter, clock, 1.0, 2)
    clock.now = 102.0
    assert meter.rate == 0.5
    clock.now = 102.25
    assert meter.rate == 0.0


def test_the_usual_window_is_two_seconds():
    now = [0.0]
    meter = RateMeter(clock=lambda: now[0])
    for now[0] in (0.0, 0.5, 1.0):
        meter.tick()
    now[0] = 2.4
    assert meter.rate > 0
    now[0] = 3.1
    assert meter.rate == 0
