"""Peers made of a few lines each: one that answers, one that dies, one that hangs, one that does not install."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from smiledet.frame import Box
from smiledet.lab.benchmark.peers import measure as module
from smiledet.lab.benchmark.peers.environment import INSTALLED, MADE, PeerEnvironment, default_folder, first_cause
from smiledet.lab.benchmark.peers.frames import Clip, parse_size, take_clip
from smiledet.lab.benchmark.peers.loops.loop_papers import prepare as prepare_papers
from smiledet.lab.benchmark.peers.measure import compare_peers
from smiledet.lab.benchmark.peers.programs import PEERS, SMILEDET, own_python, peers_named
from smiledet.lab.benchmark.peers.worker import SCRIPTS, PeerError, PeerWorker
from smiledet.sources.demo import scene

PYTHON = Path(sys.executable)
LIMIT = 60.0
"""Seconds that a peer gets which is expected to answer: a busy machine takes some to start Python."""

FACE = (10, 10, 20, 20)

ANSWERS = f"""
def prepare(options):
    def read(pictures):
        print("chatter")  # must not get into the answers
        for picture in pictures:
            picture[:] = options.get("paint", 0)
        return [[{FACE}]] * len(pictures)
    return read
"""

SLOW = """
import time
def prepare(options):
    def read(pictures):
        end = time.perf_counter() + 0.05 * len(pictures)
        while time.perf_counter() < end:  # takes processor time, too
            pass
        return [[]] * len(pictures)
    return read
"""

REMEMBERS = """
def prepare(options):
    def read(pictures):
        found = [[(int(picture[0, 0, 0]), 0, 5, 5)] for picture in pictures]
        for picture in pictures:
            picture[:] = 255
        return found
    return read
"""

REFUSES = """
def prepare(options):
    raise ImportError("no module named 'nothing'\\nand a second line")
"""

DIES = """
import os, signal
def prepare(options):
    def read(pictures):
        if len(pictures) > 10:  # in the first round
            os.kill(os.getpid(), signal.SIGSEGV)
        return [[]] * len(pictures)
    return read
"""

LEAVES = """
import os, sys
def prepare(options):
    print("out of luck", file=sys.stderr, flush=True)
    os._exit(7)
"""

HANGS = """
import threading
def prepare(options):
    threading.Event().wait()
"""


@pytest.fixture
def make_peer(tmp_path):
    """Makes a peer of a loop's text."""

    def make(name, text, **settings):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return module.Peer(name, f"the peer {name}", path, **settings)

    return make


@pytest.fixture
def clip():
    """Twelve dark pictures; a face in two of them, of which one has another."""
    frames = np.stack([np.full((48, 64, 3), number, np.uint8) for number in range(12)])
    faces = {3: (Box(*FACE),), 9: (Box(11, 11, 20, 20), Box(40, 10, 15, 15))}
    return Clip("clip.mp4", 25.0, frames, faces, "a person")


def compare(clip, *peers, rounds=2, limit=LIMIT):
    comparison, seen = compare_peers(clip, peers, lambda peer: PYTHON, rounds, limit)
    return {row.peer: row for row in comparison.peers}, seen


def start(path, limit=LIMIT):
    return PeerWorker(PYTHON, path, limit)


