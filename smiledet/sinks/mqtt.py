"""What changes, to an MQTT broker: faces that appear and leave, labels that change, how many people there are.

Topics below the one of the address:

    status      online, offline (retained; the broker says offline for a run that dies)
    event       appeared, changed, left: a face, with the columns of the events
    state       people, how many smile, whether all do, each task's commonest label (retained)
    frame       with `?frames=1` every frame's faces
    snapshot    with `?snapshot=SECONDS` the annotated picture, JPEG (retained), when the state changes

With `?homeassistant=1` Home Assistant finds sensors and the camera by itself.
"""

from __future__ import annotations

import json
import logging
import re
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from typing_extensions import override

from smiledet.columns import face_columns
from smiledet.drawing.jpeg import jpeg
from smiledet.errors import OutputError
from smiledet.frame import Annotation, FaceReading, Frame
from smiledet.sinks.base import Sink
from smiledet.system.redaction import shown_source
from smiledet.tasks.base import Task

log = logging.getLogger(__name__)

SCHEMES = {"mqtt": 1883, "mqtts": 8883}
"""With their usual ports."""

SETTINGS = ("frames", "snapshot", "homeassistant")
MOST_WAITING = 1000
"""Messages kept while the broker is away; the library drops what comes beyond."""

KEEP_ALIVE = 30
"""Seconds after which the broker says that a silent run is offline, one and a half times over."""

WITHIN = 1.0
"""Seconds for the last message."""

GONE = 0.5
"""Seconds on the source's time line after which a face that is not seen has left."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to publish.

    Attributes:
        host: The broker.
        port: Its port.
        tls: Whether it is spoken to encrypted.
        user: Who publishes; empty for nobody.
        password: Their password.
        topic: The topic under which everything stands.
        frames: Whether every frame is published.
        snapshot: Seconds between two pictures at least; 0 for none.
        homeassistant: Whether Home Assistant is told of the sensors.
    """

    host: str
    port: int
    tls: bool
    user: str
    password: str
    topic: str
    frames: bool = False
    snapshot: float = 0.0
    homeassistant: bool = False


def is_mqtt(address: str) -> bool:
    """Whether an output is a broker's address.

    >>> is_mqtt("mqtt://host/faces"), is_mqtt("mqtt.csv")
    (True, False)
    """
    return address.partition("://")[0].lower() in SCHEMES and "://" in address


def parse_broker(address: str) -> Broker:
    """A broker from its address.

    Args:
        address: `mqtt[s]://[USER:PASSWORD@]HOST[:PORT]/TOPIC[?frames=1&snapshot=5&homeassistant=1]`.

    Raises:
        OutputError: It is none.
    """
    shown = shown_source(address)
    try:
        parts = urlsplit(address)
        port = parts.port or SCHEMES[parts.scheme]
        settings = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        snapshot = float(settings.get("snapshot", "0"))
        if "@" in parts.path + parts.query:
            raise ValueError
    except (ValueError, KeyError):  # their own words may hold a part of the password
        raise OutputError(
            f"{shown} is no address of a broker: expected mqtt[s]://[USER:PASSWORD@]HOST[:PORT]/TOPIC[?snapshot=S], "
            "and what is no letter or digit in user and password percent-encoded"
        ) from None
    topic = unquote(parts.path).strip("/")
    if not parts.hostname or not topic or "#" in address or re.search(r"[#+\0]", topic):
        raise OutputError(f"{shown} is no address of a broker: expected mqtt://HOST/TOPIC, without # and +")
    if others := sorted(set(settings) - set(SETTINGS)):
        raise OutputError(f"{shown}: unknown setting {others[0]}; allowed are {', '.join(SETTINGS)}")
    return Broker(
        parts.hostname,
        port,
        parts.scheme == "mqtts",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        topic,
        settings.get("frames") == "1",
        snapshot,
        settings.get("homeassistant") == "1",
    )


def client_of(broker: Broker) -> Any:
    """A client that is not yet connected.

    Raises:
        OutputError: paho-mqtt is not installed.
    """
    try:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as problem:
        raise OutputError("mqtt://… needs paho-mqtt: pip install 'smiledet[mqtt]'") from problem
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if broker.user:
        client.username_pw_set(broker.user, broker.password)
    if broker.tls:
        client.tls_set()
    return client


class Changes:
    """Tells of a run what is new: faces that come and go, labels that change.

    Args:
        tasks: What is read.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._known: dict[int, tuple[dict[str, str], float, dict[str, Any]]] = {}

    def take(self, readings: Sequence[FaceReading], now: float, size: tuple[int, int]) -> list[dict[str, Any]]:
        """What has changed with a frame.

        Args:
            readings: Its faces.
            now: Seconds on the source's time line.
            size: (width, height) of the frame.
        """
        told = []
        for face in readings:
            labels = {task: prediction.label for task, prediction in face.predictions.items()}
            before = self._known.get(face.track)
            row = {"track": face.track, **face_columns(face, self._tasks, size)}
            self._known[face.track] = (labels, now, row)
            if before is None:
                told.append({"event": "appeared", **row})
            elif changed := [task for task, label in labels.items() if before[0].get(task) != label]:
                told.append({"event": "changed", "tasks": changed, **row})
        gone = [track for track, (_, seen, _) in self._known.items() if now - seen > GONE or now < seen]
        return told + [{"event": "left", **self._known.pop(track)[2]} for track in gone]

    def finish(self) -> list[dict[str, Any]]:
        """The run is over: everybody has left."""
        rows = [row for _, _, row in self._known.values()]
        self._known.clear()
        return [{"event": "left", **row} for row in rows]

    def state(self) -> dict[str, Any]:
        """How many people there are, how many of them smile, and each task's commonest label."""
        every = [labels for labels, _, _ in self._known.values()]
        state: dict[str, Any] = {"people": len(every)}
        for task in self._tasks:
            counted = Counter(labels[task.name] for labels in every if task.name in labels)
            state[task.name] = counted.most_common(1)[0][0] if counted else None
            if task.name == "smile":
                state["smiling"] = counted[str(task.strength)]
                state["everyone_smiles"] = bool(every) and state["smiling"] == len(every)
        return state


