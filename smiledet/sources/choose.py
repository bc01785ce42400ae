"""From SOURCE on the command line to a source."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from smiledet.errors import SourceError
from smiledet.sources.base import NamedSource, Source, SourceSettings
from smiledet.sources.looping import Looped
from smiledet.sources.pacing import Paced
from smiledet.system.redaction import redact_address

log = logging.getLogger(__name__)

FIRST_CAMERA = Path("/dev/video0")


def source_kinds() -> list[type[NamedSource]]:
    """Every kind of source, in the order in which they are asked: one a module that has a `SOURCE`."""
    package = import_module("smiledet.sources")
    names = sorted(module.name for module in iter_modules(package.__path__))
    modules = [import_module(f"smiledet.sources.{name}") for name in names]
    kinds: list[type[NamedSource]] = [module.SOURCE for module in modules if hasattr(module, "SOURCE")]
    return sorted(kinds, key=lambda kind: kind.rank)


def default_spec() -> str:
    """The first camera, or where there is none the demo, saying so."""
    if FIRST_CAMERA.exists():
        return "0"
    log.warning("no camera at %s: playing the built-in demo instead", FIRST_CAMERA)
    return "demo"


def distinct(names: Iterable[str]) -> list[str]:
    """Names of sources, with a number behind one that is there already.

    >>> distinct(["demo", "0", "demo"])
    ['demo', '0', 'demo 2']
    """
    found: list[str] = []
    for name in names:
        number = 1
        while (numbered := name if number == 1 else f"{name} {number}") in found:
            number += 1
        found.append(numbered)
    return found


def create_source(
    spec: str | None,
    settings: SourceSettings | None = None,
    realtime: bool = False,
    rate: float = 0.0,
    loop: bool = False,
    smallest_face: float = 0.0,
) -> Source:
    """The source that SOURCE names, not yet open.

    Args:
        spec: SOURCE; None for the default.
        settings: What to ask of a camera or a stream.
        realtime: Play a file, or the demo, at its own pace; what is live already stays as it is.
        rate: Play it at so many pictures a second instead; 0 for its own pace.
        loop: Begin a file again when it ends.
        smallest_face: See `Source.smallest_face`.

    Raises:
        SourceError: Nothing of that name; the message lists what SOURCE may be. Or it is live: no loop, no rate.
    """
    chosen = default_spec() if spec is None else os.path.expanduser(spec)  # noqa: PTH111 - Path's raises
    kinds = source_kinds()
    for kind in kinds:
        if kind.accepts(chosen):
            source: Source = kind.from_spec(chosen, settings or SourceSettings())
            source.smallest_face = smallest_face
            if source.live and (rate or loop):
                flag = "loop" if loop else "rate"
                raise SourceError(f"--{flag} is for files and the demo; {redact_address(chosen)} comes as it comes")
            if loop and not source.repeatable:
                raise SourceError(f"--loop: {source.description} can be read only once")
            source = Looped(source) if loop else source
            return Paced(source, rate=rate) if realtime and not source.live else source
    raise SourceError(
        f"there is no {redact_address(chosen)!r}; SOURCE may be {'; '.join(kind.forms for kind in kinds)}"
    )
