"""A run in numbers: for `--report`, for `--stats`, and for `smiledet bench`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from smiledet.report import RunReport, stage_table, table
from smiledet.system.memory import peak_memory
from smiledet.system.output_files import OutputFile
from smiledet.system.redaction import redact

if TYPE_CHECKING:
    from smiledet.sinks.tally import Tally
    from smiledet.sources.base import Source
    from smiledet.telemetry.watch import Telemetry


def figures(
    report: RunReport, tallies: Mapping[str, Tally], sources: Mapping[str, Source], telemetry: Telemetry | None = None
) -> dict[str, Any]:
    """What `--report` writes; `PipelineRun` reads it and says what each figure is.

    Of several sources the figures are those of all together, and `sources` holds each one's own by its name.
    """
    user, system, share = report.processor
    frames = max(1, sum(tally.frames for tally in tallies.values()))
    modes = dict.fromkeys(_mode(source) for source in sources.values())
    values = {
        "source": ", ".join(redact(source.description) for source in sources.values()),
        "mode": " and ".join(modes),
        **_of_frames(report, list(tallies.values())),
        "start_up_s": round(report.start_up or 0.0, 3),
        "cpu_ms": round(1000 * (user + system) / frames, 3),
        "cpu_user_ms": round(1000 * user / frames, 3),
        "cpu_system_ms": round(1000 * system / frames, 3),
        "core_percent": round(100 * share, 1),
        "start_up_cpu_s": round(report.ready.user + report.ready.system if report.ready else 0.0, 3),
        "memory_mb": round(peak_memory() / 1e6, 1),
    }
    if len(sources) > 1:
        values["sources"] = {
            name: {
                "source": redact(source.description),
                "mode": _mode(source),
                **_of_frames(report.sources[name], [tallies[name]]),
                "lost": str(report.lost[name]) if name in report.lost else None,
            }
            for name, source in sources.items()
        }
    return values if telemetry is None else values | {"telemetry": telemetry.summary(report.fps)}


def _mode(source: Source) -> str:
    return "live" if source.live else "every frame"


def _of_frames(report: RunReport, tallies: Sequence[Tally]) -> dict[str, Any]:
    return {
        "frames": sum(tally.frames for tally in tallies),
        "faces": sum(tally.faces for tally in tallies),
        "fps": round(report.fps, 2),
        "latency_ms": round(report.latency_ms(), 3),
        "latency_95_ms": round(report.latency_ms(95), 3),
        "latency_99_ms": round(report.latency_ms(99), 3),
        "dropped": report.published - report.drawn,
    }


def write_report(output: OutputFile | None, values: dict[str, Any]) -> None:
    """Write the figures as one JSON object, to standard output where there is no file.

    Raises:
        SmiledetError: The file cannot be written.
    """
    text = json.dumps(values) + "\n"
    if output is None:
        print(text, end="")
        return
    output.write(text.encode())
    output.take_name()


def print_tables(
    device: str,
    tallies: Mapping[str, Tally],
    report: RunReport,
    sources: Mapping[str, Source],
    telemetry: Telemetry | None,
) -> None:
    """What became of the frames at each stage, the figures, and what each face was read as."""
    several = len(sources) > 1
    for name, each in report.sources.items():
        print(*([f"source {name}"] if several else []), stage_table(each), "", sep="\n")
    measured = figures(report, tallies, sources, telemetry)
    for group in ("telemetry", "sources"):
        for name, value in measured.pop(group, {}).items():
            of_one = value if isinstance(value, dict) else {"": value}
            measured |= {f"{group}: {name} {key}".rstrip(): each for key, each in of_one.items()}
    measured["device"] = device
    print(table(("figure", "value"), [(name, str(value)) for name, value in measured.items()]))
    print()
    rows = [((name,) if several else ()) + row for name, tally in tallies.items() for row in tally.rows()]
    header = ("face", "task", "label", "share of its frames")
    print(table(("source", *header) if several else header, rows))
