"""Attacks on the pages' server, over real sockets: one class of attack a test."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

httpx = pytest.importorskip("httpx")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
from smiledet.web import limits, server  # noqa: E402
from smiledet.web.limits import BURST, REFUSED, Allowance  # noqa: E402
from smiledet.web.security import Guard  # noqa: E402
from smiledet.web.server import MOST_REQUESTS, listen, served  # noqa: E402

STREAM = b"x" * 65536


async def _page(scope: Any, receive: Any, send: Any) -> None:
    """Says how much of a body came; `/stream` sends without end."""
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": STREAM, "more_body": True})
    taken, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        taken, more = taken + len(message["body"]), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"secret %d" % taken})


@contextmanager
def page(host: str = "127.0.0.1", app: Any = _page) -> Iterator[tuple[int, Guard]]:
    listening = listen(host, 0)
    guard = Guard(app, host)
    with served(guard, listening):
        yield listening.getsockname()[1], guard


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs up after a fraction of a second."""
    monkeypatch.setattr(limits, "PATIENCE", 0.2)
    monkeypatch.setattr(server, "PATIENCE", 0.2)


def answer(port: int, *pieces: bytes, finish: bool = True) -> bytes:
    """All that comes back until the server hangs up, as it may while a request is being sent."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
        asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                asking.sendall(piece)
        if finish:
            with contextlib.suppress(OSError):  # ENOTCONN: the server has hung up
                asking.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while piece := asking.recv(65536):
                found += piece
        return found


def status_of(port: int) -> int:
    """That of the page's answer; 503, as of a full one, where the server hung up before a slow machine had asked."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code
    except httpx.TransportError:
        return 503


class TestWhoHoldsOn:
    """Clients that take places and give nothing (slowloris and its kind)."""

    @pytest.mark.parametrize(
        "beginning",
        [
            b"",
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n12",
        ],
    )
    def test_half_a_request(self, impatient: None, beginning: bytes) -> None:
        with page() as (port, _):
            assert b"secret" not in answer(port, beginning, finish=False)

    def test_half_of_the_second_request_of_a_connection(self, impatient: None) -> None:
        with page() as (port, _):
            whole = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            found = (answer(port, whole + b"GET / HT", finish=False) for _ in range(100))
            assert next(filter(None, found)).count(b"secret") == 1  # nothing comes where the machine is too slow

    def test_viewers_that_never_read(self, impatient: None) -> None:
        """All but one of the places are theirs, and what is sent to them is never taken: the places are free again."""
        with page() as (port, _):
            holding = []
            try:
                for _ in range(MOST_REQUESTS - 1):
                    each = socket.create_connection(("127.0.0.1", port), timeout=30)
                    holding.append(each)
                    each.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    with contextlib.suppress(ConnectionError):  # of a slow machine the first may be cut already
                        each.recv(1)
                found = (status_of(port) for _ in range(5000))
                assert next(status for status in found if status != 503) == 200, "answered once a place is free"
            finally:
                for each in holding:
                    each.close()

    def test_more_viewers_than_places_are_told(self) -> None:
        with page() as (port, _):
            holding = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(MOST_REQUESTS)]
            try:
                for each in holding:
                    each.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    each.recv(1)
                assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 503
            finally:
                for each in holding:
                    each.close()


class TestTooMuch:
    def test_a_body_without_a_length_that_never_ends(self) -> None:
        with page() as (port, _), socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
            asking.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
            part = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            with pytest.raises(OSError):
                for _ in range(10_000):
                    asking.sendall(part)

    def test_a_head_that_never_ends(self) -> None:
        with page() as (port, _):
            found = answer(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * (1 << 20))
            assert b"secret" not in found

    def test_too_many_requests_from_one_address(self) -> None:
        now = [0.0]
        allowance = Allowance(lambda: now[0])
        assert all(allowance.take("10.0.0.7") for _ in range(int(BURST)))
        assert not allowance.take("10.0.0.7")
        assert allowance.take("10.0.0.8"), "another address is not asked to wait"
        now[0] = 1.0
        assert sum(allowance.take("10.0.0.7") for _ in range(1000)) == 100

    def test_quiet_addresses_are_forgotten(self) -> None:
        allowance = Allowance(lambda: 0.0)
        for number in range(5000):
            allowance.take(f"10.0.{number // 256}.{number % 256}")
        assert len(allowance._left) == limits.MOST_CLIENTS

    def test_tokens_cannot_be_tried_for_long(self) -> None:
        """Not that 192 bits could be guessed; but nobody's processor is kept busy with it."""
        with page("0.0.0.0") as (port, guard):
            address = f"http://127.0.0.1:{port}/"
            with httpx.Client() as client:
                found = [client.get(f"{address}?token={number}").status_code for number in range(40)]
                assert found[0] == 401
                assert found[-1] == 429
                assert found.count(401) < 40
                assert guard.token is not None
        assert BURST / REFUSED < 40


