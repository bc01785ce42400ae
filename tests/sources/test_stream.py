"""Streams from a real server on this machine."""

import logging
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import cv2
import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.sources.base import SourceSettings
from smiledet.sources.stream import StreamSource

SHORT = SourceSettings(open_timeout=3, read_timeout=1, reconnect=0)


@contextmanager
def serving(answer):
    """A server that answers every GET with `answer(handler, number of the request)`; gives its address."""
    requests = iter(range(1000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            with suppress(OSError):  # the client has left
                answer(self, next(requests))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def send_mjpeg(handler, pictures):
    """An MJPEG camera's answer."""
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace;boundary=frame")
    handler.end_headers()
    for image in pictures:
        data = cv2.imencode(".jpg", image)[1].tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        handler.wfile.write(head.encode() + data + b"\r\n")


def test_an_mjpeg_camera(make_picture, number_of):
    stop = threading.Event()

    def answer(handler, _):
        send_mjpeg(handler, [make_picture(index) for index in range(6)] * 20)
        stop.wait(20)

    with serving(answer) as address:
        try:
            with StreamSource(address, SHORT) as source:
                assert source.live and source.size == (64, 48) and source.length is None
                assert source.description.startswith(f"stream {address}, 64x48")
                pictures = [source.read() for _ in range(8)]
        finally:
            stop.set()
    numbers = [number_of(picture.image) for picture in pictures]
    assert numbers == [(numbers[0] + index) % 6 for index in range(8)]
    assert all(after.timestamp >= before.timestamp for before, after in pairwise(pictures))
    assert pictures[0].timestamp > 1.6e9  # Unix time


def test_a_server_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/live"
        with pytest.raises(UsageError) as problem:
            StreamSource(address, SourceSettings(open_timeout=0.5)).open()
    assert str(problem.value).startswith(f"stream {address} does not open within 0.5 s")


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UsageError, match="does not open"):
        StreamSource(f"http://127.0.0.1:{port}/live", SHORT).open()


def test_a_page_that_is_no_video():
    def answer(handler, _):
        handler.send_response(404)
        handler.end_headers()

    with serving(answer) as address, pytest.raises(UsageError, match="does it send video"):
        StreamSource(address, SHORT).open()


def test_a_server_that_dies_midway(make_picture):
    def answer(handler, number):
        if number == 0:
            send_mjpeg(handler, [make_picture(index % 6) for index in range(60)])

    settings = SourceSettings(open_timeout=1, read_timeout=1, reconnect=0.6)
    with serving(answer) as address, StreamSource(address, settings) as source, pytest.raises(SmiledetError) as problem:
        for _ in range(100):
            source.read()
    assert str(problem.value) == f"stream {address} was lost and did not come back within 0.6 s"
    assert problem.value.exit_code == 1


def test_a_server_that_dies_and_comes_back(make_picture, number_of, caplog):
    stop = threading.Event()

    def answer(handler, number):
        if number == 0:
            send_mjpeg(handler, [make_picture(1)] * 60)
        else:
            send_mjpeg(handler, [make_picture(5)] * 120)
            stop.wait(20)

    with serving(answer) as address, caplog.at_level(logging.INFO):
        try:
            with StreamSource(address, SourceSettings(open_timeout=3, read_timeout=1)) as source:
                numbers = []
                while 5 not in numbers:
                    numbers.append(number_of(source.read().image))
        finally:
            stop.set()
    assert set(numbers) == {1, 5}
    assert caplog.messages == [
        f"stream {address} was lost; trying to get it back for 10 s",
        f"stream {address} is back",
    ]


def test_a_stream_that_falls_silent_counts_as_lost_after_the_read_timeout(make_picture):
    stop = threading.Event()

    def answer(handler, _):
        send_mjpeg(handler, [make_picture(index % 6) for index in range(60)])
        stop.wait(20)

    settings = SourceSettings(open_timeout=3, read_timeout=0.5, reconnect=0)
    with serving(answer) as address:
        try:
            with StreamSource(address, settings) as source, pytest.raises(SmiledetError, match="was lost"):
                for _ in range(100):
                    source.read()
        finally:
            stop.set()


def test_a_clip_over_http_plays_at_its_own_pace_and_ends(tmp_path, write_clip, fake_time, number_of):
    data = write_clip(tmp_path / "clip.avi", count=6, fps=10).read_bytes()

    def answer(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Type", "video/x-msvideo")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    with serving(answer) as address:
        times = {"clock": fake_time.clock, "now": lambda: 2e9, "wait": fake_time.wait}
        with StreamSource(address, SHORT, **times) as source:
            assert source.length == 6
            pictures = list(iter(source.read, None))
    assert [number_of(picture.image) for picture in pictures] == [1, 2, 3, 4, 5]  # opening took the first
    assert fake_time.waits == pytest.approx([0.1] * 4)
    assert [picture.timestamp - 2e9 for picture in pictures] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-5)


def test_time_limits_and_low_latency_are_asked_for(fake_capture, make_picture):
    asked = []

    def open_capture(address, options):
        asked.append((address, dict(zip(options[::2], options[1::2], strict=True))))
        return fake_capture([make_picture(0)])

    StreamSource("rtsp://host/live", SourceSettings(open_timeout=2, read_timeout=3), open_capture=open_capture).open()
    ((address, options),) = asked
    assert address == "rtsp://host/live"
    assert options[cv2.CAP_PROP_OPEN_TIMEOUT_MSEC] == 2000 and options[cv2.CAP_PROP_READ_TIMEOUT_MSEC] == 3000


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:secret@host:554/x", "rtsp://host:554/x"),
        ("http://token@host/x", "http://host/x"),
        ("http://host/x?mail=a@b", "http://host/x?mail=a@b"),
        ("rtsp://me:p@ss/word@host/x?token=secret", "rtsp://host/x?token=***"),
    ],
)
def test_passwords_are_not_shown(address, shown):
    assert StreamSource(address, SHORT).description == f"stream {shown}"
