"""The live page's API and its files: pictures, readings, figures. What changes the run is in `control`."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from smiledet import __version__
from smiledet.columns import number
from smiledet.drawing.jpeg import jpeg
from smiledet.pipeline import Pipeline
from smiledet.sinks.recorder import Recorder
from smiledet.web.app.serve import add_app
from smiledet.web.live.control import add_control
from smiledet.web.live.hub import ALL
from smiledet.web.live.sink import PageSink
from smiledet.web.live.status import Status, StatusCollector
from smiledet.web.page import index_of, new_page

BOUNDARY = "frame"
NO_STORE = {"cache-control": "no-store"}

Kind = Literal["annotated", "clean"]
Name = Annotated[str, Query(alias="source", description="The source's name; empty for all of them, side by side.")]


@dataclass(frozen=True, slots=True)
class Live:
    """What the page shows.

    Attributes:
        page: The frames and the last minutes.
        pipeline: What runs.
        status: The stages.
        sources: What is watched by name, without secrets.
        machine: Load, temperature and power now; empty where nobody looks.
        recorder: Begins and ends recordings; None where no picture may leave.
    """

    page: PageSink
    pipeline: Pipeline
    status: Status
    sources: Mapping[str, str]
    machine: Callable[[], dict[str, Any]]
    recorder: Recorder | None

    def checked(self, source: str) -> str:
        """The name of a source, or `ALL`.

        Raises:
            HTTPException: 404, there is no such source.
        """
        if source not in self.page.hubs.by_name:
            raise HTTPException(404, f"there is no source {source!r}")
        return source


def make_app(live: Live) -> FastAPI:
    """The application, without its guard."""
    app = new_page("live")
    add_app(app)
    _add_pictures(app, live)
    _add_figures(app, live)
    add_control(app, live.pipeline, live.page, live.recorder, list(live.sources))
    return app


def _add_pictures(app: FastAPI, live: Live) -> None:
    @app.get("/api", include_in_schema=False)
    def described() -> FileResponse:
        return index_of("api")

    @app.get("/video/{kind}.mjpeg")
    async def video(kind: Kind, source: Name = ALL) -> Response:
        """The video as JPEGs (multipart/x-mixed-replace): always the newest frame."""
        parts = _parts(live.page.hubs.by_name[live.checked(source)].videos[kind].follow())
        return StreamingResponse(parts, media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}", headers=NO_STORE)

    @app.get("/snapshot.jpg")
    def snapshot(kind: Kind = "annotated", source: Name = ALL) -> Response:
        """The newest frame."""
        hub = live.page.hubs.by_name[live.checked(source)]
        shown = hub.frames.value
        if shown is None:
            return PlainTextResponse("no frame yet\n", 503, NO_STORE)
        return Response(jpeg(hub.pictures[kind](shown)), media_type="image/jpeg", headers=NO_STORE)


def _add_figures(app: FastAPI, live: Live) -> None:
    registry = CollectorRegistry()
    registry.register(StatusCollector(live.status))
    started = datetime.now(timezone.utc).isoformat()

    @app.get("/api/state")
    def state(source: Name = ALL) -> dict[str, Any]:
        """What is watched and read, and how each stage is."""
        return {
            "version": __version__,
            "started": started,
            "sources": [{"name": name, "description": told} for name, told in live.sources.items()],
            "device": live.pipeline.device,
            "records": live.recorder is not None,
        } | _figures(live, source)

    @app.get("/api/figures")
    def figures(source: Name = ALL) -> dict[str, Any]:
        """How each stage is, smiles counted, what is recorded, and the machine's load."""
        return _figures(live, source)

    @app.get("/api/faces")
    async def faces(source: Name = ALL) -> Response:
        """The faces of each newest frame, as server-sent events.

        The first holds the history of the last ten minutes, a row a second; later ones the seconds that are over since.
        """
        events = _events(face_messages(live, live.checked(source)))
        return StreamingResponse(events, media_type="text/event-stream", headers=NO_STORE)

    @app.get("/healthz")
    def health() -> Response:
        """200 while frames come of every source that has not ended; 503 when none has come of one for two seconds."""
        found = live.status.health()
        return JSONResponse(found, 200 if found["healthy"] else 503, NO_STORE)

    @app.get("/metrics")
    def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _figures(live: Live, source: str) -> dict[str, Any]:
    live.checked(source)
    tasks = live.pipeline.tasks
    return {
        "tasks": [{"name": task.name, "labels": [] if task.numbers else list(task.labels)} for task in tasks],
        "detector": live.pipeline.detector,
        "stages": live.status.stages(source),
        "taken": live.status.source(source),
        "smiles": sum(live.page.histories[name].smiles for name in (live.sources if source == ALL else [source])),
        "machine": live.machine(),
        "recordings": live.recorder.state() if live.recorder is not None else {},
        "explained": live.pipeline.chosen,
        "lost": live.status.lost(),
    }


async def _parts(pictures: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for data in pictures:
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        yield head.encode() + data + b"\r\n"


async def face_messages(live: Live, source: str) -> AsyncIterator[dict[str, Any]]:
    """What `/api/faces` tells of each newest frame, with the seconds of the history that are over since the last."""
    history, last = live.page.histories[source], 0
    async for shown in live.page.hubs.by_name[source].frames.follow():
        height, width = shown.clean.shape[:2]
        told: dict[str, Any] = {
            "frame": shown.number,
            "width": width,
            "height": height,
            "annotated_width": shown.picture.shape[1],
            "latency_ms": number((time.monotonic_ns() - shown.captured_ns) / 1e6, 1),
            "faces": shown.rows,
        }
        if seconds := history.since(last):
            told["seconds"], last = seconds, seconds[-1]["time"]
        yield told


async def _events(messages: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    async for told in messages:
        yield f"data: {json.dumps(told, allow_nan=False)}\n\n"
    yield "event: end\ndata: {}\n\n"
