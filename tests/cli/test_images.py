"""`smiledet images`, in a folder of its own."""

import csv
import io
import json
import shutil
import subprocess
from xml.etree import ElementTree

import cv2
import jsonschema
import numpy as np
import pytest
from PIL import Image, ImageOps

from smiledet.cli._photograph_table import PhotographTable, text_width
from smiledet.frame import Box
from smiledet.photographs.xmp import stored_area
from smiledet.results import Reading
from smiledet.sinks.events import SCHEMA
from smiledet.sources.demo import scene
from smiledet.tasks.base import get_task


@pytest.fixture
def album(tmp_path):
    """Two faces, nobody, two faces a folder deeper, and what is no photograph."""
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    pictures = {"1.png": scene(40), "2.JPG": np.full((300, 200, 3), 90, np.uint8), "deep/1.png": scene(80)}
    for name, picture in pictures.items():
        assert cv2.imwrite(str(folder / name), picture)
    (folder / "3.jpg").write_text("no picture")
    (folder / "4.jpg").touch()
    return folder


NAMES = ["1.png", "2.JPG", "deep/1.png"]


def test_rows_and_copies_carry_the_files_names(run_smiledet, album, tmp_path):
    for output in ("out.csv", "out.jsonl"):
        done = run_smiledet("images", "album", "-o", output, "--annotate", output.partition(".")[2])
        assert done.returncode == 0, done.stderr
    assert "not read: album/3.jpg: it is no image, or a damaged one" in done.stderr
    assert done.stderr.splitlines()[-1] == "smiledet: 3 photographs, 4 faces, 1 without a face, 2 not read"
    events = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    schema = json.loads(SCHEMA.read_text())
    for event in events:
        jsonschema.validate(event, schema)
    expected = [
        ("album/1.png", 1),
        ("album/1.png", 2),
        ("album/2.JPG", None),
        *[("album/deep/1.png", n) for n in (1, 2)],
    ]
    assert [(event["file"], event["track"]) for event in events] == expected
    assert {event["source"] for event in events} == {"album"}
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["smile"], row["smile_score"]) for row in rows] == [
        (event["file"], event["smile"] or "", str(event["smile_score"] or "")) for event in events
    ]
    assert [str(path.relative_to(tmp_path / "csv")) for path in sorted((tmp_path / "csv").rglob("*.*"))] == NAMES
    before, after = (cv2.imread(str(tmp_path / folder / "1.png")) for folder in ("album", "csv"))
    assert before.shape == after.shape and (before != after).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album", "csv", "jsonl", "out.csv", "out.jsonl"]


def test_a_table_where_no_output_is_named(call_smiledet, album):
    done = call_smiledet("images", "album/*.png", "album/2.JPG", env={"COLUMNS": "60"})
    assert done.returncode == 0, done.stderr
    header, first, second, nobody = done.stdout.splitlines()
    assert header.split() == ["file", "faces", "smile", "emotion"]
    assert first.startswith("album/1.png ") and " 2  " in first and "%" in first
    assert second.startswith("     ") and "%" in second
    assert nobody.split() == ["album/2.JPG", "0"]
    assert all(len(line) <= 60 for line in done.stdout.splitlines())


