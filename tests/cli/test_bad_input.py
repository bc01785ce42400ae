"""Bad input: one clear line, the right exit code, and what was written so far readable."""

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

import smiledet
from smiledet.cli import main
from smiledet.system.resources import models_folder

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc and /dev/full are Linux's")

NOT_UTF8 = "odd\udcff"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refusal(here, capfd):
    """Runs a command that must be refused; what it says. Watches the real stderr, where native code writes."""

    def refused(*arguments, code=2):
        found = main([str(argument) for argument in arguments])
        complaint = capfd.readouterr().err
        assert found == code, complaint
        assert complaint.startswith("smiledet: ")
        assert complaint.endswith("\n") and complaint.count("\n") == 1, complaint
        return complaint

    return refused


def write_photograph(path):
    import cv2

    assert cv2.imwrite(str(path), np.full((60, 80, 3), 120, np.uint8))


# Sources.


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere.mp4", ["there is no 'nowhere.mp4'", "a video file", "demo"]),
        ("", ["there is no ''"]),
        ("x" * 300, ["there is no 'xxx"]),  # longer than a file's name may be
        ("two\nlines.mp4", ["there is no"]),
        ("text.mp4", ["text.mp4 is no video that"]),
        ("empty.mp4", ["empty.mp4 is no video that"]),
        ("no\nvideo.mp4", ["is no video that"]),
        (f"{NOT_UTF8}.mp4", ["odd\\xff.mp4 is no video that can be read"]),
        ("folder", ["no photograph in folder", ".jpg"]),
        ("text.jpg", ["no photograph that can be read", "text.jpg: it is no image"]),
        ("gst:nonsense ! appsink", ["gst"]),
        ("csi://x", ["csi://x"]),
    ],
)
def test_a_source_that_cannot_be_read(refusal, here, source, words):
    (here / "folder").mkdir()
    (here / "empty.mp4").touch()
    for name in ("text.mp4", "text.jpg", "no\nvideo.mp4", f"{NOT_UTF8}.mp4"):
        (here / name).write_text("no picture")
    complaint = refusal("run", source, "--no-show")
    for word in words:
        assert word in complaint


@pytest.mark.skipif(Path("/dev/video7").exists(), reason="this machine has an eighth camera")
def test_a_camera_that_is_not_there(refusal):
    assert "no camera /dev/video7" in refusal("run", "7", "--no-show")


def test_an_address_where_nobody_answers(refusal):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "does not open" in refusal("run", f"http://127.0.0.1:{port}/clip.mp4", "--no-show")


def test_a_clip_whose_index_is_cut_off(refusal, write_scenes, here):
    """An MP4's index stands at its end."""
    cut = here / "cut.mp4"
    cut.write_bytes(half_of(write_scenes(here / "whole.mp4")))
    assert "cut.mp4 is no video" in refusal("run", cut, "--no-show")


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_a_clip_that_is_cut_off_plays_to_its_cut(call_smiledet, write_scenes, count_frames, tmp_path, suffix):
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(half_of(write_scenes(tmp_path / f"whole{suffix}", 90)))
    done = call_smiledet("run", cut.name, "--no-show", "--record", "out.mp4", "--report", "-")
    assert done.returncode == 0, done.stderr
    taken = json.loads(done.stdout)["frames"]
    assert 2 <= taken < 90
    assert f"{cut.name} ends after {taken} frames" in done.stderr
    assert count_frames(tmp_path / "out.mp4") == taken
    assert_only_our_lines(done.stderr)


