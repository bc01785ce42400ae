"""Plots of figures made up: which files, and that something is on them."""

from __future__ import annotations

import cv2
import pytest

from smiledet.errors import SmiledetError
from smiledet.lab.benchmark.plots import plot_models, plot_pipeline
from smiledet.lab.benchmark.resources.plots import plot_resources


def row(model, engine, milliseconds, **more):
    fps = 1000 / milliseconds
    return {"model": model, "engine": engine, "milliseconds": milliseconds, "fps": fps, "parameters": 5, **more}


MODELS = {
    "models": [
        row("smile/a", "litert", 0.2, accuracy=0.95),
        row("smile/a", "onnx", 0.3, accuracy=0.95),
        row("age/b", "litert", 0.4, accuracy=0.4, mean_error=7.0),
    ],
    "architectures": [row("vgg", "onnx", 90.0)],
}

PIPELINE = {
    "pipeline": [
        {"source": "/clips/a.mp4", "mode": "every frame", "fps": 300.0, "latency_ms": 5.0, "latency_95_ms": 9.0},
        {"source": "/clips/a.mp4", "mode": "live", "fps": 30.0, "latency_ms": 5.0, "latency_95_ms": 9.0},
    ]
}

SCALE = {
    "scale": [
        {"width": width, "height": width, "faces": faces, "fps": 900.0 / faces, "latency_95_ms": 2.0 + faces}
        for faces in (16, 1, 4)
        for width in (640, 320)
    ]
}

RESOURCES = {
    "resources": [
        {"network": "light-weight-cnn", "stage": "training", "median": {"cpu": 80.0, "memory": 3.0}},
        {"network": "mobilenet-025", "stage": "training", "median": {"cpu": 70.0, "memory": 3.0}},
    ]
}


@pytest.mark.parametrize(
    ("draw", "result", "names"),
    [
        (
            plot_models,
            MODELS,
            ["models-fps", "architectures-fps", "models-accuracy", "architectures-parameters"],
        ),
        (plot_models, {"models": [], "architectures": []}, []),
        (plot_pipeline, PIPELINE, ["pipeline-throughput", "pipeline-latency"]),
        (plot_pipeline, {"pipeline": []}, []),
        (plot_pipeline, SCALE, ["pipeline-scale"]),
        (plot_resources, RESOURCES, ["resources-training"]),
    ],
)
def test_what_there_is_is_drawn(draw, result, names, tmp_path):
    written = list(draw(result, tmp_path))
    assert written == [tmp_path / f"{name}.png" for name in names]
    for path in written:
        picture = cv2.imread(str(path))
        assert picture is not None and picture.std() > 5 and min(picture.shape[:2]) > 100


def test_a_folder_that_went_away_is_one_line(tmp_path):
    with pytest.raises(SmiledetError, match=r"cannot write .*models-fps\.png"):
        list(plot_models(MODELS, tmp_path / "none"))
