"""What is collected: of the package, modules with an example that can be run. No test sees what another registered."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent / "smiledet"


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what would be imported for nothing: Keras' modules alone take seconds, in every process."""
    if collection_path.suffix == ".py" and collection_path.is_relative_to(PACKAGE):
        return ">>> " not in collection_path.read_text(encoding="utf-8") or None
    return None


@pytest.fixture(autouse=True)
def _no_tasks_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test or an example registers, by `register_task`, is known to the whole process: it ends with the test."""
    monkeypatch.setattr("smiledet.tasks.base._registered", {})
