"""The constants of the page, taken from those of Python: `constants.json`, so that the two cannot drift apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from smiledet import __version__, exposure
from smiledet.alignment import eyes
from smiledet.alignment.aligner import MAX_DISTORTION
from smiledet.alignment.chips import MAX_HALVINGS
from smiledet.alignment.landmark_refiner import VIEW
from smiledet.alignment.similarity import ON_A_LINE
from smiledet.alignment.template import INNER, load_template
from smiledet.detection.detectors import fcos, fcos_network
from smiledet.detection.following.tracker import NEW_SPEED, UNCONFIRMED_SHARE, TrackerSettings
from smiledet.engines.mirror_averaging import GOLDEN
from smiledet.errors import ModelError
from smiledet.model_index import Model, find_model
from smiledet.photographs import best_shot
from smiledet.photographs.quality import FACE_SIDE
from smiledet.tasks.base import FULL_ODDS, SMALLEST, UNSURE, Task, get_task
from smiledet.web.app.resizing import size_places
from smiledet.web.live import shutter

FRAME, PHOTOGRAPH = 320, 640
"""Longer sides in pixels to which larger pictures are shrunk: a video's frame, and a photograph as well. The detector's
file is made for squares of the first."""

LOOKS = 2
"""How often the landmarks are placed: from the detector's five points, then from those of the first look."""

DETECTOR = (
    *("SCORE", "OVERLAP", "AGREED", "POSSIBLE", "CLEAR", "UNLIKELY", "LOOKED_AT", "AROUND"),
    *("SAME_PLACE", "LARGEST", "LEAST", "MOST"),
)
EXPOSURE = (
    *("STEP", "DARK", "LIGHT_AGAIN", "BRIGHT", "DIM_AGAIN", "LEAST_SPAN", "HIGHLIGHTS", "SETTLE", "JUMP"),
    *("SHARES", "NOTICED"),
)
BEST = ("NEAR", "LIKE_SIZE", "CLOSED", "OPEN", "WIDE", "BLURRED", "EDGE", "UNHAPPY", "TELLING")
SHUTTER = ("HOLD", "OPEN")
"""Constants of the modules that the page needs, under their names there in small letters."""

ENGINE = "litert"
LANDMARKS_ENGINE = "litert-int8"


def page_constants(tasks: Sequence[str]) -> tuple[dict[str, Any], dict[str, Path]]:
    """What `constants.json` holds, and whose files it names.

    Args:
        tasks: The tasks that the page reads; of each the default model.

    Returns:
        The constants, and the networks' files by the names that they have in the page.

    Raises:
        ModelError: A model is missing or has no LiteRT file.
        UsageError: No such task.
    """
    files: dict[str, Path] = {}

    def file_of(model: Model, engine: str) -> dict[str, str]:
        path = model.file(engine)
        name = f"models/{path.parent.name}-{path.name}"  # rows that share a file name it alike
        files[name] = path
        return {"file": name, "sha256": model.files[engine].sha256}

    detector, landmarks = find_model("detector", fcos.SHIPPED), find_model("landmarks")
    constants = {
        "version": __version__,
        "detector": {
            **file_of(detector, ENGINE),
            "places": size_places(detector.file(ENGINE).read_bytes()),
            "frame": FRAME,
            "photograph": PHOTOGRAPH,
            "framing": asdict(fcos.FRAMING),
            **_named(fcos, *DETECTOR),
            "cell": fcos_network.STRIDES[-1],
            "smallest": fcos_network.SMALLEST_INPUT,
            **_named(fcos_network, "SIDES"),
        },
        "landmarks": file_of(landmarks, LANDMARKS_ENGINE),
        "template": load_template(landmarks.file("template")).tolist(),
        "view": {"size": VIEW.size, "margin": VIEW.margin},
        "inner": INNER.start,
        "on_a_line": ON_A_LINE,
        "halvings": MAX_HALVINGS,
        "looks": LOOKS,
        "sure": fcos.FcosDetector.needs.sure,
        "max_distortion": MAX_DISTORTION,
        "eyes": _eyes(),
        "exposure": _named(exposure, *EXPOSURE),
        "tracker": asdict(TrackerSettings()) | {"unconfirmed_share": UNCONFIRMED_SHARE, "new_speed": NEW_SPEED},
        "mirror_turn": GOLDEN,
        "sharpness_side": FACE_SIDE,
        "best": _named(best_shot, *BEST) | {"weights": asdict(best_shot.ShotWeights())},
        "shutter": _named(shutter, *SHUTTER),
        "tasks": {name: _task(get_task(name), find_model(name), file_of) for name in tasks},
    }
    return constants, files


def _task(task: Task, model: Model, file_of: Callable[[Model, str], dict[str, str]]) -> dict[str, Any]:
    if task.numbers is not None or model.input is None or model.input.channels != 1:
        raise ModelError(f"the page reads classes from grey chips; {task.name} is none such")
    return {
        "labels": list(task.labels),
        "colours": {label: "#{2:02x}{1:02x}{0:02x}".format(*colour) for label, colour in task.colours.items()},
        "smoothing": task.smoothing,
        "hysteresis": task.hysteresis,
        "unsure_below": task.unsure_below,
        "strength": task.strength,
        "unsure": UNSURE,
        "full_odds": FULL_ODDS,
        "smallest": SMALLEST,
        "model": {
            "name": model.name,
            "size": model.input.size,
            "margin": model.input.margin,
            "mirror_averaging": model.mirror_averaging,
            "outputs": list(model.outputs),
            "temperature": model.temperature,
            **file_of(model, ENGINE),
        },
    }


def _eyes() -> dict[str, Any]:
    rows, columns = eyes.CORE
    return {
        "pairs": eyes.EYES,
        "patch": eyes.PATCH,
        "shown": eyes.SHOWN,
        "core": (rows.start, rows.stop, columns.start, columns.stop),
        "closed": eyes.CLOSED,
        "open": eyes.OPEN,
    }


def _named(module: ModuleType, *names: str) -> dict[str, Any]:
    return {name.lower(): getattr(module, name) for name in names}