def half_of(path):
    data = path.read_bytes()
    return data[: len(data) // 2]


def assert_only_our_lines(stderr):
    """Not a word of OpenCV, FFmpeg or LiteRT, and no traceback."""
    for line in stderr.splitlines():
        assert line.startswith("smiledet: "), stderr


# Flags.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], ["'frobnicate'", "run", "models"]),
        (["run", "demo", "--frobnicate"], ["--frobnicate"]),
        (["run", "demo", "--tasks", "smile,charm"], ["'charm'", "emotion8, gender, smile"]),
        (["run", "demo", "--tasks", ""], ["tasks is empty", "emotion8, gender, smile"]),
        (["run", "demo", "--tasks", "smile,smile"], ["named twice"]),
        (["run", "demo", "--model", "smile"], ["'smile'", "TASK=NAME"]),
        (["run", "demo", "--model", "smile=huge"], ["'huge'", "'smile'", "mobilenet-025"]),
        (["run", "demo", "--model", "charm=huge"], ["'charm'"]),
        (["run", "demo", "--engine", "abacus"], ["'abacus'", "auto, litert"]),
        (["run", "demo", "--detector", "eyes"], ["'eyes'", "haar"]),
        (["run", "demo", "--platform", "toaster"], ["'toaster'", "auto, desktop-cpu"]),
        (["run", "demo", "--max-frames", "0"], ["--max-frames", "'0'", "above 0"]),
        (["run", "demo", "--max-frames", "few"], ["--max-frames", "'few'", "whole number above 0"]),
        (["run", "demo", "--duration", "nan"], ["--duration", "'nan'", "above 0"]),
        (["run", "demo", "--duration", "-1"], ["--duration", "'-1'", "above 0"]),
        (["run", "demo", "--duration", "long"], ["--duration", "'long'", "number above 0"]),
        (["bench", "--rounds", "0"], ["--rounds 0", "at least 1"]),
        (["bench", "--threads", "0"], ["--threads 0", "at least 1"]),
        (["bench", "--engine", "abacus"], ["abacus"]),
    ],
)
def test_a_flag_that_makes_no_sense(refusal, arguments, words):
    complaint = refusal(*arguments, *(["--no-show"] if arguments[:1] == ["run"] else []))
    for word in words:
        assert word in complaint


