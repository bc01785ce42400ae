"""The page under /app/ of the gallery and the live page, from memory: it is made when it is first asked for."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache
from pathlib import PurePosixPath

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from smiledet.errors import SmiledetError
from smiledet.web.app.build import page_files
from smiledet.web.security import HEADERS

TYPES = {
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".tflite": "application/octet-stream",
    ".js": "text/javascript",
    ".ts": "text/plain",
}
"""Where the system's own table is wrong, or has none."""

PAGE_HEADERS = {
    "content-security-policy": HEADERS["content-security-policy"].replace(
        "script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; media-src 'self' blob:"
    ),
    "permissions-policy": HEADERS["permissions-policy"].replace("camera=()", "camera=(self)"),
    "cache-control": "no-cache",
}
"""The other pages run no WebAssembly and may not ask for the camera; this one may."""


@cache
def _files() -> dict[str, bytes]:
    return page_files()


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_files()[name], 6)


def add_app(app: FastAPI) -> None:
    """Serve the page at /app/."""

    @app.get("/app", include_in_schema=False)
    def without_slash() -> Response:
        return RedirectResponse("/app/", 308)

    @app.get("/app/{name:path}", include_in_schema=False)
    def file(name: str, request: Request) -> Response:
        try:
            files = _files()
        except SmiledetError as problem:
            return PlainTextResponse(f"{problem}\n", 503)
        name = name or "index.html"
        if name not in files:
            return PlainTextResponse("no such file\n", 404)
        tag = f'"{hashlib.sha256(files[name]).hexdigest()[:16]}"'
        headers = PAGE_HEADERS | {"etag": tag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        suffix = PurePosixPath(name).suffix
        kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        if "gzip" in request.headers.get("accept-encoding", "") and suffix != ".png":
            return Response(_packed(name), media_type=kind, headers=headers | {"content-encoding": "gzip"})
        return Response(files[name], media_type=kind, headers=headers)