def test_rows_on_standard_output_stand_alone_there(call_smiledet, album):
    done = call_smiledet("images", "album", "--output", "-", "--tasks", "age")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["file"] for event in events if event["age"] is None] == ["album/2.JPG"]
    assert "smile" not in events[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.jpg",), "there is no none.jpg"),
        (("album/*.gif",), "there is no album/*.gif"),
        (("empty",), "no photograph in empty; looked for .jpg"),
        (("album/3.jpg", "-o", "new.csv"), "no photograph that can be read"),
        (("album", "-o", "out.txt"), "its suffix must be .jsonl or .csv"),
        (("album", "-o", "none/out.csv"), "there is no folder none"),
        (("album", "-o", "out.csv", "--model", "smile=none"), "no model 'none'"),
        (("album", "-o", "out.csv", "--detector", "none"), "none"),
        (("album", "--annotate", "album"), "--annotate album: it is the folder that is read"),
        (("album/1.png", "--annotate", "album"), "cannot write album/1.png: it is there already"),
        (("album", "--annotate", "out.csv"), "out.csv: it is no folder"),
        (("album", "--annotate", "none/deep"), "there is no folder none"),
        (("album", "--copy-to", "out.csv"), "out.csv: it is no folder"),
        (("album", "--link-to", "none/deep"), "there is no folder none"),
        (("album", "--detector", "yunet=none.onnx"), "none.onnx"),
    ],
)
def test_what_is_refused_loses_nothing(call_smiledet, album, tmp_path, arguments, words):
    (tmp_path / "out.csv").write_text("of old\n")
    (tmp_path / "empty").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    done = call_smiledet("images", *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert words in done.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == {
        path: time for path, time in before.items() if path.is_file()
    }


def test_copies_of_several_folders_keep_apart_and_are_not_read_again(call_smiledet, album, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.png").write_bytes((album / "1.png").read_bytes())
    done = call_smiledet("images", "album", "b", "--annotate", "album/seen")
    assert done.returncode == 0, done.stderr
    copies = sorted(str(path.relative_to(album / "seen")) for path in (album / "seen").rglob("*.*"))
    assert copies == ["album/1.png", "album/2.JPG", "album/deep/1.png", "b/1.png"]
    done = call_smiledet("images", "album", "--annotate", "album/seen", "-o", "-")
    assert done.returncode == 0, "other copies, in the same folder"
    assert {json.loads(line)["file"] for line in done.stdout.splitlines()} == {f"album/{name}" for name in NAMES}


def rows_of(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_second_run_says_the_same_of_what_it_does_not_read_again(call_smiledet, album, tmp_path):
    arguments = ("images", "album", "-o", "-", "--tasks", "smile,age", "--store", "mine.sqlite")
    before = rows_of(call_smiledet(*arguments))
    (album / "1.png").rename(album / "4.png")
    after = rows_of(call_smiledet(*arguments))
    renamed = [{**row, "file": row["file"].replace("album/1.png", "album/4.png")} for row in before]
    key = lambda row: (row["file"], row["track"] or 0)  # noqa: E731
    ignored = ("frame", "timestamp", "time", "latency_ms")
    for old, new in zip(sorted(renamed, key=key), sorted(after, key=key), strict=True):
        assert {name: old[name] for name in old if name not in ignored} == {
            name: new[name] for name in new if name not in ignored
        }
    assert (tmp_path / "mine.sqlite").exists()


def test_no_store_keeps_nothing(call_smiledet, album, tmp_path):
    data = tmp_path / "data"
    call_smiledet("images", "album", "--no-store", env={"XDG_DATA_HOME": str(data)})
    assert not data.exists()
    call_smiledet("images", "album", env={"XDG_DATA_HOME": str(data)})
    assert (data / "smiledet" / "photographs.sqlite").exists()


def test_a_store_that_cannot_be_made_is_said_in_one_line(call_smiledet, album, tmp_path):
    (tmp_path / "file").touch()
    done = call_smiledet("images", "album", env={"XDG_DATA_HOME": str(tmp_path / "file")})
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "cannot make the store" in done.stderr and "--no-store" in done.stderr


def test_the_best_of_a_burst_and_the_most_smiling_first(call_smiledet, tmp_path):
    burst = tmp_path / "burst"
    burst.mkdir()
    picture = scene(40)
    cv2.imwrite(str(burst / "1.png"), cv2.GaussianBlur(picture, None, 3))
    cv2.imwrite(str(burst / "2.png"), picture)
    cv2.imwrite(str(burst / "3.png"), np.full((300, 200, 3), 90, np.uint8))
    rows = rows_of(call_smiledet("images", "burst", "--best", "--sort", "smile", "-o", "-"))
    assert list(dict.fromkeys(row["file"] for row in rows)) == ["burst/2.png", "burst/3.png"]
    rows = rows_of(call_smiledet("images", "burst", "--sort", "faces", "-o", "-"))
    assert [row["file"] for row in rows][-1] == "burst/3.png" and len(rows) == 5


def test_parquet_has_the_columns_of_the_csv(call_smiledet, album, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    for output in ("out.csv", "out.parquet"):
        assert call_smiledet("images", "album", "-o", output, "--tasks", "smile,age").returncode == 0
    table = parquet.read_table(tmp_path / "out.parquet")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert table.column_names == list(rows[0])
    for row, other in zip(table.to_pylist(), rows, strict=True):
        for name in ("file", "track", "x", "smile", "smile_smiling", "age"):
            assert ("" if row[name] is None else str(row[name])) == other[name]
    assert str(table.schema.field("smile").type) == "string" and str(table.schema.field("x").type) == "int64"


def test_sorted_into_folders_by_label(call_smiledet, album, tmp_path):
    before = {path: path.read_bytes() for path in album.rglob("*.*")}
    for _ in range(2):  # the second time everything is there
        done = call_smiledet("images", "album", "--copy-to", "album/sorted")
        assert done.returncode == 0 and "another file" not in done.stderr
    found = sorted(str(path.relative_to(album / "sorted")) for path in (album / "sorted").rglob("*.*"))
    assert found == ["more than one face/1.png", "more than one face/deep/1.png", "no face/2.JPG"]
    assert {path: path.read_bytes() for path in before} == before
    (album / "sorted" / "no face" / "2.JPG").write_text("mine")
    done = call_smiledet("images", "album", "--copy-to", "album/sorted")
    assert done.returncode == 0 and "2.JPG: another file is there" in done.stderr
    assert (album / "sorted" / "no face" / "2.JPG").read_text() == "mine"
    call_smiledet("images", "album", "--link-to", "links")
    assert (tmp_path / "links" / "no face" / "2.JPG").resolve() == album / "2.JPG"


def test_videos_where_asked_for(call_smiledet, album, write_scenes):
    write_scenes(album / "clip.mp4", 70)
    rows = rows_of(call_smiledet("images", "album", "--every", "1", "-o", "-", "--annotate", "seen"))
    times = [row["timestamp"] for row in rows if row["file"] == "album/clip.mp4" and row["track"] == 1]
    assert times == [0, 1, 2]
    for wrong in ("0", "x", "nan"):
        assert call_smiledet("images", "album", "--every", wrong).returncode == 2
    done = call_smiledet("images", "album", "--memory", "10")
    assert (done.returncode, done.stderr) == (2, "smiledet: --memory '10': expected megabytes, 300 to 1,000,000\n")


class TestSidecars:
    def sidecar(self, call_smiledet, album):
        done = call_smiledet("images", "album/1.png", "--xmp")
        assert done.returncode == 0, done.stderr
        return album / "1.png.xmp"

    def test_labels_and_regions(self, call_smiledet, album):
        rows = rows_of(call_smiledet("images", "album/1.png", "-o", "-"))
        root = ElementTree.parse(self.sidecar(call_smiledet, album)).getroot()
        areas = root.findall(".//{http://www.metadataworkinggroup.com/schemas/regions/}Area")
        space = "{http://ns.adobe.com/xmp/sType/Area#}"
        for area, row in zip(areas, rows, strict=True):
            centre = (row["x"] + row["width"] / 2) / 640, (row["y"] + row["height"] / 2) / 480
            assert (float(area.get(space + "x")), float(area.get(space + "y"))) == pytest.approx(centre, abs=0.002)
        words = root.findall(".//{http://purl.org/dc/elements/1.1/}subject//*")
        assert {row["smile"] for row in rows} <= {word.text for word in words}

    def test_exiv2_reads_it(self, call_smiledet, album):
        if shutil.which("exiv2") is None:
            pytest.skip("exiv2 is not installed")
        sidecar = self.sidecar(call_smiledet, album)
        told = subprocess.run(["exiv2", "-px", "print", sidecar], capture_output=True, text=True, check=True).stdout
        for name in ("Xmp.dc.subject", "Xmp.mwg-rs.Regions/mwg-rs:RegionList[2]/mwg-rs:Area/stArea:w"):
            assert name in told

    def test_another_programs_stays(self, call_smiledet, album):
        (album / "1.png.xmp").write_text("<digiKam/>")
        done = call_smiledet("images", "album/1.png", "--xmp")
        assert done.returncode == 0 and "another program's is there" in done.stderr
        assert (album / "1.png.xmp").read_text() == "<digiKam/>"

    @pytest.mark.parametrize("turned", range(1, 9))
    def test_regions_are_those_of_the_picture_as_it_is_stored(self, turned):
        """Held against Pillow: a mark in the stored picture, seen where it lies once the picture is upright."""
        stored = np.zeros((40, 60), np.uint8)
        stored[4:12, 30:50] = 255
        exif = Image.Exif()
        exif[0x0112] = turned
        file = io.BytesIO()
        Image.fromarray(stored).save(file, "png", exif=exif)
        upright = np.asarray(ImageOps.exif_transpose(Image.open(file)))
        rows, columns = np.nonzero(upright)
        box = Box(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        found = stored_area(box, upright.shape[::-1], turned)
        assert found == pytest.approx((40 / 60, 8 / 40, 20 / 60, 8 / 40))


def test_odd_names(call_smiledet, tmp_path):
    try:
        (tmp_path / "a\udcff\n\x1b[31m.png").write_bytes(cv2.imencode(".png", scene(40))[1].tobytes())
    except OSError:
        pytest.skip("the file system takes no such name")
    done = call_smiledet("images", ".", "--annotate", "out")
    assert r"a\xff\n\x1b[31m.png" in done.stdout and "\x1b" not in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.parametrize("width", [40, 60, 200])
def test_the_table_is_as_wide_as_the_terminal_at_most(width):
    files = ["脸" * 30 + ".jpg", "x" * 300]
    table = PhotographTable(files, [get_task("smile"), get_task("age")], width)
    lines = [table.header(), *(line for file in files for line in table.lines(Reading(None, (9, 9), (), (), file)))]
    assert all(text_width(line) <= width for line in lines)
    if width == 200:
        assert lines[1].split() == [files[0], "0"]
