"""What each task's shipped models are measured on: never photographs that any of them was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out photographs.

    Attributes:
        layout: The data set's layout.
        archive: Its file under the data folder.
        split: Which of its splits.
        words: What that is, in words.
    """

    layout: str
    archive: str
    split: str
    words: str

    def data(self, folder: Path) -> str:
        """What `--data` takes: LAYOUT:PATH."""
        return f"{self.layout}:{folder / self.archive}"


HELD_OUT = {
    "smile": HeldOut("genki4k", "genki4k.tar.gz", "test", "a held-out fifth of GENKI-4K's 3,000 photographs"),
    "emotion": HeldOut("fer2013", "fer2013.tar.gz", "test", "FER-2013 PublicTest"),
    "gender": HeldOut("utkface", "utkface.tar.gz", "test", "a held-out fifth of UTKFace's 9,748 faces"),
    "age": HeldOut("utkface", "utkface.tar.gz", "test", "a held-out fifth of UTKFace's 9,748 faces"),
}
"""By task."""
