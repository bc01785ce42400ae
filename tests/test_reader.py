"""The Python interface as its users meet it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import pytest

import smiledet
from smiledet import FaceReader, ImageError, UsageError
from smiledet.frame import FaceReading
from smiledet.sources.demo import scene


@pytest.fixture(scope="module")
def reader():
    with FaceReader(workers=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def photo(reader):
    return reader.read(scene(0))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    image = cv2.resize(scene(0), (3500, 2625), interpolation=cv2.INTER_CUBIC)
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    assert cv2.imwrite(str(path), image)
    return path


@pytest.fixture(scope="module")
def large_reading(large):
    with FaceReader(tasks=("smile",), faces="large", workers=1) as reader:
        return reader.read(large), reader.read(cv2.imread(str(large)))


class TestALargePhotograph:
    """A reader decodes it at a quarter of its size, at which it is searched, and a run, which draws on it, at half."""

    def test_its_faces_are_told_in_pixels_of_the_file(self, large_reading):
        small, whole = large_reading
        assert small.size == whole.size == (3500, 2625)
        for one, other in zip(small.faces, whole.faces, strict=True):
            assert one.box.iou(other.box) > 0.9 and one.smile.label == other.smile.label
            assert np.abs(one.landmarks - other.landmarks).mean() < 12

    def test_its_picture_is_had_whole(self, large_reading):
        small, _ = large_reading
        assert small.image.shape == (2625, 3500, 3) and small.annotated().shape == (2625, 3500, 3)

    def test_a_run_writes_almost_the_same_boxes(self, large, large_reading, tmp_path):
        from smiledet.cli import main

        settings = tmp_path / "c.toml"
        settings.write_text('[photographs]\nfaces = "large"\n')
        flags = ["--no-show", "--tasks", "smile", "--config", str(settings), "--events", str(tmp_path / "e.jsonl")]
        assert main(["run", str(large), *flags]) == 0
        rows = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
        expected = [face.box.clipped(3500, 2625) for face in large_reading[0].faces]
        found = [(row["x"], row["y"], row["x"] + row["width"], row["y"] + row["height"]) for row in rows]
        side = min(right - left for left, _, right, _ in expected)
        assert np.abs(np.subtract(found, expected)).max() < side / 50


class TestTheRoot:
    def test_all_is_what_the_root_hands_out(self):
        assert sorted(smiledet.__all__) == smiledet.__all__
        for name in smiledet.__all__:
            assert getattr(smiledet, name) is not None
        assert set(smiledet.__all__) <= set(dir(smiledet))
        with pytest.raises(AttributeError, match="no attribute 'Reader'"):
            _ = smiledet.Reader

    def test_every_public_name_lives_in_a_public_module(self):
        assert set(smiledet._HOMES) | {"__version__"} == set(smiledet.__all__)

    def test_importing_it_loads_nothing_heavy(self):
        program = "import sys, smiledet; print([m for m in ('cv2', 'numpy', 'dlib', 'tqdm') if m in sys.modules])"
        root = Path(smiledet.__file__).parents[1]
        done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=180)
        assert done.stdout == "[]\n"


class TestOnePicture:
    def test_the_faces_are_read_largest_first(self, photo):
        assert [face.smile.label for face in photo.faces] == ["smiling", "not smiling"]
        assert photo.faces[0].emotion.label == "happy"
        assert photo.faces[0].box.area > photo.faces[1].box.area
        assert len(photo) == 2 and list(photo) == list(photo.faces)

    def test_the_score_is_the_shown_labels(self, photo):
        for face in photo:
            for answer in (face.smile, face.emotion):
                assert answer.score == answer.scores[answer.label] == max(answer.scores.values())
                assert sum(answer.scores.values()) == pytest.approx(1, abs=0.01)

    def test_landmarks_are_pixels_of_the_picture_however_it_lies(self, reader, photo):
        turned = reader.read(np.rot90(scene(0)))  # to the left: (x, y) is at (y, 640 - x)
        assert turned.turned == 90
        assert [face.smile.label for face in turned] == [face.smile.label for face in photo]
        for face, other in zip(photo, turned, strict=True):
            assert face.landmarks.shape == (68, 2)
            x, y = face.landmarks.T
            assert np.abs(np.column_stack([y, 640 - x]) - other.landmarks).max() < 4

    def test_what_it_takes_makes_no_difference(self, reader, photo, tmp_path):
        path = tmp_path / "scene.png"
        cv2.imwrite(str(path), scene(0))
        for given, color in ((path, "bgr"), (path.read_bytes(), "bgr"), (scene(0)[..., ::-1], "rgb")):
            again = reader.read(given, color)
            assert again.faces == photo.faces
        assert reader.read(str(path)).file == str(path)
        assert photo.file is None

    def test_no_face_is_a_reading_too(self, reader):
        empty = reader.read(np.full((1, 1), 9, np.uint8))
        assert empty.faces == () and empty
        assert empty.to_dicts(flat=True)[0]["smile_smiling"] is None

    def test_what_is_no_picture_is_an_image_error(self, reader):
        for given in (None, 3.5, np.zeros((4, 4)), b"", "nowhere.jpg"):
            with pytest.raises(ImageError):
                reader.read(given)

    def test_a_task_that_was_not_read_is_told(self, photo):
        with pytest.raises(AttributeError, match="no task 'gender' was read from this face; there are smile, emotion"):
            _ = photo.faces[0].gender

    def test_how_much_of_a_smile_there_is(self, photo):
        face = photo.faces[0]
        assert face.smile_intensity == face.smile.intensity
        assert FaceReading(face.face, {}).smile_intensity is None

    def test_results_can_be_copied_and_pickled(self, photo):
        face = photo.faces[0]
        for again in (deepcopy(face), pickle.loads(pickle.dumps(face))):
            assert again == face and again.smile == face.smile


class TestTables:
    def test_rows_are_plain_json(self, photo):
        rows = json.loads(json.dumps(photo.to_dicts()))
        assert [row["smile"] for row in rows] == ["smiling", "not smiling"]
        for row, face in zip(rows, photo, strict=True):
            assert row["smile_score"] == row["smile_scores"][row["smile"]]
            assert abs(row["x"] - face.box.x) <= 0.5

    def test_flat_rows_have_a_column_a_label(self, photo):
        row = photo.to_dicts(flat=True)[1]
        assert row["smile_not_smiling"] == row["smile_score"]
        assert {"emotion_happy", "emotion_neutral", "detection_score"} <= set(row)

    def test_a_data_frame(self, reader, tmp_path):
        pandas = pytest.importorskip("pandas")
        cv2.imwrite(str(tmp_path / "two.png"), scene(0))
        cv2.imwrite(str(tmp_path / "none.png"), np.full((60, 80), 9, np.uint8))
        frame = reader.read_many(tmp_path).to_pandas()
        assert isinstance(frame, pandas.DataFrame)
        assert [Path(name).name for name in frame["file"]] == ["none.png", "two.png", "two.png"]
        assert frame["smile"].isna().tolist() == [True, False, False]

    def test_without_pandas_it_says_what_to_install(self, photo, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(UsageError, match=r"pip install 'smiledet\[pandas\]'"):
            photo.to_pandas()

    def test_it_shows_itself_in_a_notebook(self, photo):
        shown = cv2.imdecode(np.frombuffer(photo._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(shown, photo.annotated())
        assert not np.array_equal(shown, photo.image)


class TestManyPictures:
    def test_a_folder_with_a_damaged_file(self, reader, tmp_path):
        cv2.imwrite(str(tmp_path / "b.png"), scene(0))
        (tmp_path / "a.jpg").write_bytes(b"no picture")
        table = reader.read_many(tmp_path)
        assert [reading.file for reading in table] == [str(tmp_path / "b.png")]
        ((name, why),) = table.failures
        assert name == str(tmp_path / "a.jpg") and "no image, or a damaged one" in why

    def test_they_come_in_the_order_in_which_they_were_given(self, reader):
        table = reader.read_many([scene(0), np.zeros((9, 9), np.uint8), scene(40)])
        assert [len(reading) for reading in table] == [2, 0, 2]

    @pytest.mark.parametrize(
        "given", ["nowhere", b"abc", 4, None, {}, np.zeros((48, 64, 3), np.uint8), np.zeros((9, 9))]
    )
    def test_what_is_no_folder_or_list_is_refused(self, reader, given):
        with pytest.raises(ImageError, match="read_many takes a folder or a list"):
            reader.read_many(given)

    def test_an_empty_folder_is_refused(self, reader, tmp_path):
        with pytest.raises(ImageError, match="no photograph in"):
            reader.read_many(tmp_path)


class TestCrops:
    def test_a_crop_is_read_without_a_search(self, reader, photo):
        crops = []
        for face in photo:
            left, top, right, bottom = face.box.clipped(640, 480)
            crops.append(scene(0)[top:bottom, left:right])
        answers = reader.read_crops(crops, tasks=("smile",))
        assert [answer["smile"].label for answer in answers] == ["smiling", "not smiling"]
        assert all(set(answer) == {"smile"} for answer in answers)
        assert reader.read_crops([]) == []

    def test_other_tasks_are_refused(self, reader):
        with pytest.raises(UsageError, match="does not read age; it reads smile, emotion"):
            reader.read_crops([], tasks=("age",))

    @pytest.mark.parametrize("given", ["nowhere", b"abc", 4, None, {}, np.zeros((48, 64, 3), np.uint8)])
    def test_what_is_no_list_is_refused(self, reader, given):
        with pytest.raises(ImageError, match="read_crops takes a sequence of pictures; "):
            reader.read_crops(given)

    def test_an_array_of_several_is_taken(self, reader):
        crops = np.stack([scene(0)[:96, :96], scene(0)[96:192, 96:192]])
        assert [set(each) for each in reader.read_crops(crops)] == [{"smile", "emotion"}] * 2
        with pytest.raises(UsageError, match="expected a sequence of names"):
            reader.read_crops(crops, tasks="smile")


class TestMaking:
    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"tasks": "smile"}, "expected a sequence of names"),
            ({"tasks": ("joy",)}, "no task 'joy'"),
            ({"detector": "eyes"}, "expected auto or one of haar"),
            ({"workers": 0}, "workers=0: expected a whole number, 1 or more"),
            ({"model": {"age": "mobilenet-025"}}, "not among the tasks"),
            ({"model": {"smile": "none"}}, "no model 'none'"),
            ({"engine": "steam"}, "no engine 'steam'"),
            *(
                ({"tasks": wrong}, "expected a sequence of names")
                for wrong in (None, 3, b"smile", (1,), (["smile"],), ())
            ),
            ({"model": "mobilenet-025"}, "expected a model by task"),
            ({"model": {"smile": None}}, "model of smile is None"),
            ({"model": {1: "none"}}, "not among the tasks"),
            ({"models": 5}, "models is 5: expected a text or a path"),
            ({"models": b"own"}, "models is b'own'"),
            ({"detector": 5}, "expected auto or one of haar"),
            ({"engine": None}, "expected auto or one of litert"),
            ({"workers": "2"}, "expected a whole number"),
            ({"workers": 2.5}, "expected a whole number"),
            ({"config": "own.toml"}, "expected a smiledet.Config"),
            ({"faces": 5}, "expected one of small"),
        ],
    )
    def test_bad_arguments_are_refused_in_one_line(self, arguments, words):
        with pytest.raises(UsageError) as caught:
            FaceReader(**arguments)
        assert words in str(caught.value) and "\n" not in str(caught.value)

    def test_another_model(self):
        with FaceReader(("emotion",), model={"emotion": "mobilenet-075"}) as reader:
            assert reader.read(scene(0)).faces[0].emotion.label == "happy"

    def test_a_closed_reader_says_so(self):
        reader = FaceReader(("smile",))
        reader.close()
        reader.close()
        with pytest.raises(UsageError, match="was closed"):
            reader.read(scene(0))

    def test_several_threads_may_call_it(self, reader, photo):
        barrier, answers = threading.Barrier(6), []

        def work():
            barrier.wait()
            answers.append(reader.read(scene(0)).faces)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [photo.faces] * 6

    def test_nothing_process_wide_changes(self):
        """In a process of its own, since other tests change what belongs to the process."""
        program = (
            "import logging, os, signal, cv2, smiledet\n"
            "from smiledet.sources.demo import scene\n"
            "log_level = getattr(cv2, 'getLogLevel', None) or cv2.utils.logging.getLogLevel\n"  # moved in OpenCV 4.13
            "def state():\n"
            "    return (cv2.getNumThreads(), signal.getsignal(signal.SIGINT),\n"
            "            signal.getsignal(signal.SIGTERM), logging.getLogger().level, logging.getLogger().handlers,\n"
            "            {k: v for k, v in os.environ.items() if 'OPENCV' in k}, log_level())\n"
            "cv2.setNumThreads(2)\n"
            "before = state()\n"
            "with smiledet.FaceReader() as reader:\n"
            "    reader.read(scene(0))\n"
            "assert state() == before, (before, state())\n"
        )
        root = Path(smiledet.__file__).parents[1]
        done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=180)
        assert (done.returncode, done.stderr) == (0, "")


class TestTheRootsTypes:
    def test_checkers_are_told_what_the_root_hands_out(self):
        """What stands under TYPE_CHECKING is what is handed out at run time, from the same modules."""
        import ast

        tree = ast.parse(Path(smiledet.__file__).read_text())
        block = next(node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
        told = {alias.name: each.module for each in block.body for alias in each.names}
        assert told == {name: f"smiledet.{home}" for name, home in smiledet._HOMES.items()}
        for name, home in told.items():
            assert getattr(smiledet, name).__module__ == home

    def test_every_error_is_a_smiledet_error_with_an_exit_code(self):
        errors = [getattr(smiledet, name) for name in smiledet.__all__ if name.endswith("Error")]
        assert {each.exit_code for each in errors} == {1, 2}
        for each in errors:
            assert issubclass(each, smiledet.SmiledetError)
            assert each.exit_code == (2 if issubclass(each, UsageError) else 1)

    def test_finer_errors_are_raised(self, tmp_path):
        with pytest.raises(smiledet.SourceError):
            smiledet.watch(str(tmp_path / "no.mp4"))
        with pytest.raises(smiledet.ModelError):
            FaceReader(model={"smile": "no-such-model"})
        with pytest.raises(smiledet.ModelError):
            FaceReader(engine="steam")

    def test_everything_public_is_documented(self):
        for name in smiledet.__all__:
            value = getattr(smiledet, name)
            assert name == "__version__" or (value.__doc__ and "(" not in value.__doc__[:20]), name
            if isinstance(value, type):
                methods = [each for each in vars(value) if not each.startswith("_") and callable(vars(value)[each])]
                assert [each for each in methods if not vars(value)[each].__doc__] == [], name


class TestManyInLittleMemory:
    def test_pictures_of_files_are_read_again_when_they_are_asked_for(self, reader, tmp_path):
        path = tmp_path / "scene.png"
        cv2.imwrite(str(path), scene(0))
        (reading,) = reader.read_many([path])
        assert reading._image is None and reading.size == (640, 480)
        assert np.array_equal(reading.image, scene(0))
        assert reading._repr_png_()
        rows = reading.to_dicts()
        path.unlink()
        assert reading.to_dicts() == rows
        with pytest.raises(ImageError, match="No such file"):
            _ = reading.image
        cv2.imwrite(str(path), scene(0)[:100])
        with pytest.raises(ImageError, match="holds another picture"):
            _ = reading.image

    def test_arrays_are_kept(self, reader):
        (reading,) = reader.read_many([scene(0)])
        assert np.array_equal(reading.image, scene(0))

    def test_pictures_are_taken_as_reading_goes_on(self, reader):
        """From an endless iterable no more than a few are taken ahead of what has been read."""
        taken = []

        def pictures():
            for number in range(40):
                taken.append(number)
                yield np.full((40, 40), 9, np.uint8)

        ahead = [len(taken) - done for done, _ in enumerate(reader._queued(pictures(), "bgr"))]
        assert max(ahead) <= 2 * 2 + 1 and len(ahead) == 40

    def test_a_table_shows_itself_in_a_notebook(self, reader, tmp_path):
        cv2.imwrite(str(tmp_path / "<b>.png"), scene(0))
        (tmp_path / "x.png").write_bytes(b"?")
        shown = reader.read_many(tmp_path)._repr_html_()
        assert "&lt;b&gt;.png" in shown and "<b>" not in shown
        assert "not smiling" in shown and "1 pictures, 1 not read" in shown

    def test_large_pictures_are_shown_small(self, reader):
        shown = reader.read(np.zeros((1200, 3000, 3), np.uint8))._repr_png_()
        assert cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_COLOR).shape == (410, 1024, 3)

    def test_closing_frees_the_networks(self):
        closed = []
        with FaceReader(tasks=("smile",), workers=1) as opened:
            opened.read(scene(0))
            (stages,) = opened._pool._made
            ((_, engine),) = stages._networks
            engine.close = lambda: closed.append(True)
        opened.close()
        assert closed == [True]


class TestOddPaths:
    @pytest.mark.parametrize("path", ["x" * 5000, "~nobody-of-that-name/x.jpg", "a\0b", "/dev/null", "/proc/self/mem"])
    def test_they_are_image_errors(self, reader, path):
        with pytest.raises(ImageError):
            reader.read(path)
        with pytest.raises(ImageError):
            reader.read_many(path)


def test_a_forked_process_reads_too():
    """A fork has none of the reader's threads: a server that loads the reader first and forks then must not hang."""
    program = (
        "import os, sys, warnings; warnings.simplefilter('ignore')\n"
        "import smiledet; from smiledet.sources.demo import scene\n"
        "reader = smiledet.FaceReader(tasks=('smile',), workers=1)\n"
        "reader.read(scene(0))\n"
        "child = os.fork()\n"
        "faces = len(reader.read(scene(0)))\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
        "print(faces, flush=True)\n"
    )
    root = Path(smiledet.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=180)
    assert (done.stdout, done.returncode) == ("2\n2\n", 0), done.stderr