class MqttSink(Sink):
    """Publishes what changes. It never waits for the broker: what it cannot take now is kept, up to a limit.

    Args:
        address: See `parse_broker`.
        source: What is watched.
        tasks: What is read.
        name: The name of the source whose frames it takes, in a run of several; its topics stand below that name.

    Raises:
        OutputError: It is no such address, or paho-mqtt is not installed.
    """

    def __init__(self, address: str, source: str, tasks: Sequence[Task], name: str = "") -> None:
        self.description = f"events {shown_source(address)}"
        self.of_source = name or None
        self._broker = parse_broker(address)
        self.uses_drawing = self._broker.snapshot > 0
        if name:
            below = re.sub(r"[^\w.-]+", "_", name)
            self._broker = replace(self._broker, topic=f"{self._broker.topic}/{below}")
        self._source = shown_source(source)
        self._tasks = tasks
        self._changes = Changes(tasks)
        self._state: dict[str, Any] | None = None
        self._pictured = float("-inf")
        self._client = client_of(self._broker)
        self._client.max_queued_messages_set(MOST_WAITING)
        self._client.reconnect_delay_set(1, 30)
        self._client.will_set(f"{self._broker.topic}/status", "offline", qos=1, retain=True)
        self._client.on_connect = self._greet
        self._client.on_disconnect = self._note_absence

    @override
    def open(self) -> None:
        """Begin to connect; a broker that is away is asked again and again, while the run goes on."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEP_ALIVE)
        self._client.loop_start()

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        size = (frame.image.shape[1], frame.image.shape[0])
        where = {"source": self._source, "frame": frame.id, "timestamp": frame.timestamp}
        for change in self._changes.take(annotation.readings, frame.timestamp, size):
            self._publish("event", where | change)
        if self._broker.frames:
            rows = [{"track": face.track, **face_columns(face, self._tasks, size)} for face in annotation.readings]
            self._publish("frame", where | {"faces": rows})
        state = self._changes.state()
        if state != self._state:
            self._state = state
            self._publish("state", state, retain=True)
            if self._broker.snapshot and frame.timestamp - self._pictured >= self._broker.snapshot:
                self._pictured = frame.timestamp
                self._client.publish(f"{self._broker.topic}/snapshot", jpeg(annotation.image), retain=True)

    @override
    def close(self) -> None:
        if not self._client.is_connected():
            self._client.loop_stop()
            return
        for change in self._changes.finish():
            self._publish("event", {"source": self._source, **change})
        self._publish("state", self._changes.state(), retain=True)
        last = self._client.publish(f"{self._broker.topic}/status", "offline", qos=1, retain=True)
        with suppress(RuntimeError, ValueError):  # the broker has vanished just now; it says offline by itself
            last.wait_for_publish(WITHIN)
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, name: str, told: Mapping[str, Any], retain: bool = False) -> None:
        self._client.publish(f"{self._broker.topic}/{name}", json.dumps(told, allow_nan=False), retain=retain)

    def _greet(self, client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        """On every connection, the first and later ones."""
        if reason.is_failure:
            log.warning("%s: %s", self.description, reason)
            return
        client.publish(f"{self._broker.topic}/status", "online", qos=1, retain=True)
        if self._state is not None:
            self._publish("state", self._state, retain=True)
        if self._broker.homeassistant:
            for topic, told in discovery(self._broker, self._tasks).items():
                client.publish(topic, json.dumps(told), retain=True)

    def _note_absence(self, _client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            log.warning("%s: connection lost (%s); it is tried again", self.description, reason)


def discovery(broker: Broker, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """What Home Assistant is told, by topic (its "MQTT Discovery")."""
    name = re.sub(r"\W+", "_", broker.topic)
    device = {"identifiers": [f"smiledet_{name}"], "name": f"smiledet {broker.topic}", "model": socket.gethostname()}
    common = {"availability_topic": f"{broker.topic}/status", "payload_available": "online", "device": device}
    common |= {"payload_not_available": "offline"}
    told = {}
    names = ["people", *(task.name for task in tasks), *(["smiling"] if any(t.name == "smile" for t in tasks) else [])]
    for each in names:
        told[f"homeassistant/sensor/smiledet_{name}/{each}/config"] = common | {
            "name": each,
            "unique_id": f"smiledet_{name}_{each}",
            "state_topic": f"{broker.topic}/state",
            "value_template": f"{{{{ value_json.{each} }}}}",
        }
    if broker.snapshot:
        told[f"homeassistant/camera/smiledet_{name}/snapshot/config"] = common | {
            "name": "snapshot",
            "unique_id": f"smiledet_{name}_snapshot",
            "topic": f"{broker.topic}/snapshot",
        }
    return told