class TestComparing:
    def test_everybody_is_measured_on_the_same_pictures(self, clip, make_peer):
        rows, seen = compare(clip, make_peer("quick", ANSWERS), make_peer("slow", SLOW))
        quick, slow = rows["quick"], rows["slow"]
        assert quick.problem is None and slow.problem is None
        assert quick.slower is None and slow.slower > 2
        assert quick.cpu_ratio is None and slow.cpu_ratio > 2
        assert quick.start_s > 0
        assert 15 < slow.fps < 20.001 and slow.fps < quick.fps
        assert (quick.faces, slow.faces) == (1.0, 0.0)
        assert (quick.found, quick.reference_faces, quick.false_alarms) == (2, 3, 0)
        assert (slow.found, slow.reference_faces) == (0, 3)
        assert slow.cpu_ms > quick.cpu_ms
        assert quick.memory_mb > 5 and quick.versions["numpy"] and quick.spread >= 1
        assert [sorted(each.found) for each in seen] == [["quick", "slow"]] * 2

    def test_every_round_starts_from_clean_pictures(self, clip, make_peer):
        _, seen = compare(clip, make_peer("remembers", REMEMBERS), rounds=3)
        assert [each.found["remembers"][0].box.x for each in seen] == [3, 9]

    def test_what_does_not_answer_is_said_and_the_others_go_on(self, clip, make_peer):
        # The one that answers comes last: nobody's end takes its turn away.
        peers = [make_peer("refuses", REFUSES), make_peer("leaves", LEAVES), make_peer("dies", DIES)]
        rows, _ = compare(clip, *peers, make_peer("quick", ANSWERS))
        assert rows["refuses"].problem == "ImportError: no module named 'nothing'"
        assert rows["leaves"].problem == "ended with exit code 7: out of luck"
        assert rows["dies"].problem.startswith("died of SIGSEGV")
        assert rows["quick"].problem is None and rows["quick"].fps > 0
        assert rows["quick"].slower is None  # the first, which the others are compared with, has no figures

    def test_a_peer_without_an_interpreter_is_a_row_as_well(self, clip, make_peer):
        def python(peer):
            if peer.name == "absent":
                raise PeerError("does not install: no wheel")
            return PYTHON

        peers = [make_peer("quick", ANSWERS), make_peer("absent", ANSWERS)]
        comparison, _ = compare_peers(clip, peers, python, 1, LIMIT)
        assert [row.problem for row in comparison.peers] == [None, "does not install: no wheel"]

    def test_nothing_is_left_behind(self, clip, make_peer, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        compare(clip, make_peer("quick", ANSWERS), rounds=1)
        assert not [path for path in tmp_path.iterdir() if path.is_dir()]


class TestWorker:
    def test_one_that_hangs_is_given_up_and_ended(self, make_peer):
        with start(make_peer("hangs", HANGS).loop, limit=0.2) as worker:
            with pytest.raises(PeerError, match=r"no answer within 0\.2 s"):
                worker.ask({"frames": "", "options": {}, "warm_up": 1})
            process = worker._process
        assert process.poll() is not None
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)

    def test_nonsense_is_no_answer(self, make_peer, monkeypatch, tmp_path):
        (tmp_path / "serve.py").write_text("print('hello')")
        monkeypatch.setattr("smiledet.lab.benchmark.peers.worker.SCRIPTS", tmp_path)
        with start(Path("unused")) as worker, pytest.raises(PeerError, match="not an answer: 'hello'"):
            worker.ask({})

    def test_a_missing_interpreter(self, tmp_path):
        with pytest.raises(PeerError, match=r"cannot start .*nowhere"):
            PeerWorker(tmp_path / "nowhere", tmp_path / "loop.py", LIMIT)

    def test_a_file_without_prepare(self, make_peer):
        with start(make_peer("empty", "").loop) as worker, pytest.raises(PeerError, match=r"AttributeError.*prepare"):
            worker.ask({"frames": "", "options": {}, "warm_up": 1})


