"""The projection's arithmetic, by hand."""

from __future__ import annotations

import pytest

from smiledet.errors import SmiledetError
from smiledet.lab.benchmark.projection import (
    TX2,
    Board,
    Frame,
    Network,
    bound_by,
    marginal_ms,
    roofline_ms,
    without_networks,
)

BOARD = Board("toy", cores=10, clock_ghz=1, half_rate=1, bus_bits=8, memory_ghz=0.5)
"""20 GFLOPS, 1 GB/s."""


def network(flops=0, size=0, steps=0, milliseconds=1.0):
    return Network("a/b", flops, size, steps, milliseconds)


def test_the_tx2_s_published_peaks():
    assert TX2.flops == pytest.approx(1.33e12, rel=0.002)
    assert TX2.bandwidth == pytest.approx(59.7e9, rel=0.001)


def test_the_roofline_is_the_slower_of_arithmetic_and_memory():
    assert roofline_ms(network(flops=20_000_000), BOARD) == pytest.approx(1.0)
    assert roofline_ms(network(flops=20_000_000, size=3_000_000), BOARD) == pytest.approx(3.0)
    assert bound_by(network(flops=20_000_000), BOARD) == "arithmetic"
    assert bound_by(network(flops=20_000_000, size=3_000_000), BOARD) == "memory"


def test_assumptions_only_make_it_slower():
    work = network(flops=20_000_000, steps=50)
    assert roofline_ms(work, BOARD, launch_us=10, share=0.25) == pytest.approx(4.0 + 0.5)


def test_frames_in_turn_and_side_by_side():
    frame = Frame(processor_ms=5, gpu_ms=2)
    assert frame.in_turn(ratio=4) == pytest.approx(1000 / 22)
    assert frame.side_by_side(ratio=4, cores=4) == pytest.approx(200)
    assert frame.side_by_side(ratio=1, cores=4) == pytest.approx(500)  # now the GPU is the slower one
    assert frame.in_turn(frame.break_even(25)) == pytest.approx(25)
    assert frame.break_even(1000) == 0


def test_starting_drops_out():
    """A second to start and 4 ms a frame."""
    assert marginal_ms((50, 1000 / 50 + 4), (250, 1000 / 250 + 4)) == pytest.approx(4)
    with pytest.raises(ValueError, match="no longer"):
        marginal_ms((50, 1), (50, 1))


def test_the_networks_time_is_taken_off():
    assert without_networks(10, [network(milliseconds=1), network(milliseconds=2)], faces=2) == pytest.approx(4)
    with pytest.raises(SmiledetError, match="does nothing else"):
        without_networks(5, [network(milliseconds=3)], faces=2)
