"""The live page on the network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from smiledet.web.live.app import Live, make_app
from smiledet.web.security import Guard
from smiledet.web.server import address_of, listen, served


@contextmanager
def serve_live(live: Live, host: str, port: int) -> Iterator[str]:
    """Serve the page while the block runs.

    Args:
        live: What is shown.
        host: The address that is listened on; beyond loopback the page asks for a token.
        port: 0 for any that is free.

    Yields:
        What to open in a browser.

    Raises:
        UsageError: The address cannot be had.
    """
    listening = listen(host, port)
    guard = Guard(make_app(live), host, names=(socket.gethostname(),))
    with served(guard, listening):
        yield address_of(listening, host, guard)
