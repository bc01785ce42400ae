"""A gallery on the network, from folders and a configuration."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smiledet.config import Config
from smiledet.photographs.index import Indexer
from smiledet.web.gallery.app import make_app
from smiledet.web.gallery.library import Library
from smiledet.web.gallery.why import Reasons
from smiledet.web.security import Guard
from smiledet.web.server import address_of, listen, served

NICE = 15
"""By how much reading gives way: to the page and its thumbnails, which someone is looking at."""


@contextmanager
def serve_gallery(
    folders: Sequence[Path],
    config: Config,
    host: str,
    port: int,
    store: Path | None = None,
    copies: Path | None = None,
) -> Iterator[tuple[str, threading.Event]]:
    """Serve a gallery while the block runs.

    Args:
        folders: Absolute, with symbolic links followed.
        config: What is read, and what runs it.
        host: The address that is listened on; beyond loopback the page asks for a token.
        port: 0 for any that is free.
        store: Where readings are kept; None for the user's own store.
        copies: Where selected photographs are copied on request; None for nowhere.

    Yields:
        What to open in a browser, and an event that is set if the server ends by itself.

    Raises:
        UsageError: The address, store or a model cannot be had.
    """
    with ExitStack() as stack:
        listening = listen(host, port)
        stack.callback(listening.close)
        indexer = stack.enter_context(Indexer(config, store, nice=NICE))
        reasons = Reasons(indexer.models)
        stack.callback(reasons.close)
        library = Library(indexer, folders)
        stack.callback(library.close)
        library.look()
        guard = Guard(make_app(library, reasons, copies), host, names=(socket.gethostname(),))
        ended = stack.enter_context(served(guard, listening))
        yield address_of(listening, host, guard), ended
