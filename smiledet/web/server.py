"""A page's server: uvicorn on a socket that was opened first, in a thread of its own."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from smiledet.errors import UsageError
from smiledet.system.redaction import redact_address
from smiledet.web.limits import PATIENCE
from smiledet.web.security import TOKEN, Guard

MOST_REQUESTS = 64
"""At the same time; more are answered with 503."""

BARE = re.compile(rb"(?<!\r)\n")
"""A line's end without a carriage return."""

ENDS_WITHIN = 3
"""Seconds for answers that are under way when the server ends."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: An address or name of this machine; `0.0.0.0` or `::` for all.
        port: 0 for any that is free.

    Raises:
        UsageError: No such address, or the port is taken or not permitted.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(128)
        except OSError:
            listening.close()
            raise
    except (OSError, UnicodeError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise UsageError(f"cannot listen on {redact_address(host)} port {port}: {reason}") from problem
    return listening


def address_of(listening: socket.socket, host: str, guard: Guard) -> str:
    """What to open in a browser, with the token where one is asked for."""
    port = listening.getsockname()[1]
    name = {"0.0.0.0": _own_address(), "::": _own_address()}.get(host, host)  # noqa: S104
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + (f"?{TOKEN}={guard.token}" if guard.token else "")


def _own_address() -> str:
    """The address by which other machines reach this one; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # RFC 5737: of no machine
            return str(asking.getsockname()[0])
        except OSError:
            return socket.gethostname()


@contextmanager
def served(app: Any, listening: socket.socket) -> Iterator[threading.Event]:
    """Serve an application while the block runs.

    Yields:
        An event that is set when the server has ended by itself.
    """
    import h11
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Strict(H11Protocol):
        """Hangs up on who connects and does not ask: each takes one of `MOST_REQUESTS` places.

        It refuses heads in which a line ends without a carriage return. h11 takes them, other servers do not (RFC 9112,
        section 2.2): a proxy could see another request.
        """

        last = b""

        def data_received(self, data: bytes) -> None:
            if self.conn.their_state is h11.IDLE and BARE.search((self.last + data).partition(b"\r\n\r\n")[0]):
                self.send_400_response("Invalid HTTP request received.")
                return
            self.last = data[-1:] if data.endswith(b"\r") else b""
            super().data_received(data)

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.loop.call_later(PATIENCE, self._look, None, 0)

        def _look(self, cycle: Any, left: int) -> None:
            """Hang up where no request has come since the last look, nor one is being answered.

            A connection that is closed waits for its client to take what is left for it: one that takes nothing is cut.
            """
            if self.transport.is_closing():
                if self.transport.get_write_buffer_size() == left:
                    self.transport.abort()
                    return
            elif self.conn.their_state is h11.IDLE and self.cycle is cycle:
                self.transport.close()
            self.loop.call_later(PATIENCE, self._look, self.cycle, self.transport.get_write_buffer_size())

    class Server(uvicorn.Server):
        """Leaves signals alone: whoever runs it hears them."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # addresses of the first request hold the token
        server_header=False,
        date_header=False,
        limit_concurrency=MOST_REQUESTS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=ENDS_WITHIN,
        h11_max_incomplete_event_size=64 << 10,
        ws="wsproto",
        ws_max_size=1 << 16,  # what clients send is thrown away
        http=Strict,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server = Server(config)
    ended = threading.Event()

    def run() -> None:
        try:
            server.run(sockets=[listening])
        finally:
            ended.set()

    thread = threading.Thread(target=run, name="smiledet-web", daemon=True)
    thread.start()
    try:
        yield ended
    finally:
        server.should_exit = True
        thread.join(ENDS_WITHIN + 2)
        listening.close()
