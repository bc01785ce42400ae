"""Compare the locator with a full scan of every frame and with stronger detectors.

On clips (--clip, the demo where nothing is given) and on photographs of one face each (--data). For each: recall and
false alarms of the locator, frame by frame and as it runs live, and of the full scan; track breaks and identity
switches; tracks in which no stronger detector sees a face on any frame; and what each costs. The full scan has the
locator's own detector, settings and smallest face. HOG, MTCNN and MMOD cost up to a hundred times more, so they are
asked about whole pictures on every N-th only; the tables say on how many each figure rests.

Example:
  smiledet bench locator --clip clip.mp4 --clip other.mp4
  smiledet bench locator --clip demo --data genki4k:/data/genki4k --references hog --every 5 --json
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.report import Section

STRONG = ("hog", "mtcnn", "mmod")
"""The detectors that are asked for a stronger opinion."""

HEADER = ("located by", "reference", "frames", "faces", "found", "recall", "false alarms", "breaks", "switches")
ALARMS = ("located by", "tracks", "no reference sees on any frame", "boxes", "of those tracks")
COSTS = ("located by", "frames", "ms, median", "mean", "95 %", "median / scan's", "scans a frame")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--clip", action="append", default=[], metavar="SOURCE", help="a clip; may be repeated")
    parser.add_argument("--frames", type=int, metavar="N", help="pictures of each clip (default: all)")
    parser.add_argument("--data", metavar="LAYOUT:PATH", help="whole photographs of one face each, genki4k:PATH say")
    parser.add_argument("--photos", type=int, default=300, metavar="N", help="photographs of --data (default: 300)")
    parser.add_argument(
        "--every", type=int, default=30, metavar="N", help="ask the references every N-th (default: 30)"
    )
    parser.add_argument(
        "--references", metavar="A,B", help="which of hog, mtcnn, mmod, or none (default: those installed)"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings of the locator, as smiledet run takes them"
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be measured before anything is: minutes of work would be lost over the last source."""
    from smiledet.lab.benchmark.locator.measure import references
    from smiledet.lab.benchmark.locator.runs import clip_pictures, photograph_pictures

    for flag in ("frames", "photos", "every"):
        value = getattr(arguments, flag)
        if value is not None and value < 1:
            raise UsageError(f"--{flag} {value}: expected at least 1")
    references(_named(arguments))
    _config(arguments)
    for clip in arguments.clip:
        next(clip_pictures(clip, 1), None)
    if arguments.data is not None:
        next(photograph_pictures(arguments.data, 1), None)


def _named(arguments: argparse.Namespace) -> list[str]:
    from smiledet.detection.detectors.choose import installed_detectors

    if arguments.references is None:
        return [name for name in STRONG if name in installed_detectors()]
    names = list(dict.fromkeys(name.strip() for name in arguments.references.split(",") if name.strip()))
    if names == ["none"]:
        return []
    for name in names or [arguments.references]:
        if name not in STRONG:
            raise UsageError(
                f"--references {name!r}: expected some of {', '.join(STRONG)} separated by commas, or none"
            )
    return names


def _config(arguments: argparse.Namespace) -> Any:
    """The configuration that `smiledet run` would take here."""
    from smiledet.config import load_config
    from smiledet.platform.choice import pick_platform

    return load_config(pick_platform().name, arguments.config).config


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Compare on everything that was given."""
    import cv2

    from smiledet.lab.benchmark.locator.alarms import alarms_in_all
    from smiledet.lab.benchmark.locator.measure import compare, references
    from smiledet.lab.benchmark.locator.runs import clip_pictures, photograph_pictures
    from smiledet.lab.benchmark.locator.scores import in_all

    config = _config(arguments)
    cv2.setNumThreads(1)  # times are of one thread
    strong = references(_named(arguments))
    sources = [(clip, clip_pictures(clip, arguments.frames)) for clip in arguments.clip]
    if arguments.data is not None:
        sources.append((arguments.data, photograph_pictures(arguments.data, arguments.photos)))
    if not sources:
        sources.append(("demo", clip_pictures("demo", arguments.frames)))
    compared = [compare(source, pictures, strong, arguments.every, config) for source, pictures in sources]
    clips = [each for each in compared if each.source in arguments.clip]
    return {
        "every": arguments.every,
        "locator": [asdict(each) for each in compared],
        "clips": [asdict(score) for score in in_all([score for each in clips for score in each.scores])],
        "clips_alarms": [asdict(row) for row in alarms_in_all([row for each in clips for row in each.alarms])],
    }


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """Tables a source: faces found, false alarms, and cost; and the first two of all clips together."""
    every = result["every"]
    for each in result["locator"]:
        cuts = f", {each['cuts']} cuts" if each["cuts"] else ""
        asked = "stronger detectors asked on " + ("all" if every == 1 else f"every {_ordinal(every)}")
        title = f"{each['source']}: {each['frames']} pictures{cuts}; {asked}; a face is found at IoU 0.5"
        yield title, HEADER, [_row(row) for row in each["scores"]]
        if each["alarms"]:
            yield "", ALARMS, [_alarms(row) for row in each["alarms"]]
        yield "", COSTS, [_cost(row) for row in each["costs"]]
    if len(result["locator"]) > 1 and result["clips"]:
        yield "all clips together", HEADER, [_row(row) for row in result["clips"]]
        if result["clips_alarms"]:
            yield "", ALARMS, [_alarms(row) for row in result["clips_alarms"]]


def _ordinal(number: int) -> str:
    """The number with its ending.

    >>> [_ordinal(number) for number in (2, 3, 11, 21)]
    ['2nd', '3rd', '11th', '21st']
    """
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    recall = "-" if row["recall"] is None else f"{100 * row['recall']:.1f} %"
    counts = [str(row[name]) for name in ("frames", "faces", "found")]
    kept = ["-" if row[name] is None else str(row[name]) for name in ("breaks", "switches")]
    return row["searcher"], row["reference"], *counts, recall, str(row["false_alarms"]), *kept


def _alarms(row: dict[str, Any]) -> tuple[str, ...]:
    return row["searcher"], *(str(row[name]) for name in ("tracks", "false_tracks", "boxes", "false_boxes"))


def _cost(row: dict[str, Any]) -> tuple[str, ...]:
    times = [f"{row[name]:.2f}" for name in ("milliseconds", "mean_ms", "slow_ms")]
    return row["searcher"], str(row["frames"]), *times, f"{row['ratio']:.3f}", f"{row['scans']:.3f}"
