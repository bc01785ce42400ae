"""Damaged photographs, EXIF data and sidecars."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smiledet.errors import ImageError, OutputError
from smiledet.frame import Box
from smiledet.photographs.decode import decode_picture, to_image
from smiledet.photographs.exif import iso_time, orientation, taken
from smiledet.photographs.records import STILL, PhotographRow, StoredFace, StoredPhotograph, StoredReading
from smiledet.photographs.xmp import TOOL, sidecar_bytes, sidecar_of, write_sidecar
from smiledet.sources.decoding import MOST_PIXELS

FORMS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")


@pytest.fixture(scope="module")
def photographs() -> list[bytes]:
    """A small photograph in every format, with EXIF data where the format has them."""
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x0132] = 6, "2024:05:31 17:04:05"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:31 17:04:05"
    found = []
    for form in FORMS:
        stream = io.BytesIO()
        picture.save(stream, form, **({} if form in ("BMP", "GIF", "PPM", "JPEG2000") else {"exif": exif}))
        found.append(stream.getvalue())
    stream = io.BytesIO()
    picture.save(stream, "JPEG", progressive=True, exif=exif)
    return [*found, stream.getvalue()]


def see(read: Callable[[], Any]) -> None:
    try:
        image = read()
    except ImageError as problem:
        assert "\n" not in str(problem)
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert 0 < image.shape[0] * image.shape[1] <= MOST_PIXELS


def read_every_way(data: bytes, path: Path) -> None:
    """As bytes, as a file, and only its EXIF data: a picture or one line, and the file as it was."""
    see(lambda: to_image(data))
    see(lambda: decode_picture(path, side=1280).image)
    moment = taken(data)
    assert moment is None or len(moment) in (19, 23)
    assert orientation(path) in range(1, 9)
    assert path.read_bytes() == data


@given(draw=st.data())
def test_damaged_photographs(
    draw: st.DataObject, damaged: Any, photographs: list[bytes], scratch: Callable[[str, bytes], Path]
) -> None:
    data = draw.draw(damaged(photographs))
    read_every_way(data, scratch("photograph.jpg", data))


def test_photographs_that_once_failed(corpus: Any, scratch: Callable[[str, bytes], Path]) -> None:
    for data in corpus("photographs"):
        read_every_way(data, scratch("photograph.jpg", data))


TAGS = (0x0112, 0x0132, 0x8769, 0x8825, 0xA005, 0x9003, 0x9004, 0x9291, 0x0100, 0x014A, 0x0201, 0x02BC, 0x927C, 0)
"""Orientation, times, the pointers to other directories, sizes, thumbnail, XMP, a maker's notes, and none."""

NUMBERS = st.sampled_from((0, 1, 2, 6, 8, 9, 19, 20, 26, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1))


@given(draw=st.data())
def test_crafted_exif_data(draw: st.DataObject, scratch: Callable[[str, bytes], Path]) -> None:
    """Directories with any types, counts and offsets: past the end, into themselves, in circles, of gigabytes."""
    order = draw.draw(st.sampled_from("<>"))
    entries = st.tuples(st.sampled_from(TAGS), st.integers(0, 14), NUMBERS, NUMBERS | st.integers(0, 200))
    exif = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, draw.draw(st.just(8) | NUMBERS))
    for _ in range(draw.draw(st.integers(1, 3))):
        rows = draw.draw(st.lists(entries, max_size=6))
        exif += struct.pack(f"{order}H", draw.draw(st.just(len(rows)) | st.just(65_535)))
        exif += b"".join(struct.pack(f"{order}HHII", *row) for row in rows)
        exif += struct.pack(f"{order}I", draw.draw(NUMBERS | st.integers(0, 200)))
    exif += draw.draw(st.sampled_from((b"", b"2024:05:31 17:04:05\0", b"\xff" * 40)))
    stream = io.BytesIO()
    form = draw.draw(st.sampled_from(("JPEG", "PNG", "WEBP")))
    Image.new("RGB", (32, 24)).save(stream, form, exif=b"Exif\0\0" + exif)
    read_every_way(stream.getvalue(), scratch("photograph.jpg", stream.getvalue()))


@given(st.one_of(st.text(), st.from_regex(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")), st.text())
def test_any_time_of_exif(text: str, fraction: str) -> None:
    found = iso_time(text, fraction)
    assert found is None or found[4] == found[7] == "-"


def stored(labels: list[str]) -> StoredPhotograph:
    readings = {f"task{number}": StoredReading(label, 0.5, {label: 0.5}) for number, label in enumerate(labels)}
    face = StoredFace(1, 1, Box(1, 2, 3, 4), 0.9, readings)
    row = PhotographRow(
        id=1, path=Path("me.jpg"), position=STILL, hash="", width=32, height=24, taken=None, dated="", face_count=1,
        readings={}, smile=None, doubt=None, mark=None, stack=None, place=0, stack_size=1, failed=None,
    )  # fmt: skip
    return StoredPhotograph(row, (face,), (), None, None, "haar", 0)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_sidecar_of_any_labels_is_xml(labels: list[str]) -> None:
    root = Tree.fromstring(sidecar_bytes(stored(labels)).decode("utf-8"))
    assert len(root.findall(".//{http://purl.org/dc/elements/1.1/}subject")) == 1


@given(draw=st.data())
def test_a_sidecar_of_another_program_is_left(draw: st.DataObject, damaged: Any, tmp_path: Path) -> None:
    """Also where our own keywords stand in it, as a photo manager takes them over; ours alone is written anew."""
    photograph = tmp_path / "me.jpg"
    photograph.write_bytes(b"no photograph")
    sidecar = sidecar_of(photograph)
    own = sidecar_bytes(stored(draw.draw(st.lists(st.sampled_from(["smiling", "happy"]), max_size=2))))
    others = own.replace(b"<x:xmpmeta ", b'<x:xmpmeta x:xmptk="XMP Core 4.4.0-Exiv2" ')
    there = draw.draw(st.one_of(st.just(own), damaged([others]), st.binary(max_size=50).map(lambda data: data + own)))
    sidecar.write_bytes(there)
    if there == own:
        write_sidecar(stored(["smiling"]), photograph)
        assert sidecar.read_bytes() == sidecar_bytes(stored(["smiling"]))
    else:
        with pytest.raises(OutputError, match="another program's"):
            write_sidecar(stored(["smiling"]), photograph)
        assert sidecar.read_bytes() == there
    assert photograph.read_bytes() == b"no photograph"


@pytest.mark.skipif(shutil.which("exiv2") is None, reason="exiv2 is not installed")
def test_a_sidecar_to_which_a_photo_manager_added_stars_is_left(tmp_path: Path) -> None:
    """exiv2 writes as digiKam and darktable do, whose library it is: the creator's name stays."""
    photograph = tmp_path / "me.jpg"
    Image.new("RGB", (32, 24)).save(photograph)
    sidecar = write_sidecar(stored(["smiling"]), photograph)
    subprocess.run(["exiv2", "-M", "set Xmp.xmp.Rating XmpText 5", sidecar], check=True)
    there = sidecar.read_bytes()
    assert b"Rating" in there and TOOL.encode() in there
    with pytest.raises(OutputError, match="another program's"):
        write_sidecar(stored(["happy"]), photograph)
    assert sidecar.read_bytes() == there
