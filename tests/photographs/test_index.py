"""Indexing: every file is told of once, what is known is not opened again, and nothing that was read is lost."""

from __future__ import annotations

import io
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from smiledet.config import Config
from smiledet.detection.photographs import PhotographLocator
from smiledet.photographs import examine, exif, memory_budget
from smiledet.photographs.discover import discover
from smiledet.photographs.index import Indexer, Progress
from smiledet.photographs.records import FACES, NO_FACE, SEVERAL_FACES, PhotographFilter
from smiledet.reader import FaceReader
from smiledet.sources.demo import scene

CONFIG = replace(Config(), tasks=("smile",))


@pytest.fixture
def folder(tmp_path):
    """Two faces, nobody, two faces a folder deeper, and what is no photograph."""
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    cv2.imwrite(str(folder / "1.png"), scene(40))
    cv2.imwrite(str(folder / "2.jpg"), np.full((300, 200, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "deep" / "1.png"), scene(80))
    (folder / "3.jpg").write_text("no picture")
    return folder


@pytest.fixture
def indexer(tmp_path):
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=2) as indexer:
        yield indexer


@pytest.fixture
def decoded(monkeypatch):
    """How many photographs have been decoded."""
    counted: list[int] = []
    decode = examine.decode
    monkeypatch.setattr(examine, "decode", lambda *given: counted.append(1) or decode(*given))
    return counted


def files_of(*paths: Path, **how) -> list[Path]:
    return list(discover(paths, **how).files)


def test_what_is_stored_is_what_a_reader_reads(indexer, folder):
    last = indexer.run(files_of(folder))
    assert replace(last, seconds=0) == Progress(4, 4, 0, 1, 4)
    assert indexer.store.counts()[FACES] == {NO_FACE: 1, SEVERAL_FACES: 2}
    with FaceReader(config=CONFIG, tasks=CONFIG.tasks) as reader:
        expected = reader.read(folder / "1.png")
    (found,) = indexer.store.recall(folder / "1.png")
    assert (found.row.width, found.row.height) == expected.size
    for face, other in zip(found.faces, expected.faces, strict=True):
        assert (face.box, face.detection_score, face.pose) == (other.box, other.score, other.pose)
        assert face.readings["smile"].label == other.smile.label
        assert face.readings["smile"].scores == other.smile.scores
        assert face.smile_intensity == other.smile.scores["smiling"] and face.sharpness > 1
    (failed,) = indexer.store.photographs(PhotographFilter(failed=True))
    assert (failed.path, failed.failed) == (folder / "3.jpg", "it is no image, or a damaged one")


def test_a_second_run_opens_nothing(indexer, folder, decoded):
    indexer.run(files_of(folder))
    before = len(decoded)
    last = indexer.run(files_of(folder))
    assert (last.known, last.unread, len(decoded) - before) == (4, 1, 0)


def test_a_copy_of_a_damaged_file_is_not_read_either(indexer, folder):
    """Its content is known, and so is why it could not be read: it is no photograph without a face."""
    indexer.run(files_of(folder))
    (folder / "copy.jpg").write_bytes((folder / "3.jpg").read_bytes())
    told = {file.path.name: (file.known, file.unread) for file in indexer.each(files_of(folder))}
    assert told["copy.jpg"] == told["3.jpg"] == (True, "it is no image, or a damaged one")


def test_moved_renamed_copied_and_touched_files_are_known(indexer, folder, decoded):
    indexer.run(files_of(folder))
    before = len(decoded)
    (folder / "1.png").rename(folder / "deep" / "renamed.png")
    shutil.copy(folder / "deep" / "1.png", folder / "copy.png")
    os.utime(folder / "2.jpg", (1, 1))
    last = indexer.run(files_of(folder), folders=[folder])
    assert (last.known, len(decoded) - before) == (5, 0)
    assert [row.path.name for row in indexer.store.photographs()] == ["2.jpg", "copy.png", "renamed.png"]


def test_what_has_another_content_is_read_again(indexer, folder, decoded):
    indexer.run(files_of(folder))
    before = len(decoded)
    cv2.imwrite(str(folder / "1.png"), np.full((48, 64, 3), 90, np.uint8))
    indexer.run(files_of(folder), folders=[folder])
    assert len(decoded) - before == 1
    assert indexer.store.counts()[FACES] == {NO_FACE: 2, SEVERAL_FACES: 1}


