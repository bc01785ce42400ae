"""The photo booth's page, and what it asks for."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import asdict

import segno
from fastapi import FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

from smiledet.web.live.app import NO_STORE
from smiledet.web.live.hub import Newest
from smiledet.web.live.shutter import Shutter, State
from smiledet.web.page import index_of

PHOTOGRAPHS = "/photo/"
"""Where a photograph is fetched by its key, without the page's token: guests have only the key."""


def add_shutter(app: FastAPI, shutter: Shutter, base: str, reachable: bool) -> None:
    """Add the photo booth to the live page's application.

    Args:
        app: The application.
        shutter: What takes the photographs.
        base: The address of the live page, with a slash at its end.
        reachable: Whether other machines reach it.
    """

    @app.get("/shutter", include_in_schema=False)
    def page() -> FileResponse:
        return index_of("shutter")

    @app.get("/api/shutter")
    async def state() -> Response:
        """What the photo booth does, as server-sent events."""
        return StreamingResponse(_events(shutter.state, reachable), media_type="text/event-stream", headers=NO_STORE)

    @app.get(PHOTOGRAPHS + "{key}.jpg")
    def photograph(key: str) -> Response:
        """A photograph that was taken."""
        path = shutter.photographs.get(key)
        if path is None or not path.is_file():
            return PlainTextResponse("no such photograph\n", 404, NO_STORE)
        return FileResponse(
            path, media_type="image/jpeg", headers=NO_STORE, filename=path.name, content_disposition_type="inline"
        )

    @app.get("/api/shutter/{key}.svg")
    def code(key: str) -> Response:
        """The address of a photograph as a QR code."""
        if key not in shutter.photographs:
            return PlainTextResponse("no such photograph\n", 404, NO_STORE)
        drawn = io.BytesIO()
        segno.make(f"{base}{PHOTOGRAPHS[1:]}{key}.jpg", micro=False, error="m").save(
            drawn, kind="svg", xmldecl=False, scale=4, border=3, light="#fff"
        )
        return Response(drawn.getvalue(), media_type="image/svg+xml", headers=NO_STORE)


async def _events(states: Newest[State], reachable: bool) -> AsyncIterator[str]:
    async for state in states.follow():
        told = asdict(state) | {"reachable": reachable}
        yield f"data: {json.dumps(told)}\n\n"
    yield "event: end\ndata: {}\n\n"
