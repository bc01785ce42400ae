"""From SOURCE … and the configuration's `[[source]]` to the sources of a run, and to the files of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.sources.base import Source, SourceSettings

PLACEHOLDER = "{source}"
"""Stands in an output's name for that of the source."""

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Given:
    """A source as the user has named it.

    Attributes:
        name: What the run calls it; empty for a single one that has no name.
        spec: What it is; None for the default.
        settings: What is asked of it.
    """

    name: str
    spec: str | None
    settings: SourceSettings

    @property
    def file_name(self) -> str:
        """What stands for it in the names of files: a file's own name without its suffix, else the name."""
        from smiledet.system.redaction import shown_source

        name = self.name or shown_source(self.spec or "demo")
        if file := re.fullmatch(r"([^:]*\.\w{1,5})( \d+)?", name):  # the second of a name has a number behind it
            name = Path(file[1]).stem + (file[2] or "")
        return re.sub(r"[^\w.-]+", "_", name).strip("_.") or "source"


def sources_given(specs: Sequence[str], config: Config) -> list[Given]:
    """The sources of a run: those of the command line, which may be names of `[[source]]`, else all of `[[source]]`.

    Raises:
        UsageError: Standard input is asked for twice.
    """
    from smiledet.sources.choose import distinct
    from smiledet.system.redaction import shown_source

    rows = {row.name: row for row in config.sources}
    chosen = list(specs) or list(rows)
    if not chosen:
        return [Given("", None, config.source)]
    given = [
        Given(spec, rows[spec].address, rows[spec])
        if spec in rows
        else Given("" if len(chosen) == 1 else shown_source(spec), spec, config.source)
        for spec in chosen
    ]
    if sum(each.spec == STANDARD_INPUT for each in given) > 1:
        raise UsageError("- is given twice: standard input can be read only once")
    return [replace(each, name=name) for each, name in zip(given, distinct(each.name for each in given), strict=True)]


def create_sources(
    given: Sequence[Given], config: Config, realtime: bool, rate: float, loop: bool
) -> dict[str, Source]:
    """The sources by name, not yet open.

    Raises:
        UsageError: There is no such source, or a camera is given twice.
    """
    from smiledet.sources.choose import create_source

    sources: dict[str, Source] = {}
    for each in given:
        smallest = config.photographs.smallest_face
        source = create_source(each.spec, each.settings, realtime, rate, loop, smallest_face=smallest)
        if source.exclusive and any(source.description == other.description for other in sources.values()):
            raise UsageError(f"{source.description} is given twice: it can be opened only once")
        sources[each.name] = source
    return sources


def path_of(path: Path, given: Given, several: bool) -> Path:
    """The file of one source: `{source}` in its name is replaced, else the source's name stands behind it.

    >>> from smiledet.sources.base import SourceSettings
    >>> door = Given("door", "0", SourceSettings())
    >>> [str(path_of(Path(each), door, True)) for each in ("out.mp4", "{source}/out.mp4")]
    ['out-door.mp4', 'door/out.mp4']
    """
    if PLACEHOLDER in str(path):
        return Path(str(path).replace(PLACEHOLDER, given.file_name))
    return path.with_name(f"{path.stem}-{given.file_name}{path.suffix}") if several and path.name else path


def paths_of(flag: str, path: Path, given: Sequence[Given]) -> dict[str, Path]:
    """The file of each source, by the source's name.

    Raises:
        UsageError: Two would be written to one file, or it is no file.
    """
    several = len(given) > 1
    if several and path.exists() and not path.is_file() and PLACEHOLDER not in str(path):
        raise UsageError(f"{flag} {path}: {len(given)} sources need a file each, which this is not")
    paths: dict[str, Path] = {}
    for each in given:
        place = path_of(path, each, several)
        if place in paths.values():
            other = next(name for name, taken in paths.items() if taken == place)
            raise UsageError(
                f"{flag} {path}: {other} and {each.name} would both be written to {place}; "
                "name the sources in the configuration, [[source]]"
            )
        paths[each.name] = place
    return paths
