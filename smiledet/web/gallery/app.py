"""The gallery's API and its files."""

from __future__ import annotations

import asyncio
import csv
import io
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from smiledet import __version__
from smiledet.drawing.jpeg import jpeg
from smiledet.errors import ImageError, SmiledetError, UsageError
from smiledet.photographs.decode import to_image
from smiledet.photographs.readings import reading_of
from smiledet.photographs.records import FACES, PhotographFilter, Share, StoredPhotograph
from smiledet.system.text import valid_text
from smiledet.tasks.base import Task, get_task
from smiledet.web import STATIC
from smiledet.web.app.serve import add_app
from smiledet.web.gallery.export import archive, copy_into, labelled_faces, originals
from smiledet.web.gallery.library import Library, shown, unread
from smiledet.web.gallery.pictures import LARGEST, THUMBNAILS, decoded, readable, shrunk
from smiledet.web.gallery.query import read_filter, read_order
from smiledet.web.gallery.why import Reasons
from smiledet.web.page import new_page

MOST_ROWS = 500
"""Photographs in one answer."""

FEW_MONTHS = 2
"""Of no more months the summary tells days."""

MOST_SELECTED = 100_000
SELECTIONS = 16
"""Selections that are remembered until they are fetched."""

KEPT = {"cache-control": "private, max-age=86400"}
"""A photograph keeps its id as long as its content."""

