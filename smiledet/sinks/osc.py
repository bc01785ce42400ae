"""What is read from every frame, by Open Sound Control over UDP: for stage, light and sound.

Each frame is one bundle. Below the path of the address (`/smiledet` where it has none):

    /people             how many faces there are
    /face               track, and left, top, width, height as shares of the frame
    /smile, /emotion …  track, label, score; of a smile its intensity, too. Of a number (age) track, number, score
    /appeared, /changed, /left    track, when that happens

UDP loses what nobody takes: nothing waits for a receiver.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from typing_extensions import override

from smiledet.errors import OutputError
from smiledet.frame import Annotation, FaceReading, Frame
from smiledet.sinks.base import Sink
from smiledet.sinks.mqtt import Changes
from smiledet.system.redaction import shown_source
from smiledet.tasks.base import Task

log = logging.getLogger(__name__)

USUAL_PATH = "/smiledet"


def parse_osc(address: str) -> tuple[str, int, str]:
    """Host, port and path of `osc://HOST:PORT[/PATH]`.

    Raises:
        OutputError: It is no such address.

    >>> parse_osc("osc://localhost:9000/hall")
    ('localhost', 9000, '/hall')
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit("osc:"), None
    if (
        not parts.hostname
        or not port
        or parts.query
        or parts.fragment
        or any(each in parts.path for each in " #*,?[]{}")
    ):
        raise OutputError(
            f"{shown_source(address)} is no address for OSC: expected osc://HOST:PORT or osc://HOST:PORT/PATH"
        )
    return parts.hostname, port, unquote(parts.path).rstrip("/") or USUAL_PATH


class OscSink(Sink):
    """Sends every frame's faces.

    Args:
        address: See `parse_osc`.
        source: What is watched.
        tasks: What is read.
        name: The name of the source whose frames it takes, in a run of several; its messages stand below that name.

    Raises:
        OutputError: It is no such address, or python-osc is not installed.
    """

    def __init__(self, address: str, source: str, tasks: Sequence[Task], name: str = "") -> None:  # noqa: ARG002
        try:
            import pythonosc.udp_client  # noqa: F401 - said before anything is opened
        except ImportError as problem:
            raise OutputError("--events osc://… needs python-osc: pip install 'smiledet[osc]'") from problem
        self.description = f"events {shown_source(address)}"
        self.uses_drawing = False
        self._host, self._port, path = parse_osc(address)
        self._path = f"{path}/{name}" if name else path
        self._tasks = {task.name: task for task in tasks}
        self._changes = Changes(tasks)
        self._client: Any = None
        self._lost = 0

    @override
    def open(self) -> None:
        """Look the host up.

        Raises:
            OutputError: There is none of that name.
        """
        from pythonosc.udp_client import SimpleUDPClient

        try:
            self._client = SimpleUDPClient(self._host, self._port)
        except OSError as problem:
            raise OutputError(f"cannot send to {self._host} port {self._port}: {problem.strerror}") from problem

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        size = (frame.image.shape[1], frame.image.shape[0])
        messages: list[tuple[str, Sequence[Any]]] = [("people", (len(annotation.readings),))]
        for face in annotation.readings:
            messages += self._face(face, size)
        changes = self._changes.take(annotation.readings, frame.timestamp, size)
        messages += [(change["event"], (change["track"],)) for change in changes]
        self._send(messages)

    @override
    def close(self) -> None:
        if self._client is None:
            return
        self._send([(change["event"], (change["track"],)) for change in self._changes.finish()] + [("people", (0,))])
        self._client = None
        if self._lost:
            log.warning("%s: %d messages could not be sent", self.description, self._lost)

    def _face(self, face: FaceReading, size: tuple[int, int]) -> list[tuple[str, Sequence[Any]]]:
        width, height = size
        box = face.box
        place = (box.x / width, box.y / height, box.width / width, box.height / height)
        messages: list[tuple[str, Sequence[Any]]] = [("face", (face.track, *map(float, place)))]
        for name, prediction in face.predictions.items():
            number = name in self._tasks and self._tasks[name].numbers is not None
            told: list[Any] = [float(prediction.label) if number else prediction.label, float(prediction.score)]
            told += [] if prediction.intensity is None else [float(prediction.intensity)]
            messages.append((name, (face.track, *told)))
        return messages

    def _send(self, messages: Sequence[tuple[str, Sequence[Any]]]) -> None:
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
        from pythonosc.osc_message_builder import OscMessageBuilder

        bundle = OscBundleBuilder(IMMEDIATELY)
        for name, values in messages:
            message = OscMessageBuilder(f"{self._path}/{name}")
            for value in values:
                message.add_arg(value)
            bundle.add_content(message.build())
        try:
            self._client.send(bundle.build())
        except OSError:  # nobody listens on that machine, or the network is away
            self._lost += 1