def test_what_is_gone_is_dropped_but_not_what_was_not_searched(indexer, folder):
    indexer.run(files_of(folder))
    (folder / "1.png").unlink()
    indexer.run(files_of(folder / "2.jpg"))
    assert len(indexer.store.photographs()) == 3
    indexer.run(files_of(folder), folders=[folder])
    assert len(indexer.store.photographs()) == 2


def test_originals_stay_as_they_are(indexer, folder):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")}
    indexer.run(files_of(folder))
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.*")} == before


@pytest.mark.parametrize("after", [1, 2])
def test_cancelled_midway_keeps_what_is_done(folder, tmp_path, after):
    told: list[Progress] = []
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=1, clock=iter(range(100)).__next__) as indexer:
        last = indexer.run(files_of(folder), told.append, lambda: len(told) > after)
        assert after <= last.done < 4
        assert len(indexer.store.paths_below(folder)) >= last.done
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=1) as indexer:
        assert indexer.run(files_of(folder)).known >= last.done


def test_an_interrupt_keeps_what_is_done(folder, tmp_path):
    def interrupt(progress: Progress) -> None:
        if progress.done == 1:
            raise KeyboardInterrupt

    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=1, clock=iter(range(100)).__next__) as indexer:
        with pytest.raises(KeyboardInterrupt):
            indexer.run(files_of(folder), interrupt)
        assert len(indexer.store.paths_below(folder)) >= 1


