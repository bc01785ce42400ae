"""What a buffer is told of its stages, and what happens when one is slower than the source."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Policy(Enum):
    """What happens when a stage is slower than the source."""

    LIVE = "live"
    EVERY_FRAME = "every frame"


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What the buffer knows of a stage.

    Attributes:
        name: The stage, and the key of its result.
        needs: Stages whose results it works from.
        in_order: Hand it every ready frame, oldest first, even when live: a recorder wants them all. Otherwise a live
            stage is handed the newest and never goes back.
        uncounted: It does not count among those that work at once, and need not wait for them: it has other things to
            do than frames.
    """

    name: str
    needs: frozenset[str] = frozenset()
    in_order: bool = False
    uncounted: bool = False
