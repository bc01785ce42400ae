"""Compare the installed face detectors: recall, false alarms and time.

On photographs that show one face each (--data), on frames of clips (--clip), or on the demo where neither is given.
What counts as a face is printed with the figures.

Example:
  smiledet bench detectors --data genki4k:/data/genki4k --sheet faces.png --plot rates.png
  smiledet bench detectors --clip clip.mp4 --detectors haar,mtcnn --json
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

HEADER = ("detector", "found", "recall", "false alarms", "ms")
FRAMING_HEADER = ("detector", "faces", "right", "down", "side", "spread of the three")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--data", metavar="LAYOUT:PATH", help="whole photographs of one face each, genki4k:PATH say")
    parser.add_argument("--clip", action="append", default=[], metavar="SOURCE", help="a clip; may be repeated")
    parser.add_argument("--photos", type=int, default=60, metavar="N", help="photographs of --data (default: 60)")
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="frames of each clip (default: 20)")
    parser.add_argument("--detectors", metavar="A,B", help="which, separated by commas (default: all installed)")
    parser.add_argument("--framing", action="store_true", help="measure each detector's framing on --data instead")
    parser.add_argument("--sheet", type=Path, metavar="OUT.png", help="draw each detector's boxes on some pictures")
    parser.add_argument("--plot", type=Path, metavar="OUT.png", help="plot the faces found over the false alarms")


def check(arguments: argparse.Namespace) -> None:
    """Refuse unknown or missing detectors, counts below one, and outputs that cannot be written."""
    from smiledet.detection.detectors.choose import detector_kind
    from smiledet.lab.extras import require
    from smiledet.system.output_files import check_writable

    for flag in ("photos", "frames"):
        if getattr(arguments, flag) < 1:
            raise UsageError(f"--{flag} {getattr(arguments, flag)}: expected at least 1")
    for name in _named(arguments):
        detector_kind(name)
    if arguments.framing and arguments.data is None:
        raise UsageError("--framing: expected --data LAYOUT:PATH to measure it on")
    if arguments.plot is not None:
        require("--plot", "matplotlib", "bench")
    for path in (arguments.sheet, arguments.plot):
        if path is None:
            continue
        if path.suffix.lower() != ".png":
            raise UsageError(f"cannot write {path}: expected a name that ends in .png")
        check_writable(path)


def _named(arguments: argparse.Namespace) -> list[str]:
    from smiledet.detection.detectors.choose import installed_detectors

    if arguments.detectors is None:
        return installed_detectors()
    names = list(dict.fromkeys(name.strip() for name in arguments.detectors.split(",") if name.strip()))
    if not names:
        raise UsageError(f"--detectors {arguments.detectors!r}: expected names separated by commas")
    return names


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Compare the detectors on everything that was given."""
    import cv2

    from smiledet.lab.benchmark.detectors.framing import measure_framing
    from smiledet.lab.benchmark.detectors.measure import compare, read_frames, read_photographs

    cv2.setNumThreads(1)  # as in a run
    names = _named(arguments)
    photographs = [] if arguments.data is None else read_photographs(arguments.data, arguments.photos)
    if arguments.framing:
        return {"framing": [asdict(measure_framing(name, photographs)) for name in names]}
    compared = []
    if arguments.data is not None:
        compared.append(compare(arguments.data, photographs, names, one_face=True))
    clips = arguments.clip or ([] if arguments.data else ["demo"])
    compared += [compare(clip, read_frames(clip, arguments.frames), names, one_face=False) for clip in clips]
    _draw(arguments, compared)
    return {"detectors": [asdict(comparison) for comparison, _ in compared]}


def _draw(arguments: argparse.Namespace, compared: list[Any]) -> None:
    from smiledet.lab.benchmark.detectors.pictures import draw_sheet, plot_curves

    if arguments.sheet is not None:
        draw_sheet([seen for _, some in compared for seen in some], arguments.sheet)
    if arguments.plot is not None:
        plot_curves([comparison for comparison, _ in compared], arguments.plot)


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """One table a source, a row a detector."""
    if "framing" in result:
        yield "", FRAMING_HEADER, [_framing_row(row) for row in result["framing"]]
        return
    for comparison in result["detectors"]:
        about = f"{comparison['source']}: {comparison['pictures']} pictures, {comparison['agreed']} faces agreed on"
        yield f"{about}; reference: {comparison['reference']}", HEADER, [_row(row) for row in comparison["detectors"]]


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    recall = "-" if row["recall"] is None else f"{100 * row['recall']:.1f} %"
    found = f"{row['found']} of {row['faces']}"
    return row["detector"], found, recall, str(row["false_alarms"]), f"{row['milliseconds']:.1f}"


def _framing_row(row: dict[str, Any]) -> tuple[str, ...]:
    figures = [f"{row['framing'][name]:.3f}" for name in ("right", "down", "side")]
    return row["detector"], str(row["faces"]), *figures, ", ".join(f"{each:.3f}" for each in row["spread"])
