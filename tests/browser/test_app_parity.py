"""What the page computes in JavaScript beside what Python computes: tracks, labels, exposure, the best shot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smiledet.detection.following.tracker import FaceTracker
from smiledet.exposure import Exposure, even_out
from smiledet.frame import Box, Detection
from smiledet.photographs.best_shot import Shot, ShotWeights, rank
from smiledet.photographs.records import StoredFace, StoredReading
from smiledet.tasks.base import get_task
from smiledet.web.app.build import TASKS, page_files
from smiledet.workers.track_labels import LabelSmoother

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def constants() -> dict[str, Any]:
    return json.loads(page_files()["constants.json"])


@pytest.fixture(scope="module")
def page(
    chromium: Any,
    tmp_path_factory: pytest.TempPathFactory,
    static_server: Callable[[Path], AbstractContextManager[str]],
) -> Iterator[Any]:
    """A page whose server has the app's modules; no network is loaded."""
    folder: Path = tmp_path_factory.mktemp("modules")
    for name, content in page_files().items():
        if name.endswith(".js") and "/" not in name:
            (folder / name).write_bytes(content)
    (folder / "index.html").write_text("<!doctype html><title>modules</title>")
    with static_server(folder) as address:
        context = chromium.new_context()
        opened = context.new_page()
        opened.goto(address)
        yield opened
        context.close()


def _random_walk(generator: np.random.Generator) -> list[tuple[float, list[Detection]]]:
    """Faces that move, are missed now and then, seen twice, and cross."""
    places = generator.uniform(40, 400, (4, 2))
    speeds = generator.normal(0, 120, (4, 2))
    time, frames = 0.0, []
    for _ in range(200):
        elapsed = float(generator.choice([0.033, 0.05, 0.1, 0.4]))
        time += elapsed
        places += speeds * elapsed
        speeds[(places < 0) | (places > 440)] *= -1
        found = []
        for x, y in places:
            if generator.uniform() < 0.8:
                side = float(generator.normal(100, 5))
                found.append(Detection(Box(x + float(generator.normal(0, 3)), y, side, side), 0.9))
            if generator.uniform() < 0.05:
                found.append(Detection(Box(x + 10, y + 10, 60, 60), 0.7))
        frames.append((time, found))
    return frames


FOLLOW = """async ([settings, frames]) => {
  const { FaceTracker } = await import("/tracker.js"), tracker = new FaceTracker(settings);
  return frames.map(([time, found]) => tracker.update(found.map((each) => ({ ...each, points: null })), time)
    .map(({ track, box, score }) => [track, box.x, box.y, box.width, box.height, score]));
}"""


def test_faces_are_followed_as_in_python(page: Any, constants: dict[str, Any]) -> None:
    frames = _random_walk(np.random.default_rng(5))
    given = [[time, [{"box": asdict(each.box), "score": each.score} for each in found]] for time, found in frames]
    ours = page.evaluate(FOLLOW, [constants["tracker"], given])
    tracker = FaceTracker()
    shown = 0
    for (time, found), rows in zip(frames, ours, strict=True):
        theirs = tracker.update(found, time)
        assert [row[0] for row in rows] == [face.track for face in theirs]
        expected = [[*face.box, face.score] for face in theirs]
        assert np.allclose([row[1:] for row in rows], expected) if rows else not theirs
        shown += len(rows)
    assert shown > 300


SMOOTH = """async ([task, readings]) => {
  const { LabelSmoother } = await import("/tasks.js"), smoother = new LabelSmoother(task);
  return readings.map(([time, scores]) => smoother.update(scores, time));
}"""


