"""Gather pictures that show nobody, for `smiledet train detector`: of Debian's packages, none of which is installed.

    python scripts/faceless_pictures.py DATA/faceless

Textures of a game, stamps of a drawing program and wallpapers, shrunk to 1,024 pixels. It calls `apt-get download` and
`dpkg-deb`. What faces there are the trainer finds by itself, and leaves out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

PACKAGES = (
    "gnome-backgrounds",
    "mate-backgrounds",
    "propaganda-debian",
    "supertuxkart-data",
    "tuxpaint-stamps-default",
)
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SMALLEST, LONGEST = 96, 1024
"""Shorter side that a picture must have, and longer side to which it is shrunk, in pixels."""


def pictures_of(package: str, folder: Path, target: Path) -> int:
    """Write a package's pictures into a folder; returns how many.

    Raises:
        subprocess.CalledProcessError: The package cannot be had.
    """
    subprocess.run(["apt-get", "download", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob(f"{package}_*.deb")
    unpacked = folder / package
    subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True)
    count = 0
    for path in sorted(each for each in unpacked.rglob("*") if each.suffix.lower() in SUFFIXES):
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None or min(image.shape[:2]) < SMALLEST or "alphabets" in path.parts:
            continue
        scale = min(1.0, LONGEST / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        cv2.imwrite(str(target / f"{package}-{count:05d}.png"), small, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        count += 1
    return count


def main() -> int:
    """Gather all; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where they go; it is made")
    target = parser.parse_args().folder
    target.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(package, pictures_of(package, Path(folder), target), flush=True)
            except (OSError, subprocess.CalledProcessError) as problem:
                print(f"faceless_pictures: {package} cannot be had: {problem}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
