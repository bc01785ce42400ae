"""Which engine runs the networks, and why."""

from __future__ import annotations

from dataclasses import dataclass

from smiledet.engines.base import engine_class
from smiledet.errors import UsageError

AUTO = "auto"

PREFERENCE = ("litert",)
"""What `auto` tries, the first that can run here is taken."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A choice and its reason.

    Attributes:
        name: The engine.
        reason: Why this one, in words.
    """

    name: str
    reason: str


def choose_engine(wanted: str = AUTO, preference: tuple[str, ...] = PREFERENCE) -> EngineChoice:
    """Take the engine that was asked for, or the first that can run here.

    Args:
        wanted: `auto`, or an engine; one that is named is taken or refused, never replaced.
        preference: What `auto` tries, in this order.

    Raises:
        UsageError: No such engine, or it cannot run here; what is missing is said.
    """
    if wanted != AUTO:
        engine_class(wanted).check()
        return EngineChoice(wanted, "asked for")
    problems: list[str] = []
    for name in preference:
        try:
            engine_class(name).check()
        except UsageError as problem:
            problems.append(str(problem))
            continue
        why = "; ".join(problems) or "the first choice on this platform"
        return EngineChoice(name, why)
    raise UsageError(f"no engine can run here: {'; '.join(problems)}")
