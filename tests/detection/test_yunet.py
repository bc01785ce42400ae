"""YuNet with a file that the user brings: what is said where there is none, or another network."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.config import load_config
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.photographs import PhotographLocator, PhotographSettings
from smiledet.detection.search import scan
from smiledet.errors import ConfigError, ModelError, UsageError
from smiledet.reader import FaceReader
from smiledet.sources.demo import PORTRAITS, scene

DATA = os.environ.get("SMILEDET_DATA", "")
NETWORK = Path(DATA, "teachers", "face_detection_yunet_2026may.onnx")
needs_file = pytest.mark.skipif(not (DATA and NETWORK.is_file()), reason="needs SMILEDET_DATA with YuNet's file")


def test_a_missing_file_is_one_line(capsys, tmp_path):
    missing = tmp_path / "none.onnx"
    portrait = str(PORTRAITS[0].path)
    assert main(["run", portrait, "--no-show", "--detector", f"yunet={missing}"]) == 2
    assert f"detector yunet: there is no file {missing}" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x07"])
def test_what_is_no_network_is_one_line(tmp_path, content):
    file = tmp_path / "other.onnx"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"other.onnx is no YuNet network that OpenCV 4.* reads") as caught:
        detector_kind(f"yunet={file}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("choice", ["yunet", "yunet=", "haar=face.xml", "=", "eyes=x.onnx"])
def test_a_file_is_named_for_yunet_and_for_no_other(choice, tmp_path):
    with pytest.raises(UsageError, match="yunet=FILE"):
        FaceReader(detector=choice)
    with pytest.raises(ConfigError, match=r"expected one of .*haar, hog, mmod, mtcnn, fcos, fcos=FILE, yunet=FILE"):
        load_config("desktop-cpu", flags={"detector": choice})


@needs_file
@pytest.mark.data
@pytest.mark.parametrize("scale", [0.5, 1, 4])
def test_the_demos_faces_are_found_and_framed(scale):
    picture = cv2.resize(scene(0), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else 2)
    found = PhotographLocator(PhotographSettings(f"yunet={NETWORK}")).find(picture)
    expected = PhotographLocator().find(picture).detections
    assert found.detector == "yunet" and found.turned == 0
    assert len(found.detections) == len(expected) == 2
    for face in expected:
        assert max(other.box.iou(face.box) for other in found.detections) > 0.7


@needs_file
@pytest.mark.data
@pytest.mark.parametrize("shape", [(1, 1), (24, 24), (30, 5000), (5000, 30), (700, 900)])
def test_nothing_is_found_in_nothing(shape):
    detector = detector_kind(f"yunet={NETWORK}").scanning(None)
    assert scan(detector, np.full(shape, 128, np.uint8), 24) == []


@needs_file
@pytest.mark.data
def test_a_video_is_searched_by_it_too(tmp_path, capsys):
    events = tmp_path / "out.jsonl"
    arguments = ["--no-show", "--detector", f"yunet={NETWORK}", "--max-frames", "5", "--events", str(events)]
    assert main(["run", "demo", *arguments]) == 0
    assert events.read_text().count("\n") >= 5
