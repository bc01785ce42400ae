"""A sink of one's own is one file: that of docs/recipes.md, under the sink test-kit and in a run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from page_blocks import blocks

import smiledet
from smiledet.cli import main
from smiledet.sinks import addresses
from smiledet.sinks.base import Sink
from smiledet.tasks.base import get_task
from smiledet.testing import check_sink

PAGE = Path(smiledet.__file__).parents[1] / "docs" / "recipes.md"


class _Producer:
    """Takes what Kafka would."""

    sent: list[tuple[str, dict[str, Any]]]

    def __init__(self, bootstrap_servers: str, value_serializer: Any) -> None:
        assert bootstrap_servers == "localhost:9092"
        self._serialise = value_serializer

    def send(self, topic: str, value: dict[str, Any]) -> None:
        assert self._serialise(value).startswith(b"{")
        _Producer.sent.append((topic, value))

    def close(self) -> None:
        pass


@pytest.fixture
def kafka_sink(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class of the page, with a broker that takes everything."""
    kafka = ModuleType("kafka")
    kafka.KafkaProducer = _Producer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kafka", kafka)
    _Producer.sent = []
    (code,) = (block.text for block in blocks(PAGE.read_text()) if "class KafkaSink" in block.text)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    names: dict[str, Any] = {}
    exec(code, names)
    return names["KafkaSink"]


def test_the_sink_of_the_page_stands_everything(kafka_sink: Any) -> None:
    check_sink(lambda: kafka_sink("kafka://localhost:9092/faces", "demo", [get_task("smile"), get_task("emotion")]))
    assert {topic for topic, _ in _Producer.sent} == {"faces"}


def test_the_sink_of_the_page_in_a_run(kafka_sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        value = "mykafka:KafkaSink"

        def load(self) -> Any:
            return kafka_sink

    monkeypatch.setattr(addresses, "_entry_points", lambda: {"kafka": Point()})
    to = ["--events", "kafka://localhost:9092/faces"]
    assert main(["run", "demo", "--no-show", "-q", "--max-frames", "6", "--realtime", *to]) == 0
    rows = [row for _, row in _Producer.sent]
    assert {row["track"] for row in rows} == {1, 2}


def test_an_unknown_scheme_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "demo", "--no-show", "--events", "carrier-pigeon://me:s3cret@loft/"]) == 2
    said = capsys.readouterr().err
    assert "known are files and mqtt://, mqtts://, osc://" in said
    assert "s3cret" not in said
    assert said.count("\n") == 1


class _Bad(Sink):
    """A sink that does what its subclasses say."""

    description = "bad"

    def open(self) -> None:
        pass

    def write(self, frame: Any, annotation: Any) -> None:
        pass

    def close(self) -> None:
        pass


class _ClosesOnce(_Bad):
    def close(self) -> None:
        del self.file

    def open(self) -> None:
        self.file = 1


class _Draws(_Bad):
    def write(self, frame: Any, annotation: Any) -> None:
        annotation.image[:] = 0


class _NeedsLabels(_Bad):
    def write(self, frame: Any, annotation: Any) -> None:
        for face in annotation.readings:
            face.smile  # noqa: B018


@pytest.mark.parametrize(
    ("sink", "told"),
    [
        (_ClosesOnce, "closing it before"),
        (_Draws, "wrote to a picture"),
        (_NeedsLabels, "no task 'smile'"),
    ],
)
def test_the_kit_finds_what_is_wrong(sink: type[Sink], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_sink(sink)
