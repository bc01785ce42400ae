"""A live stream faster than its reader, or whose reader stood still: what is shown is the newest all the same."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest

from smiledet.sources.base import SourceSettings
from smiledet.sources.demo import scene
from smiledet.sources.newest import LATE, LONGEST, newest
from smiledet.sources.stream import StreamSource

STEP = 1 / 30
"""Seconds between two packets of the played stream."""

VIDEO, SOUND = SimpleNamespace(index=0), SimpleNamespace(index=1)

FACE = scene(0)

BARS = 16
"""Digits of the number in a picture, white for one."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a camera: its number, and when it was sent."""

    number: int
    sent: float
    is_keyframe: bool
    stream: Any = field(default_factory=lambda: VIDEO)


class Line:
    """A network with a buffer: packets come a step apart, and wait until they are read.

    Args:
        every: Packets from one key frame to the next.
        handing: Seconds that it takes to hand out a packet that has arrived.
    """

    def __init__(self, every: int = 1, handing: float = 0.0002) -> None:
        self.now = 1000.0
        self._handing = handing
        self._every = every
        self._sent = iter(range(10**9))

    def clock(self) -> float:
        return self.now

    def __iter__(self) -> Iterator[Packet]:
        for number in self._sent:
            sent = 1000.0 + STEP * number
            self.now = max(self.now + self._handing, sent)
            yield Packet(number, sent, number % self._every == 0)

    def read(self, pause: float, seconds: float, stream: Iterator[Any]) -> list[tuple[Packet, float]]:
        """What a reader is shown that pauses after each picture, and how old it is."""
        seen, end = [], self.now + seconds
        while self.now < end:
            packet = next(packet for packet, shown in stream if shown)
            seen.append((packet, self.now - packet.sent))
            self.now += pause
        return seen


def stream_of(line: Line) -> Iterator[Any]:
    return newest(iter(line), 0, (OSError,), line.clock)


class TestPackets:
    def test_a_quick_reader_misses_nothing(self) -> None:
        line = Line()
        seen = line.read(0.02, 60, stream_of(line))
        assert [packet.number for packet, _ in seen] == list(range(len(seen)))

    @pytest.mark.parametrize("every", [1, 50])
    @pytest.mark.parametrize("pause", [0.035, 0.1, 1.0])
    def test_after_ten_minutes_a_slow_reader_sees_the_newest(self, pause: float, every: int) -> None:
        line = Line(every)
        seen = line.read(pause, 600, stream_of(line))
        assert max(age for _, age in seen) < LATE + pause
        assert sum(age for _, age in seen) / len(seen) < 0.2
        assert all(before.number < after.number for (before, _), (after, _) in pairwise(seen))

    def test_after_standing_still_no_old_pictures_come_in_a_burst(self) -> None:
        line = Line()
        stream = stream_of(line)
        line.read(0.0, 5, stream)
        line.now += 60
        seen = line.read(0.0, 5, stream)
        assert [age > 2 * STEP for _, age in seen] == [False] * len(seen)
        assert len(seen) > 100

    def test_standing_still_while_it_waits_shows_one_old_picture_at_most(self) -> None:
        line = Line()

        def packets() -> Iterator[Packet]:
            for packet in line:
                yield packet
                if packet.number == 90:
                    line.now += 60

        seen = line.read(0.0, 70, newest(packets(), 0, (OSError,), line.clock))
        assert sum(age > 2 * STEP for _, age in seen) <= 1

    def test_it_has_caught_up_after_two_waits_in_a_row(self) -> None:
        """Then two pictures that come at once are both shown; one wait may have been for the processor."""
        now = [1000.0]

        def packets() -> Iterator[Packet]:
            for number, waited in enumerate([0.03, 0, 0, 0, 0.03, 0, 0.03, 0.03, 0, 0.03]):
                now[0] += waited
                yield Packet(number, 0.0, True)

        stream = newest(packets(), 0, (OSError,), lambda: now[0])
        assert next(stream)[0].number == 0
        now[0] += 1
        assert [packet.number for packet, _ in stream] == [4, 6, 7, 8, 9]

    def test_a_slow_camera_is_seen_whole(self) -> None:
        """One picture a second: each is waited for longer than what counts as late."""
        packets = [Packet(number, 0.0, True) for number in range(20)]
        times = iter(range(1000))
        seen = newest(iter(packets), 0, (OSError,), lambda: float(next(times)))
        assert [packet.number for packet, shown in seen if shown] == list(range(20))

    def test_what_later_pictures_are_made_from_is_decoded(self) -> None:
        """From the last key frame on, in order; only the last one is shown."""
        line = Line(every=10)
        stream = stream_of(line)
        next(stream)
        line.now += 1.05  # the 31st is on its way
        after = list(islice(stream, 3))
        assert [(packet.number, shown) for packet, shown in after] == [(30, False), (31, False), (32, True)]

    def test_a_stream_that_never_keeps_waiting_is_shown_all_the_same(self) -> None:
        now = [0.0]

        def packets() -> Iterator[Packet]:
            for number in range(10**9):
                now[0] += 0.001
                yield Packet(number, 0.0, True)

        stream = newest(packets(), 0, (OSError,), lambda: now[0])
        shown = []
        while now[0] < 20:
            next(packet for packet, is_shown in stream if is_shown)
            shown.append(now[0])
        assert max(after - before for before, after in pairwise(shown)) < LONGEST + 0.1

    def test_what_came_before_a_fault_is_not_lost(self) -> None:
        def packets() -> Iterator[Packet]:
            yield Packet(0, 0.0, True)
            now[0] += 10
            yield Packet(1, 0.0, True)
            raise OSError

        now = [0.0]
        stream = newest(packets(), 0, (OSError,), lambda: now[0])
        assert [next(stream)[0].number, next(stream)[0].number] == [0, 1]
        with pytest.raises(OSError, match=r"^$"):
            next(stream)

    def test_sound_is_no_picture(self) -> None:
        packets = [Packet(0, 0.0, True), Packet(1, 0.0, True, SOUND), Packet(2, 0.0, True)]
        assert [packet.number for packet, _ in newest(iter(packets), 0, ())] == [0, 2]