class TestEnvironment:
    @pytest.fixture
    def pip(self, tmp_path):
        """An environment whose pip is a script: it notes what it is asked for, and knows no package `missing`."""
        folder = tmp_path / "environment"
        (folder / "bin").mkdir(parents=True)
        (folder / MADE).write_text("")
        python = folder / "bin" / "python"
        python.write_text(
            f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
            'case "$*" in\n'
            '*missing*) echo "WARNING: slow"; echo "ERROR: No matching distribution found for missing"; exit 1;;\n'
            "*endless*) exec sleep 60;;\nesac\n"
        )
        python.chmod(0o755)
        return folder

    def calls(self, tmp_path):
        path = tmp_path / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def test_each_call_of_pip_is_made_once(self, pip, tmp_path):
        packages = (("--no-deps", "one==1"), ("two<3",))
        PeerEnvironment(pip).install("peer", packages)
        PeerEnvironment(pip).install("another", (*packages, ("three",)))
        assert [call.split("off ")[1] for call in self.calls(tmp_path)] == ["--no-deps one==1", "two<3", "three"]

    def test_what_does_not_install_is_said_by_its_cause_and_tried_again(self, pip, tmp_path):
        environment = PeerEnvironment(pip)
        problem = environment.problem_with("peer", (("missing",), ("never reached",)))
        assert str(problem) == "does not install: No matching distribution found for missing"
        assert environment.problem_with("peer", (("missing",),)) is not None
        assert len(self.calls(tmp_path)) == 2
        assert environment.problem_with("other", (("there",),)) is None

    def test_an_installation_without_end(self, pip):
        began = time.monotonic()
        problem = PeerEnvironment(pip, limit=0.2).problem_with("peer", (("endless",),))
        assert "took longer than 0.2 s" in str(problem)
        assert time.monotonic() - began < 30

    def test_a_damaged_list_only_costs_time(self, pip, tmp_path):
        (pip / INSTALLED).write_text("{")
        PeerEnvironment(pip).install("peer", (("one",),))
        assert json.loads((pip / INSTALLED).read_text()) == [["one"]]

    def test_the_environment_is_made(self, tmp_path, monkeypatch):
        maker = tmp_path / "maker"
        maker.write_text('#!/bin/sh\necho "Error: no ensurepip" >&2\nexit 1\n')
        maker.chmod(0o755)
        monkeypatch.setattr("sys.executable", str(maker))
        problem = PeerEnvironment(tmp_path / "new").problem_with("peer", (("one",),))
        assert str(problem) == "does not install: no ensurepip"

    def test_nothing_is_made_for_nothing(self, tmp_path):
        PeerEnvironment(tmp_path / "new").install("smiledet", ())
        assert not (tmp_path / "new").exists()

    def test_other_folders_and_files_are_refused(self, tmp_path, complaint):
        (tmp_path / "file").write_text("")
        with complaint("--environment", "expected a virtual environment"):
            PeerEnvironment(tmp_path)
        with complaint("file", "expected a folder"):
            PeerEnvironment(tmp_path / "file")

    def test_it_lies_in_the_users_cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert default_folder().is_relative_to(tmp_path)

    def test_a_cause_is_found_in_any_output(self):
        assert first_cause("") == ""
        assert first_cause("a\nb\n") == "b"


class TestPeerList:
    def test_large_ones_wait_to_be_asked_for(self):
        assert not any(peer.large for peer in peers_named(None))
        assert peers_named("all") == list(PEERS)
        assert [peer.name for peer in peers_named("papers, fer-mtcnn,papers")] == ["papers", "fer-mtcnn"]

    @pytest.mark.parametrize("names", ["fer,ferr", ",", ""])
    def test_unknown_ones_are_refused(self, names, complaint):
        with complaint("--peers", "fer, fer-keras", "all"):
            peers_named(names)

    def test_loops_are_there_and_take_options_that_travel(self):
        for peer in (SMILEDET, *PEERS):
            assert peer.loop.is_file()
            json.dumps(peer.options(30.0))
        assert [peer.name for peer in PEERS if not peer.packages] == ["smiledet-undrawn"] and not SMILEDET.packages

    def test_the_papers_loop_reads_its_task_of_a_network_of_several(self, monkeypatch):
        """Whatever a network says most surely of another task is not looked up among the labels of this one."""
        peer = next(peer for peer in PEERS if peer.name == "papers-emotion")
        answers = np.zeros((1, 30), np.float32)
        answers[0, 29] = 1.0
        network = SimpleNamespace(input_shape=(None, 64, 64, 1), predict=lambda *_, **__: answers)
        keras = SimpleNamespace(models=SimpleNamespace(load_model=lambda *_, **__: network))
        monkeypatch.setitem(sys.modules, "keras", keras)
        ((face, *_),) = prepare_papers(peer.options(30.0))([scene(0)])
        assert face[2] == face[3] > 50

    def test_no_script_hides_a_package(self):
        hidden = {
            "fer",
            "mediapipe",
            "deepface",
            "keras",
            "tensorflow",
            "torch",
            "cv2",
            "numpy",
            "smiledet",
            "queue",
            "json",
        }
        assert not hidden & {path.stem for path in SCRIPTS.glob("*.py")}


