"""`--blur` and `--no-images`: no pixel of a face leaves through any output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.config import load_config
from smiledet.drawing.privacy import BLANK, Cover, PrivacySettings
from smiledet.frame import Annotation, Box, Face, Frame, Image
from smiledet.pipeline import Limits, Pipeline
from smiledet.sinks.base import Sink
from smiledet.sources.demo import DemoSource, scene
from smiledet.sources.pacing import Paced
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.drawer import DrawerWorker
from smiledet.workers.locator import LocatorWorker

FRAMES = 12

BLUR, NONE = PrivacySettings(blur=True), PrivacySettings(images=False)

FACES = [Box(150, 190, 90, 90), Box(420, 190, 80, 80)]
"""The middle of the demo's two faces in its first pictures."""


def detail(image: Image, box: Box) -> float:
    """How much of what makes a face is in a part of a picture: the energy of its fine structure."""
    left, top, right, bottom = box.clipped(image.shape[1], image.shape[0])
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_32F).std())


class Everything(Sink):
    """Keeps every picture that a sink can reach."""

    description = "everything"

    def __init__(self) -> None:
        self.pictures: dict[int, list[Image]] = {}
        self.results: list[Any] = []
        self.boxes: dict[int, list[Box]] = {}

    def open(self) -> None:
        pass

    def write(self, frame: Frame, annotation: Annotation) -> None:
        assert annotation.clean is not None
        self.pictures[frame.id] = [frame.image, annotation.image, annotation.clean]
        self.results += frame.results.values()
        self.boxes[frame.id] = [reading.box for reading in annotation.readings]

    def close(self) -> None:
        pass


def watched(privacy: PrivacySettings, live: bool = False, draw: bool = True) -> Everything:
    """What a sink is handed of the demo."""
    config = replace(load_config("desktop-cpu").config, privacy=privacy)
    sink = Everything()
    sink.uses_drawing = draw
    with Paced(DemoSource()) if live else DemoSource() as source:
        Pipeline(config, source, [sink], limits=Limits(FRAMES)).run()
    return sink


def assert_faces_are_hidden(sink: Everything) -> None:
    assert sink.pictures and sink.results == [], "chips are faces, too"
    for number, pictures in sink.pictures.items():
        original = scene(number)
        for box in sink.boxes[number]:
            inner = box.scaled(0.7)
            assert detail(original, inner) > 5
            for image in pictures[::2]:  # without the drawing, which has details of its own
                assert detail(image, inner) < 0.35 * detail(original, inner), number


@pytest.mark.parametrize("live", [False, True])
def test_every_picture_that_a_sink_can_reach_is_blurred(live: bool) -> None:
    sink = watched(BLUR, live)
    assert any(sink.boxes.values())
    assert_faces_are_hidden(sink)
    last = max(sink.pictures)
    clean, drawn, _ = sink.pictures[last]
    assert (clean[:40] == scene(last)[:40]).all(), "beside the faces everything is as it was"
    assert (drawn != clean).any(), "what was read is drawn all the same"


def test_faces_are_blurred_before_anything_is_read_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no answer")

    monkeypatch.setattr(ClassifierWorker, "process", fail)
    config = load_config("desktop-cpu").config
    config = replace(config, privacy=BLUR, faults=replace(config.faults, failures=100))
    sink = Everything()
    sink.uses_drawing = False
    with DemoSource() as source:
        Pipeline(config, source, [sink], limits=Limits(FRAMES)).run()
    assert all(sink.boxes.values())
    assert_faces_are_hidden(sink)


