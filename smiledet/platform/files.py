"""The files in which Linux describes the machine, under a root that tests replace by a folder of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SystemFiles:
    """What is below a root; nothing here raises, since any of these files may be missing, unreadable or odd.

    Attributes:
        root: Where `/proc`, `/sys`, `/etc` are.
    """

    root: Path = Path("/")

    def text(self, path: str) -> str | None:
        """A file's text without the blanks and NULs around it; None where it cannot be read.

        Args:
            path: From the root, without a slash in front.
        """
        try:
            return (self.root / path).read_bytes().decode("utf-8", "replace").strip(" \t\r\n\0")
        except (OSError, ValueError):
            return None

    def words(self, path: str) -> list[str]:
        """The NUL-separated strings of a device-tree property; none where it cannot be read."""
        text = self.text(path)
        return [word for word in text.split("\0") if word] if text else []

    def number(self, path: str) -> int | None:
        """The whole number that a file begins with, as '4320 mA' does; None where there is none."""
        text = self.text(path)
        try:
            return int(text.split()[0]) if text else None
        except ValueError:
            return None

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        try:
            return (self.root / path).exists()
        except OSError:
            return False

    def find(self, pattern: str) -> list[str]:
        """The paths that a glob pattern matches, sorted, in the form that the other methods take."""
        try:
            return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))
        except OSError:
            return []