MESH = """
from types import SimpleNamespace as Of
class FaceMesh:
    def __init__(self, max_num_faces):
        self.faces = max_num_faces
    def process(self, picture):
        if not picture.any():
            return Of(multi_face_landmarks=None)
        points = [Of(x=0.25, y=0.5), Of(x=0.75, y=0.625)]
        return Of(multi_face_landmarks=[Of(landmark=points)] * self.faces)
"""
"""In the place of MediaPipe's: on every picture that is not black four faces."""


class TestMediapipe:
    MESH, SMILE = (peer for peer in PEERS if peer.name.startswith("mediapipe"))

    def test_a_box_holds_all_landmarks(self, clip, tmp_path):
        package = tmp_path / "mediapipe" / "python" / "solutions"
        package.mkdir(parents=True)
        (package / "face_mesh.py").write_text(MESH)
        peer = replace(self.MESH, variables={"PYTHONPATH": str(tmp_path)})
        comparison, seen = compare_peers(clip, [peer], lambda peer: PYTHON, 1, LIMIT)
        (row,) = comparison.peers
        assert row.problem is None and row.start_s > 0
        assert row.faces == 4 * 11 / 12  # the first picture is black
        assert seen[0].found["mediapipe-mesh"][0].box == Box(16, 24, 32, 6)

    def test_without_its_file_the_landmarker_says_which(self, clip, tmp_path, monkeypatch):
        monkeypatch.setenv("SMILEDET_DATA", str(tmp_path))
        for name in ("mediapipe", "mediapipe/tasks", "mediapipe/tasks/python"):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "__init__.py").touch()
        (tmp_path / "mediapipe/tasks/python/vision.py").touch()
        peer = replace(self.SMILE, variables={"PYTHONPATH": str(tmp_path)})
        (row,) = compare_peers(clip, [peer], lambda peer: PYTHON, 1, LIMIT)[0].peers
        assert "teachers/face_landmarker.task" in row.problem and "SMILEDET_DATA" in row.problem

    def test_they_share_an_environment_with_nobody_else(self):
        folder = Path("cache/peers")
        assert self.MESH.environment_in(folder) == self.SMILE.environment_in(folder) == Path("cache/peers-mediapipe")
        assert {peer.environment_in(folder) for peer in PEERS if not peer.apart} == {folder}


class TestFrames:
    def test_pictures_of_a_clip(self):
        clip = take_clip("demo", 8, sampled=2)
        assert clip.frames.shape == (8, 480, 640, 3) and clip.size == "640x480"
        assert list(clip.faces) == [2, 6] and all(clip.faces.values())

    def test_a_size_is_filled_and_keeps_the_face(self):
        clip = take_clip("demo", 4, (240, 320), sampled=1)
        assert clip.frames.shape == (4, 320, 240, 3)
        assert clip.frames.min(axis=(0, 3)).max() > 0
        ((face, *_),) = clip.faces.values()
        left, top, right, bottom = face.clipped(240, 320)
        assert (right - left) * (bottom - top) > 0.8 * face.area

    def test_pictures_of_different_sizes_are_refused(self, tmp_path, complaint):
        for side in (64, 80):
            cv2.imwrite(str(tmp_path / f"{side}.png"), np.zeros((side, side, 3), np.uint8))
        with complaint("differ in size"):
            take_clip(str(tmp_path), 5)

    @pytest.mark.parametrize("text", ["640", "640x", "x480", "-640x480", "640x480x3", "8x8", "99999x480"])
    def test_sizes_that_are_none(self, text, complaint):
        with complaint(f"--size {text}", "640x480"):
            parse_size(text)


def test_smiledet_itself_reads_every_picture():
    clip = take_clip("demo", 12, sampled=2)
    comparison, _ = compare_peers(clip, [SMILEDET], lambda peer: own_python(), 2, LIMIT)
    (row,) = comparison.peers
    assert row.problem is None
    assert row.fps > 0 and row.cpu_ms > 0 and "opencv" in row.versions
    assert row.found >= row.reference_faces / 2 and row.faces > 0.5
