"""What `smiledet run` writes: the flags, the check before anything is read, the sinks of files and addresses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from smiledet.cli._arguments import files_read, sources_read
from smiledet.cli._page import add_serve
from smiledet.cli._privacy import add_privacy
from smiledet.cli._rules import add_rules
from smiledet.cli._sources import Given, paths_of
from smiledet.cli._store import add_store
from smiledet.errors import UsageError
from smiledet.sinks.rows import STANDARD_OUTPUT

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.sinks.base import Sink
    from smiledet.sources.base import Source
    from smiledet.supervisor import Supervisor
    from smiledet.system.output_files import OutputFile
    from smiledet.telemetry.trace import Trace
    from smiledet.telemetry.watch import Telemetry


class _Events(argparse.Action):
    """`--events`: a file, standard output, or an address beside them."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, **settings)
        self.nargs = None

    @override
    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        from smiledet.sinks.addresses import is_address

        if is_address(values):
            namespace.events_to = values
        else:
            namespace.events = Path(values)


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    out = parser.add_argument_group(
        "what comes out", "A file that is there already is replaced, once there is something to write."
    )
    out.add_argument("--show", action=argparse.BooleanOptionalAction, default=True, help="open a window")
    out.add_argument("--record", type=Path, metavar="OUT.mp4", help="the annotated video: .mp4, .avi, .mkv or .webm")
    out.add_argument(
        "--events",
        action=_Events,
        metavar="OUT.jsonl|OUT.csv|-|mqtt://…|osc://…",
        help="a row a face and frame: file, frame, time, track, box, each task's label and scores; "
        "- for JSON lines on standard output; mqtt[s]://HOST/TOPIC tells a broker what changes, osc://HOST:PORT "
        "sends every frame by Open Sound Control, both beside a file, too",
    )
    parser.set_defaults(events_to=None)
    add_serve(out)
    add_rules(out)
    add_store(out)
    add_privacy(out)
    out.add_argument(
        "--explain",
        metavar="TASK[:gradcam|:guided]",
        help="beside the picture, what the network looks at in the largest face: where the evidence lies (gradcam), "
        "or which pixels speak for the label (guided); of another face, where it is clicked",
    )
    out.add_argument("--sheet", type=Path, metavar="OUT.png", help="a contact sheet of annotated frames")
    out.add_argument("--report", type=Path, metavar="OUT.json", help="the run's figures; - for standard output")
    out.add_argument("--trace", type=Path, metavar="OUT.json", help="what every thread did; for ui.perfetto.dev")
    out.add_argument("--stats", action="store_true", help="draw FPS, latency, device, drops; print tables")
    out.add_argument(
        "--telemetry",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="load, temperature and power in the stats line, the events and the report (default: on a Jetson); the "
        "page shows them anyway",
    )
    out.add_argument(
        "--unwatched",
        type=Path,
        metavar="FOLDER",
        help="where no window can be opened, write demo.mp4 and demo.png into FOLDER instead",
    )


def record_instead(arguments: argparse.Namespace) -> None:
    """Choose the files that take the window's place."""
    folder: Path = arguments.unwatched
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"--unwatched {folder}: {problem.strerror}") from problem
    arguments.record = arguments.record or folder / "demo.mp4"
    arguments.sheet = arguments.sheet or folder / "demo.png"


def output_files(arguments: argparse.Namespace) -> list[Path]:
    """Files of which each is a reason to read every frame of a clip."""
    return [path for path in (arguments.record, arguments.events, arguments.sheet) if path is not None]


