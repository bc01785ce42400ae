"""Which engine runs the networks, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smiledet.engines.base import engine_class
from smiledet.errors import ModelError, UsageError
from smiledet.schema import AUTO

ENGINES = ("litert", "onnx", "tensorflow", "tensorrt")
"""What a configuration may name; a test holds that no file of this folder is missing here."""

PREFERENCE = ("litert",)
"""What `auto` tries unless the platform says otherwise, the first that can run here is taken."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A choice and its reason.

    Attributes:
        name: The engine.
        reason: Why this one, in words.
        refused: What was tried before it, each with what is missing.
    """

    name: str
    reason: str
    refused: tuple[tuple[str, str], ...] = ()


def choose_engine(
    wanted: str = AUTO, preference: tuple[str, ...] = PREFERENCE, try_out: Callable[[str], object] | None = None
) -> EngineChoice:
    """Take the engine that was asked for, or the first that can run here.

    Args:
        wanted: `auto`, or an engine; one that is named is taken or refused, never replaced.
        preference: What `auto` tries, in this order.
        try_out: Called with an engine whose library is here; raises `UsageError` where it cannot do what is asked of
            it: a model may have no file for it, say.

    Raises:
        ModelError: No such engine, or it cannot run here; what is missing is said.
    """

    def examine(name: str) -> None:
        engine_class(name).check()
        if try_out is not None:
            try_out(name)

    if wanted != AUTO:
        examine(wanted)
        return EngineChoice(wanted, "asked for")
    problems: list[str] = []
    for name in preference:
        try:
            examine(name)
        except UsageError as problem:
            problems.append(str(problem))
            continue
        refused = tuple(zip(preference, problems, strict=False))
        why = "; ".join(f"not {other}: {problem}" for other, problem in refused)
        return EngineChoice(name, why or "the first choice on this platform", refused)
    raise ModelError(f"no engine can run here: {'; '.join(problems)}")
