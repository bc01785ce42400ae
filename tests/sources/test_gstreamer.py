import cv2
import pytest

from smiledet.errors import UsageError
from smiledet.sources.base import SourceSettings
from smiledet.sources.gstreamer import GStreamerSource, has_gstreamer
from smiledet.sources.pipelines import build_pipeline, complete, csi_pipeline


@pytest.mark.parametrize("spec", ["csi://0", "gst:videotestsrc"])
def test_without_gstreamer_the_complaint_says_so(spec, monkeypatch):
    def missing():
        raise UsageError("python3-gi is not installed")

    monkeypatch.setattr("smiledet.sources.gstreamer.load_gstreamer", missing)
    source = GStreamerSource(spec, SourceSettings(), available=lambda: False)
    with pytest.raises(UsageError) as problem:
        source.open()
    assert str(problem.value).startswith(f"{spec} needs GStreamer, which this OpenCV")


def test_what_is_said_of_this_opencv_agrees_with_its_build_information():
    (line,) = [line for line in cv2.getBuildInformation().splitlines() if line.strip().startswith("GStreamer:")]
    assert has_gstreamer() == ("YES" in line)


def test_the_csi_pipeline_takes_size_and_rate():
    pipeline = csi_pipeline(1, SourceSettings(width=1920, height=1080, fps=60))
    assert pipeline.startswith("nvarguscamerasrc sensor-id=1 ! ")
    assert "width=1920,height=1080,framerate=60/1" in pipeline
    assert pipeline.endswith("appsink drop=true max-buffers=1 sync=false")


def test_a_pipeline_is_completed_unless_it_has_its_own_sink():
    assert complete("videotestsrc ! ").startswith("videotestsrc ! videoconvert ! ")
    assert complete("a ! appsink") == "a ! appsink"


def test_with_gstreamer_pictures_come_from_the_pipeline(fake_capture, make_picture, number_of):
    opened = []

    def open_capture(pipeline):
        opened.append(pipeline)
        return fake_capture([make_picture(0), make_picture(1)])

    source = GStreamerSource("gst:x", SourceSettings(), open_capture=open_capture, available=lambda: True)
    with source:
        assert number_of(source.read().image) == 1
    assert opened[0].startswith("x ! videoconvert")


def test_a_pipeline_that_does_not_start(fake_capture):
    source = GStreamerSource(
        "gst:x", SourceSettings(), open_capture=lambda _: fake_capture(opened=False), available=lambda: True
    )
    with pytest.raises(UsageError, match=r"gst-launch-1\.0 x !"):
        source.open()


END = (
    "nvvidconv ! video/x-raw,format=BGRx ! videoconvert ! video/x-raw,format=BGR ! "
    "appsink drop=true max-buffers=1 sync=false"
)
ASKED = SourceSettings(width=1920, height=1080, fps=29.97)


@pytest.mark.parametrize(
    ("spec", "settings", "start"),
    [
        (
            "csi://0",
            SourceSettings(),
            "nvarguscamerasrc sensor-id=0 ! video/x-raw(memory:NVMM),width=1280,height=720,framerate=30/1",
        ),
        (
            "csi://2",
            ASKED,
            "nvarguscamerasrc sensor-id=2 ! video/x-raw(memory:NVMM),width=1920,height=1080,framerate=2997/100",
        ),
        ("nvdec:0", SourceSettings(), "v4l2src device=/dev/video0 ! image/jpeg ! jpegparse ! nvv4l2decoder mjpeg=1"),
        (
            "nvdec:/dev/video3",
            ASKED,
            "v4l2src device=/dev/video3 ! image/jpeg,width=1920,height=1080,framerate=2997/100 ! jpegparse ! "
            "nvv4l2decoder mjpeg=1",
        ),
        (
            "nvdec:rtsp://10.0.0.5/live?a=1&b=2",
            SourceSettings(),
            'rtspsrc location="rtsp://10.0.0.5/live?a=1&b=2" latency=100 drop-on-latency=true ! rtph264depay ! '
            "h264parse ! nvv4l2decoder",
        ),
    ],
)
def test_every_pipeline_of_the_board(spec, settings, start):
    assert build_pipeline(spec, settings) == f"{start} ! {END}"


def test_an_address_cannot_smuggle_in_elements():
    pipeline = build_pipeline('nvdec:rtsp://x/"!filesink\\', SourceSettings())
    assert pipeline.startswith('rtspsrc location="rtsp://x/\\"!filesink\\\\" latency')


def test_passwords_go_to_the_camera_alone(fake_capture):
    opened = []

    def open_capture(pipeline):
        opened.append(pipeline)
        return fake_capture(opened=False)

    spec = "nvdec:rtsp://me:secret@10.0.0.5/live"
    source = GStreamerSource(spec, SourceSettings(), open_capture=open_capture, available=lambda: True)
    with pytest.raises(UsageError) as problem:
        source.open()
    assert "secret" in opened[0]
    assert "secret" not in f"{problem.value} {source.description} {source.pipeline}"


@pytest.mark.parametrize(
    "spec",
    ["csi://front", "csi://", "csi://1000", "gst:", "gst:  ", "gst: !", "nvdec:", "nvdec:clip.mp4", "nvdec:http://x/y"],
)
def test_specs_that_name_nothing(spec):
    with pytest.raises(UsageError):
        GStreamerSource.from_spec(spec, SourceSettings())
