"""Print the README's benchmark tables from files that `smiledet bench --output` wrote.

Each target's tables stand below the date, the machine and the command that measured them.

Example:
  make bench OUTPUT=docs/benchmarks
  python scripts/benchmark_table.py --brief docs/benchmarks/*.json
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from smiledet.cli.bench import target, target_names
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.records import read_kept
from smiledet.lab.training.evaluation.tables import markdown


def as_markdown(name: str, kept: Mapping[str, Any], path: Path, brief: bool) -> list[str]:
    """A target's tables.

    Raises:
        UsageError: The file lacks what the target writes.
    """
    try:
        return list(_parts(target(name), kept, brief))
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as problem:
        raise UsageError(f"{path} lacks what `smiledet bench {name}` writes: {problem!r}") from problem


def _parts(module: ModuleType, kept: Mapping[str, Any], brief: bool) -> Iterator[str]:
    sections = module.brief if brief and hasattr(module, "brief") else module.sections
    for title, header, rows in sections(kept):
        yield f"**{title}**\n\n{markdown(header, rows)}" if title else markdown(header, rows)
    if hasattr(module, "remarks"):
        yield from module.remarks(kept)


def render(path: Path, brief: bool = False) -> Iterator[str]:
    """What one file holds.

    Args:
        path: The file.
        brief: Shorter tables, of the targets that have some.

    Raises:
        UsageError: It cannot be read, is of an unknown target, or lacks what its target writes.
    """
    kept = read_kept(path)
    unknown = set(kept["targets"]) - set(target_names())
    if unknown:
        raise UsageError(f"{path} is of the target {min(unknown)!r}; there are {', '.join(target_names())}")
    yield f"{kept['date'][:10]}, {kept['machine']}:\n\n    {kept['command']}"
    for name in kept["targets"]:
        yield from as_markdown(name, kept, path, brief)


def main() -> int:
    """Read and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="written by `smiledet bench --output`")
    parser.add_argument("--brief", action="store_true", help="a row a network instead of one a network and engine")
    arguments = parser.parse_args()
    print("\n\n".join([part for path in arguments.files for part in render(path, arguments.brief)]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"benchmark_table: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
