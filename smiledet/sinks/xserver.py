"""Whether an X server would let this process in, found out by saying hello as X11 clients do."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

X_BASE_PORT = 6000
COOKIE = b"MIT-MAGIC-COOKIE-1"

ANSWER_WITHIN = 2.0
"""Seconds that a server, perhaps on another machine, may take to answer."""

KNOCKS = 3
"""How often a server that hangs up without a word is tried: one that starts over drops who is waiting, then answers."""


def x_server_problem(display: str, environment: Mapping[str, str]) -> str | None:
    """Why no window can be opened at an X display, in one line; None where one can.

    Args:
        display: As in DISPLAY: ':0', ':0.0', 'unix:0', 'localhost:10.0' or '/path/to/socket:0'.
        environment: Environment variables, for the file of cookies.
    """
    try:
        _enter(display, environment).close()
    except _NotLetInError as problem:
        return str(problem)
    return None


@contextmanager
def staying(display: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Be a client of an X server meanwhile, where it lets one in.

    A server whose last client leaves starts over (Xserver(1), -noreset), and drops those who are just coming: Qt, which
    then aborts the process. On a desktop there are always others; under Xvfb, or on a board that shows nothing else,
    knocking at the door may itself have been the last client's visit.
    """
    with ExitStack() as visit:
        with suppress(_NotLetInError):
            visit.enter_context(_enter(display, environment))
        yield


class _NotLetInError(Exception):
    """Why not, in one line."""


def _enter(display: str, environment: Mapping[str, str]) -> socket.socket:
    """A connection over which the server has let this process in; raises _NotLetInError."""
    found = re.fullmatch(r"(.*):(\d+)(?:\.\d+)?", display)
    if found is None:
        raise _NotLetInError(f"DISPLAY is {display!r}, expected something like ':0'")
    host, number = found[1], int(found[2])
    refusal = None
    for cookie in [*find_cookies(number, environment), None]:
        for _ in range(KNOCKS):
            connection = _connect(display, host, number)
            if connection is None:
                raise _NotLetInError(f"DISPLAY is {display}, and no X server answers there")
            try:
                refusal = _say_hello(connection, cookie)
            except ConnectionError:
                refusal = "it hangs up"
                connection.close()
                continue
            if refusal is None:
                return connection
            connection.close()
            break
    raise _NotLetInError(f"DISPLAY is {display}, and the X server there refuses this user: {refusal}")


def find_cookies(number: int, environment: Mapping[str, str]) -> Iterator[bytes]:
    """The cookies that the user's Xauthority file holds for a display's number."""
    path = environment.get("XAUTHORITY") or str(Path(environment.get("HOME", "/")) / ".Xauthority")
    try:
        data = Path(path).read_bytes()
    except OSError:
        return
    place = 0
    while place + 2 <= len(data):
        place += 2  # the address family
        fields = []
        for _ in ("address", "number", "name", "data"):
            if place + 2 > len(data):
                return
            (length,) = struct.unpack_from(">H", data, place)
            fields.append(data[place + 2 : place + 2 + length])
            place += 2 + length
        if fields[1] in (b"", str(number).encode()) and fields[2] == COOKIE:
            yield fields[3]


def _connect(display: str, host: str, number: int) -> socket.socket | None:
    """A connection to the server; None where nobody listens."""
    if host.startswith("/"):
        places = [display, host]
    elif host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where X servers listen
        places = [path, f"\0{path}"]
    else:
        try:
            return socket.create_connection((host.strip("[]"), X_BASE_PORT + number), ANSWER_WITHIN)
        except (OSError, OverflowError):
            return None
    for place in places:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(ANSWER_WITHIN)
        try:
            connection.connect(place)
        except OSError:
            connection.close()
        else:
            return connection
    return None


def _say_hello(connection: socket.socket, cookie: bytes | None) -> str | None:
    """Ask to be let in, X11 protocol 11.0; None if granted, else why not. Raises ConnectionError where it hangs up."""
    name, data = (COOKIE, cookie) if cookie else (b"", b"")
    hello = struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(data))
    for text in (name, data):
        hello += text + b"\0" * (-len(text) % 4)
    try:
        connection.sendall(hello)
        answer = connection.recv(1024)
    except ConnectionError:
        raise
    except OSError as problem:
        return problem.strerror or "it does not answer"
    if not answer:
        raise ConnectionResetError
    if answer[:1] == b"\x01":
        return None
    reason = answer[8 : 8 + answer[1]] if len(answer) > 8 and answer[0] == 0 else b""
    return reason.decode("ascii", "replace").strip("\0 \n") or "it gives no reason"
