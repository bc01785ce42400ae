"""Watch a camera, a stream, a clip or the demo, and show, record and report every face.

SOURCE is a camera (0, /dev/video0), a stream (rtsp://…, http://…), a clip (clip.mp4, or - for one
on standard input), a photograph, a folder of photographs, or `demo`; on a Jetson also a CSI
camera (csi://0), or what the board decodes itself (nvdec:0, nvdec:rtsp://…), or the name of a
[[source]] of the configuration. Without one all of [[source]] are used, else the first camera, and
the demo where there is no camera. Several are read side by side; the end or loss of one does not
end the others. Each gets a recording and a sheet of its own: out.mp4 becomes out-NAME.mp4, or
NAME takes the place of {source}.

A file is read frame by frame, nothing dropped, as fast as it goes; with --realtime (and when it is
only watched in a window) it is played at its own pace. Of a folder every photograph is read, in the
folders below it, too. Press q or Esc in the window to stop. What was found is printed at the end.

Example:
  smiledet run 0 --stats
  smiledet run clip.mp4 --no-show --record annotated.mp4 --events events.jsonl
  smiledet run 0 1 rtsp://camera.local/stream --record '{source}.mp4' --events events.jsonl
  smiledet run csi://0 --platform jetson-tx2 --dry-run
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Any

from smiledet.__main__ import INTERRUPTED
from smiledet.cli._arguments import add_reading, reading_flags
from smiledet.cli._page import page_recorder, page_sink, served_page, shutter_sink
from smiledet.cli._privacy import check_privacy, privacy_flags
from smiledet.cli._rules import check_rules, rule_flags, rule_sinks
from smiledet.cli._run_outputs import (
    add_outputs,
    check_run_outputs,
    file_sinks,
    is_private,
    is_quiet,
    output_files,
    record_instead,
    report_output,
    trace_output,
)
from smiledet.cli._sources import Given, create_sources, sources_given
from smiledet.cli._store import store_flags, store_sinks
from smiledet.errors import UsageError
from smiledet.sinks.rows import STANDARD_OUTPUT

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.platform.choice import PlatformChoice
    from smiledet.sinks.window import Window
    from smiledet.sources.base import Source
    from smiledet.supervisor import Supervisor
    from smiledet.system.output_files import OutputFile
    from smiledet.telemetry.watch import Telemetry

log = logging.getLogger(__name__)

UNWATCHED_SECONDS = 20.0
"""How much of a camera is recorded for a demo that nobody can watch."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("source", nargs="*", metavar="SOURCE", help="see above")
    add_reading(parser).add_argument("--dry-run", action="store_true", help="say what would be used and why, and end")
    add_outputs(parser)
    pace = parser.add_argument_group("how fast, how long")
    pace.add_argument("--realtime", action="store_true", help="play a file at its own pace, dropping late frames")
    pace.add_argument("--rate", type=_positive_float, metavar="FPS", help="with --realtime, play it at that rate")
    pace.add_argument("--loop", action="store_true", help="begin a file again when it ends")
    pace.add_argument("--max-frames", type=_positive_int, metavar="N", help="stop each source after N frames")
    pace.add_argument("--duration", type=_positive_float, metavar="S", help="stop each source after S seconds of it")


def run(arguments: argparse.Namespace) -> int:
    """Run the pipeline."""
    from smiledet.system.opencv import import_opencv

    import_opencv()
    from smiledet.config import load_config
    from smiledet.platform.choice import pick_platform
    from smiledet.supervisor import Supervisor
    from smiledet.system.own_process import settle_process

    platform = pick_platform(arguments.platform)
    loaded = load_config(platform.name, arguments.config, _flags(arguments))
    config = loaded.config
    given = sources_given(arguments.source, config)
    if arguments.dry_run:
        from smiledet.cli._dry_run import print_plan

        print_plan(create_sources(given, config, arguments.realtime, 0.0, loop=False), platform, loaded)
        return 0
    window = _window(arguments)
    if window is None and arguments.unwatched is not None:
        record_instead(arguments)
    check_privacy(arguments, config)
    check_run_outputs(arguments, config, given)
    watched = window is not None or arguments.serve is not None or arguments.events_to is not None
    only_watched = watched and not any(output_files(arguments)) and not config.store.file
    realtime = arguments.realtime or only_watched
    if arguments.rate and not realtime:
        raise UsageError("--rate is the pace of a file that is played live: give --realtime too")
    settle_process(config.opencv_threads, max(each.settings.read_timeout for each in given))
    sources = create_sources(given, config, realtime, arguments.rate or 0.0, arguments.loop)
    check_rules(config, sources)
    supervisor = Supervisor()
    with report_output(arguments, given) as report, ExitStack() as opened:
        for name, source in sources.items():
            opened.enter_context(supervisor.opened(source))
            log.info("source%s: %s", f" {name}" if name else "", source.description)
        return _run_open(arguments, config, platform, given, sources, window, supervisor, report)


