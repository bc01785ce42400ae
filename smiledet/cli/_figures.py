"""A run in numbers: for `--report`, for `--stats`, and for `smiledet bench`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from smiledet.report import RunReport, stage_table, table
from smiledet.system.memory import peak_memory
from smiledet.system.output_files import OutputFile
from smiledet.system.redaction import redact

if TYPE_CHECKING:
    from smiledet.sinks.tally import Tally
    from smiledet.sources.base import Source
    from smiledet.telemetry.watch import Telemetry


def figures(report: RunReport, tally: Tally, source: Source, telemetry: Telemetry | None = None) -> dict[str, Any]:
    """What `--report` writes; `PipelineRun` reads it and says what each figure is."""
    user, system, share = report.processor
    frames = max(1, tally.frames)
    values = {
        "source": redact(source.description),
        "mode": "live" if source.live else "every frame",
        "frames": tally.frames,
        "faces": tally.faces,
        "fps": round(report.fps, 2),
        "latency_ms": round(report.latency_ms(), 3),
        "latency_95_ms": round(report.latency_ms(95), 3),
        "latency_99_ms": round(report.latency_ms(99), 3),
        "dropped": report.published - report.drawn,
        "start_up_s": round(report.start_up or 0.0, 3),
        "cpu_ms": round(1000 * (user + system) / frames, 3),
        "cpu_user_ms": round(1000 * user / frames, 3),
        "cpu_system_ms": round(1000 * system / frames, 3),
        "core_percent": round(100 * share, 1),
        "start_up_cpu_s": round(report.ready.user + report.ready.system if report.ready else 0.0, 3),
        "memory_mb": round(peak_memory() / 1e6, 1),
    }
    return values if telemetry is None else values | {"telemetry": telemetry.summary(report.fps)}


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


def print_tables(device: str, tally: Tally, report: RunReport, source: Source, telemetry: Telemetry | None) -> None:
    """What became of the frames at each stage, the figures, and what each face was read as."""
    print(stage_table(report))
    print()
    measured = figures(report, tally, source, telemetry)
    measured |= {f"telemetry: {name}": value for name, value in measured.pop("telemetry", {}).items()}
    measured["device"] = device
    print(table(("figure", "value"), [(name, str(value)) for name, value in measured.items()]))
    print()
    print(table(("face", "task", "label", "share of its frames"), tally.rows()))
