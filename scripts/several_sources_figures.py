"""What several live sources cost together: processor time, dropped frames, latency; each a clip played as a camera.

python scripts/several_sources_figures.py --sources 4 --rate 15 --clip ../shared/data/clips/single_face_640x360.mp4
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Run, and print the figures of the run's own report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=4, help="how many (default: 4)")
    parser.add_argument("--rate", type=float, default=15.0, help="frames a second of each (default: 15)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long (default: 20)")
    parser.add_argument("--clip", default="demo", help="what each plays, over and over (default: demo)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        words = ["run", *[arguments.clip] * arguments.sources, "--loop", "--realtime", "--rate", str(arguments.rate)]
        words += ["--max-frames", str(round(arguments.seconds * arguments.rate)), "--no-show", "--report", str(report)]
        subprocess.run([sys.executable, "-m", "smiledet", "-q", *words], check=True)
        told = json.loads(report.read_text())
    asked = arguments.sources * arguments.rate
    print(
        f"{arguments.sources} x {arguments.rate:g} FPS: {told['frames']} frames drawn, {told['dropped']} dropped, "
        f"{told['cpu_ms']:.2f} ms of a processor a frame: {told['cpu_ms'] * asked / 10:.0f} % of a core at that rate, "
        f"latency {told['latency_ms']:.1f} ms (95 %: {told['latency_95_ms']:.1f} ms)"
    )
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