class TestSmuggling:
    """One connection, two requests, of which a proxy would see one."""

    @pytest.mark.parametrize(
        "head",
        [
            b"Content-Length: 5\r\nContent-Length: 6\r\n",
            b"Content-Length: +5\r\n",
            b"Content-Length: 0x5\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            b"Transfer-Encoding: xchunked\r\n",
            b"Host: evil.example\r\n",
            b"X : y\r\n",
            b"X: a\nTransfer-Encoding: chunked\r\n",
            b"\0: y\r\n",
        ],
    )
    def test_ambiguous_heads_are_refused(self, head: bytes) -> None:
        with page() as (port, _):
            request = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"
            assert b"secret" not in answer(port, request)

    @pytest.mark.parametrize("cut", [0, 40, 44, 45])
    def test_a_line_that_ends_without_a_carriage_return(self, cut: int) -> None:
        """Also where it comes in two pieces; a request that is right is answered, however it is cut."""
        whole = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\nConnection: close\r\n\r\n"
        with page() as (port, _):
            for request, answered in ((whole.replace(b"a\r\n", b"a\n"), False), (whole, True)):
                found = answer(port, request[:cut], request[cut:], finish=False)
                assert (b"secret" in found) == answered

    @pytest.mark.parametrize(
        "line", [b"GET http://evil.example/ HTTP/1.1", b"GET / HTTP/9.9", b"GET /\r\n\r\n", b"\x16\x03\x01\x02\0\x01"]
    )
    def test_odd_first_lines(self, line: bytes) -> None:
        with page() as (port, _):
            answer(port, line + b"\r\nHost: evil.example\r\n\r\n")
            assert httpx.get(f"http://127.0.0.1:{port}/").text == "secret 0"


class TestSecrets:
    def test_the_token_is_in_no_log(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        for name in ("uvicorn", "uvicorn.access", "uvicorn.error", "asyncio"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        with page("0.0.0.0") as (port, guard):
            address = f"http://127.0.0.1:{port}/?token={guard.token}"
            with httpx.Client(follow_redirects=True) as client:
                found = client.get(address)
                assert found.text == "secret 0"
                assert str(found.url) == f"http://127.0.0.1:{port}/"
                client.get(f"{address}x")
        theirs = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
        assert not [message for message in theirs if str(guard.token) in message]

    def test_an_error_inside_says_nothing_of_it(self) -> None:
        async def broken(scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError("inside")

        with page(app=broken) as (port, _):
            found = httpx.get(f"http://127.0.0.1:{port}/")
        assert (found.status_code, "inside" in found.text, "Traceback" in found.text) == (500, False, False)

    def test_two_pages_of_one_machine_keep_their_sessions_apart(self) -> None:
        """Browsers send a machine's cookies to all of its ports."""
        with page("0.0.0.0") as (one, first), page("0.0.0.0") as (two, second), httpx.Client() as client:
            for port, guard in ((one, first), (two, second)):
                client.get(f"http://127.0.0.1:{port}/?token={guard.token}")
            for port in (one, two):
                assert client.get(f"http://127.0.0.1:{port}/").text == "secret 0"

    def test_nothing_is_said_of_the_server(self) -> None:
        with page() as (port, _):
            assert not {"server", "x-powered-by", "date"} & set(httpx.get(f"http://127.0.0.1:{port}/").headers)


def test_a_page_survives_all_of_it() -> None:
    """Many at once, of which half hang up midway: it still answers."""
    with page() as (port, _):

        def rude() -> None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
                asking.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                asking.recv(10)

        threads = [threading.Thread(target=rude) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert httpx.get(f"http://127.0.0.1:{port}/").text == "secret 0"