Number = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""An id or rank: what JavaScript and SQLite hold."""

Ids = Annotated[list[Number], Field(max_length=MOST_SELECTED)]


class Marks(BaseModel):
    """What a person decides of photographs."""

    ids: Ids
    mark: Literal["keep", "reject"] | None


class Correction(BaseModel):
    """A label that a person gives a face; None takes it back."""

    photograph: Number
    face: Number
    task: str = Field(max_length=100)
    label: str | None = Field(max_length=200)


class Selected(BaseModel):
    """Selected photographs."""

    ids: Ids


def make_app(library: Library, reasons: Reasons, copies: Path | None = None) -> FastAPI:
    """The application, without its guard.

    Args:
        library: The photographs.
        reasons: Says why a face is read as it is.
        copies: Where selected photographs are copied on request; None for nowhere.
    """
    app = new_page("gallery")
    add_app(app)
    app.add_exception_handler(SmiledetError, _on_problem)
    _add_questions(app, library, copies is not None)
    _add_pictures(app, library, reasons)
    _add_changes(app, library)
    _add_exports(app, library, copies)
    return app


def _on_problem(_request: Request, problem: Exception) -> Response:
    status = 404 if isinstance(problem, ImageError) or str(problem).startswith("no photograph") else 400
    if not isinstance(problem, UsageError):
        status = 500
    return PlainTextResponse(valid_text(f"{problem}\n"), status)


def _add_questions(app: FastAPI, library: Library, copies: bool) -> None:
    store = library.store

    def query(request: Request) -> list[tuple[str, str]]:
        return request.query_params.multi_items()

    @app.get("/api/state")
    def state() -> dict[str, Any]:
        """What there is: tasks and their labels, folders, and how far reading is."""
        return {
            "version": __version__,
            "folders": _folders(library),
            "tasks": [_task(name, labels, library.tasks) for name, labels in store.tasks.items()],
            "indexing": library.progress(),
            "copies": copies,
            "reads": True,
        }

    @app.get("/api/photographs")
    def photographs(
        request: Request,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> Response:
        """Some of the photographs that a filter lets through, in order."""
        asked = query(request)
        total, items = library.page(read_filter(asked, store, library.folders), read_order(asked), offset, limit)
        return JSONResponse({"total": total, "items": items})  # which FastAPI would look through once more

    @app.get("/api/counts")
    def counts(request: Request) -> dict[str, Any]:
        """In how many photographs each label is seen."""
        return library.counts(read_filter(query(request), store, library.folders))

    @app.get("/api/summary")
    def summary(request: Request) -> dict[str, Any]:
        """Photographs, faces and smiles by date and by folder, and how many faces have each label."""
        wanted = read_filter(query(request), store, library.folders)
        months, counts = store.timeline(wanted), store.counts(wanted)
        dates = months if len(months) > FEW_MONTHS else store.timeline(wanted, "day")
        return {
            "photographs": sum(each.photographs for each in months),
            "faces": sum(each.faces for each in months),
            "smiling": counts.get("smile", {}).get("smiling", 0),
            "dates": [_share(each) for each in dates],
            "folders": [_share(each) for each in store.by_folder(wanted)],
            "shares": {name: _largest(counts[name]) for name in (*store.tasks, FACES) if counts.get(name)},
        }

    @app.get("/api/photographs/{photograph}")
    def photograph(photograph: Number) -> dict[str, Any]:
        """All that is known of one photograph."""
        if photograph < 0:
            path = library.path(photograph)
            nothing = {"folder": _below(path.parent, library), "taken": None, "width": 0, "height": 0}
            return unread(photograph, path) | nothing | {"faces": []}
        library.row(photograph)
        return _whole(store.photograph(photograph), library)


def _add_pictures(app: FastAPI, library: Library, reasons: Reasons) -> None:
    thumbnails = library.thumbnails

    def damaged() -> Response:
        return FileResponse(STATIC / "damaged.svg", headers={"cache-control": "no-cache"})

    @app.get("/api/photographs/{photograph}/thumbnail")
    async def thumbnail(
        photograph: Number, side: Annotated[int, Query(ge=16, le=THUMBNAILS[-1])] = THUMBNAILS[-1]
    ) -> Response:
        """A photograph, small, JPEG; its shorter side has `side` pixels or some more, if it has as many."""
        return await asyncio.get_running_loop().run_in_executor(thumbnails.threads, small, photograph, side)

    def small(photograph: int, side: int) -> Response:
        path = readable(library.path(photograph), library.folders)
        try:
            data = thumbnails.of(path, next(each for each in THUMBNAILS if each >= side))
        except ImageError:
            return damaged()
        return Response(data, media_type="image/jpeg", headers=KEPT if photograph >= 0 else None)

    @app.get("/api/photographs/{photograph}/picture")
    def picture(photograph: Number, side: Annotated[int, Query(ge=16, le=LARGEST)] = 1600) -> Response:
        """A photograph, upright, its longer side at most `side` pixels, JPEG."""
        path = readable(library.path(photograph), library.folders)
        try:
            image = decoded(path, side)
        except ImageError:
            return damaged()
        return Response(jpeg(image), media_type="image/jpeg", headers=KEPT if photograph >= 0 else None)

    @app.get("/api/photographs/{photograph}/why")
    def why(
        photograph: Number, face: Number, task: str, side: Annotated[int, Query(ge=16, le=LARGEST)] = 1600
    ) -> Response:
        """The same with those parts of a face coloured that a label depends on."""
        image = to_image(readable(library.row(photograph).path, library.folders))
        stored = library.store.photograph(photograph)
        found = next((each for each in stored.faces if each.number == face), None)
        if found is None or not found.readings.get(task) or not found.readings[task].scores:
            raise UsageError(f"{task} was not read from a face {face} of this photograph")
        scores = found.readings[task].scores
        label = max(scores, key=lambda label: scores[label])
        answer = reasons.explained(image, found.box, task, label, stored.turned)
        return Response(jpeg(shrunk(answer, side)), media_type="image/jpeg")


def _add_changes(app: FastAPI, library: Library) -> None:
    store = library.store

    @app.get("/api/indexing")
    def progress() -> dict[str, Any]:
        """How far reading is."""
        return library.progress()

    @app.post("/api/indexing")
    def start() -> dict[str, Any]:
        """Read what is still to be read."""
        library.start()
        return library.progress()

    @app.delete("/api/indexing")
    def cancel() -> dict[str, Any]:
        """End it; what was read is kept."""
        library.cancel()
        return library.progress()

    @app.post("/api/photographs/{photograph}/read")
    def read(photograph: Number) -> dict[str, Any]:
        """Read one photograph now."""
        return {"id": library.read_one(photograph)}

    @app.post("/api/marks")
    def mark(marks: Marks) -> dict[str, Any]:
        """Keep or reject photographs; null takes that back."""
        for each in marks.ids:
            library.row(each)
            store.mark(each, marks.mark)
        return {"marked": len(marks.ids)}

    @app.post("/api/corrections")
    def correct(correction: Correction) -> dict[str, Any]:
        """Give a face another label; null takes that back."""
        library.row(correction.photograph)
        faces = store.faces([correction.photograph])[correction.photograph]
        found = next((each for each in faces if each.number == correction.face), None)
        if found is None:
            raise UsageError(f"photograph {correction.photograph} has no face {correction.face}")
        store.correct(found.id, correction.task, correction.label)
        return {}


def _add_exports(app: FastAPI, library: Library, copies: Path | None) -> None:
    selections: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def paths(ids: Sequence[int]) -> list[Path]:
        return [readable(library.path(each), library.folders) for each in ids]

    @app.post("/api/selections")
    def select(selected: Selected) -> dict[str, Any]:
        """Remember selected photographs, for the address under which they are then fetched."""
        key = secrets.token_urlsafe(12)
        selections[key] = tuple(selected.ids)
        while len(selections) > SELECTIONS:
            selections.popitem(last=False)
        return {"key": key}

    def selection(key: str) -> tuple[int, ...]:
        if key not in selections:
            raise UsageError("this selection is no longer known: select again")
        return selections[key]

    @app.get("/api/selections/{key}.csv")
    def table(key: str) -> Response:
        """A row a face of the selected photographs."""
        ids = [each for each in selection(key) if each >= 0]
        headers = {"content-disposition": 'attachment; filename="smiledet.csv"'}
        return Response(_csv(library, ids), media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/api/selections/{key}.zip")
    def originals_of(key: str) -> Response:
        """The selected photographs as they are."""
        return _zip("photographs.zip", archive(originals(paths(selection(key)))))

    @app.get("/api/labelled.zip")
    def labelled() -> Response:
        """Corrected faces, a folder a label."""
        return _zip("labelled.zip", archive(labelled_faces(library.store.corrections(), library.folders)))

    if copies is not None:

        @app.post("/api/copies")
        def copy(selected: Selected) -> dict[str, Any]:
            """Copy the selected photographs into the folder that was named at the start."""
            return {"copied": copy_into(copies, paths(selected.ids))}


def _zip(name: str, pieces: Any) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def _csv(library: Library, ids: Sequence[int]) -> str:
    stored = [library.store.photograph(each) for each in ids]
    readings = (reading_of(each, library.tasks, valid_text(str(each.row.path))) for each in stored)
    rows = [row for reading in readings for row in reading.to_dicts(flat=True)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _task(name: str, labels: Sequence[str], read_now: Sequence[Task]) -> dict[str, Any]:
    known = {task.name: task for task in read_now}
    try:
        number = (known.get(name) or get_task(name)).numbers is not None
    except UsageError:  # the store is older than this configuration
        number = False
    return {"name": name, "labels": [] if number else list(labels), "number": number}


def _folders(library: Library) -> list[str]:
    below = [
        each.name for folder in library.folders for each in library.store.by_folder(PhotographFilter(folders=(folder,)))
    ]
    return [valid_text(each) for each in dict.fromkeys([*map(str, library.folders), *below])]


def _below(folder: Path, library: Library) -> str:
    """A folder, from the gallery's on."""
    top = next((each for each in library.folders if each == folder or each in folder.parents), folder)
    return valid_text(str(Path(top.name) / folder.relative_to(top)))


