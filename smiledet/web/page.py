"""What every page that is served begins with."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles

from smiledet import __version__
from smiledet.web import STATIC


def new_page(name: str) -> FastAPI:
    """An application, without its guard, whose page and files are in `static`.

    A request that is not of its form is answered with one line. FastAPI's own answer holds what was given, and fails
    where that is an infinite number.

    Args:
        name: The page's folder in `static`.
    """
    app = FastAPI(
        title=f"smiledet {name}", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(RequestValidationError, _on_invalid)

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return index_of(name)

    return app


def index_of(name: str) -> FileResponse:
    """The HTML of a page, which a browser asks for anew each time."""
    return FileResponse(STATIC / name / "index.html", headers={"cache-control": "no-cache"})


def _on_invalid(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return PlainTextResponse(f"{where}: {first['msg']}\n", 400)