# Configuration.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("speed = 9", ["unknown key speed", "allowed are tasks"]),
        ("[locator]\nsize = 9", ["unknown key locator.size", "min_face"]),
        (
            "[locator]\ncoast = 2",
            ["unknown key locator.coast; allowed are min_face, redetect_after, proposal_interval"],
        ),
        ("stats = 'yes'", ["stats is 'yes'", "true or false"]),
        ("[engine]\nthreads = 1.5", ["engine.threads is 1.5", "a whole number"]),
        ("[engine]\nthreads = 0", ["engine.threads is 0", "1 to 64"]),
        ("detector = 'eyes'", ["detector is 'eyes'", "one of haar"]),
        ("[worker.locate]\nworkers = 2", ["worker.locate.workers is 2"]),
        ("[worker.coffee]\nworkers = 2", ["unknown key worker.coffee"]),
        ("tasks = [", ["is not TOML"]),
        (b"\xff\xfe", ["is not TOML"]),
    ],
)
def test_a_configuration_that_makes_no_sense(refusal, here, text, words):
    (here / "mine.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    complaint = refusal("run", "demo", "--no-show", "--config", "mine.toml")
    for word in ["mine.toml", *words]:
        assert word in complaint


@pytest.mark.parametrize(("path", "why"), [("nowhere.toml", "No such file"), (".", "Is a directory")])
def test_a_configuration_that_cannot_be_read(refusal, path, why):
    complaint = refusal("run", "demo", "--no-show", "--config", path)
    assert f"cannot read {path}" in complaint and why in complaint


# Models.


@pytest.fixture
def own_models(here, monkeypatch):
    """A copy of the shipped models, which a test may damage."""
    folder = here / "models"
    shutil.copytree(models_folder(), folder)
    monkeypatch.setattr("smiledet.model_index.models_folder", lambda: folder)
    return folder


def test_a_damaged_model_is_not_loaded(refusal, own_models):
    model = own_models / "emotion" / "mini-xception-int8.tflite"
    model.write_bytes(model.read_bytes() + b"\0")
    for command in (["run", "demo", "--no-show"], ["models", "--check"]):
        complaint = refusal(*command)
        assert "emotion/mini-xception" in complaint and "damaged" in complaint and "sha256" in complaint


def test_a_missing_model(refusal, own_models):
    (own_models / "landmarks" / "landmarks68.dat").unlink()
    complaint = refusal("run", "demo", "--no-show")
    assert "landmarks68.dat is missing" in complaint


@pytest.mark.parametrize(
    ("task", "name", "key", "words"),
    [
        ("emotion", "mini-xception", "litert-int8", "is no LiteRT model"),
        ("proposals", "proposal-network", "onnx", "is no ONNX model"),
    ],
)
def test_a_model_file_that_is_no_model(refusal, own_models, task, name, key, words):
    """The sha256 is right, so that only the stage's own thread finds out."""
    index = json.loads((own_models / "index.json").read_text())
    (path,) = [
        model["files"][key]["path"] for model in index["models"] if (model["task"], model["name"]) == (task, name)
    ]
    (own_models / path).write_bytes(b"no network")
    for file in [file for model in index["models"] for file in model["files"].values() if file["path"] == path]:
        file["sha256"] = hashlib.sha256(b"no network").hexdigest()
    (own_models / "index.json").write_text(json.dumps(index))
    assert words in refusal("run", "demo", "--no-show")


@pytest.mark.parametrize(
    ("text", "why"), [(None, "no model index"), ("{", "is broken"), ('{"models": [{}]}', "is broken")]
)
def test_a_broken_index(refusal, own_models, text, why):
    (own_models / "index.json").unlink()
    if text is not None:
        (own_models / "index.json").write_text(text)
    assert why in refusal("run", "demo", "--no-show")


# Outputs.


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--record", "out.mp4"),
        ("--events", "out.jsonl"),
        ("--events", "out.csv"),
        ("--sheet", "out.png"),
        ("--report", "out.json"),
    ],
)
@pytest.mark.parametrize("folder", ["nowhere", "file", pytest.param("/proc", marks=linux), "x" * 300])
def test_an_output_that_cannot_be_written(refusal, here, flag, name, folder):
    """Permissions do not bind root; a folder that is none binds everybody."""
    (here / "file").touch()
    assert f"cannot write {Path(folder, name)}: " in refusal("run", "demo", "--no-show", flag, Path(folder, name))


@pytest.mark.parametrize("flag", ["--record", "--events", "--sheet", "--report"])
def test_an_output_whose_name_is_too_long(refusal, flag):
    suffix = {"--record": ".mp4", "--events": ".csv", "--sheet": ".png"}.get(flag, ".json")
    assert "File name too long" in refusal("run", "demo", "--no-show", flag, "x" * 300 + suffix)


@pytest.mark.parametrize(("flag", "name"), [("--record", "x.txt"), ("--events", "x.mp4"), ("--sheet", "x")])
def test_an_output_of_an_unknown_kind(refusal, here, flag, name):
    assert f"cannot write {name}: its suffix must be" in refusal("run", "demo", "--no-show", flag, name)
    assert not (here / name).exists()


def test_a_video_whose_name_is_no_utf8(call_smiledet, tmp_path):
    done = call_smiledet("run", "demo", "--no-show", "--max-frames", "3", "--record", f"{NOT_UTF8}.mp4")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{NOT_UTF8}.mp4").stat().st_size > 1000


@pytest.mark.parametrize("folder", ["file/below", pytest.param("/proc/below", marks=linux)])
def test_a_folder_for_the_unwatched_demo_that_cannot_be_made(refusal, here, folder):
    (here / "file").touch()
    assert f"--unwatched {folder}: " in refusal("run", "demo", "--no-show", "--unwatched", folder)


