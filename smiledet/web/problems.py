"""What the pages answer to a request that is not of its form."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response


def refuse_invalid(app: FastAPI) -> None:
    """Answer with one line. FastAPI's own answer holds what was given, and fails where that is an infinite number."""
    app.add_exception_handler(RequestValidationError, _on_invalid)


def _on_invalid(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return PlainTextResponse(f"{where}: {first['msg']}\n", 400)
