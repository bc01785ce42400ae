"""Compare smiledet with what one would pick instead, on the same pictures, in turn.

The peers are the package fer, the plain loop of the papers' public programs, deepface, and MediaPipe's face mesh and
face landmarker. They are installed into virtual environments of their own when they are first needed (TensorFlow: 2.5
GB on disk, MediaPipe: 1 GB). Decoding is measured for nobody: all hold the same decoded pictures, draw as their own
demos do, and show nothing.

Example:
  smiledet bench peers --clip clip.mp4 --size 512x480 --size 640x480
  smiledet bench peers --peers fer,papers --environment /data/peers --json
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.lab.benchmark.peers.programs import Peer
    from smiledet.report import Section

HEADER = (
    "peer",
    "FPS",
    "slowest/fastest",
    "smiledet is",
    "faces/picture",
    "true",
    "false",
    "CPU ms",
    "to smiledet's",
    "memory MB",
    "start s",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the target's arguments."""
    parser.add_argument("--clip", action="append", default=[], metavar="SOURCE", help="what to read (default: demo)")
    parser.add_argument(
        "--size", action="append", default=[], metavar="WxH", help="bring pictures to this size; may be repeated"
    )
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="pictures of each clip (default: 60)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds to take the median of (default: 3)")
    parser.add_argument("--peers", metavar="A,B", help="which; all for large ones too (default: all but those)")
    parser.add_argument("--environment", type=Path, metavar="FOLDER", help="where they live (default: in the cache)")
    parser.add_argument(
        "--limit", type=float, default=300, metavar="S", help="seconds to start in, and for a round (default: 300)"
    )
    parser.add_argument("--sampled", type=int, default=10, metavar="N", help="pictures to judge faces on (default: 10)")
    parser.add_argument(
        "--reference", default="hog", metavar="A,B", help="detectors that say what a face is (default: hog)"
    )
    parser.add_argument("--sheet", type=Path, metavar="OUT.png", help="draw what each peer found on some pictures")


def check(arguments: argparse.Namespace) -> None:
    """Refuse unknown peers, sizes and detectors, counts below one, and folders and files that will not do."""
    from smiledet.detection.detectors.choose import detector_kind
    from smiledet.lab.benchmark.peers.environment import PeerEnvironment
    from smiledet.lab.benchmark.peers.frames import parse_size
    from smiledet.lab.benchmark.peers.programs import peers_named
    from smiledet.system.output_files import check_suffix, check_writable

    for flag in ("frames", "rounds", "sampled"):
        if getattr(arguments, flag) < 1:
            raise UsageError(f"--{flag} {getattr(arguments, flag)}: expected at least 1")
    if not 1 <= arguments.limit <= 86400:  # not so of nan either
        raise UsageError(f"--limit {arguments.limit:g}: expected 1 to 86400 seconds")
    for size in arguments.size:
        parse_size(size)
    for peer in peers_named(arguments.peers):
        PeerEnvironment(peer.environment_in(_folder(arguments)))
    for name in _references(arguments):
        detector_kind(name)
    if arguments.sheet is not None:
        check_suffix(arguments.sheet, (".png",))
        check_writable(arguments.sheet)


def _references(arguments: argparse.Namespace) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in arguments.reference.split(",") if name.strip()))
    if not names:
        raise UsageError(f"--reference {arguments.reference!r}: expected names separated by commas")
    return names


def _folder(arguments: argparse.Namespace) -> Path:
    from smiledet.lab.benchmark.peers.environment import default_folder

    return default_folder() if arguments.environment is None else Path(arguments.environment)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Install the peers, and measure everybody on every clip in every size."""
    from smiledet.lab.benchmark.detectors.pictures import draw_sheet
    from smiledet.lab.benchmark.peers.environment import PeerEnvironment
    from smiledet.lab.benchmark.peers.frames import parse_size, take_clip
    from smiledet.lab.benchmark.peers.measure import compare_peers, reference_words
    from smiledet.lab.benchmark.peers.programs import NOT_MEASURED, PEERS, SMILEDET, own_python, peers_named

    peers = peers_named(arguments.peers)
    references = _references(arguments)
    taken = [
        take_clip(spec, arguments.frames, parse_size(size) if size else None, arguments.sampled, references)
        for spec in arguments.clip or ["demo"]
        for size in arguments.size or [None]
    ]
    environments = {peer.name: PeerEnvironment(peer.environment_in(_folder(arguments))) for peer in peers}
    failures = {peer.name: environments[peer.name].problem_with(peer.name, peer.packages) for peer in peers}

    def python(peer: Peer) -> Path:
        failure = failures.get(peer.name)
        if failure is not None:
            raise failure
        return environments[peer.name].python if peer.packages else own_python()

    compared, seen = [], []
    for clip in taken:
        comparison, some = compare_peers(clip, [SMILEDET, *peers], python, arguments.rounds, arguments.limit)
        compared.append({**asdict(comparison), "reference": reference_words(comparison)})
        seen += some
    if arguments.sheet is not None and seen:
        draw_sheet(seen, arguments.sheet)
    left_out = {peer.name: "large; --peers all installs it" for peer in PEERS if peer.large and peer not in peers}
    not_measured = {} if arguments.peers else {**left_out, **NOT_MEASURED}
    return {"rounds": arguments.rounds, "peers": compared, "not_measured": not_measured}


def sections(result: dict[str, Any]) -> Iterator[Section]:
    """One table a clip and size, a row a peer."""
    for compared in result["peers"]:
        title = f"{compared['source']}, {compared['size']}: {compared['frames']} pictures, {result['rounds']} rounds"
        yield title, HEADER, [_row(row) for row in compared["peers"] if row["problem"] is None]


def remarks(result: dict[str, Any]) -> Iterator[str]:
    """What counts as a face, who is missing, and what each peer is and ran on."""
    yield f"faces: {result['peers'][0]['reference']}"
    rows = [row for compared in result["peers"] for row in compared["peers"]]
    yield from dict.fromkeys(f"{row['peer']}: {row['problem']}" for row in rows if row["problem"] is not None)
    yield from (f"{name}: not measured: {why}" for name, why in result["not_measured"].items())
    for row in result["peers"][0]["peers"]:
        versions = ", ".join(f"{name} {version}" for name, version in row["versions"].items())
        yield f"{row['peer']}: {row['about']}" + (f" ({versions})" if versions else "")


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    slower = "-" if row["slower"] is None else f"{row['slower']:.1f} x as fast"
    found = f"{row['found']} of {row['reference_faces']}"
    speed = (row["peer"], f"{row['fps']:.1f}", f"{row['spread']:.2f}", slower, f"{row['faces']:.2f}")
    ratio = "-" if row["cpu_ratio"] is None else f"{row['cpu_ratio']:.2f}"
    cost = (f"{row['cpu_ms']:.1f}", ratio, f"{row['memory_mb']:.1f}", f"{row['start_s']:.2f}")
    return (*speed, found, str(row["false_alarms"]), *cost)
