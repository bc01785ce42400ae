"""What `run --explain` costs a live run: pictures a second, dropped frames and latency, in turn with a run without it.

python scripts/explain_figures.py --rounds 3
"""

from __future__ import annotations

import argparse
import os
import statistics
from dataclasses import replace

from smiledet.config import Config, load_config
from smiledet.pipeline import Limits, Pipeline
from smiledet.platform.choice import pick_platform
from smiledet.sinks.tally import Tally
from smiledet.sources.demo import DemoSource
from smiledet.sources.pacing import Paced


def measure(config: Config, seconds: float) -> tuple[int, int, float, float]:
    """Run the demo live at 30 FPS: frames drawn and dropped, latency in ms (median), explained pictures a second."""
    source = Paced(DemoSource(None))
    source.open()
    viewer = Tally()
    viewer.uses_drawing = True
    pipeline = Pipeline(config, source, [viewer], limits=Limits(max_frames=round(30 * seconds)))
    _, report = pipeline.run()
    count = report.stages["draw"]
    pictures = sum(explainer.pictures for explainer in pipeline._explainers.values())
    return count.processed, count.total_dropped, statistics.median(count.ages_ns) / 1e6, pictures / seconds


def main() -> None:
    """Measure both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of one run each way (default: 3)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run (default: 20)")
    parser.add_argument("--explain", default="emotion", metavar="TASK[:KIND]", help="default: emotion")
    arguments = parser.parse_args()
    config = load_config(pick_platform("auto").name).config
    for _ in range(arguments.rounds):
        for name, explain in (("without", ""), (arguments.explain, arguments.explain)):
            drawn, dropped, latency, rate = measure(replace(config, explain=explain), arguments.seconds)
            print(f"{name}: {drawn} drawn, {dropped} dropped, latency {latency:.1f} ms, {rate:.1f} pictures a second")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