@pytest.mark.parametrize("stage", [LocatorWorker, DrawerWorker])
def test_a_stage_that_fails_shows_nothing(stage: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the faces are is not known then: the whole picture is hidden."""
    usual = stage.process

    def fail(self: Any, frame: Frame) -> Any:
        if frame.id % 3:
            raise ValueError("no luck")
        return usual(self, frame)

    monkeypatch.setattr(stage, "process", fail)
    sink = watched(BLUR, draw=False)
    for number in (4, 5, 7):
        for image in sink.pictures[number]:
            assert all(detail(image, box) < 0.35 * detail(scene(number), box) for box in FACES)


def test_without_images_there_is_nothing_to_see() -> None:
    sink = watched(NONE)
    for clean, drawn, _ in sink.pictures.values():
        assert clean.shape == (480, 640, 3)
        assert (clean == BLANK).all()
        assert len(np.unique(drawn)) > 1, "what was read is drawn"


class TestCover:
    def image(self) -> Image:
        return np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)

    def face(self, x: float = 100, track: int = 1) -> Face:
        return Face(Box(x, 60, 60, 60), 1.0, track, Box(x + 10, 60, 60, 60))

    def hides(self, shown: Image, box: Box) -> bool:
        left, top, right, bottom = box.clipped(300, 200)
        return float(shown[top:bottom, left:right].std()) < 20

    def covered(self, cover: Cover, faces: Sequence[Face], time: float, possible: Sequence[Box] = ()) -> Image:
        return cover.covered(self.image(), faces, possible, time, independent=False)

    def test_the_detectors_own_box_and_the_smoothed_one_are_hidden(self) -> None:
        shown = self.covered(Cover(BLUR), [self.face()], 0)
        assert self.hides(shown, Box(90, 50, 90, 80))
        assert (shown[:, 220:] == self.image()[:, 220:]).all()

    def test_a_face_that_is_lost_stays_hidden_for_a_while(self) -> None:
        cover = Cover(BLUR)
        self.covered(cover, [self.face()], 0)
        assert self.hides(self.covered(cover, [], 0.9), self.face().box)
        assert not self.hides(self.covered(cover, [], 2.0), self.face().box)

    def test_what_may_be_a_face_is_hidden(self) -> None:
        assert self.hides(self.covered(Cover(BLUR), [], 0, [Box(20, 20, 50, 50)]), Box(20, 20, 50, 50))

    def test_faces_at_the_edge_and_outside(self) -> None:
        for x in (-40, -200, 280, 400):
            self.covered(Cover(BLUR), [self.face(x)], 0)

    def test_the_frame_itself_is_not_written_to(self) -> None:
        image = self.image()
        Cover(BLUR).covered(image, [self.face()], (), 0, independent=False)
        assert (image == self.image()).all()


class TestCommandLine:
    RUN = ("run", "demo", "--no-show", "-q", "--max-frames", "12")

    def test_nothing_that_is_written_shows_a_face(self, tmp_path: Path) -> None:
        clean = tmp_path / "rules.toml"
        clean.write_text(f'[[rule]]\nwhen = "face"\nhold = 0\nannotated = false\nsave = "{tmp_path / "saved"}"\n')
        video, sheet, events = tmp_path / "out.mp4", tmp_path / "sheet.png", tmp_path / "out.jsonl"
        outputs = ["--record", str(video), "--sheet", str(sheet), "--events", str(events), "--config", str(clean)]
        assert main([*self.RUN, "--blur", *outputs]) == 0
        rows = [json.loads(line) for line in events.read_text().splitlines()]
        with av.open(str(video)) as opened:
            frames = [frame.to_ndarray(format="bgr24") for frame in opened.decode(video=0)]
        assert len(frames) == 12
        boxes = {(row["frame"], Box(row["x"], row["y"], row["width"], row["height"]).scaled(0.6)) for row in rows}
        assert boxes
        for number, box in boxes:
            assert detail(frames[number], box) < 0.5 * detail(scene(number), box)
        (saved,) = (tmp_path / "saved").iterdir()
        image = cv2.imread(str(saved))
        assert all(detail(image, box) < 0.35 * detail(scene(0), box) for number, box in boxes if number == 0)
        assert sheet.is_file()

    def test_settings_of_the_configuration(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        settings = tmp_path / "private.toml"
        settings.write_text("[privacy]\nimages = false\n")
        assert main([*self.RUN, "--config", str(settings)]) == 0
        assert main([*self.RUN, "--config", str(settings), "--record", str(tmp_path / "x.mp4")]) == 2
        assert not (tmp_path / "x.mp4").exists()

    @pytest.mark.parametrize(
        "output",
        [
            ("--record", "x.mp4"),
            ("--sheet", "x.png"),
            ("--on", "face:save=x"),
            ("--events", "mqtt://localhost/x?snapshot=1"),
        ],
    )
    def test_an_output_of_pictures_is_refused_without_images(
        self,
        output: tuple[str, str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main([*self.RUN, "--no-images", *output]) == 2
        said = capsys.readouterr().err
        assert "no picture is to leave" in said
        assert said.count("\n") == 1
        assert list(tmp_path.iterdir()) == []