def check_run_outputs(arguments: argparse.Namespace, config: Config, given: Sequence[Given]) -> None:
    """See before anything is loaded that no output overwrites what is read or another, and that all can be written."""
    from smiledet.system.output_checks import check_folder, check_outputs
    from smiledet.system.output_files import check_writable

    if sys.stdout is None and STANDARD_OUTPUT in (arguments.events, arguments.report):
        raise UsageError("cannot write to standard output: it is closed")
    if arguments.events == STANDARD_OUTPUT == arguments.report:
        raise UsageError("--events - and --report - would mix on standard output: give one of them a file")
    read = [file for each in given for file in sources_read(each.spec)]
    folders = {f"rule {rule.when!r}": rule.save for rule in config.rule if rule.save} | {"--shutter": arguments.shutter}
    for what, folder in folders.items():
        if folder is not None:
            check_folder(what, Path(folder).expanduser(), read)
    outputs: dict[str, Path | None] = {f"--{name}": getattr(arguments, name) for name in ("events", "report", "trace")}
    for flag, path in (("--record", arguments.record), ("--sheet", arguments.sheet)):
        if path is not None:
            outputs |= {
                " of ".join(filter(None, (flag, name))): each for name, each in paths_of(flag, path, given).items()
            }
    store = {"--store": Path(config.store.file).expanduser()} if config.store.file else {}
    check_outputs({**outputs, **store}, [*read, *files_read(arguments, config)])
    for path in outputs.values():
        if path is not None and path != STANDARD_OUTPUT:
            check_writable(path, seekable=path.suffix.lower() == ".parquet")


def report_output(arguments: argparse.Namespace, given: Sequence[Given]) -> AbstractContextManager[OutputFile | None]:
    """The report's file, held for the whole run; None where there is none or it is standard output."""
    from smiledet.system.output_files import OutputFile

    if arguments.report in (None, STANDARD_OUTPUT):
        return nullcontext()
    return OutputFile(arguments.report, is_private(given))


def file_sinks(
    arguments: argparse.Namespace,
    config: Config,
    given: Sequence[Given],
    sources: Mapping[str, Source],
    telemetry: Telemetry | None,
) -> list[Sink]:
    """What writes the files, and what sends the events to an address; none open yet."""
    from smiledet.model_plan import configured_tasks
    from smiledet.sinks.events import EventsSink
    from smiledet.sinks.sheet import SheetSink
    from smiledet.sinks.video import VideoSink

    sinks: list[Sink] = []
    tasks = configured_tasks(config)
    if arguments.record is not None:
        for name, path in paths_of("--record", arguments.record, given).items():
            each = sources[name]
            sinks.append(VideoSink(path, each.fps, timed=not each.still, goes_on=each.live))
            sinks[-1].of_source = name
    if arguments.events is not None:
        source = given[0].spec if given[0].spec is not None else sources[given[0].name].description
        machine = telemetry.columns if telemetry is not None else None
        live = all(each.live for each in sources.values())
        sinks.append(
            EventsSink(arguments.events, source, tasks, machine=machine, private=is_private(given), goes_on=live)
        )
    if arguments.sheet is not None:
        for name, path in paths_of("--sheet", arguments.sheet, given).items():
            sinks.append(SheetSink(path))
            sinks[-1].of_source = name
    if arguments.events_to is not None:
        from smiledet.sinks.addresses import address_sink

        to = arguments.events_to
        sinks += [address_sink(to, name or each.description, tasks, name) for name, each in sources.items()]
    return sinks


def trace_output(arguments: argparse.Namespace, supervisor: Supervisor, private: bool) -> Trace | None:
    """The trace file, open; none where nobody wants it."""
    if arguments.trace is None:
        return None
    from smiledet.telemetry.trace import Trace
    from smiledet.workers import drawer
    from smiledet.workers.locator import faces_of

    return supervisor.enter(Trace(arguments.trace, lambda frame: len(faces_of(frame)), drawer.STAGE, private))


def is_private(given: Sequence[Given]) -> bool:
    """Whether what is written of the sources is for nobody else to read."""
    from smiledet.system.redaction import holds_secret

    return any(each.spec is not None and holds_secret(each.spec) for each in given)


def is_quiet(arguments: argparse.Namespace) -> bool:
    """Whether the answer is not wanted: it would stand between what else is written to standard output."""
    written_there = any(str(path) == "-" for path in (arguments.report, arguments.events))
    return getattr(arguments, "quiet", False) or written_there
