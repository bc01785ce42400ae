"""What an exported network may differ by."""

from types import SimpleNamespace

import numpy as np
import pytest

from smiledet.errors import SmiledetError
from smiledet.lab.training.export.agreement import Agreement, check, compare


def agreement(accuracy: float | None, largest: float = 0.1, chips: int = 600) -> Agreement:
    keras_accuracy = None if accuracy is None else 0.96
    return Agreement(chips, largest, 0.005, 0.99, accuracy, keras_accuracy, 0.3)


def test_half_a_point_is_too_much_to_lose() -> None:
    check(agreement(0.956), "int8")
    with pytest.raises(SmiledetError, match=r"right on 95\.00 % of 600 faces and Keras on 96\.00 %: half a point"):
        check(agreement(0.95), "int8")


def test_few_faces_and_none_with_labels_say_nothing_of_accuracy() -> None:
    check(agreement(0.5, chips=100), "int8")
    check(agreement(None), "int8")


def test_scores_far_off_are_told_first() -> None:
    with pytest.raises(SmiledetError, match=r"differs from Keras by up to 0\.7"):
        check(agreement(0.5, largest=0.7), "int8")
    with pytest.raises(SmiledetError, match="nan"):
        check(agreement(None, largest=float("nan")), "int8")


def test_of_a_network_of_several_tasks_the_labels_asked_about_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers to other tasks stand beside them, and are often surer."""
    said = np.array([[0.6, 0.4, 0.1, 0.9], [0.3, 0.7, 0.9, 0.1]], np.float32)
    monkeypatch.setattr("smiledet.lab.training.export.agreement.keras_scores", lambda *_: said)
    engine = SimpleNamespace(predict=lambda chips: np.resize(said, (len(chips), 4)))
    faces = np.zeros((2, 8, 8, 1), np.uint8)
    found = compare(None, engine, faces, np.array([0, 1]), outputs=(0, 1))  # type: ignore[arg-type]
    assert (found.accuracy, found.keras_accuracy, found.same) == (1.0, 1.0, 1.0)
    assert compare(None, engine, faces, np.array([0, 1])).accuracy == 0.0  # type: ignore[arg-type]