def test_a_file_that_cannot_be_opened_is_told_and_tried_again(indexer, folder):
    files = [*files_of(folder), folder / "gone.jpg"]
    told = {each.path.name: each.unread for each in indexer.each(files)}
    assert told["gone.jpg"] == "No such file or directory"
    cv2.imwrite(str(folder / "gone.jpg"), scene(1))
    assert indexer.run(files).unread == 1


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Photographs of 2600x1950: two large faces; the same, with two small ones beside them."""
    large = tmp_path_factory.mktemp("large")
    shown = np.full((1950, 2600, 3), 128, np.uint8)
    shown[:1200, :1800] = cv2.resize(scene(40), (1800, 1200))
    cv2.imwrite(str(large / "large.jpg"), shown)
    shown[1400:1800, 1900:2500] = cv2.resize(scene(40), (600, 400))
    cv2.imwrite(str(large / "small.jpg"), shown)
    return large


def test_a_large_photograph_is_decoded_once_more_only_where_a_face_is_small(large, indexer, monkeypatch):
    found = []
    decode = examine.decode
    monkeypatch.setattr(examine, "decode", lambda *given: found.append(decode(*given)) or found[-1])
    indexer.run([large / "large.jpg"])
    assert [(each.scale, each.image.shape) for each in found] == [(2, (975, 1300))]
    found.clear()
    indexer.run([large / "small.jpg"])
    assert [each.scale for each in found] == [2, 1]
    (one,), (other,) = (indexer.store.recall(large / name) for name in ("large.jpg", "small.jpg"))
    assert (len(one.faces), len(other.faces)) == (2, 4)
    assert (one.row.width, one.row.height) == (other.row.width, other.row.height) == (2600, 1950)
    assert min(face.box.width for face in other.faces) < 128
    for face, same in zip(one.faces, other.faces, strict=False):
        assert face.box.iou(same.box) > 0.9
    with FaceReader(config=CONFIG, tasks=CONFIG.tasks) as reader:
        read = reader.read(large / "large.jpg")
    assert [face.box for face in read.faces] == [face.box for face in one.faces]
    assert read.image.shape == (1950, 2600, 3)


def test_under_a_bound_a_photograph_that_does_not_fit_is_told_and_tried_again(folder, tmp_path):
    photograph = folder / "1.png"
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=2, memory=131) as indexer:
        (told,) = indexer.each([photograph])
        needed = re.fullmatch(
            r"to read it takes (\d+) MB, at most 131 are allowed: smiledet images --memory \1 reads it", told.unread
        )[1]
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=2, memory=float(needed)) as indexer:
        assert indexer.run([photograph]).unread == 0


def test_what_does_not_fit_alone_into_the_usual_memory_is_told(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(memory_budget, "LEAST", 1)
    monkeypatch.setattr(memory_budget, "ROOM", -200_000_000)
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=2) as indexer:
        assert all("MB, at most 123 are allowed" in told.unread for told in indexer.each(files_of(folder)))


def test_a_photograph_larger_than_the_usual_room_is_read_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(memory_budget, "LEAST", 1)
    monkeypatch.setattr(memory_budget, "ROOM", 1)
    monkeypatch.setattr(memory_budget, "LARGE", 1)
    handed, hand_back = [], PhotographLocator.hand_back
    monkeypatch.setattr(PhotographLocator, "hand_back", lambda self: handed.append(self) or hand_back(self))
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=2) as indexer:
        last = indexer.run(files_of(folder))
        assert (last.done, last.faces) == (4, 4)
        assert handed  # what the searches of both threads held
    monkeypatch.undo()
    with Indexer(CONFIG, tmp_path / "other.sqlite") as other, Indexer(CONFIG, tmp_path / "store.sqlite") as indexer:
        other.run(files_of(folder))
        for file in files_of(folder)[:2]:
            (alone,), (usual,) = indexer.store.recall(file), other.store.recall(file)
            assert [face.box for face in alone.faces] == [face.box for face in usual.faces]


def test_a_large_file_is_not_held_while_others_are_waited_for(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(examine, "MANY", 0)
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=2) as indexer:
        assert indexer.run(files_of(folder)).faces == 4


def test_a_file_that_is_written_to_while_it_is_read_is_told_and_read_again(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(examine, "MANY", 0)
    photograph, other = folder / "1.png", cv2.imencode(".png", scene(90))[1].tobytes()
    share = memory_budget.Share.take

    def take(self, wanted):
        share(self, wanted)
        if wanted > photograph.stat().st_size:
            photograph.write_bytes(other)

    monkeypatch.setattr(memory_budget.Share, "take", take)
    with Indexer(CONFIG, tmp_path / "store.sqlite", workers=2) as indexer:
        (told,) = indexer.each([photograph])
        assert told.unread == "it was written to while it was read"
        monkeypatch.undo()
        (told,) = indexer.each([photograph])
        assert told.unread is None and not told.known


def test_no_png_is_decoded_for_its_date(monkeypatch):
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", None)
    data = cv2.imencode(".png", scene(40))[1].tobytes()
    assert exif.tags_of(data) == {}


def test_every_format_and_when_it_was_taken(indexer, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    folder = tmp_path / "formats"
    folder.mkdir()
    picture = Image.fromarray(np.ascontiguousarray(scene(40)[..., ::-1]))
    exif = Image.Exif()
    exif[0x0132] = "2001:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:31 17:04:05"
    exif.get_ifd(0x8769)[0x9291] = "25"
    for suffix in ("jpg", "png", "webp", "tiff", "avif"):
        picture.save(folder / f"a.{suffix}", exif=exif)
    pillow_heif.from_pillow(picture).save(folder / "a.heic", exif=exif.tobytes())
    picture.save(folder / "a.gif", save_all=True, append_images=[Image.new("RGB", picture.size)])
    plain = io.BytesIO()
    picture.save(plain, "jpeg")
    (folder / "b.jpeg").write_bytes(plain.getvalue())
    assert indexer.run(files_of(folder)).unread == 0
    rows = {row.path.name: row for row in indexer.store.photographs()}
    assert {row.face_count for row in rows.values()} == {2}
    times = {name: row.taken for name, row in rows.items()}
    assert times.pop("a.gif") is None and times.pop("b.jpeg") is None
    assert times.pop("a.tiff") == "2001-01-01T00:00:00", "Pillow writes no more into a TIFF"
    assert set(times.values()) == {"2024-05-31T17:04:05.250"}


class TestVideos:
    @pytest.fixture
    def clip(self, folder, write_scenes):
        write_scenes(folder / "clip.mp4", 70)
        return folder / "clip.mp4"

    def test_frames_are_photographs_of_their_own(self, tmp_path, folder, clip, decoded):
        store = tmp_path / "store.sqlite"
        files = files_of(folder, videos=True)
        with Indexer(CONFIG, store, workers=1, every=1.0) as indexer:
            indexer.run(files)
            frames = indexer.store.recall(clip)
            assert [frame.row.position for frame in frames] == [0.0, 1.0, 2.0]
            assert all(frame.row.face_count == 2 for frame in frames)
            assert indexer.run(files).known == 5
        with Indexer(CONFIG, store, workers=1, every=2.0) as indexer:
            assert indexer.run(files).known == 4
            assert [frame.row.position for frame in indexer.store.recall(clip)] == [0.0, 2.0]

    def test_videos_are_left_out_where_nobody_asked_for_them(self, folder, clip):
        assert clip not in files_of(folder) and clip in files_of(folder, videos=True)

    def test_what_is_no_video_is_told(self, indexer, tmp_path):
        (tmp_path / "x.mp4").write_text("no video")
        (told,) = indexer.each([tmp_path / "x.mp4"])
        assert "no video that can be read" in told.unread
