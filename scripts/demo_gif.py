"""Write the moving picture of the README: the built-in demo, annotated.

Example:
  python scripts/demo_gif.py docs/images/demo.gif
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
from PIL import Image

EVERY = 3
"""Of the demo's 30 frames a second every third is shown: ten a second."""
FRAMES = 150
"""Five seconds: the demo's faces move once there and back."""
WIDTH = 400
COLOURS = 96


def pictures(clip: Path) -> list[Image.Image]:
    """Every third frame of a clip, made smaller."""
    capture = cv2.VideoCapture(str(clip))
    found = []
    while (read := capture.read())[0]:
        height = round(read[1].shape[0] * WIDTH / read[1].shape[1])
        small = cv2.resize(read[1], (WIDTH, height), interpolation=cv2.INTER_AREA)
        found.append(Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB)))
    return found[::EVERY]


def main() -> int:
    """Record the demo and write it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the GIF")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "demo.mp4"
        words = ["run", "demo", "--no-show", "--record", str(clip), "--max-frames", str(FRAMES)]
        subprocess.run([sys.executable, "-m", "smiledet", *words], check=True)
        frames = pictures(clip)
    palette = frames[len(frames) // 2].quantize(COLOURS)
    first, *rest = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first.save(arguments.output, save_all=True, append_images=rest, duration=1000 * EVERY // 30, loop=0, optimize=True)
    print(f"{arguments.output}: {len(frames)} pictures, {arguments.output.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
