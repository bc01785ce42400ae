"""The review page's API and its files, and the page on the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import SmiledetError, UsageError
from smiledet.web.gallery.export import archive
from smiledet.web.gallery.pictures import shrunk
from smiledet.web.page import new_page
from smiledet.web.review.corrections import Corrections, kept_at, labelled_set
from smiledet.web.review.pictures import ClipPictures
from smiledet.web.review.readings import Readings, Track
from smiledet.web.security import Guard
from smiledet.web.server import address_of, listen, served

LARGEST = 1920
"""Pixels of the longer side of what is sent."""

NO_STORE = {"cache-control": "no-store"}

Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]


class NewCorrection(BaseModel):
    """A label that a person gives a face for a while; None takes it back."""

    track: Annotated[int, Field(ge=1, le=2**53)]
    task: str = Field(max_length=100)
    label: str | None = Field(max_length=200)
    begin: Seconds
    end: Seconds


def make_app(clip: Path, readings: Readings, pictures: ClipPictures, corrections: Corrections) -> FastAPI:
    """The application, without its guard."""
    app = new_page("review")
    app.add_exception_handler(SmiledetError, _on_problem)
    tasks = readings.tasks

    @app.get("/api/state")
    def state() -> dict[str, Any]:
        """The clip, its faces with their curves, changes in order, and corrections."""
        return {
            "clip": clip.name,
            "step": readings.step,
            "end": readings.end,
            "tasks": [{"name": name, "labels": labels} for name, labels in tasks.items()],
            "tracks": [_track(track) for track in readings.tracks.values()],
            "changes": sorted(readings.changes(), key=lambda each: (each["time"], each["track"])),
            "corrections": [asdict(each) for each in corrections.all()],
        }

    @app.get("/api/picture.jpg")
    def picture(t: Annotated[float, Query(ge=0, le=1e7)]) -> Response:
        """The picture at a time."""
        image = pictures.at(t)
        if image is None:
            return PlainTextResponse("no picture can be decoded there\n", 404, NO_STORE)
        height, width = image.shape[:2]
        headers = NO_STORE | {"x-width": str(width), "x-height": str(height)}
        return Response(jpeg(shrunk(image, LARGEST)), media_type="image/jpeg", headers=headers)

    @app.post("/api/corrections")
    def correct(given: NewCorrection) -> list[dict[str, Any]]:
        """Correct a face's label for a while; answers with all corrections."""
        if given.track not in readings.tracks:
            raise UsageError(f"there is no face {given.track}")
        if given.task not in tasks or (given.label is not None and given.label not in tasks[given.task]):
            raise UsageError(f"there is no label {given.label!r} of {given.task!r}")
        if given.end <= given.begin:
            raise UsageError("a correction ends after its beginning")
        corrections.put(given.track, given.task, given.label, given.begin, given.end)
        return [asdict(each) for each in corrections.all()]

    @app.get("/api/labelled.zip")
    def labelled() -> Response:
        """Corrected faces, a folder a label."""
        pieces = archive(labelled_set(clip, corrections.all(), readings.tracks, pictures))
        headers = {"content-disposition": 'attachment; filename="labelled.zip"'}
        return StreamingResponse(pieces, media_type="application/zip", headers=headers)

    return app


@contextmanager
def serve_review(clip: Path, readings: Readings, host: str, port: int) -> Iterator[tuple[str, threading.Event]]:
    """Serve the page while the block runs.

    Args:
        clip: The clip.
        readings: What was read of it.
        host: The address that is listened on; beyond loopback the page asks for a token.
        port: 0 for any that is free.

    Yields:
        What to open in a browser, and an event that is set if the server ends by itself.

    Raises:
        UsageError: The address, the clip or its corrections cannot be had.
    """
    with ExitStack() as stack:
        listening = listen(host, port)
        stack.callback(listening.close)
        pictures = ClipPictures(clip)
        stack.callback(pictures.close)
        app = make_app(clip, readings, pictures, Corrections(kept_at(clip)))
        guard = Guard(app, host, names=(socket.gethostname(),))
        ended = stack.enter_context(served(guard, listening))
        yield address_of(listening, host, guard), ended


def _on_problem(_request: Request, problem: Exception) -> Response:
    return PlainTextResponse(f"{problem}\n", 400 if isinstance(problem, UsageError) else 500)


def _track(track: Track) -> dict[str, Any]:
    curves = [
        {"task": task, "label": label, "values": [None if value is None else round(value, 3) for value in values]}
        for task, labels in track.scores.items()
        for label, values in labels.items()
    ]
    return {
        "number": track.number,
        "times": [round(time, 4) for time in track.times],
        "boxes": track.boxes,
        "labels": track.labels,
        "intensity": track.intensity,
        "curves": curves,
    }
