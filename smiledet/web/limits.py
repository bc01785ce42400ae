"""What one client may take of a page's server: bytes, requests a second, and time.

A browser on the page stays far below; what goes beyond is refused or hung up on, so that it takes nothing from others.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 1 << 20
"""Bytes of a request. The largest is a list of selected photographs: eight bytes each, a hundred thousand of them."""

BURST = 1000.0
"""Requests that a client may make at once: the thumbnails of a long page."""

RATE = 100.0
"""Requests a second that it may make for long."""

REFUSED = 50.0
"""How many requests a refused one counts as: twenty wrong tokens at once, then two a second."""

MOST_CLIENTS = 1024
"""Addresses that are remembered; the one that has been quiet longest is forgotten first."""

PATIENCE = 30.0
"""Seconds for a client to send the next part of a request, or to take the next part of an answer."""


class Allowance:
    """How many requests each client may still make (a token bucket an address).

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, cost: float = 1.0) -> bool:
        """Take a request's cost from what a client has left; False where it has less, and then nothing is taken.

        >>> allowance = Allowance(lambda: 0.0)
        >>> [allowance.take("10.0.0.7", 400) for _ in range(3)]
        [True, True, False]
        """
        now = self._clock()
        left, then = self._left.pop(client, (BURST, now))
        left = min(BURST, left + RATE * (now - then))
        allowed = left >= cost
        self._left[client] = (left - cost if allowed else left, now)
        if len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        return allowed


def limited(receive: Receive) -> Receive:
    """The same; a body that grows beyond `LARGEST_BODY`, or comes too slowly, ends as if the client had hung up."""
    taken = 0
    whole = False

    async def received() -> Message:
        nonlocal taken, whole
        try:
            # What comes after the body is the client's hanging up, which may take as long as it likes.
            message = await (receive() if whole else asyncio.wait_for(receive(), PATIENCE))
        except asyncio.TimeoutError:
            return {"type": "http.disconnect"}
        taken += len(message.get("body", b"") or message.get("bytes") or b"")
        whole = not message.get("more_body", False)
        if message["type"] == "http.request" and taken > LARGEST_BODY:
            return {"type": "http.disconnect"}
        return message

    return received


def patient(send: Send) -> Send:
    """The same, which fails where the client takes nothing for `PATIENCE`: its place is needed for others."""

    async def sent(message: Message) -> None:
        await asyncio.wait_for(send(message), PATIENCE)

    return sent
