"""The photo booth: when it counts down, and which picture it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.frame import Annotation, Box, Face, FaceReading, Frame
from smiledet.tasks.base import get_task
from smiledet.web.live.shutter import BURST, COUNTDOWN, HOLD, SHOWN, Shutter

SMILE = get_task("smile")
FPS = 10


def face(track: int = 1, smiling: bool = True, eyes: float | None = 0.9) -> FaceReading:
    box = Box(20 + 60 * track, 20, 50, 50)
    answers = {"smile": SMILE.predict([0.1, 0.9] if smiling else [0.9, 0.1])}
    return FaceReading(Face(box, 1.0, track, box), answers, eyes_open=eyes)


def picture(blur: float) -> Any:
    noise = np.random.default_rng(3).integers(0, 256, (120, 200, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), blur)


class Booth:
    """A photo booth, and what happens before it."""

    def __init__(self, folder: Path) -> None:
        self.sink = Shutter(folder)
        self.sink.open()
        self.number = 0
        self.phases: list[tuple[float, str]] = []

    def play(self, seconds: float, faces: list[FaceReading], blur: float = 2.0) -> None:
        for _ in range(round(seconds * FPS)):
            now = self.number / FPS
            image = picture(blur)
            self.sink.write(Frame(self.number, 0, now, image), Annotation(image, tuple(faces)))
            assert self.sink.state.value is not None
            if not self.phases or self.phases[-1][1] != self.sink.state.value.phase:
                self.phases.append((now, self.sink.state.value.phase))
            self.number += 1

    @property
    def state(self) -> Any:
        return self.sink.state.value


def test_a_photograph_from_ready_to_ready(tmp_path: Path) -> None:
    booth = Booth(tmp_path)
    booth.play(1.0, [face(1), face(2, smiling=False)])
    assert (booth.state.phase, booth.state.faces, booth.state.happy) == ("ready", 2, 1)
    booth.play(HOLD + 0.2, [face(1), face(2)])
    assert (booth.state.phase, booth.state.seconds) == ("countdown", 3)
    booth.play(COUNTDOWN + BURST + 0.2, [face(1), face(2)])
    assert booth.state.phase == "shown"
    (path,) = tmp_path.iterdir()
    assert booth.sink.photographs[booth.state.photo] == path
    booth.play(SHOWN + 0.1, [face(1), face(2)])
    assert booth.state.phase == "ready", "the same smile is no second photograph"
    booth.play(5, [face(1), face(2)])
    assert len(list(tmp_path.iterdir())) == 1
    assert [phase for _, phase in booth.phases] == ["ready", "countdown", "burst", "shown", "ready"]


def test_a_smile_at_the_photograph_does_not_take_it_away(tmp_path: Path) -> None:
    booth = Booth(tmp_path)
    booth.play(HOLD + COUNTDOWN + BURST + 0.5, [face()])
    assert booth.state.phase == "shown"
    booth.play(1.0, [face(smiling=False)])
    booth.play(SHOWN - 2, [face()])
    assert booth.state.phase == "shown"
    booth.play(3.0, [face()])
    assert booth.state.phase == "countdown", "it had ceased, so this is another smile"


@pytest.mark.parametrize(
    "faces", [[], [face(smiling=False)], [face(eyes=0.2)], [face(eyes=None)], [face(1), face(2, eyes=0.1)]]
)
def test_not_before_everybody_smiles_with_open_eyes(faces: list[FaceReading], tmp_path: Path) -> None:
    booth = Booth(tmp_path)
    booth.play(8, faces)
    assert [phase for _, phase in booth.phases] == ["ready"]
    assert list(tmp_path.iterdir()) == []


def test_narrowed_eyes_count_and_a_picture_with_surely_open_ones_is_preferred(tmp_path: Path) -> None:
    booth = Booth(tmp_path)
    while booth.state is None or booth.state.phase != "burst":
        booth.play(0.1, [face(eyes=0.4)], blur=3)
    booth.play(0.2, [face(eyes=0.4)], blur=0.5)
    booth.play(0.1, [face(eyes=0.6)], blur=1.0)
    booth.play(1.0, [face(eyes=0.4)], blur=0.5)
    (path,) = tmp_path.iterdir()
    kept = cv2.imread(str(path)).astype(float)
    differences = {blur: float(np.abs(kept - picture(blur)).mean()) for blur in (0.5, 1.0, 3.0)}
    assert min(differences, key=differences.__getitem__) == 1.0


def test_a_blink_does_not_end_the_countdown_and_a_frown_does(tmp_path: Path) -> None:
    booth = Booth(tmp_path)
    booth.play(1.0, [face()])
    booth.play(0.4, [face(eyes=0.1)])
    booth.play(0.5, [face()])
    assert booth.state.phase == "countdown"
    booth.play(1.2, [face(smiling=False)])
    assert booth.state.phase == "ready"
    booth.play(1.0, [face()])
    assert (booth.state.phase, booth.state.seconds) == ("countdown", 3), "from three again"


def test_the_sharpest_of_those_on_which_everybody_smiles_is_kept(tmp_path: Path) -> None:
    booth = Booth(tmp_path)
    booth.play(HOLD + COUNTDOWN, [face()], blur=3)
    while booth.state.phase != "burst":
        booth.play(0.1, [face()], blur=3)
    booth.play(0.2, [face()], blur=3)
    booth.play(0.1, [face()], blur=1.0)
    booth.play(0.1, [face(eyes=0.1)], blur=0.5)  # sharper, with closed eyes
    booth.play(1.0, [face()], blur=3)
    (path,) = tmp_path.iterdir()
    kept = cv2.imread(str(path)).astype(float)
    differences = {blur: float(np.abs(kept - picture(blur)).mean()) for blur in (0.5, 1.0, 3.0)}
    assert min(differences, key=differences.__getitem__) == 1.0


def test_a_photograph_that_cannot_be_saved_is_told_and_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "booth"
    booth = Booth(folder)
    folder.rmdir()
    folder.write_text("in the way")
    booth.play(COUNTDOWN + BURST + 1.2, [face()])
    assert booth.state.phase == "shown"
    assert (booth.state.photo, bool(booth.state.problem)) == ("", True)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ((), "give --serve too"),
        (("--serve", "127.0.0.1:0", "--no-images"), "no picture is to leave"),
        (("--serve", "127.0.0.1:0", "--tasks", "emotion"), "waits for smiles"),
    ],
)
def test_what_does_not_go_together_is_told_in_a_line(
    flags: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "demo", "--no-show", "-q", "--shutter", str(tmp_path / "x"), *flags]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "x").exists()