def test_the_source_is_never_overwritten(refusal, write_scenes, here):
    clip = write_scenes(here / "clip.mp4")
    before = clip.read_bytes()
    (here / "link.mp4").symlink_to(clip)
    for output in ("clip.mp4", "link.mp4"):
        assert "it is the file to read" in refusal("run", "clip.mp4", "--no-show", "--record", output)
    write_photograph(here / "me.png")
    assert "it is the file to read" in refusal("run", "me.png", "--no-show", "--sheet", "me.png")
    assert clip.read_bytes() == before


def test_a_refused_run_leaves_no_files_behind(refusal, here):
    refusal("run", "demo", "--no-show", "--record", "out.mp4", "--report", "out.json", "--model", "smile=huge")
    assert not list(here.iterdir())


# A full disk.


@linux
def test_a_full_disk_under_the_events(call_smiledet, count_frames, tmp_path):
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    done = call_smiledet("run", "demo", "--no-show", "--events", "events.jsonl", "--record", "out.mp4")
    assert done.returncode == 1
    assert done.stderr.endswith("smiledet: cannot write events.jsonl: No space left on device\n")
    assert_only_our_lines(done.stderr)
    assert "Traceback" not in done.stderr
    # The first line fails at once: the recorder may have got its first frame by then, or not.
    video = tmp_path / "out.mp4"
    assert not video.exists() or count_frames(video) > 0


@linux
@pytest.mark.parametrize(("flag", "name"), [("--sheet", "out.png"), ("--report", "out.json")])
def test_a_full_disk_at_the_end(refusal, here, flag, name):
    (here / name).symlink_to("/dev/full")
    complaint = refusal("run", "demo", "--no-show", "--max-frames", "3", flag, name, code=1)
    assert complaint == f"smiledet: cannot write {name}: No space left on device\n"


@pytest.fixture
def make_disk(tmp_path):
    """Mounts a small file system, once; `size` as mount takes it."""
    folder = tmp_path / "disk"

    def make(size):
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        allowed = sys.platform == "linux" and not os.geteuid()
        if not allowed or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a small file system cannot be mounted here")
        return folder

    yield make
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_under_the_events(call_smiledet, count_frames, make_disk, tmp_path):
    """What the other outputs hold by then is kept."""
    events = make_disk("32k") / "events.jsonl"
    done = call_smiledet("run", "demo", "--no-show", "--events", events, "--record", "out.mp4")
    assert done.returncode == 1
    assert done.stderr.endswith(f"smiledet: cannot write {events}: No space left on device\n")
    assert_only_our_lines(done.stderr)
    assert [json.loads(line) for line in events.read_text().splitlines()[:-1]]
    assert count_frames(tmp_path / "out.mp4") > 0


def test_a_full_disk_under_the_video(call_smiledet, count_frames, make_disk, tmp_path):
    small_disk = make_disk("300k")
    done = call_smiledet("run", "demo", "--no-show", "--record", small_disk / "out.mp4", "--events", "events.jsonl")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    kept = count_frames(small_disk / "out.mp4")
    why = f"No space left on device; the video up to frame {kept} is kept"
    assert last == f"smiledet: cannot write {small_disk / 'out.mp4'}: {why}"
    assert_only_our_lines(done.stderr)
    assert kept > 0
    assert [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]


