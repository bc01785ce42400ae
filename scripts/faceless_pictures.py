"""Gather pictures that show nobody, for `smiledet train detector`: of Debian's packages, none of which is installed.

    python scripts/faceless_pictures.py DATA/faceless

Wallpapers, textures and scenes of games, stamps and shapes of drawing programs, screenshots of manuals; shrunk to 1,024
pixels. Then words and letters in the fonts that are installed, in every size and with outlines: letters look like faces
to a small network. It calls `apt-get download` and `dpkg-deb`; a package that cannot be had is named and left out. What
faces there are the trainer finds by itself, and leaves out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PACKAGES = (
    "debian-handbook",
    "desktop-base",
    "digikam-data",
    "extremetuxracer-data",
    "flare-game",
    "freeciv-data",
    "gimp-data-extras",
    "gimp-help-en",
    "gnome-backgrounds",
    "gnome-user-docs",
    "hugin-data",
    "kicad-doc-en",
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "lxqt-themes",
    "mate-backgrounds",
    "opencv-doc",
    "openarena-data",
    "plasma-workspace-wallpapers",
    "propaganda-debian",
    "python-skimage-doc",
    "sway-backgrounds",
    "supertuxkart-data",
    "sweethome3d-furniture",
    "torcs-data",
    "tuxpaint-stamps-default",
    "ukui-wallpapers",
    "warzone2100-data",
    "wesnoth-1.16-data",
)
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tga"}
SMALLEST, LONGEST = 96, 1024
"""Shorter side that a picture must have, and longer side to which it is shrunk, in pixels."""

MOST = 1500
"""Pictures of one package."""

TEXTS = 1500
"""Pictures of words and letters."""

FONTS = Path("/usr/share/fonts")


def pictures_of(package: str, folder: Path, target: Path) -> int:
    """Write a package's pictures into a folder; returns how many.

    Raises:
        subprocess.CalledProcessError: The package cannot be had.
    """
    subprocess.run(["apt-get", "download", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob(f"{package}_*.deb")
    unpacked = folder / package
    subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True)
    return shrunk(package, unpacked, target)


def shrunk(package: str, unpacked: Path, target: Path) -> int:
    """Write the pictures below a folder, evenly spread over it where they are many; returns how many."""
    paths = sorted(each for each in unpacked.rglob("*") if each.suffix.lower() in SUFFIXES)
    count = 0
    for path in paths[:: max(1, len(paths) // MOST)]:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None or min(image.shape[:2]) < SMALLEST or "alphabets" in path.parts:
            continue
        scale = min(1.0, LONGEST / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        cv2.imwrite(str(target / f"{package}-{count:05d}.png"), small, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        count += 1
    return count


def texts(target: Path, seed: int = 0) -> int:
    """Write pictures of words and letters; returns how many: none where no font is installed."""
    fonts = sorted(path for path in FONTS.rglob("*") if path.suffix in {".ttf", ".otf"} and "Emoji" not in path.name)
    generator = np.random.default_rng(seed)
    for number in range(TEXTS if fonts else 0):
        written(fonts, generator).save(target / f"text-{number:05d}.png", compress_level=1)
    return TEXTS if fonts else 0


def written(fonts: list[Path], generator: np.random.Generator) -> Image.Image:
    """A picture of words, some of a few large letters, over two shades that merge into each other."""
    width, height = 512, 384
    shades = np.linspace(*generator.uniform(0, 255, 2), height)[:, None] + generator.normal(0, 2, (height, width))
    picture = Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8), "L")
    draw = ImageDraw.Draw(picture)
    for _ in range(int(generator.integers(2, 14))):
        size = int(np.exp(generator.uniform(np.log(12), np.log(220))))
        letters = generator.choice(list("abcdefghijklmnopqrstuvwxyzabcdeosABCDEFGOQRS0123456789@&%8?!"), 12)
        word = "".join(letters[: int(generator.integers(1, 12))])
        draw.text(
            tuple(generator.uniform(-0.1, 0.8, 2) * (width, height)),
            word,
            font=ImageFont.truetype(str(fonts[int(generator.integers(len(fonts)))]), size),
            fill=int(generator.integers(0, 256)),
            stroke_width=int(generator.integers(0, 2 + size // 8)) if generator.random() < 0.6 else 0,
            stroke_fill=int(generator.integers(0, 256)),
        )
    return picture


def main() -> int:
    """Gather all; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where they go; it is made")
    target = parser.parse_args().folder
    target.mkdir(parents=True, exist_ok=True)
    missing = 0
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(package, pictures_of(package, Path(folder), target), flush=True)
            except (OSError, subprocess.CalledProcessError) as problem:
                print(f"faceless_pictures: {package} cannot be had: {problem}", file=sys.stderr)
                missing += 1
    print("words and letters", texts(target), flush=True)
    return min(1, missing)


if __name__ == "__main__":
    sys.exit(main())