def _run_open(
    arguments: argparse.Namespace,
    config: Config,
    platform: PlatformChoice,
    given: Sequence[Given],
    sources: Mapping[str, Source],
    window: Window | None,
    supervisor: Supervisor,
    report_file: OutputFile | None,
) -> int:
    from smiledet.cli._answer import answer
    from smiledet.cli._figures import figures, print_tables, write_report
    from smiledet.pipeline import Limits, Pipeline
    from smiledet.report import summary_line
    from smiledet.sinks.tally import Tally
    from smiledet.supervisor import Stop
    from smiledet.system.signals import on_signals

    duration = arguments.duration
    live = any(source.live for source in sources.values())
    if live and window is None and arguments.unwatched and duration is None and arguments.max_frames is None:
        duration = UNWATCHED_SECONDS
    with supervisor:
        on_frame = _progress(arguments, sources.values(), supervisor)
        tallies = {name: Tally(on_frame, name) for name in sources}
        telemetry = _telemetry(arguments, platform, supervisor)
        page, recorder = page_sink(arguments, config, sources), page_recorder(arguments, config, sources)
        told = telemetry if _tells_machine(arguments, platform) else None  # the page shows it anyway
        sinks = file_sinks(arguments, config, given, sources, told)
        sinks += [*tallies.values(), *rule_sinks(config, sources)]
        shutter = shutter_sink(arguments, config, sources)
        sinks += [sink for sink in (page, recorder, shutter) if sink is not None]
        stores = store_sinks(config, sources, is_private(given))
        sinks += stores.values()
        load = told.parts if told is not None else None
        trace = trace_output(arguments, supervisor, is_private(given))
        limits = Limits(arguments.max_frames, duration)
        # In a thread: loading the networks may take long.
        pipeline = supervisor.call(
            lambda: Pipeline(config, sources, sinks, window, limits, load, trace, supervisor=supervisor), "load"
        )
        for name, store in stores.items():
            store.count_drops(pipeline.buffer.sources[name].totals)
        if page is not None:
            machine = telemetry.columns if telemetry is not None else None
            supervisor.enter(served_page(arguments, page, recorder, pipeline, sources, machine, shutter))
        log.info("platform %s: %s; %s, %s", platform.name, platform.reason, pipeline.detector, pipeline.device)
        with on_signals(pipeline.stop):
            why, report = pipeline.run()
    log.info("%s: %s", why.value, summary_line(report))
    if not is_quiet(arguments):
        print(*answer(tallies, sources), sep="\n")
    if arguments.stats or arguments.unwatched:
        with redirect_stdout(sys.stderr) if arguments.events == STANDARD_OUTPUT else nullcontext():
            print_tables(pipeline.device, tallies, report, sources, told)
    if arguments.report is not None:
        write_report(report_file, figures(report, tallies, sources, told))
    outputs = (*sinks, trace, report_file)
    # Of several sources, several sinks may write one file: a store.
    for path in dict.fromkeys(output.wrote for output in outputs if output is not None):
        if path is not None:
            log.info("wrote %s", path)
    for name, problem in report.lost.items():
        log.error("source %s was lost: %s", name, problem)
    missing = [sink.lacks for sink in sinks if sink.lacks]
    for what in missing:
        log.error("%s", what)
    return INTERRUPTED if why is Stop.SIGNAL else 1 if report.lost or missing else 0


def _progress(
    arguments: argparse.Namespace, sources: Collection[Source], supervisor: Supervisor
) -> Callable[[], object] | None:
    """What moves the progress bar on by a frame; None for no bar: a live run has no end, and a terminal is needed.

    The bar appears after two seconds.
    """
    live = any(source.live for source in sources)
    if live or getattr(arguments, "quiet", False) or sys.stderr is None or not sys.stderr.isatty():
        return None
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    limit = math.inf if arguments.max_frames is None else arguments.max_frames
    lengths = [min(limit, math.inf if source.length is None else source.length) for source in sources]
    total = sum(lengths) if math.isfinite(sum(lengths)) else None
    bar = supervisor.enter(tqdm(total=total, unit="frame", delay=2, leave=False))
    supervisor.enter(logging_redirect_tqdm())
    return lambda: bar.update()


def _telemetry(arguments: argparse.Namespace, platform: PlatformChoice, supervisor: Supervisor) -> Telemetry | None:
    """The thread that looks at the machine, started; none where nobody wants it."""
    for_page = arguments.serve is not None and arguments.telemetry is not False
    if not for_page and not _tells_machine(arguments, platform):
        return None
    from smiledet.telemetry.kernel import KernelReader
    from smiledet.telemetry.watch import Telemetry

    if not _tells_machine(arguments, platform):  # a desktop without a word about jetson-stats
        return supervisor.enter(Telemetry(first=KernelReader, cancel=supervisor.cancel))
    return supervisor.enter(Telemetry(cancel=supervisor.cancel))


def _tells_machine(arguments: argparse.Namespace, platform: PlatformChoice) -> bool:
    """Whether stats line, events and report tell the machine's state."""
    return platform.name.startswith("jetson-") if arguments.telemetry is None else bool(arguments.telemetry)


def _flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """Command-line values by the dotted names of the configuration."""
    given = reading_flags(arguments) | rule_flags(arguments)
    given |= privacy_flags(arguments) | store_flags(arguments)
    given |= {"explain": arguments.explain} if arguments.explain else {}
    return given | ({"stats": True} if arguments.stats else {})


def _window(arguments: argparse.Namespace) -> Window | None:
    if not arguments.show:
        return None
    from smiledet.sinks.window import Window, display_problem

    problem = display_problem()
    if problem is not None:
        log.warning("no window: %s; going on without one", problem)
        return None
    return Window()


def _positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value
