"""What a page answers to a request that makes no sense: one line, whatever was sent."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response


def explain_invalid(app: FastAPI) -> None:
    """Let an application answer invalid requests with 400 and a line.

    FastAPI's own answer repeats what was sent as JSON, which fails where that is no number (`1e999`).
    """
    app.add_exception_handler(RequestValidationError, _on_invalid)


def _on_invalid(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    return PlainTextResponse(f"{where}: {first['msg']}\n", 400)
