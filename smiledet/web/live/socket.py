"""`/api/faces` as a WebSocket: the same messages as the server-sent events."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from smiledet.web.live.app import Live, face_messages

MOST_SOCKETS = 64
"""At the same time; more are refused."""

TRY_LATER, OVER = 1013, 1000
"""Codes with which a socket is closed (RFC 6455, section 7.4, and its registry)."""


def add_socket(app: FastAPI, live: Live) -> None:
    """Add the WebSocket to the live page's application. The guard has asked for token and origin by then."""
    open_now: set[WebSocket] = set()

    @app.websocket("/api/faces")
    async def faces(socket: WebSocket, source: str = "") -> None:
        if source not in live.page.hubs.by_name or len(open_now) >= MOST_SOCKETS:
            await socket.close(TRY_LATER)  # before it is accepted: answered with 403
            return
        open_now.add(socket)
        try:
            await socket.accept()
            await _serve(socket, live, source)
        finally:
            open_now.discard(socket)


async def _serve(socket: WebSocket, live: Live, source: str) -> None:
    """Send until the run is over or the client has gone; what it sends is thrown away."""
    sending, leaving = asyncio.ensure_future(_send(socket, live, source)), asyncio.ensure_future(_leave(socket))
    done, rest = await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for each in rest:
        each.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    if sending in done and leaving not in done:
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(OVER, "the run is over")


async def _send(socket: WebSocket, live: Live, source: str) -> None:
    async for told in face_messages(live, source):
        with suppress(RuntimeError, WebSocketDisconnect):  # gone: `_leave` ends it
            await socket.send_text(json.dumps(told, allow_nan=False))


async def _leave(socket: WebSocket) -> None:
    with suppress(RuntimeError):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
