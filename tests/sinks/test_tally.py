"""How often each face carried each label."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smiledet.frame import Annotation, FaceReading, Frame, Prediction
from smiledet.sinks.tally import OTHERS, TRACKS_KEPT, Tally

Readings = Callable[..., FaceReading]
Frames = Callable[..., tuple[Frame, Annotation]]


def labelled(**labels: str) -> dict[str, Prediction]:
    return {task: Prediction(label, 0.9, {label: 0.9}) for task, label in labels.items()}


@pytest.fixture
def write(reading_of: Readings, frame_of: Frames) -> Callable[..., None]:
    """Writes a frame with the given labels of each face."""

    def write(tally: Tally, faces: dict[int, dict[str, str]]) -> None:
        readings = [reading_of(track, predictions=labelled(**labels)) for track, labels in faces.items()]
        tally.write(*frame_of(readings=readings))

    return write


def test_nothing_seen() -> None:
    with Tally() as tally:
        pass
    assert (tally.frames, tally.faces, tally.rows()) == (0, 0, [])


def test_somebody_is_told_of_each_frame_and_frames_with_faces_are_counted(write: Callable[..., None]) -> None:
    told: list[int] = []
    tally = Tally(lambda: told.append(len(told)), source="hall")
    for faces in ({}, {1: {}}, {1: {}, 2: {}}):
        write(tally, faces)
    assert (told, tally.of_source, tally.uses_drawing) == ([0, 1, 2], "hall", False)
    assert (tally.frames, tally.faces, tally.with_faces) == (3, 3, 2)


def test_frames_faces_and_labels_are_counted(write: Callable[..., None]) -> None:
    with Tally() as tally:
        for smiling in (True, True, False, True):
            write(
                tally,
                {1: {"smile": "smiling" if smiling else "not smiling", "emotion": "happy"}, 2: {"smile": "smiling"}},
            )
        write(tally, {})
    assert (tally.frames, tally.faces) == (5, 8)
    assert tally.rows() == [
        ("1", "smile", "smiling", "smiling 75 %, not smiling 25 %"),
        ("1", "emotion", "happy", "happy 100 %"),
        ("2", "smile", "smiling", "smiling 100 %"),
    ]


def test_a_face_that_was_never_read_has_no_row(write: Callable[..., None]) -> None:
    tally = Tally()
    write(tally, {1: {}})
    assert (tally.faces, tally.rows()) == (1, [])


def test_the_three_commonest_labels_are_named(write: Callable[..., None]) -> None:
    tally = Tally()
    for label, times in {"sad": 1, "happy": 5, "angry": 2, "neutral": 2}.items():
        for _ in range(times):
            write(tally, {1: {"emotion": label}})
    assert tally.rows() == [("1", "emotion", "happy", "happy 50 %, angry 20 %, neutral 20 %")]


def test_faces_past_the_limit_are_counted_together(write: Callable[..., None]) -> None:
    tally = Tally()
    for track in range(1, TRACKS_KEPT + 201):
        write(tally, {track: {"smile": "smiling" if track % 2 else "not smiling"}})
    write(tally, {1: {"smile": "smiling"}, 250: {"smile": "smiling"}})  # the first is still known
    assert len(tally.labels) == TRACKS_KEPT + 1
    assert tally.labels[1]["smile"]["smiling"] == 2
    assert sum(tally.labels[OTHERS]["smile"].values()) == 201
    rows = tally.rows()
    assert [row[0] for row in rows] == [*(str(track) for track in range(1, TRACKS_KEPT + 1)), "later"]
    assert rows[-1] == ("later", "smile", "smiling", "smiling 50 %, not smiling 50 %")
