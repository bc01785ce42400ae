"""What is collected: of the package, modules with an example that can be run."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent / "smiledet"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what would be imported for nothing: Keras' modules alone take seconds, in every process."""
    if collection_path.suffix == ".py" and collection_path.is_relative_to(PACKAGE):
        return ">>> " not in collection_path.read_text(encoding="utf-8") or None
    return None
