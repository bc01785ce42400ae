"""Runs started and stopped over and over in one process: nothing of them stays. `SMILEDET_STARTS=1000` for more."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from smiledet.config import load_config
from smiledet.pipeline import Limits, Pipeline
from smiledet.sources.demo import DemoSource

STARTS = int(os.environ.get("SMILEDET_STARTS", "12"))

WARM = 5
"""Runs after which pools of threads and caches are what they stay."""


def held() -> tuple[int, int, int]:
    """Threads, descriptors and segments of shared memory of this process."""
    maps = Path("/proc/self/maps").read_text()
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), maps.count("/dev/shm/")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_nothing_of_a_run_stays() -> None:
    config = load_config("desktop-cpu", None, {"tasks": ["smile"]}).config
    before: tuple[int, int, int] | None = None
    for number in range(STARTS):
        source = DemoSource()
        source.open()
        _, report = Pipeline(config, source, limits=Limits(max_frames=2)).run()
        assert report.published == 2
        if number == WARM:
            before = held()
    assert before is not None
    assert all(now <= then for now, then in zip(held(), before, strict=True)), (before, held())
