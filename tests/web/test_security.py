"""What the guard in front of every page lets in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from smiledet.web.limits import LARGEST_BODY, Message
from smiledet.web.security import COOKIE, HEADERS, Guard, Scope

LOOPBACK, NETWORK = "127.0.0.1", "0.0.0.0"


async def _page(scope: Scope, receive: Any, send: Any) -> None:
    """Reads the whole request, then answers."""
    while scope["type"] == "http":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"secret"})


def ask(
    guard: Guard,
    method: str = "GET",
    path: str = "/",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    kind: str = "http",
    body: tuple[bytes, ...] = (b"",),
) -> tuple[int, dict[str, str], bytes]:
    """One request, as uvicorn would hand it over: status, headers, body; status 0 where no answer came."""
    given = {"host": "127.0.0.1:8000"} | dict(headers or {})
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "scheme": "http" if kind == "http" else "ws",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    parts = list(body)
    sent: list[Message] = []

    async def receive() -> Message:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    if not sent or sent[0]["type"] == "websocket.close":
        return (sent[0]["code"] if sent else 0), {}, b""
    received = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return sent[0]["status"], received, b"".join(message.get("body", b"") for message in sent[1:])


class TestLoopback:
    @pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
    def test_needs_no_token(self, host: str) -> None:
        guard = Guard(_page, LOOPBACK)
        assert guard.token is None
        assert ask(guard, headers={"host": host})[0] == 200

    def test_every_answer_has_the_headers(self) -> None:
        for host in ("127.0.0.1", "evil.example"):
            headers = ask(Guard(_page, LOOPBACK), headers={"host": host})[1]
            assert HEADERS.items() <= headers.items()
        assert "unsafe" not in HEADERS["content-security-policy"]


class TestHost:
    @pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1.evil.example", "", "localhost.evil.example"])
    def test_another_name_is_refused(self, host: str) -> None:
        """DNS rebinding: a web site's own name that points here."""
        status, _, body = ask(Guard(_page, LOOPBACK), headers={"host": host})
        assert (status, b"secret" in body) == (421, False)

    def test_a_name_of_the_machine_passes(self) -> None:
        assert ask(Guard(_page, LOOPBACK, names=("Jetson",)), headers={"host": "jetson:8000"})[0] == 200


class TestOrigin:
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:9"])
    def test_another_sites_change_is_refused(self, method: str, origin: str) -> None:
        assert ask(Guard(_page, LOOPBACK), method, headers={"origin": origin})[0] == 403

    def test_the_pages_own_change_passes(self) -> None:
        headers = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
        assert ask(Guard(_page, LOOPBACK), "POST", headers=headers)[0] == 200

    def test_another_sites_picture_is_refused_and_its_link_is_not(self) -> None:
        guard = Guard(_page, LOOPBACK)
        assert ask(guard, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})[0] == 403
        assert ask(guard, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})[0] == 200

    def test_another_sites_websocket_is_closed(self) -> None:
        assert ask(Guard(_page, LOOPBACK), headers={"origin": "http://evil.example"}, kind="websocket")[0] == 1008
        assert ask(Guard(_page, LOOPBACK), headers={"origin": "http://127.0.0.1:8000"}, kind="websocket")[0] == 200


class TestToken:
    def test_nothing_without_it(self) -> None:
        guard = Guard(_page, NETWORK)
        for attempt in (
            {},
            {"authorization": "Bearer wrong"},
            {"cookie": f"{COOKIE}-8000=wrong"},
            {"cookie": ";;=;\x01"},
        ):
            status, headers, body = ask(guard, headers=attempt)
            assert (status, b"secret" in body, "set-cookie" in headers) == (401, False, False)
        assert ask(guard, query="token=wrong")[0] == 401
        assert ask(guard, query="token=")[0] == 401
        assert ask(guard, "POST", query=f"token={guard.token}")[0] == 401, "only the first address may hold it"

    def test_the_first_address_gives_a_cookie_and_loses_the_token(self) -> None:
        guard = Guard(_page, NETWORK)
        status, headers, body = ask(guard, path="/", query=f"a=1&token={guard.token}")
        assert (status, headers["location"], b"secret" in body) == (303, "/?a=1", False)
        assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in headers["set-cookie"].split(";")}
        assert guard.token is not None
        assert guard.token not in headers["set-cookie"] + headers["location"]
        cookie = headers["set-cookie"].partition(";")[0]
        assert ask(guard, headers={"cookie": cookie})[0] == 200
        assert ask(Guard(_page, NETWORK), headers={"cookie": cookie})[0] == 401, "of another run"

    def test_programs_send_it_as_a_bearer(self) -> None:
        guard = Guard(_page, NETWORK, token="mine")
        assert ask(guard, headers={"authorization": "Bearer mine"})[0] == 200
        assert ask(guard, headers={"authorization": "Bearer mine\xff"})[0] == 401

    def test_the_redirect_stays_on_this_machine(self) -> None:
        guard = Guard(_page, NETWORK)
        assert ask(guard, path="//evil.example/x", query=f"token={guard.token}")[1]["location"] == "/evil.example/x"
        location = ask(guard, path="/a\r\nset-cookie: b", query=f"token={guard.token}")[1]["location"]
        assert "\r" not in location
        assert "\n" not in location

    def test_addresses_that_nobody_can_guess_need_no_token(self) -> None:
        guard = Guard(_page, NETWORK, open_paths=("/photo/",))
        assert ask(guard, path="/photo/abc.jpg")[0] == 200
        assert ask(guard, path="/photos")[0] == 401
        assert ask(guard, "POST", path="/photo/abc.jpg")[0] == 401
        assert ask(guard, path="/photo/abc.jpg", headers={"host": "evil.example"})[0] == 421
        assert ask(guard, path="/photo/abc", kind="websocket")[0] == 1008


class TestSize:
    def test_a_long_request_is_refused_by_its_length(self) -> None:
        for length in (str(LARGEST_BODY + 1), "-1", "x", "9" * 40, "\xb2"):
            assert ask(Guard(_page, LOOPBACK), "POST", headers={"content-length": length})[0] == 413

    def test_one_without_a_length_ends_where_it_grows_too_long(self) -> None:
        part = b"x" * (LARGEST_BODY // 2)
        assert ask(Guard(_page, LOOPBACK), "POST", body=(part, part, b""))[0] == 200
        assert ask(Guard(_page, LOOPBACK), "POST", body=(part, part, b"x"))[0] == 0
