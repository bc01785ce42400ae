"""A command that serves a page until it is interrupted: its flags, and the waiting."""

from __future__ import annotations

import argparse
import logging
import threading

log = logging.getLogger(__name__)

HOST = "127.0.0.1"


def add_page(parser: argparse.ArgumentParser, port: int) -> argparse._ArgumentGroup:
    """Declare `--serve` and `--open`; returns their group, for further flags of the page.

    Args:
        parser: The command's.
        port: The usual one.
    """
    page = parser.add_argument_group("the page")
    page.add_argument(
        "--serve",
        default=f"{HOST}:{port}",
        metavar="HOST:PORT",
        help=f"where it is served (default: {HOST}:{port}); port 0 takes one that is free",
    )
    page.add_argument("--open", action="store_true", help="open it in the browser")
    return page


def keep_serving(page: str, address: str, ended: threading.Event, opened: bool) -> None:
    """Say where a page is, open it where that is wanted, and wait until its server ends.

    Args:
        page: What it is called.
        address: Where it is.
        ended: Set when the server has ended.
        opened: Whether to open it in the user's browser.
    """
    print(f"{page} is at {address}", flush=True)
    if opened:
        threading.Thread(target=_browse, args=(address,), daemon=True).start()
    while not ended.wait(1.0):
        pass


def _browse(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        log.warning("no browser could be opened: open the address yourself")