def numbered(number: int, width: int = 640) -> bytes:
    """A face with a number above it, as JPEG."""
    image = cv2.resize(FACE, (width, 3 * width // 4))
    image[: width // BARS] = np.repeat([255 * (number >> place & 1) for place in range(BARS)], width // BARS)[:, None]
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1].tobytes()


def number_in(image: np.ndarray) -> int:
    """The number, whatever became of the picture otherwise."""
    width = image.shape[1] // BARS
    middles = image[width // 4 : 3 * width // 4, width // 2 :: width].mean(axis=(0, 2))
    return sum(1 << place for place, value in enumerate(middles) if value > 127)


class Camera:
    """An MJPEG camera that always sends its newest picture; the number in it tells when it was taken.

    Args:
        rate: Pictures a second.
        pictures: By number; they begin anew at the end.
    """

    def __init__(self, rate: float, pictures: Sequence[bytes]) -> None:
        self.rate, self._pictures = rate, pictures
        self._began = time.monotonic()
        self._over = threading.Event()
        self.sent = 0
        self._more = threading.Condition()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):  # the viewer has left
                    camera.send(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}/live.mjpg"

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
        handler.end_headers()
        last = -1
        while not self._over.is_set():
            number = int(self.taken())
            if number == last:
                self._over.wait((number + 1 - self.taken()) / self.rate)
                continue
            last = number
            data = self._pictures[number % len(self._pictures)]
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            handler.wfile.write(head.encode() + data + b"\r\n")
            with self._more:
                self.sent += 1
                self._more.notify_all()

    def taken(self) -> float:
        """The number of the newest picture, and how much of the time to the next has passed."""
        return (time.monotonic() - self._began) * self.rate

    def until(self, seen: Callable[[], bool]) -> None:
        """Wait for something that can change with every picture."""
        with self._more:
            assert self._more.wait_for(seen, 60)

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [numbered(number) for number in range(300)]


@pytest.fixture
def camera(pictures: list[bytes]) -> Iterator[Camera]:
    made = Camera(25, pictures)
    yield made
    made.close()


def test_what_has_piled_up_on_the_network_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smiledet.sources.newest.LATE", -1.0)  # whatever waits has waited too long
    small = [numbered(number, 64) for number in range(600)]
    piled_up = threading.Event()

    class Stuck(Camera):
        """Sends 300 at once, and goes on evenly."""

        def taken(self) -> float:
            if self.sent < 300:
                return self.sent
            piled_up.set()
            return 300 + super().taken() % 299

    camera = Stuck(50, small)
    try:
        with StreamSource(camera.address, SourceSettings()) as source:
            assert piled_up.wait(60)
            seen = [number_in(picture.image) for _ in range(5) if (picture := source.read()) is not None]
    finally:
        camera.close()
    assert min(seen[2:]) >= 300


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP")
def test_a_run_that_stood_still_goes_on_with_the_newest(
    camera: Camera, start_smiledet: Callable[..., Any], tmp_path: Path
) -> None:
    """Stopped for three seconds: no burst of old pictures, time goes on evenly, and no stage is blamed."""
    process = start_smiledet(
        "run", camera.address, "--no-show", "--tasks", "smile", "--record", "v.mkv", "--report", "r.json", "-v"
    )
    camera.until(lambda: any(path.stat().st_size > 20_000 for path in tmp_path.glob("v*.mkv")))
    process.send_signal(signal.SIGSTOP)
    threading.Event().wait(3)
    process.send_signal(signal.SIGCONT)
    before = camera.sent
    camera.until(lambda: camera.sent > before + 50)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    for word in ("hangs", "has been at frame", "Traceback", "was lost"):
        assert word not in said
    with av.open(str(tmp_path / "v.mkv")) as recorded:
        frames = [(frame.time, number_in(frame.to_ndarray(format="bgr24"))) for frame in recorded.decode(video=0)]
    times, numbers = zip(*frames, strict=True)
    steps = [after - before for before, after in pairwise(times)]
    gap = max(range(len(steps)), key=steps.__getitem__)
    assert 2.5 < steps[gap] < 6 and min(steps) > 0
    # How much later than taken each was recorded, up to what is the same for all.
    late = np.array(
        [shown - number / camera.rate for shown, number in zip(times, np.unwrap(numbers, period=300), strict=True)]
    )
    assert (late[gap + 1 :] - np.median(late[: gap + 1]) > 1.5).sum() <= 2
    assert len(late) - gap > 5
