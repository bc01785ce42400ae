"""Keeps a live stream from falling behind: pictures that have piled up are passed over.

What nobody reads waits in the buffers of the network, seconds of it: a machine that is too slow for the stream, a
reader that pauses between pictures (`max_rate`), a process that was stopped (SIGSTOP, a laptop's lid) would show ever
the oldest picture of them. Streams without times of their own (MJPEG) do not tell how old a picture is. But where
nothing has piled up, the stream keeps its reader waiting for every picture. So who has not had to wait for a while is
behind, and takes packets without decoding them until it has to wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

WAITED = 0.005
"""Seconds from which on a packet has kept its reader waiting; what has arrived is handed out in less."""

LATE = 0.4
"""Seconds without a wait after which a reader is behind; and of one wait, after which more may come at once."""

TIMES = 2
"""Waits in a row after which nothing is piled up any more: a thread that was kept off its processor seems to wait."""

LONGEST = 1.0
"""Seconds of passing over, after which a picture is shown all the same: the stream comes as fast as it is read."""


def newest(
    packets: Iterator[Any],
    wanted: int,
    faults: tuple[type[Exception], ...],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Any, bool]]:
    """The packets of a live stream but those that newer ones have overtaken.

    Args:
        packets: Of all kinds, as the demuxer gives them.
        wanted: Index of the stream that is decoded; the others' packets only tell of waiting.
        faults: What `packets` may raise; what was taken until then goes first.
        clock: Monotonic seconds; tests bring their own.

    Yields:
        A packet, and whether its pictures are to be shown; those of the others are only what later ones are made from.
    """
    head = clock()  # when it last had to wait: then nothing newer was there
    owed = 0  # waits until it has caught up
    while True:
        began = asked = clock()
        if asked - head > LATE:
            owed = TIMES
        held: list[Any] = []
        while True:
            try:
                packet = next(packets, None)
            except faults:
                yield from _last_shown(held)
                raise
            now = clock()
            waited = now - asked
            if waited > LATE:  # a hole in the network, or the process stood still: this may be the first of many
                head, owed = now, TIMES
            elif waited > WAITED:
                head, owed = now, max(0, owed - 1)
            elif owed:
                owed = TIMES
            if packet is not None and packet.stream.index == wanted:
                if owed and packet.is_keyframe:
                    held.clear()
                held.append(packet)
            if packet is None or not owed or waited > WAITED or now - began > LONGEST:
                break
            asked = now
        yield from _last_shown(held)
        if packet is None:
            return


def _last_shown(packets: list[Any]) -> Iterator[tuple[Any, bool]]:
    return ((packet, packet is packets[-1]) for packet in packets)