def _share(share: Share) -> dict[str, Any]:
    return {
        "name": valid_text(share.name),
        "photographs": share.photographs,
        "faces": share.faces,
        "smile": share.smile,
    }


def _largest(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: -each[1])


def _whole(found: StoredPhotograph, library: Library) -> dict[str, Any]:
    row = found.row
    return shown(row) | {
        "folder": _below(row.path.parent, library),
        "taken": row.taken or row.dated,
        "width": row.width,
        "height": row.height,
        "turned": found.turned,
        "stack": _stack(found, library),
        "faces": [
            {
                "number": face.number,
                "box": [face.box.x, face.box.y, face.box.width, face.box.height],
                "score": face.detection_score,
                "eyes_open": face.eyes_open,
                "smile_intensity": face.smile_intensity,
                "yaw": face.pose.yaw if face.pose else None,
                "readings": {
                    task: {
                        "label": each.label,
                        "score": each.score,
                        "scores": each.scores,
                        "corrected": each.label if each.corrected else None,
                    }
                    for task, each in face.readings.items()
                },
            }
            for face in found.faces
        ],
    }


def _stack(found: StoredPhotograph, library: Library) -> dict[str, Any] | None:
    members = () if found.row.stack is None else library.store.ids(PhotographFilter(stack=found.row.stack))
    rows = sorted(library.store.rows(members), key=lambda row: row.place)
    if not rows:
        return None
    return {"members": [row.id for row in rows], "best": rows[0].id, "reasons": list(found.reasons)}
