import logging
import subprocess
import sys

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.schema import build
from smiledet.sources import choose
from smiledet.sources.base import SourceSettings
from smiledet.sources.camera import CameraSource
from smiledet.sources.choose import create_source, source_kinds
from smiledet.sources.demo import DemoSource
from smiledet.sources.gstreamer import GStreamerSource
from smiledet.sources.images import ImagesSource
from smiledet.sources.pacing import Paced
from smiledet.sources.stream import StreamSource
from smiledet.sources.video import VideoSource


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        ("0", CameraSource, "camera /dev/video0"),
        ("12", CameraSource, "camera /dev/video12"),
        ("/dev/video3", CameraSource, "camera /dev/video3"),
        ("/dev/v4l/by-id/usb-cam-index0", CameraSource, "camera /dev/v4l/by-id/usb-cam-index0"),
        ("rtsp://me:secret@10.0.0.5/live", StreamSource, "stream rtsp://10.0.0.5/live"),
        ("rtmp://host/app", StreamSource, "stream rtmp://host/app"),
        ("http://host/a.mjpg", StreamSource, "stream http://host/a.mjpg"),
        ("HTTPS://host/a.mp4", StreamSource, "stream HTTPS://host/a.mp4"),
        ("gst:videotestsrc", GStreamerSource, "GStreamer pipeline"),
        ("csi://1", GStreamerSource, "CSI camera csi://1"),
        ("demo", DemoSource, "the built-in demo"),
    ],
)
def test_what_a_spec_stands_for(spec, kind, name):
    source = create_source(spec, SourceSettings())
    assert type(source) is kind
    assert source.description == name


def test_files_and_folders(tmp_path):
    for name in ("clip.mp4", "noext", "photo.PNG"):
        (tmp_path / name).write_bytes(b"x")
    assert type(create_source(str(tmp_path))) is ImagesSource
    assert type(create_source(str(tmp_path / "photo.PNG"))) is ImagesSource
    assert type(create_source(str(tmp_path / "clip.mp4"))) is VideoSource
    assert type(create_source(str(tmp_path / "noext"))) is VideoSource


def test_every_spec_has_one_kind_that_accepts_it(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "a.mkv").write_bytes(b"x")
    specs = ["0", "demo", "csi://0", "rtsp://x/y", str(tmp_path), str(tmp_path / "a.jpg"), str(tmp_path / "a.mkv")]
    for spec in specs:
        assert sum(kind.accepts(spec) for kind in source_kinds()) == 1, spec


def test_what_is_not_there_lists_what_may_be():
    with pytest.raises(UsageError) as problem:
        create_source("nowhere/clip.mp4")
    message = str(problem.value)
    assert message.startswith("there is no 'nowhere/clip.mp4'; SOURCE may be ")
    assert "\n" not in message
    for form in ("/dev/video0", "rtsp://", "csi://0", "video file", "folder", "demo"):
        assert form in message


def test_the_default_is_the_first_camera_if_there_is_one(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(choose, "FIRST_CAMERA", tmp_path)
    assert create_source(None).description == "camera /dev/video0"
    assert not caplog.records


def test_the_default_without_a_camera_is_the_demo_and_says_so_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(choose, "FIRST_CAMERA", tmp_path / "video0")
    with caplog.at_level(logging.INFO):
        assert isinstance(create_source(None), DemoSource)
    (line,) = caplog.messages
    assert "no camera" in line and "demo" in line


def test_realtime_paces_files_and_leaves_live_sources_alone(tmp_path):
    assert isinstance(create_source("demo", realtime=True), Paced)
    assert isinstance(create_source("0", realtime=True), CameraSource)
    assert create_source("demo", realtime=True).live and not create_source("demo").live


@pytest.mark.parametrize("file", ["clip.mp4", "folder", "photo.png"])
def test_realtime_paces_every_kind_of_file(tmp_path, file, write_clip):
    path = tmp_path / file
    if file == "clip.mp4":
        write_clip(path)
    elif file == "folder":
        path.mkdir()
        cv2.imwrite(str(path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    else:
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    with create_source(str(path), realtime=True) as source:
        assert source.live and source.read() is not None


def test_a_new_kind_of_source_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "pattern.py").write_text(
        "from smiledet.sources.demo import DemoSource\n"
        "class Pattern(DemoSource):\n"
        "    forms = 'pattern'\n"
        "    @classmethod\n"
        "    def accepts(cls, spec):\n"
        "        return spec == 'pattern'\n"
        "SOURCE = Pattern\n"
    )
    package = sys.modules["smiledet.sources"]
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    try:
        assert type(create_source("pattern")).__name__ == "Pattern"
    finally:
        sys.modules.pop("smiledet.sources.pattern", None)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"fourcc": "ABCD"}, "fourcc is 'ABCD', expected one of MJPG"),
        ({"width": -1}, "width is -1, expected 0 to 7680"),
        ({"read_timeout": 0}, "read_timeout is 0, expected 0.1 to 600"),
    ],
)
def test_settings_are_validated(values, complaint):
    with pytest.raises(UsageError, match=complaint):
        build(SourceSettings, values, "config.toml")


def test_choosing_imports_no_framework():
    program = (
        "import sys; from smiledet.sources.choose import create_source\n"
        "with create_source('demo') as demo: demo.read()\n"
        "print(sorted({'matplotlib', 'tensorflow', 'keras'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
