"""Events to a real mosquitto; what changes, without one."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smiledet.cli import main
from smiledet.errors import OutputError
from smiledet.frame import Box, Face, FaceReading, Prediction
from smiledet.sinks.mqtt import Changes, MqttSink, discovery, parse_broker
from smiledet.tasks.base import get_task

paho = pytest.importorskip("paho.mqtt.client")

SMILE = get_task("smile")
LIMIT = 20.0
"""Seconds after which a message counts as lost."""


def free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port


def connected(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def mosquitto(port: int, folder: Path, settings: str = "allow_anonymous true\n") -> Iterator[subprocess.Popen[bytes]]:
    """A mosquitto that listens on a port."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("no mosquitto here (Debian: apt-get install mosquitto)")
    file = folder / "mosquitto.conf"
    file.write_text(f"listener {port} 127.0.0.1\n{settings}")
    process = subprocess.Popen([program, "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not connected(port):
        assert process.poll() is None
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """A mosquitto on a port of its own."""
    port = free_port()
    with mosquitto(port, tmp_path):
        yield port


class Listener:
    """Takes every message of a broker."""

    def __init__(self, port: int) -> None:
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda client, data, message: self.messages.put((message.topic, message.payload))
        subscribed = queue.Queue[bool]()
        self._client.on_subscribe = lambda *_: subscribed.put(True)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe("#")
        subscribed.get(timeout=LIMIT)

    def until(self, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        """Every message up to one."""
        taken = []
        while not taken or taken[-1] != (topic, payload):
            taken.append(self.messages.get(timeout=LIMIT))
        return taken

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def listener(broker: int) -> Iterator[Listener]:
    made = Listener(broker)
    yield made
    made.close()


def test_a_run_tells_what_changes(broker: int, listener: Listener) -> None:
    address = f"mqtt://127.0.0.1:{broker}/hall/faces?snapshot=1&homeassistant=1"
    assert main(["run", "demo", "--no-show", "-q", "--realtime", "--max-frames", "30", "--events", address]) == 0
    taken = listener.until("hall/faces/status", b"offline")
    topics = [topic for topic, _ in taken]
    assert ("hall/faces/status", b"online") in taken
    events = [json.loads(payload) for topic, payload in taken if topic == "hall/faces/event"]
    appeared = [each for each in events if each["event"] == "appeared"]
    assert {each["track"] for each in appeared} == {each["track"] for each in events if each["event"] == "left"}
    assert len(events) < 30, "not a message a frame"
    states = [json.loads(payload) for topic, payload in taken if topic == "hall/faces/state"]
    assert any(each["people"] == 2 and each["smiling"] == 1 and not each["everyone_smiles"] for each in states)
    assert states[-1]["people"] == 0
    assert dict(taken)["hall/faces/snapshot"].startswith(b"\xff\xd8")
    assert "homeassistant/sensor/smiledet_hall_faces/people/config" in topics
    assert "homeassistant/camera/smiledet_hall_faces/snapshot/config" in topics
    assert "hall/faces/frame" not in topics


def test_frames_where_they_are_asked_for_beside_a_file(broker: int, listener: Listener, tmp_path: Path) -> None:
    outputs = ["--events", f"mqtt://127.0.0.1:{broker}/x?frames=1", "--events", str(tmp_path / "x.jsonl")]
    assert main(["run", "demo", "--no-show", "-q", "--realtime", "--max-frames", "10", *outputs]) == 0
    frames = [json.loads(payload) for topic, payload in listener.until("x/status", b"offline") if topic == "x/frame"]
    numbers = [each["frame"] for each in frames]
    assert numbers == sorted(set(numbers))
    assert (tmp_path / "x.jsonl").stat().st_size > 0


def test_the_broker_says_that_a_run_that_was_killed_is_offline(
    broker: int, listener: Listener, start_smiledet: Callable[..., Any]
) -> None:
    address = f"mqtt://127.0.0.1:{broker}/x"
    process = start_smiledet("run", "demo", "--no-show", "-q", "--loop", "--realtime", "--events", address)
    listener.until("x/status", b"online")
    process.kill()
    assert [topic for topic, _ in listener.until("x/status", b"offline")].count("x/status") == 1


def test_a_broker_that_comes_back_is_told_how_things_are(tmp_path: Path, start_smiledet: Callable[..., Any]) -> None:
    """What it is told is retained: who subscribes later knows it, too."""
    port = free_port()
    address = f"mqtt://127.0.0.1:{port}/x"
    start_smiledet("run", "demo", "--no-show", "-q", "--loop", "--realtime", "--events", address)
    for _ in range(2):
        with mosquitto(port, tmp_path):
            listener = Listener(port)
            states: list[dict[str, Any]] = []
            while {"people": 2}.items() - states[-1].items() if states else True:
                topic, payload = listener.messages.get(timeout=LIMIT)
                states += [json.loads(payload)] if topic == "x/state" else []
            listener.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_broker_that_vanishes_while_a_run_ends_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """The client still believes to be connected; what it publishes then cannot be sent, or is never acknowledged."""
    port = free_port()
    greeted, lost = threading.Event(), threading.Event()
    monkeypatch.setattr("smiledet.sinks.mqtt.WITHIN", 0.2)
    with mosquitto(port, tmp_path) as broker:
        sink = MqttSink(f"mqtt://127.0.0.1:{port}/x", "demo", [SMILE])
        monkeypatch.setattr(sink._client, "on_connect", lambda *_: greeted.set())
        monkeypatch.setattr(sink._client, "on_disconnect", lambda *_: lost.set())
        sink.open()
        assert greeted.wait(LIMIT)
        broker.send_signal(how)
        if how == signal.SIGKILL:
            assert lost.wait(LIMIT)
            monkeypatch.setattr(sink._client, "is_connected", lambda: True)
        sink.close()


class TestRule:
    def test_what_a_rule_sees_is_published(self, broker: int, listener: Listener) -> None:
        rule = f"smile:publish=mqtt://127.0.0.1:{broker}/hall/smiles"
        assert main(["run", "demo", "--no-show", "-q", "--realtime", "--max-frames", "30", "--on", rule]) == 0
        topic, payload = listener.messages.get(timeout=LIMIT)
        told = json.loads(payload)
        assert (topic, told["rule"]) == ("hall/smiles", "smile")
        assert "smiling" in {face["smile"] for face in told["faces"]}

    def test_a_broker_that_refuses_or_is_away_is_told_without_its_secrets(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        port = free_port()
        rule = f"face:publish=mqtt://me:s3cret@127.0.0.1:{port}/x/s3cret"
        with mosquitto(port, tmp_path, "allow_anonymous false\n"):
            assert main(["run", "demo", "--no-show", "--max-frames", "20", "--on", rule]) == 0
        assert f"publish failed: mqtt://127.0.0.1:{port}: Not authorized" in caplog.text
        assert main(["run", "demo", "--no-show", "--max-frames", "20", "--on", rule]) == 0
        assert "refused" in caplog.text
        assert "s3cret" not in caplog.text

    @pytest.mark.parametrize(
        "address", ["mqtt://host", "http://host/x", "mqtt://host/x?frames=1", "mqtt://me:s3cret?y@host/x", "hall"]
    )
    def test_a_wrong_address_is_told_in_a_line(self, address: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["run", "demo", "--no-show", "--on", f"face:publish={address}"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "s3cret" not in said


def test_a_broker_that_is_away_ends_no_run() -> None:
    address = f"mqtt://127.0.0.1:{free_port()}/x"
    assert main(["run", "demo", "--no-show", "-q", "--max-frames", "5", "--events", address]) == 0


@pytest.mark.parametrize(
    "address",
    [
        "mqtt://host",
        "mqtt:///topic",
        "mqtt://host/a/#",
        "mqtt://host:x/t",
        "mqtt://host/t?speed=1",
        "mqtt://h/t?snapshot=x",
    ],
)
def test_a_wrong_address_is_told_in_a_line(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "demo", "--no-show", "--events", address]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "address",
    ["mqtt://me:s3cret@host", "mqtt://me:s3cret#x@host/t", "mqtt://me:s3cret?x@host/t", "mqtt://me:x/s3cret@host/t"],
)
def test_no_part_of_a_secret_is_told_of_a_wrong_address(address: str) -> None:
    with pytest.raises(OutputError) as told:
        parse_broker(address)
    assert "s3cret" not in str(told.value)


def test_secrets_are_not_told() -> None:
    broker = parse_broker("mqtts://me:s3%40cret@host/a/b")
    assert (broker.user, broker.password, broker.port, broker.tls, broker.topic) == ("me", "s3@cret", 8883, True, "a/b")
    assert "s3@cret" not in json.dumps(discovery(broker, [SMILE]))


class TestChanges:
    SIZE = (640, 480)

    def face(self, track: int, smiling: float) -> FaceReading:
        box = Box(0, 0, 9, 9)
        return FaceReading(Face(box, 1.0, track, box), {"smile": Prediction.of(SMILE.labels, [1 - smiling, smiling])})

    def test_each_is_told_once(self) -> None:
        changes = Changes([SMILE])
        told: list[list[Any]] = []
        for now, faces in [
            (0.0, [(1, 0.1)]),
            (0.1, [(1, 0.2)]),
            (0.2, [(1, 0.9), (2, 0.1)]),
            (0.3, [(1, 0.9)]),
            (0.9, [(1, 0.9)]),
            (1.0, []),
        ]:
            found = changes.take([self.face(*each) for each in faces], now, self.SIZE)
            told.append([(each["event"], each["track"]) for each in found])
        assert told == [[("appeared", 1)], [], [("changed", 1), ("appeared", 2)], [], [("left", 2)], []]
        assert changes.state()["everyone_smiles"]
        assert [(each["event"], each["track"]) for each in changes.finish()] == [("left", 1)]

    def test_a_source_that_begins_anew_leaves_nobody_behind(self) -> None:
        changes = Changes([SMILE])
        changes.take([self.face(1, 0.1)], 100.0, self.SIZE)
        assert [each["event"] for each in changes.take([], 0.0, self.SIZE)] == ["left"]
