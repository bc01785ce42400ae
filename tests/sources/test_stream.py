"""Streams from a real server on this machine."""

import logging
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import cv2
import numpy as np
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


def assert_lost(answer, settings, stop):
    """A stream that is answered so counts as lost; `stop` ends the answer."""
    with serving(answer) as address:
        try:
            with StreamSource(address, settings) as source, pytest.raises(SmiledetError, match="was lost"):
                for _ in range(100):
                    source.read()
        finally:
            stop.set()


def test_a_stream_that_falls_silent_counts_as_lost_after_the_read_timeout(make_picture):
    stop = threading.Event()

    def answer(handler, _):
        send_mjpeg(handler, [make_picture(index % 6) for index in range(60)])
        stop.wait(20)

    settings = SourceSettings(open_timeout=3, read_timeout=0.5, reconnect=0)
    assert_lost(answer, settings, stop)


def send_part(handler, data):
    """A part of an MJPEG camera's answer, whatever is in it."""
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
    handler.wfile.write(head.encode() + data + b"\r\n")


def jpeg_of(image):
    return cv2.imencode(".jpg", image)[1].tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_pictures_of_garbage_are_passed_over_and_those_of_another_size_shown(make_picture, seed):
    stop = threading.Event()
    chance = np.random.default_rng(seed)
    whole = jpeg_of(make_picture(2))

    def answer(handler, _):
        send_mjpeg(handler, [make_picture(2)] * 40)
        for size in (0, 1, 100, 5000):
            send_part(handler, chance.bytes(size))
            send_part(handler, whole[: len(whole) // 2] + chance.bytes(size))
        for image in [make_picture(4, 160, 120)] * 60:
            send_part(handler, jpeg_of(image))
        stop.wait(20)

    with serving(answer) as address:
        try:
            with StreamSource(address, SHORT) as source:
                sizes = []
                while (160, 120) not in sizes:
                    picture = source.read()
                    sizes.append(picture.image.shape[1::-1])
        finally:
            stop.set()
    assert set(sizes) == {(64, 48), (160, 120)}


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_that_turns_into_garbage_is_opened_again(make_picture, seed, number_of, times):
    stop = threading.Event()

    def answer(handler, number):
        if number == 0:
            send_mjpeg(handler, [make_picture(1)] * 40)
            handler.wfile.write(np.random.default_rng(seed).bytes(300_000))
        else:
            send_mjpeg(handler, [make_picture(5)] * 60)
            stop.wait(20)

    settings = SourceSettings(open_timeout=3, read_timeout=1, reconnect=60)
    with serving(answer) as address:
        try:
            with StreamSource(address, settings, **times) as source:
                numbers = []
                while 5 not in numbers:
                    numbers.append(number_of(source.read().image))
        finally:
            stop.set()
    assert numbers[0] == 1 and len(numbers) < 60


def test_a_stream_that_drips_counts_as_lost(make_picture):
    """A byte now and then keeps a connection alive, but no picture comes of it."""
    stop = threading.Event()

    def answer(handler, number):
        if number:
            return
        send_mjpeg(handler, [make_picture(1)] * 40)
        handler.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 5000\r\n\r\n")
        while not stop.wait(0.05):
            handler.wfile.write(b"x")

    settings = SourceSettings(open_timeout=1, read_timeout=0.5, reconnect=0.3)
    assert_lost(answer, settings, stop)


def send_file(handler, data, length=True, most=None):
    """A file's answer, as a web server gives it; broken off after `most` bytes."""
    handler.protocol_version = "HTTP/1.0"
    handler.send_response(200)
    handler.send_header("Content-Type", "application/octet-stream")
    if length:
        handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[:most])


@pytest.fixture
def times(fake_time):
    return {"clock": fake_time.clock, "now": lambda: 2e9, "wait": fake_time.wait, "chance": lambda: 0.5}


def test_a_clip_over_http_plays_at_its_own_pace_and_ends(tmp_path, write_clip, times, fake_time, number_of):
    data = write_clip(tmp_path / "clip.avi", count=6, fps=10).read_bytes()
    with (
        serving(lambda handler, _: send_file(handler, data)) as address,
        StreamSource(address, SHORT, **times) as source,
    ):
        assert source.length == 6
        pictures = list(iter(source.read, None))
    assert [number_of(picture.image) for picture in pictures] == [0, 1, 2, 3, 4, 5]
    assert fake_time.waits == pytest.approx([0.1] * 5)
    expected = [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert [picture.timestamp - 2e9 for picture in pictures] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("streaming", [True, False])
def test_a_webm_with_sound_is_played_once(
    tmp_path, encode_clip, times, fake_time, make_picture, number_of, length, streaming
):
    """Of a container that tells no number of frames, and where it is made for streaming no duration, either."""
    images = [make_picture(index % 6) for index in range(15)]
    container = {"live": "1"} if streaming else None
    path = encode_clip(tmp_path / "a.webm", images, "libvpx", sound=1.5, container=container)
    data = path.read_bytes()
    requests = []

    def answer(handler, number):
        requests.append(number)
        send_file(handler, data, length)

    with serving(answer) as address, StreamSource(address, SHORT, **times) as source:
        numbers = [number_of(picture.image) for picture in iter(source.read, None)]
    assert numbers == [index % 6 for index in range(15)]
    assert sum(fake_time.waits) == pytest.approx(1.4, abs=0.01)
    assert requests == [0]


def test_a_clip_of_a_variable_rate_is_played_to_its_end(
    tmp_path, encode_clip, times, fake_time, make_picture, number_of
):
    path = encode_clip(
        tmp_path / "a.mkv", [make_picture(index) for index in range(5)], fps=50, times=[0, 0.02, 2, 2.02, 9]
    )
    data = path.read_bytes()
    with (
        serving(lambda handler, _: send_file(handler, data)) as address,
        StreamSource(address, SHORT, **times) as source,
    ):
        assert [number_of(picture.image) for picture in iter(source.read, None)] == [0, 1, 2, 3, 4]
    assert sum(fake_time.waits) == pytest.approx(9, abs=0.01)


def test_a_clip_whose_connection_breaks_goes_on_where_it_was(
    tmp_path, encode_clip, times, make_picture, number_of, caplog
):
    numbers = [index % 6 for index in range(60)]
    data = encode_clip(tmp_path / "a.mkv", [make_picture(number) for number in numbers], "mpeg4").read_bytes()

    def answer(handler, number):
        send_file(handler, data, most=len(data) // 2 if number == 0 else None)

    settings = SourceSettings(open_timeout=3, read_timeout=1, reconnect=5)
    with serving(answer) as address, StreamSource(address, settings, **times) as source:
        assert [number_of(picture.image) for picture in iter(source.read, None)] == numbers
    assert [message.partition(" was ")[2] for message in caplog.messages] == ["lost; trying to get it back for 5 s"]


def test_a_clip_that_never_comes_whole_ends_where_it_breaks(tmp_path, encode_clip, times, make_picture):
    data = encode_clip(tmp_path / "a.mkv", [make_picture(index % 6) for index in range(60)], "mpeg4").read_bytes()
    settings = SourceSettings(open_timeout=3, read_timeout=1, reconnect=5)
    with (
        serving(lambda handler, _: send_file(handler, data, most=len(data) // 2)) as address,
        StreamSource(address, settings, **times) as source,
        pytest.raises(SmiledetError, match="was lost and did not come back within 5 s"),
    ):
        assert 10 < len(list(iter(source.read, None))) < 50


def test_a_clip_that_is_cut_off_on_its_server_ends_and_says_so(tmp_path, encode_clip, times, make_picture, caplog):
    """All that the server has comes, and it is less than the clip's header says."""
    whole = encode_clip(tmp_path / "a.mkv", [make_picture(index % 6) for index in range(60)], "mpeg4").read_bytes()
    data = whole[: len(whole) // 2]
    with (
        serving(lambda handler, _: send_file(handler, data)) as address,
        StreamSource(address, SourceSettings(open_timeout=3, read_timeout=1), **times) as source,
    ):
        assert 10 < len(list(iter(source.read, None))) < 50
    lost, ends = caplog.messages
    assert "was lost" in lost and ends.startswith(f"stream {address} ends at ") and ends.endswith(" s of 6.0 s")


@pytest.mark.parametrize("name", ["", ".jpg"])
def test_a_snapshot_address_is_asked_over_and_over(name, times, fake_time, make_picture, number_of, caplog):
    def answer(handler, number):
        if number == 4:
            handler.send_error(503)
            return
        send_file(handler, cv2.imencode(".jpg", make_picture(number % 6))[1].tobytes())

    settings = SourceSettings(open_timeout=3, read_timeout=1, fps=2)
    with serving(answer) as address, StreamSource(address + name, settings, **times) as source:
        assert (source.length, source.fps) == (None, 2.0)
        assert source.description == f"stream {address}{name}, 64x48 snapshots at 2 FPS"
        pictures = [source.read() for _ in range(6)]
    assert [number_of(picture.image) for picture in pictures] == [1, 2, 3, 5, 0, 1]
    assert fake_time.waits == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.25, 0.5, 0.5])
    assert [picture.timestamp - 2e9 for picture in pictures] == pytest.approx([0.5, 1, 1.5, 2.25, 2.75, 3.25])
    assert caplog.messages == [f"stream {address}{name} was lost; trying to get it back for 10 s"]


def test_time_limits_and_low_latency_are_asked_for(fake_capture, make_picture):
    asked = []

    def open_decoder(address, options, timeout, live):
        asked.append((address, options, timeout, live))
        decoder = fake_capture([make_picture(0)])
        decoder.finite = decoder.still = False
        return decoder

    StreamSource("rtsp://host/live", SourceSettings(open_timeout=2, read_timeout=3), open_decoder=open_decoder).open()
    assert asked == [("rtsp://host/live", {"rtsp_transport": "tcp"}, (2, 3), True)]


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
