"""What `smiledet run --dry-run` prints: everything that a run would use, and why, before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping

from smiledet.config import LoadedConfig
from smiledet.errors import UsageError
from smiledet.platform.choice import PlatformChoice
from smiledet.platform.plan import Decision, plan_run
from smiledet.report import table
from smiledet.sources.base import Source
from smiledet.sources.gstreamer import GStreamerSource
from smiledet.system.redaction import redact


def print_plan(sources: Mapping[str, Source], platform: PlatformChoice, loaded: LoadedConfig) -> None:
    """Print the sources, the pipelines of those that are GStreamer's, and what reads them.

    Args:
        sources: By name; made, not opened.
        platform: The platform, and why it was chosen.
        loaded: The merged configuration.

    Raises:
        UsageError: No engine can run here; the rest is printed before that.
    """
    plan = plan_run(platform, loaded)
    opened = [
        Decision(f"source {name}".rstrip(), redact(source.description), "not opened yet")
        for name, source in sources.items()
    ]
    decisions = [*opened, *plan.decisions]
    print(table(("chosen", "", "because"), [(each.what, each.value, each.reason) for each in decisions]))
    for source in sources.values():
        if isinstance(source, GStreamerSource):
            print(f"\nGStreamer: {source.pipeline}\n{source.through}")
    if plan.engine is None:
        raise UsageError(plan.problem)
