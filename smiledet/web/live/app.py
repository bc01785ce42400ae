"""The live page's API and its files."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from smiledet import __version__
from smiledet.columns import number
from smiledet.drawing.jpeg import jpeg
from smiledet.tasks.base import Task
from smiledet.web.live.hub import Hub, Shown
from smiledet.web.live.sink import History
from smiledet.web.live.status import Status, StatusCollector

STATIC = Path(__file__).resolve().parents[1] / "static"

BOUNDARY = "frame"
NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Live:
    """What the page shows.

    Attributes:
        hub: The frames.
        history: The last minutes.
        status: The stages.
        tasks: What is read.
        source: What is watched, without secrets.
        device: What runs the networks.
        detector: The face detector.
        machine: Load, temperature and power now; empty where nobody looks.
    """

    hub: Hub
    history: History
    status: Status
    tasks: tuple[Task, ...]
    source: str
    device: str
    detector: str
    machine: Callable[[], dict[str, Any]]


def make_app(live: Live) -> FastAPI:
    """The application, without its guard."""
    app = FastAPI(
        title="smiledet live", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_pictures(app, live)
    _add_figures(app, live)
    return app


def _add_pictures(app: FastAPI, live: Live) -> None:
    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "live" / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/video/{kind}.mjpeg")
    async def video(kind: Literal["annotated", "clean"]) -> Response:
        """The video as JPEGs (multipart/x-mixed-replace): always the newest frame."""
        parts = _parts(live.hub.videos[kind].follow())
        return StreamingResponse(parts, media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}", headers=NO_STORE)

    @app.get("/snapshot.jpg")
    def snapshot(kind: Literal["annotated", "clean"] = "annotated") -> Response:
        """The newest frame."""
        shown = live.hub.frames.value
        if shown is None:
            return PlainTextResponse("no frame yet\n", 503, NO_STORE)
        image = shown.annotated if kind == "annotated" else shown.clean
        return Response(jpeg(image), media_type="image/jpeg", headers=NO_STORE)


def _add_figures(app: FastAPI, live: Live) -> None:
    registry = CollectorRegistry()
    registry.register(StatusCollector(live.status))

    @app.get("/api/state")
    def state() -> dict[str, Any]:
        """What is read, how each stage is, and the history of the last minutes."""
        tasks = [{"name": task.name, "labels": [] if task.numbers else list(task.labels)} for task in live.tasks]
        return {
            "version": __version__,
            "source": live.source,
            "device": live.device,
            "detector": live.detector,
            "tasks": tasks,
            "history": live.history.seconds(),
        } | _figures(live)

    @app.get("/api/figures")
    def figures() -> dict[str, Any]:
        """How each stage is, smiles counted, and the machine's load."""
        return _figures(live)

    @app.get("/api/faces")
    async def faces() -> Response:
        """The faces of each newest frame, as server-sent events."""
        return StreamingResponse(_events(live.hub.frames.follow()), media_type="text/event-stream", headers=NO_STORE)

    @app.get("/healthz")
    def health() -> Response:
        """200 while frames come, 503 when none has come for two seconds."""
        found = live.status.health()
        return JSONResponse(found, 200 if found["healthy"] else 503, NO_STORE)

    @app.get("/metrics")
    def metrics() -> Response:
        """For Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _figures(live: Live) -> dict[str, Any]:
    return {
        "stages": live.status.stages(),
        "taken": live.status.source(),
        "smiles": live.history.smiles,
        "machine": live.machine(),
    }


async def _parts(pictures: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for data in pictures:
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        yield head.encode() + data + b"\r\n"


def face_message(shown: Shown) -> dict[str, Any]:
    """What `/api/faces` tells of a frame."""
    height, width = shown.clean.shape[:2]
    return {
        "frame": shown.number,
        "width": width,
        "height": height,
        "latency_ms": number((time.monotonic_ns() - shown.captured_ns) / 1e6, 1),
        "faces": shown.rows,
    }


async def _events(frames: AsyncIterator[Shown]) -> AsyncIterator[str]:
    async for shown in frames:
        yield f"data: {json.dumps(face_message(shown), allow_nan=False)}\n\n"
    yield "event: end\ndata: {}\n\n"
