"""Pictures from an appsink: a stand-in for the bindings, and the real ones where Debian's python3-gi is installed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from smiledet.errors import SmiledetError, UsageError
from smiledet.sources import introspection
from smiledet.sources.appsink import AppsinkCapture, _picture
from smiledet.sources.base import SourceSettings
from smiledet.sources.gstreamer import GStreamerSource
from smiledet.sources.introspection import GStreamer, load_gstreamer

NONE = 2**64 - 1
SECOND = 10**9


class FakeSample:
    """A grey picture of a form, with a time stamp."""

    def __init__(self, stamp=0, value=7, form="BGR", width=5, height=4, rate=(30, 1), short=0):
        self.value, self.fields = value, {"format": form, "width": width, "height": height}
        self.rate = rate
        row = width * {"BGR": 3, "BGRx": 4, "GRAY8": 1}.get(form, 1)
        data = bytes([value] * row + [255] * (-row % 4)) * height
        self.data, self.pts = data[: len(data) - short], stamp

    def get_buffer(self):
        return SimpleNamespace(pts=self.pts, get_size=lambda: len(self.data), extract_dup=lambda at, size: self.data)

    def get_caps(self):
        return SimpleNamespace(get_structure=lambda index: self)

    def get_value(self, name):
        return self.fields[name]

    def get_fraction(self, name):
        return (True, *self.rate)

    def get_name(self):
        return "video/x-raw"


class FakeError(Exception):
    """`GLib.Error`."""

    def __init__(self, message):
        super().__init__(message)
        self.message = message


class FakeSink:
    """Hands over samples; a number is so many seconds without one, a text an error, None the end."""

    def __init__(self, told):
        self.told, self.messages = list(told), []
        self.properties = {"max-buffers": 0}
        self.seconds = 0.0

    def try_pull_sample(self, timeout):
        self.seconds += timeout / SECOND
        if not self.told:
            return None
        if isinstance(self.told[0], float):
            self.told[0] -= timeout / SECOND
            if self.told[0] <= 0:
                self.told.pop(0)
            return None
        found = self.told.pop(0)
        if isinstance(found, FakeSample):
            self.seconds -= timeout / SECOND
            return found
        kind = FakeGst.MessageType.EOS if found is None else FakeGst.MessageType.ERROR
        source = SimpleNamespace(get_name=lambda: "v4l2src0")
        details = "v4l2.c(12): poll ():\nsystem error: No such device"
        self.messages.append(SimpleNamespace(type=kind, src=source, parse_error=lambda: (FakeError(found), details)))
        return None

    def get_property(self, name):
        return self.properties[name]

    def set_property(self, name, value):
        self.properties[name] = value


class FakeGst:
    """The namespace `Gst`, and the only pipeline that it makes."""

    SECOND, CLOCK_TIME_NONE = SECOND, NONE
    State = SimpleNamespace(PLAYING="playing", NULL="null")
    StateChangeReturn = SimpleNamespace(FAILURE=0, ASYNC=2, NO_PREROLL=3)
    IteratorResult = SimpleNamespace(OK=1, DONE=0)
    MessageType = SimpleNamespace(EOS=1, ERROR=2)

    def __init__(self, told, started=3, sinks=True):
        self.sink, self.started, self.states = FakeSink(told), started, []
        self.Bin, self.left = FakeGst, [self.sink] if sinks else []

    def parse_launch(self, pipeline):
        if "nosuch" in pipeline:
            raise FakeError('no element\n "nosuch"')
        return self

    def iterate_sinks(self):
        return SimpleNamespace(next=lambda: (1, self.left.pop()) if self.left else (0, None))

    def set_state(self, state):
        self.states.append(state)
        return self.started

    def get_bus(self):
        return SimpleNamespace(pop_filtered=lambda kinds: self.sink.messages.pop(0) if self.sink.messages else None)

    def capture(self, pipeline="x ! appsink", closing=lambda: False):
        bindings = GStreamer(self, SimpleNamespace(AppSink=FakeSink), FakeError)
        return AppsinkCapture(pipeline, 2.0, 1.0, closing, load=lambda: bindings, clock=lambda: self.sink.seconds)


class TestCapture:
    def test_pictures_without_the_padding_of_their_rows(self):
        capture = FakeGst([FakeSample(value=3), 0.5, FakeSample(40 * 10**6, value=9)]).capture()
        assert capture.isOpened() and capture.live
        for value, position in ((3, 0.0), (9, 40.0)):
            assert capture.grab()
            taken, image = capture.retrieve()
            assert taken and image.shape == (4, 5, 3) and (image == value).all()
            assert image.flags.c_contiguous and image.flags.writeable
            assert capture.get(cv2.CAP_PROP_POS_MSEC) == position
        assert capture.get(cv2.CAP_PROP_FPS) == 30
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 5 and capture.get(cv2.CAP_PROP_BRIGHTNESS) == 0

    def test_what_is_not_known(self):
        capture = FakeGst([FakeSample(NONE, rate=(0, 1))]).capture()
        assert capture.get(cv2.CAP_PROP_FPS) == 0  # nothing grabbed yet
        assert capture.grab()
        assert (capture.get(cv2.CAP_PROP_POS_MSEC), capture.get(cv2.CAP_PROP_FPS)) == (-1, 0)
        assert not capture.set(cv2.CAP_PROP_FPS, 10)

    def test_pictures_do_not_pile_up(self):
        gst = FakeGst([FakeSample()])
        gst.capture()
        assert gst.sink.properties == {"max-buffers": 1, "drop": True}
        gst = FakeGst([FakeSample()])
        gst.sink.properties["max-buffers"] = 5
        gst.capture()
        assert gst.sink.properties == {"max-buffers": 5}

    @pytest.mark.parametrize(
        ("gst", "pipeline", "words"),
        [
            (FakeGst([FakeSample()]), "nosuch", 'no element "nosuch"'),
            (FakeGst([], sinks=False), "x", "does not end in an appsink"),
            (FakeGst([]), "x", "no picture within 2 s"),
            (FakeGst([3.0, FakeSample()]), "x", "no picture within 2 s"),
            (FakeGst([None]), "x", "it has no picture"),
            (FakeGst(["Gone."]), "x", r"v4l2src0: Gone \(system error: No such device\)"),
            (FakeGst([FakeSample(form="NV12")]), "x", "it delivers NV12; before the appsink there has to be videoconv"),
        ],
    )
    def test_a_pipeline_that_does_not_run(self, gst, pipeline, words):
        with pytest.raises(UsageError, match=words):
            gst.capture(pipeline)
        assert gst.states in ([], ["playing", "null"])  # what was started is stopped

    def test_a_start_that_fails_is_told_by_the_bus(self):
        gst = FakeGst(["Cannot open."], started=0)
        gst.sink.try_pull_sample(0)  # puts it on the bus
        with pytest.raises(UsageError, match="v4l2src0: Cannot open"):
            gst.capture()

    def test_silence_the_end_and_an_error(self):
        capture = FakeGst([FakeSample(), 5.0]).capture()
        assert capture.grab() and not capture.grab()
        assert (capture.ended, capture.problem) == (False, "")
        capture = FakeGst([FakeSample(), None]).capture()
        assert capture.grab() and not capture.grab()
        assert (capture.ended, capture.problem) == (True, "")
        assert capture.retrieve() == (False, None)
        capture = FakeGst([FakeSample(), "Gone."]).capture()
        assert capture.grab() and not capture.grab()
        assert capture.problem == "v4l2src0: Gone (system error: No such device)"

    def test_nobody_waits_for_a_picture_that_nobody_wants(self):
        closing = threading.Event()
        gst = FakeGst([FakeSample(), 100.0])
        capture = gst.capture(closing=closing.is_set)
        capture.grab()
        closing.set()
        assert not capture.grab() and gst.sink.seconds == 0

    def test_it_is_stopped_once(self):
        gst = FakeGst([FakeSample()])
        capture = gst.capture()
        capture.release()
        capture.release()
        assert gst.states == ["playing", "null"]
        assert not capture.isOpened() and not capture.grab()

    @pytest.mark.parametrize("left", [[], [FakeSample()]], ids=["nothing", "a picture"])
    def test_one_that_is_released_while_it_waits_has_no_picture(self, left):
        """Closing a source does so from another thread."""
        gst = FakeGst([FakeSample(), *left])
        capture = gst.capture()
        assert capture.grab()
        pull = gst.sink.try_pull_sample

        def pull_and_release(timeout):
            capture.release()
            return pull(timeout)

        gst.sink.try_pull_sample = pull_and_release
        assert not capture.grab()
        assert capture.retrieve() == (False, None) and capture.get(cv2.CAP_PROP_FPS) == 0

    def test_a_buffer_that_is_too_short_is_no_picture(self):
        capture = FakeGst([FakeSample(), FakeSample(short=3)]).capture()
        assert capture.grab() and capture.grab() and capture.retrieve() == (False, None)


@pytest.mark.parametrize("width", range(1, 9))
def test_rows_of_every_width_padded_and_packed(width):
    expected = np.random.default_rng(width).integers(0, 256, (3, width, 3), np.uint8)
    packed = expected.tobytes()
    padded = b"".join(row.tobytes() + b"\xff" * (-3 * width % 4) for row in expected)
    for data in (packed, padded):
        assert (_picture(data, width, 3, "BGR") == expected).all()
        assert (_picture(data, width, 3, "RGB") == expected[..., ::-1]).all()
    assert _picture(packed[:-1], width, 3, "BGR") is None
    assert _picture(packed, width, 3, "I420") is None


class TestSource:
    @pytest.fixture
    def source_of(self, monkeypatch, fake_time):
        """A source without OpenCV's GStreamer, on what the stand-ins tell, one for each time that it is opened."""
        monkeypatch.setattr("smiledet.sources.gstreamer.load_gstreamer", lambda: None)

        def make(*stand_ins, spec="gst:x", reconnect=1.0):
            left = list(stand_ins)

            def connect(pipeline, open_timeout, read_timeout, closing):
                if not left:
                    raise UsageError(f"v4l2src0: no device for {pipeline}")
                return left.pop(0).capture(pipeline, closing)

            return GStreamerSource(
                spec,
                SourceSettings(reconnect=reconnect),
                available=lambda: False,
                open_appsink=connect,
                clock=fake_time.clock,
                wait=fake_time.wait,
                now=lambda: 5000.0,
            )

        return make

    def test_a_pipeline_by_hand_may_end(self, source_of):
        with source_of(FakeGst([FakeSample(), FakeSample(value=9), None], started=2)) as source:
            assert source.description == "GStreamer pipeline, 5x4 at 30 FPS, through python3-gi"
            assert (source.size, source.fps) == ((5, 4), 30)
            assert (source.read().image == 9).all()
            assert source.read() is None

    def test_times_of_a_file_are_its_own(self, source_of, fake_time):
        samples = [FakeSample(index * SECOND // 4) for index in range(4)]
        with source_of(FakeGst(samples, started=2)) as source:
            times = []
            for _ in range(3):
                times.append(source.read().timestamp)
                fake_time.seconds += 10
        assert times == pytest.approx([5000.0, 5000.25, 5000.5])

    def test_a_camera_s_picture_is_stamped_when_it_was_taken(self, source_of, fake_time):
        """At its stamp plus the least delay seen: never later than it came, never before the one before."""
        samples = [FakeSample(0), *(FakeSample(SECOND + index * SECOND // 10) for index in range(4)), FakeSample(NONE)]
        times = []
        with source_of(FakeGst(samples)) as source:
            for late in (0.3, 0.25, 0.05, 0.4, 1.0):
                fake_time.seconds = 1000.0 + 0.1 * len(times) + late
                times.append(round(source.read().timestamp, 3))
        assert times[3] == pytest.approx(times[2] + 0.1)  # 0.4 s late, and stamped as if it were not
        assert times[4] == 5001.4  # without a stamp: when it came

    def test_a_camera_that_is_lost_comes_back(self, source_of, caplog):
        source = source_of(
            FakeGst([FakeSample(), "Gone."]), FakeGst([FakeSample(), FakeSample(value=9)]), spec="csi://0"
        )
        with source:
            assert [int(source.read().image[0, 0, 0]) for _ in range(2)] == [7, 9]
        assert "CSI camera csi://0: v4l2src0: Gone (system error: No such device)" in caplog.messages

    def test_the_end_of_a_camera_is_a_loss(self, source_of):
        lost = pytest.raises(SmiledetError, match="was lost and did not come back within 1 s")
        with source_of(FakeGst([FakeSample(), None]), spec="nvdec:0") as source, lost:
            source.read()

    def test_a_pipeline_that_does_not_start_says_why_without_the_password(self, source_of):
        spec = "nvdec:rtsp://me:secret@10.0.0.5/live"
        with pytest.raises(UsageError, match=r"cannot be started: v4l2src0: .*gst-launch-1\.0 rtspsrc") as problem:
            source_of(spec=spec).open()
        assert "secret" not in str(problem.value)

    def test_without_either_it_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setattr(introspection, "find_spec", lambda name: None)
        monkeypatch.setattr(load_gstreamer, "__defaults__", (tmp_path,))
        source = GStreamerSource("csi://0", SourceSettings(), available=lambda: False)
        with pytest.raises(UsageError, match=r"csi://0 needs GStreamer, .* sudo apt install python3-gi gir1\.2-gst-"):
            source.open()
        assert source.through.startswith("not to be run here: python3-gi is not installed")


class TestFinding:
    """The package in Debian's folder, as this Python cannot see it."""

    @pytest.fixture(autouse=True)
    def unseen(self, monkeypatch):
        monkeypatch.setattr(introspection, "find_spec", lambda name: None)
        for name in [name for name in sys.modules if name == "gi" or name.startswith("gi.")]:
            monkeypatch.delitem(sys.modules, name)
        yield
        for name in [name for name in sys.modules if name == "gi" or name.startswith("gi.")]:
            del sys.modules[name]

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "gi").mkdir()
        (tmp_path / "gi" / "__init__.py").write_text("def require_version(name, version): raise ValueError(name)")
        return tmp_path

    def test_of_another_python(self, folder):
        (folder / "gi" / "_gi.cpython-36m-aarch64-linux-gnu.so").write_text("")
        with pytest.raises(UsageError, match=r"this is another \(3\.\d+\): .* -m venv --system-site-packages"):
            load_gstreamer(folder)

    def test_without_gstreamer_s_namespaces(self, folder):
        (folder / "gi" / f"_gi{introspection.sysconfig.get_config_var('EXT_SUFFIX')}").write_text("")
        with pytest.raises(UsageError, match=r"python3-gi does not work here \(Gst\): sudo apt install"):
            load_gstreamer(folder)

    def test_a_broken_one(self, folder):
        (folder / "gi" / f"_gi{introspection.sysconfig.get_config_var('EXT_SUFFIX')}").write_text("")
        (folder / "gi" / "__init__.py").write_text("raise ImportError('libffi.so.8:\\n no such file')")
        with pytest.raises(UsageError, match=r"does not work here \(libffi.so.8: no such file\)"):
            load_gstreamer(folder)
        assert "gi" not in sys.modules


@pytest.fixture(scope="module")
def real() -> GStreamer:
    """Debian's bindings, with videoconvert and a test picture."""
    try:
        found = load_gstreamer()
    except UsageError as missing:
        pytest.skip(str(missing))
    for element in ("videoconvert", "videotestsrc", "appsink"):
        if found.gst.ElementFactory.find(element) is None:
            pytest.skip(f"GStreamer has no {element} here: sudo apt install gstreamer1.0-plugins-base")
    return found


@pytest.mark.usefixtures("real")
class TestReal:
    def source(self, pipeline, **settings):
        return GStreamerSource(f"gst:{pipeline}", SourceSettings(**settings), available=lambda: False)

    @pytest.mark.parametrize("width", [320, 321, 322, 323])
    def test_a_test_picture_of_every_width(self, width):
        """White, yellow, cyan, green, magenta, red and blue: straight bars, in the right colours."""
        caps = f"video/x-raw,format=I420,width={width},height=120,framerate=15/2"
        with self.source(f"videotestsrc ! {caps}") as source:
            picture = source.read()
        assert (source.size, source.fps) == ((width, 120), 7.5)
        assert picture.image.shape == (120, width, 3) and picture.image.dtype == np.uint8
        bars = np.array(
            [[255, 255, 255], [0, 255, 255], [255, 255, 0], [0, 255, 0], [255, 0, 255], [0, 0, 255], [255, 0, 0]]
        )
        columns = [round((index + 0.5) * width / 7) for index in range(7)]
        for row in (5, 40, 70):
            assert np.abs(picture.image[row, columns].astype(int) - bars).max() <= 40

    def test_a_camera_s_times_and_the_end(self):
        caps = "video/x-raw,width=64,height=48,framerate=50/1"
        before = time.time()
        with self.source(f"videotestsrc is-live=true num-buffers=20 ! {caps}") as source:
            times = []
            while (picture := source.read()) is not None:
                times.append(picture.timestamp)
        assert 2 <= len(times) <= 20
        assert times == sorted(times) and before <= times[0] and times[-1] <= time.time()
        assert np.round(np.diff(times) / 0.02, 1).min() >= 0.9  # whole pictures of 20 ms apart, but for the settling

    def test_a_clip(self, tmp_path, real, write_clip, number_of):
        for element in ("avidemux", "jpegdec"):
            if real.gst.ElementFactory.find(element) is None:
                pytest.skip(f"GStreamer has no {element} here: sudo apt install gstreamer1.0-plugins-good")
        clip = write_clip(tmp_path / "clip.avi")
        end = "videoconvert ! video/x-raw,format=BGR ! appsink max-buffers=1 sync=false"
        with self.source(f"filesrc location={clip} ! decodebin ! {end}") as source:
            pictures = []
            while (picture := source.read()) is not None:
                pictures.append(picture)
        assert [number_of(picture.image) for picture in pictures] == [1, 2, 3, 4, 5]  # opening has read the first
        assert np.diff([picture.timestamp for picture in pictures]) == pytest.approx([0.1] * 4, abs=1e-3)

    @pytest.mark.parametrize(
        ("pipeline", "words"),
        [
            ("nosuchelement", 'no element "nosuchelement"'),
            ("filesrc location=/no/such/file ! decodebin", 'Resource not found .*"/no/such/file"'),
            ("videotestsrc ! video/x-raw,format=NV12 ! appsink", "it delivers NV12"),
            ("fakesrc num-buffers=2", "not-negotiated"),
            ("appsink", "does not end in an appsink"),
        ],
    )
    def test_what_does_not_run_is_one_line(self, pipeline, words, complaint):
        with pytest.raises(UsageError, match=words) as problem:
            self.source(pipeline).open()
        assert "\n" not in str(problem.value)

    def test_silence_ends_in_time_and_closing_ends_a_read(self):
        source = self.source("appsrc name=nobody ! video/x-raw", open_timeout=0.2)
        start = time.monotonic()
        with pytest.raises(UsageError, match=r"no picture within 0\.2 s"):
            source.open()
        assert time.monotonic() - start < 5
        slow = self.source("videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=1/30", read_timeout=60)
        slow.open()
        reader = threading.Thread(target=slow.read)
        reader.start()
        slow.close()
        reader.join(5)
        assert not reader.is_alive()

    def test_dlib_can_be_loaded_afterwards(self):
        """Its exceptions ended the process, with libunwind in the place of GCC's unwinder."""
        program = (
            "from smiledet.sources.introspection import load_gstreamer; load_gstreamer()\n"
            "import dlib; shape = dlib.full_object_detection(dlib.rectangle(0, 0, 9, 9), [dlib.point(1, 2)])\n"
            "try: shape.part(99)\n"
            "except IndexError: print('caught')"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == "caught", (done.returncode, done.stderr)
