"""RTSP and RTMP from real servers: lost and found again, stalled, in another size, and behind a password."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from smiledet.errors import SourceError, SourceLostError
from smiledet.sources.base import SourceSettings
from smiledet.sources.stream import StreamSource

DEBIAN = "/usr/bin/python3"

RTSP = Path(__file__).with_name("rtsp_server.py")

SETTINGS = SourceSettings(open_timeout=10, read_timeout=1, reconnect=60)

LIMIT = 60.0
"""Seconds after which a wait counts as stuck; no passing test comes near."""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that end with the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def rtsp(port, started) -> Callable[..., subprocess.Popen[str]]:
    """Starts a server of the size, at /live of the port; ready when this returns."""

    def start(width: int, height: int, *secret: str) -> subprocess.Popen[str]:
        if not Path(DEBIAN).exists():
            pytest.skip("no Python of Debian's here")
        command = [DEBIAN, str(RTSP), *map(str, (port, width, height)), *secret]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        if process.stdout.readline() != "ready\n":
            why = process.communicate()[1].strip().splitlines()[-1]
            pytest.skip(
                f"no RTSP server here ({why}): apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly"
            )
        return process

    return start


class Line:
    """A connection to a server through which what it sends comes whole, damaged, drop by drop, or not at all.

    Args:
        port: The server's.

    Attributes:
        spoil: What becomes of a piece of what the server sends; empty bytes for nothing.
        port: Where it listens.
        connections: How many there were.
    """

    def __init__(self, port: int) -> None:
        self.spoil: Callable[[bytes], bytes] = lambda piece: piece
        self.connections = 0
        self._server = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                viewer, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                self.connections += 1
                self._open += [viewer, server]
                for ends in ((viewer, server, False), (server, viewer, True)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, giver: socket.socket, taker: socket.socket, spoilt: bool) -> None:
        with suppress(OSError):
            while piece := giver.recv(4096):
                taker.sendall(self.spoil(piece) if spoilt else piece)
            taker.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for each in (self._listening, *self._open):
            each.close()


@pytest.fixture
def line(rtsp, port) -> Iterator[Line]:
    rtsp(160, 120)
    made = Line(port)
    yield made
    made.close()


class Pauses:
    """The source's pauses, noted and hardly waited for.

    Args:
        on_third: Called at the third.
    """

    def __init__(self, on_third: Callable[[], object] = lambda: None) -> None:
        self.seconds: list[float] = []
        self._on_third = on_third

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        if len(self.seconds) == 3:
            self._on_third()
        return threading.Event().wait(0.02)


def read(source: StreamSource, count: int) -> list[tuple[int, int]]:
    """The sizes of so many pictures, (width, height)."""
    pictures = [source.read() for _ in range(count)]
    assert all(later.timestamp > earlier.timestamp for earlier, later in pairwise(pictures))
    return [(picture.image.shape[1], picture.image.shape[0]) for picture in pictures]


class TestRtsp:
    def test_a_server_that_is_gone_for_a_while_and_comes_back_with_another_size(self, rtsp, port, caplog):
        server = rtsp(320, 240)
        pauses = Pauses(on_third=lambda: rtsp(160, 120))
        address = f"rtsp://127.0.0.1:{port}/live"
        with StreamSource(address, SETTINGS, wait=pauses, chance=lambda: 0.5) as source:
            assert (source.live, source.size, source.length) == (True, (320, 240), None)
            assert set(read(source, 5)) == {(320, 240)}
            server.kill()
            server.wait(LIMIT)
            sizes = []
            while (160, 120) not in sizes:
                sizes += read(source, 1)
            assert set(read(source, 5)) == {(160, 120)}
        assert pauses.seconds[:3] == [0.25, 0.5, 1.0]
        assert [message for message in caplog.messages if "lost" in message] == [
            f"stream {address} was lost; trying to get it back for 60 s"
        ]

    def test_a_server_that_falls_silent_and_goes_on(self, rtsp, port, caplog):
        """Its connection stays open; nothing comes."""
        server = rtsp(160, 120)
        pauses = Pauses(on_third=lambda: server.send_signal(signal.SIGCONT))
        settings = SourceSettings(open_timeout=1, read_timeout=1, reconnect=60)
        with StreamSource(f"rtsp://127.0.0.1:{port}/live", settings, wait=pauses, chance=lambda: 0.5) as source:
            read(source, 5)
            server.send_signal(signal.SIGSTOP)
            while not pauses.seconds:
                read(source, 1)
            assert set(read(source, 5)) == {(160, 120)}
        assert pauses.seconds[:3] == [0.25, 0.5, 1.0] and "was lost" in caplog.text

    @pytest.mark.parametrize(
        "damage",
        [
            lambda chance, piece: chance.bytes(len(piece)),
            lambda chance, piece: piece[: chance.integers(1, len(piece) + 1)],
            lambda chance, piece: piece[:1],
        ],
        ids=["garbage", "holes", "drops"],
    )
    def test_a_line_that_spoils_what_comes_and_is_well_again(self, line, damage):
        """Whatever is shown meanwhile: soon after the line is well, whole pictures come again."""
        pauses = Pauses()
        settings = SourceSettings(open_timeout=2, read_timeout=1, reconnect=60)
        chance, well = np.random.default_rng(1), threading.Timer(1.5, setattr, [line, "spoil", bytes])
        with StreamSource(f"rtsp://127.0.0.1:{line.port}/live", settings, wait=pauses, chance=lambda: 0.5) as source:
            assert set(read(source, 5)) == {(160, 120)}
            line.spoil = lambda piece: damage(chance, piece)
            well.start()
            sizes = read(source, 20)
            well.join()
            sizes += read(source, 10)
        assert sizes[-10:] == [(160, 120)] * 10

    def test_a_server_that_does_not_come_back(self, rtsp, port):
        server = rtsp(160, 120)
        settings = SourceSettings(open_timeout=1, read_timeout=1, reconnect=0.5)
        with StreamSource(f"rtsp://127.0.0.1:{port}/live", settings) as source:
            read(source, 5)
            server.kill()
            with pytest.raises(SourceLostError, match=r"was lost and did not come back within 0\.5 s"):
                while True:
                    read(source, 1)

    def test_no_word_of_a_password_leaves_a_run(self, rtsp, port, run_smiledet, tmp_path):
        rtsp(160, 120, "cam", "s3cr@t")
        address = f"rtsp://cam:s3cr%40t@127.0.0.1:{port}/live?token=t0p"
        outputs = ["--events", "e.jsonl", "--report", "r.json", "--trace", "t.json", "--record", "v.mkv"]
        done = run_smiledet("run", address, "--no-show", "--max-frames", "5", "--tasks", "smile", "-v", *outputs)
        assert done.returncode == 0, done.stderr
        files = [tmp_path / name for name in outputs[1::2]]
        texts = [done.stdout, done.stderr, *(path.read_bytes().decode(errors="replace") for path in files)]
        for secret in ("s3cr", "t0p", "cam:", "cam@"):
            assert not [text for text in texts if secret in text], secret
        assert json.loads(files[1].read_text())["source"].startswith(f"stream rtsp://127.0.0.1:{port}/live")
        assert [path.stat().st_mode & 0o777 for path in files[:3]] == [0o600] * 3

    def test_a_wrong_password_is_refused_in_a_line_without_it(self, rtsp, port):
        rtsp(160, 120, "cam", "s3cret")
        with pytest.raises(SourceError) as problem:
            StreamSource(f"rtsp://cam:wr0ng@127.0.0.1:{port}/live", SETTINGS).open()
        assert str(problem.value).startswith(f"stream rtsp://127.0.0.1:{port}/live does not open within 10 s: ")
        assert "wr0ng" not in str(problem.value) and "\n" not in str(problem.value)


@pytest.fixture
def rtmp(port, started) -> Callable[[str], subprocess.Popen[str]]:
    """Starts a server of the size, for one viewer; it listens when this returns."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("no ffmpeg here, which serves RTMP: apt-get install ffmpeg")

    def start(size: str) -> subprocess.Popen[str]:
        made = ["-re", "-f", "lavfi", "-i", f"testsrc=size={size}:rate=25", "-c:v", "flv", "-g", "5"]
        served = ["-f", "flv", "-listen", "1", f"rtmp://127.0.0.1:{port}/live/cam"]
        process = subprocess.Popen(
            [program, "-v", "error", *made, *served], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        listening = f":{port:04X} 00000000:0000 0A"
        while listening not in Path("/proc/net/tcp").read_text():
            assert process.poll() is None, "ffmpeg does not listen"
            os.sched_yield()
        return process

    return start


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux says who listens")
def test_rtmp_that_ends_and_comes_back_with_another_size(rtmp, port):
    server = rtmp("320x240")
    pauses = Pauses(on_third=lambda: rtmp("160x120"))
    address = f"rtmp://me:s3cret@127.0.0.1:{port}/live/cam"
    with StreamSource(address, SETTINGS, wait=pauses, chance=lambda: 0.5) as source:
        assert (source.size, source.length) == ((320, 240), None)
        assert "s3cret" not in source.description
        assert set(read(source, 5)) == {(320, 240)}
        server.kill()
        sizes = []
        while (160, 120) not in sizes:
            sizes += read(source, 1)
        assert set(read(source, 5)) == {(160, 120)}
    assert pauses.seconds[:3] == [0.25, 0.5, 1.0]
