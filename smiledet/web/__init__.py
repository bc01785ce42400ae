"""The pages that smiledet serves, and what guards them."""

from pathlib import Path

STATIC = Path(__file__).resolve().parent / "static"
"""The pages' files, their own and those that they share."""
