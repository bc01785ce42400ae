"""The live page on the network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from smiledet.web.live.app import Live, make_app
from smiledet.web.live.shutter import Shutter
from smiledet.web.live.shutter_app import PHOTOGRAPHS, add_shutter
from smiledet.web.live.socket import add_socket
from smiledet.web.security import Guard, is_loopback
from smiledet.web.server import address_of, listen, served


@contextmanager
def serve_live(live: Live, host: str, port: int, shutter: Shutter | None = None) -> Iterator[str]:
    """Serve the page while the block runs.

    Args:
        live: What is shown.
        host: The address that is listened on; beyond loopback the page asks for a token.
        port: 0 for any that is free.
        shutter: The photo booth, whose page is then opened first; None for none.

    Yields:
        What to open in a browser.

    Raises:
        UsageError: The address cannot be had.
    """
    listening = listen(host, port)
    app = make_app(live)
    add_socket(app, live)
    open_paths = (PHOTOGRAPHS,) if shutter is not None else ()
    guard = Guard(app, host, names=(socket.gethostname(),), open_paths=open_paths)
    address = address_of(listening, host, guard)
    base, _, query = address.partition("?")
    if shutter is not None:
        add_shutter(app, shutter, base, reachable=not is_loopback(host))
    with served(guard, listening):
        yield address if shutter is None else f"{base}shutter{query and '?'}{query}"