def until_said(process, *words):
    """What a run says, until it has said all of them."""
    said = ""
    while not all(word in said for word in words):
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def test_a_live_run_outlasts_a_full_disk(start_smiledet, count_frames, make_disk, tmp_path):
    """It goes on while nothing can be written, and writes again when there is room; all that is there can be read."""
    disk = make_disk("4m")
    (tmp_path / "mine.toml").write_text(  # a face that comes up at the right, three times in ten seconds
        f"[[rule]]\nwhen = 'face'\nzone = [0.5, 0, 0.5, 0.45]\ncooldown = 0.5\nhold = 0\nsave = '{disk / 'saved'}'\n"
    )
    outputs = ("--record", disk / "v.mp4", "--events", disk / "e.jsonl", "--store", disk / "day.sqlite")
    process = start_smiledet("run", "demo", "--realtime", "--loop", "--no-show", "--config", "mine.toml", *outputs)
    pause = threading.Event()
    while not (disk / "v.mp4").exists() or not list((disk / "saved").glob("*-face-*.jpg")):
        assert process.poll() is None, process.communicate()
        pause.wait(0.1)
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    said = until_said(process, "rows are left out", "frames are left out", "save failed")
    before = set((disk / "saved").iterdir())
    ballast.unlink()
    said += until_said(process, "e.jsonl is written again", "v-2.mp4 is written again")
    while not set((disk / "saved").glob("*-face-*.jpg")) - before:
        pause.wait(0.1)
    process.terminate()
    _, rest = process.communicate()
    assert process.returncode == 130 and "Traceback" not in said + rest, said + rest
    assert said.count("until there is room") == 2, "said once each"
    rows = [json.loads(line) for line in (disk / "e.jsonl").read_text().splitlines()]
    assert f"smiledet: {disk / 'e.jsonl'} lacks " in rest and f"smiledet: {disk / 'v.mp4'} lacks " in rest
    gaps = [later["frame"] - row["frame"] for row, later in pairwise(rows)]
    assert max(gaps) > 1, "rows of the time without room are missing, the others are whole"
    assert count_frames(disk / "v.mp4") > 0 and count_frames(disk / "v-2.mp4") > 0
    with closing(sqlite3.connect(disk / "day.sqlite")) as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert store.execute("SELECT count(*) FROM sessions").fetchone() > (0,)
    for photograph in (disk / "saved").iterdir():
        assert cv2.imread(str(photograph)) is not None, photograph


def test_a_live_run_that_left_something_out_ends_with_one(here, monkeypatch, caplog, count_frames):
    """The same without a disk of its own: the system's call refuses for a while."""
    whole, calls = os.pwrite, []

    def pwrite(descriptor, data, offset):
        calls.append(offset)
        if 40 < len(calls) < 80:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    words = ["--record", "v.mp4", "--events", "e.csv", "--report", "r.json", "--max-frames", "120"]
    assert main(["run", "demo", "--realtime", "--no-show", *words]) == 1
    assert "cannot write e.csv: No space left on device; rows are left out until there is room" in caplog.messages
    assert any(said.startswith("e.csv is written again; ") for said in caplog.messages)
    at_the_end = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert any(re.fullmatch(r"e\.csv lacks \d+ rows, for which there was no room", said) for said in at_the_end)
    assert json.loads((here / "r.json").read_text())["frames"] > 0, "the report is written all the same"
    lines = (here / "e.csv").read_text().splitlines()
    assert lines[0].startswith("source,") and len({line.count(",") for line in lines}) == 1
    assert all(count_frames(path) > 0 for path in here.glob("v*.mp4"))


@linux
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm"])
def test_a_limit_of_the_size_of_files_under_the_video(count_frames, tmp_path, suffix):
    command = 'ulimit -f 200; exec "$0" -m smiledet run demo --no-show --record "$1"'
    environment = {**os.environ, "PYTHONPATH": str(Path(smiledet.__file__).parents[1])}
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, f"out{suffix}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    kept = count_frames(tmp_path / f"out{suffix}")
    last = f"smiledet: cannot write out{suffix}: File too large; the video up to frame {kept} is kept"
    assert done.stderr.splitlines()[-1] == last
    assert kept > 0 and "wrote" not in done.stderr


# The library below.


def test_no_opencv(refusal, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "install 'opencv-python" in refusal("run", "demo", "--no-show")


def test_an_opencv_without_viola_jones(refusal, monkeypatch):
    import cv2

    monkeypatch.setattr(cv2, "__version__", "5.0.0")
    assert "OpenCV 5.0.0 has no Viola-Jones cascade" in refusal("run", "demo", "--no-show")