@pytest.mark.parametrize("name", TASKS)
def test_labels_settle_as_in_python(page: Any, constants: dict[str, Any], name: str) -> None:
    generator, task = np.random.default_rng(9), get_task(name)
    readings, time, leaning = [], 0.0, generator.dirichlet(np.ones(len(task.labels)))
    for number in range(300):
        if number % 12 == 0:
            leaning = generator.dirichlet(np.full(len(task.labels), 0.5))
        time += float(generator.choice([0.02, 0.1, 0.3]))
        scores = generator.dirichlet(20 * leaning + 0.1)
        readings.append((time, dict(zip(task.labels, map(float, scores), strict=True))))
    ours = page.evaluate(SMOOTH, [constants["tasks"][name], readings])
    smoother = LabelSmoother(task)
    labels = set()
    for (moment, scores), answer in zip(readings, ours, strict=True):
        smoother.update(scores, moment)
        theirs = smoother.prediction
        assert theirs is not None and answer["label"] == theirs.label
        assert answer["score"] == pytest.approx(theirs.score) and answer["scores"] == pytest.approx(theirs.scores)
        assert answer["intensity"] == (None if theirs.intensity is None else pytest.approx(theirs.intensity))
        labels.add(theirs.label)
    assert len(labels) >= 2


EVEN_OUT = """async ([constants, frames]) => {
  const { Exposure } = await import("/pixels.js"), exposure = new Exposure(constants);
  return frames.map(([time, width, height, levels]) => {
    const { data } = exposure.evened({ data: Uint8Array.from(levels), width, height }, time);
    return Array.from(data);
  });
}"""


def test_dark_and_bright_frames_are_evened_out_as_in_python(page: Any, constants: dict[str, Any]) -> None:
    generator = np.random.default_rng(2)
    lights = [1.0, 0.3, 0.2, 0.15, 0.3, 0.5, 1.0, 1.0, 3.0, 2.5, 1.0]
    scene = generator.uniform(20, 220, (48, 64))
    frames = [np.clip(scene * light + generator.normal(0, 2, scene.shape), 0, 255).astype(np.uint8) for light in lights]
    given = [[0.2 * place, 64, 48, frame.ravel().tolist()] for place, frame in enumerate(frames)]
    ours = page.evaluate(EVEN_OUT, [constants["exposure"], given])
    exposure = Exposure()
    changed = 0
    for place, (frame, pixels) in enumerate(zip(frames, ours, strict=True)):
        table = exposure.table(frame, 0.2 * place)
        changed += table is not None
        assert np.abs(np.array(pixels) - even_out(frame, table).ravel().astype(int)).max() <= 1
    assert 3 <= changed < len(frames)


RANK = """async ([constants, shots]) => {
  const { rank } = await import("/best.js");
  return rank(shots, constants);
}"""


def test_the_best_shot_is_that_of_python(page: Any, constants: dict[str, Any]) -> None:
    generator = np.random.default_rng(4)
    labels = get_task("emotion").labels
    for _ in range(20):
        people, shots, given = generator.uniform(0, 500, (3, 2)), [], []
        for number in range(5):
            faces, shown = [], []
            for rank_of, place in enumerate(people):
                if generator.uniform() < 0.15:
                    continue
                box = Box(*map(float, place + generator.normal(0, 8, 2)), *[float(generator.uniform(80, 110))] * 2)
                scores = dict(zip(labels, map(float, generator.dirichlet(np.ones(len(labels)))), strict=True))
                smile, eyes, sharpness = (float(generator.uniform(0, high)) for high in (1, 1, 30))
                reading = StoredReading("happy", 1.0, scores)
                faces.append(StoredFace(rank_of, rank_of, box, 0.9, {"emotion": reading}, None, eyes, smile, sharpness))
                shown.append({"box": asdict(box), "smile": {"intensity": smile}, "emotion": {"scores": scores}})
                shown[-1] |= {"eyesOpen": eyes, "sharpness": sharpness}
            shots.append(Shot(number, (640, 480), 10.0 + number, tuple(faces)))
            given.append({"width": 640, "height": 480, "faces": shown})
        theirs = rank(shots, ShotWeights(gaze=0))
        ours = page.evaluate(RANK, [constants["best"], given])
        assert [each["place"] for each in ours] == [each.id for each in theirs]
        assert [each["score"] for each in ours] == pytest.approx([each.score for each in theirs])
        assert [each["reasons"] for each in ours] == [list(each.reasons) for each in theirs]
