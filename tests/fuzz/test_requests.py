"""Damaged HTTP requests over a real socket: each gets an answer or is hung up on, and the page goes on."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
httpx = pytest.importorskip("httpx")
from fastapi import FastAPI  # noqa: E402

from smiledet.web import limits, server  # noqa: E402
from smiledet.web.page import new_page  # noqa: E402
from smiledet.web.security import Guard  # noqa: E402
from smiledet.web.server import listen, served  # noqa: E402

HOST = b"Host: 127.0.0.1\r\nConnection: close\r\n"

REQUESTS = [
    b"GET /api/things?label=a%20b HTTP/1.1\r\n" + HOST + b"Accept: */*\r\n\r\n",
    b"GET /static/page.css HTTP/1.1\r\n" + HOST + b"Range: bytes=0-9\r\nIf-None-Match: x\r\n\r\n",
    b"POST /api/things HTTP/1.1\r\n" + HOST + b'Content-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}',
    b"POST /api/things HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /ws HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://127.0.0.1\r\n\r\n",
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A page with one place to ask and one to post, behind the guard."""
    app: FastAPI = new_page("gallery")

    @app.get("/api/things")
    def things(label: str = "") -> dict[str, str]:
        return {"label": label}

    @app.post("/api/things")
    def put(given: dict[str, int]) -> dict[str, int]:
        return given

    patch = pytest.MonkeyPatch()
    for module in (limits, server):
        patch.setattr(module, "PATIENCE", 0.05)
    patch.setattr(limits.Allowance, "take", lambda *_: True)
    listening = listen("127.0.0.1", 0)
    with served(Guard(app, "127.0.0.1"), listening):
        yield listening.getsockname()[1]
    patch.undo()


def answers(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as asking:
        found = b""
        with contextlib.suppress(ConnectionError):
            asking.sendall(request)
            while piece := asking.recv(65536):
                found += piece
        return found


def ask(port: int, request: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    found = answers(port, request)
    assert not found or re.match(rb"HTTP/1\.[01] (101|[2345]\d\d) ", found), found[:80]
    assert not re.match(rb"HTTP/1\.[01] 500 ", found), "an error inside"
    for word in (b"Traceback", b"root:", b'File "'):
        assert word not in found
    assert not [record.getMessage() for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


@given(draw=st.data())
def test_damaged_requests(draw: st.DataObject, damaged: Any, port: int, caplog: pytest.LogCaptureFixture) -> None:
    ask(port, draw.draw(st.one_of(damaged(REQUESTS), st.binary(max_size=60))), caplog)
    assert answers(port, REQUESTS[0]).startswith(b"HTTP/1.1 200 ")


SEGMENTS = st.lists(
    st.sampled_from(
        [
            "..",
            "%2e%2e",
            "%2E.",
            "..%2f",
            "%252e%252e",
            "..\\",
            "%5c..",
            "%c0%ae%c0%ae",
            ".%00.",
            "//",
            "etc",
            "passwd",
            "~root",
        ]
    ),
    max_size=8,
)


@given(segments=SEGMENTS, front=st.sampled_from(["/", "/static/", "/static//", "/api/", "//", "/static/vendor/"]))
def test_any_path_out_of_the_folder(
    segments: list[str], front: str, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    ask(port, f"GET {front}{'/'.join(segments)} HTTP/1.1\r\n".encode() + HOST + b"\r\n", caplog)


@pytest.mark.parametrize("request_number", range(len(REQUESTS)))
def test_every_whole_request_is_answered(port: int, request_number: int) -> None:
    """Where the machine is so slow that the server's patience ends before it was sent, it is sent again."""
    found = (answers(port, REQUESTS[request_number]) for _ in range(100))
    assert next(filter(None, found)).startswith(b"HTTP/1.1 ")
