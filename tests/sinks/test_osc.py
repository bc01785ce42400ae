"""Open Sound Control: what a receiver on this machine gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from smiledet.cli import main
from smiledet.sinks.osc import OscSink
from smiledet.tasks.base import get_task
from smiledet.testing import check_sink

osc_bundle = pytest.importorskip("pythonosc.osc_bundle")

LIMIT = 20.0
"""Seconds after which a message counts as lost."""


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taking:
        taking.bind(("127.0.0.1", 0))
        taking.settimeout(LIMIT)
        yield taking


def messages(receiver: socket.socket) -> list[tuple[str, list[Any]]]:
    """Those of one bundle."""
    bundle = osc_bundle.OscBundle(receiver.recv(1 << 16))
    return [(message.address, message.params) for message in bundle]


def test_every_frame_is_a_bundle(receiver: socket.socket) -> None:
    port = receiver.getsockname()[1]
    address = f"osc://127.0.0.1:{port}/hall"
    assert main(["run", "demo", "--no-show", "-q", "--realtime", "--max-frames", "15", "--events", address]) == 0
    told = [messages(receiver)]
    while told[-1][-1] != ("/hall/people", [0]) or len(told) == 1:
        told.append(messages(receiver))
    assert [name for bundle in told for name, _ in bundle].count("/hall/appeared") == 2
    assert [name for name, _ in told[-1]].count("/hall/left") == 2
    both = ("/hall/people", [2])  # live, the second face may come a tenth of a second after the first
    full = dict(next(bundle for bundle in told if "/hall/emotion" in dict(bundle) and both in bundle))
    track, left, top, width, height = full["/hall/face"]
    assert track in (1, 2)
    assert all(0 < each < 1 for each in (left, top, width, height))
    track, label, score, intensity = full["/hall/smile"]
    assert label in get_task("smile").labels
    assert 0 <= score <= 1 and 0 <= intensity <= 1


def test_it_stands_what_a_sink_has_to_stand(receiver: socket.socket) -> None:
    tasks = ("smile", "emotion", "age")
    address = f"osc://127.0.0.1:{receiver.getsockname()[1]}"
    check_sink(lambda: OscSink(address, "demo", [get_task(name) for name in tasks]), tasks)


def test_nobody_who_listens_is_no_fault() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    check_sink(lambda: OscSink(f"osc://127.0.0.1:{port}", "demo", [get_task("smile")]))


@pytest.mark.parametrize(
    "address", ["osc://host", "osc://:9000", "osc://h:x", "osc://h:1/a?b=1", "osc://h:1/a*", "osc://h:99999"]
)
def test_a_wrong_address_is_told_in_a_line(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "demo", "--no-show", "--events", address]) == 2
    assert capsys.readouterr().err.count("\n") == 1
