"""Who may ask the pages what: token, Host, Origin, headers and the size of a request.

Every page is behind one `Guard`. It follows the OWASP cheat sheets on session management, cross-site request forgery
and HTTP headers. A page on the loopback address needs no token, since only programs of this machine reach it; the
checks of Host and Origin keep web sites in the user's own browser out (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from smiledet.web.limits import LARGEST_BODY, REFUSED, Allowance, Message, Receive, Send, limited, patient

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "smiledet"
"""Begins the cookie's name; the port follows, as browsers send a machine's cookies to all of its ports."""

TOKEN = "token"  # noqa: S105 - its name
"""Of the query of the first address, and nowhere after it."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-frame-options": "DENY",
    "x-permitted-cross-domain-policies": "none",
    "referrer-policy": "no-referrer",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
"""Sent with every answer, as OWASP's list of secure headers has them; what an answer says itself goes before. Nothing
is loaded from elsewhere, nothing inline is run, no page may frame this one, and no cache keeps what was seen."""


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone.

    >>> is_loopback("localhost"), is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(header: str) -> str:
    """The host of a Host header, without its port and brackets.

    >>> host_of("localhost:8000"), host_of("[::1]:8000"), host_of("192.168.0.7")
    ('localhost', '::1', '192.168.0.7')
    """
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


class Guard:
    """An ASGI application in front of another: it lets in only whom it should.

    Args:
        app: The application behind it.
        host: The address that is listened on. On loopback no token is asked for.
        token: The token; None makes one, 192 bits from the operating system.
        names: Further names by which the machine is addressed, such as its host name.
        open_paths: What begins like one of these is answered without the token: addresses that nobody can guess.
        clock: Monotonic seconds; tests bring their own.

    A request passes if its Host header names the machine (an IP address, `localhost`, `host` or one of `names`): a web
    site's own name that was made to point here (DNS rebinding) is refused. One that changes something, and a WebSocket,
    must come from the page itself (Origin, Sec-Fetch-Site). Beyond loopback it brings the token: in the query of the
    first address, which is answered by a cookie and a redirect to the address without it; then the cookie, or
    `Authorization: Bearer`. A client that asks too often is told so (429), one that is refused the sooner.
    """

    def __init__(
        self,
        app: App,
        host: str,
        token: str | None = None,
        names: tuple[str, ...] = (),
        open_paths: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._open_paths = open_paths
        self._names = {"localhost", host.lower(), *(name.lower() for name in names)}
        self.token = None if is_loopback(host) else token or secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(24)
        self._allowance = Allowance(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        client = str((scope.get("client") or ("",))[0])
        problem = self._problem(scope, headers)
        known = problem is None and (self.token is None or self._is_open(scope) or self._knows(headers))
        opens = problem is None and not known and self._brings_token(scope)
        if not self._allowance.take(client, 1 if known or opens else REFUSED):
            await _refuse(scope, send, 429, "too many requests: wait a moment")
        elif problem is not None:
            await _refuse(scope, send, *problem)
        elif opens:
            await self._open(scope, headers, send)
        elif not known:
            await _refuse(scope, send, 401, "open the address with the token that smiledet printed when it started")
        else:
            await self._app(scope, limited(receive), _with_headers(patient(send)))

    def _problem(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(host_of(host)):
            return 421, "this name is not one of this machine's"
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        origin = headers.get("origin")
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        if changes and origin is not None and origin != f"{scheme}://{host}":
            return 403, "asked for by another web site"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and (
            changes or headers.get("sec-fetch-mode") != "navigate"
        ):
            return 403, "asked for by another web site"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return 413, f"at most {LARGEST_BODY} bytes"
        return None

    def _is_ours(self, host: str) -> bool:
        if host in self._names:
            return True
        try:
            ip_address(host)
        except ValueError:
            return False
        return True

    def _is_open(self, scope: Scope) -> bool:
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        return reads and scope["path"].startswith(self._open_paths)

    def _knows(self, headers: dict[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(given.strip(), self.token):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(headers))
        except CookieError:
            return False
        return cookie is not None and _same(cookie.value, self._session)

    def _brings_token(self, scope: Scope) -> bool:
        """Whether it is the first address, which holds the token."""
        given = dict(_query(scope)).get(TOKEN)
        return scope["type"] == "http" and scope["method"] == "GET" and bool(given) and _same(str(given), self.token)

    async def _open(self, scope: Scope, headers: dict[str, str], send: Send) -> None:
        """Answer the first address: a cookie, and the same address without the token."""
        rest = urlencode([(name, value) for name, value in _query(scope) if name != TOKEN])
        secure = "; Secure" if scope["scheme"] == "https" else ""
        limits = f"Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}"
        # A path that begins with two slashes would be another machine's address.
        address = "/" + quote(scope["path"].lstrip("/")) + (f"?{rest}" if rest else "")
        cookie = f"{_cookie_name(headers)}={self._session}; {limits}"
        await _answer(send, 303, "", {"location": address, "set-cookie": cookie})


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _cookie_name(headers: dict[str, str]) -> str:
    port = headers.get("host", "").rpartition(":")[2]
    return f"{COOKIE}-{port}" if port.isascii() and port.isdecimal() else COOKIE


def _same(given: str, secret: str | None) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    return secret is not None and hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why})
    else:
        await _answer(send, status, why)


async def _answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    body = f"{text}\n".encode()
    every = {
        **HEADERS,
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    raw = [(name.encode(), value.encode("latin-1")) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    """The same, with `HEADERS` in every answer; what an answer says itself stays."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in there]
            message["headers"] = [*message.get("headers", ()), *added]
        await send(message)

    return sent
