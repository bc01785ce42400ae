import io
import logging
import os
import re
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from smiledet.errors import SourceError
from smiledet.sources import decoding, decoding_smaller
from smiledet.sources.choose import create_source
from smiledet.sources.decoding import bytes_to_decode, decode, read_image
from smiledet.sources.images import ImagesSource, list_images


def read_all(source):
    with source:
        return list(iter(source.read, None))


@pytest.fixture
def folder(tmp_path, make_picture):
    """Six pictures, whose grey says in which order they must come."""
    order = ["1.png", "2.JPG", "10.bmp", "a/3.webp", "a/20.tiff", "b.jpeg"]
    for index, name in enumerate(order):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        suffix = path.suffix.lower()
        done, data = cv2.imencode(suffix, make_picture(index))
        assert done
        path.write_bytes(data.tobytes())
    return tmp_path


def test_a_folder_comes_in_natural_order_with_the_folders_in_it(folder, number_of):
    pictures = read_all(ImagesSource(folder))
    assert [number_of(picture.image) for picture in pictures] == [0, 1, 2, 3, 4, 5]
    assert [picture.timestamp for picture in pictures] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert all(picture.independent for picture in pictures)


def test_what_is_known_once_open(folder):
    with ImagesSource(folder) as source:
        assert (source.length, source.size, source.fps, source.live) == (6, (64, 48), 0.0, False)
        assert source.description == f"6 photographs in {folder}"


def test_other_files_and_hidden_ones_are_left_out(folder):
    (folder / "notes.txt").write_text("x")
    (folder / "._1.png").write_bytes(b"x")
    (folder / ".thumbnails").mkdir()
    (folder / ".thumbnails" / "1.png").write_bytes(b"x")
    assert len(list_images([folder]).files) == 6


def test_what_cannot_be_read_is_named_at_the_end(folder, caplog, number_of):
    (folder / "2.JPG").write_bytes(b"no image at all")
    (folder / "10.bmp").write_bytes(b"")
    with caplog.at_level(logging.WARNING), ImagesSource(folder) as source:
        pictures = [source.read() for _ in range(4)]
        assert not caplog.messages
        assert source.read() is None
    assert [number_of(picture.image) for picture in pictures] == [0, 3, 4, 5]
    assert [picture.timestamp for picture in pictures] == [0.0, 1.0, 2.0, 3.0]
    names = ["1.png", "a/3.webp", "a/20.tiff", "b.jpeg"]
    assert [picture.file for picture in pictures] == [str(folder / name) for name in names]
    assert caplog.messages == [
        f"not read: {folder / '2.JPG'}: it is no image, or a damaged one",
        f"not read: {folder / '10.bmp'}: it is empty",
    ]


def test_ten_of_them_are_named_at_most(folder, caplog):
    for number in range(25):
        (folder / f"c{number}\n\x1b[31m.jpg").touch()
    with caplog.at_level(logging.WARNING):
        assert len(read_all(ImagesSource(folder))) == 6
    assert caplog.messages[0] == rf"not read: {folder}/c0\n\x1b[31m.jpg: it is empty"
    assert (len(caplog.messages), caplog.messages[-1]) == (11, "not read: 15 more")


def test_several_paths_and_patterns_each_file_once(folder):
    found = list_images([folder / "a", folder / "1.png", f"{folder}/*.png", f"{folder}/**/3.*", folder / "a/3.webp"])
    names = ["a/3.webp", "a/20.tiff", "1.png"]
    assert [str(file.relative_to(folder)) for file in found.files] == names
    assert [found.given[file] for file in found.files] == [str(folder / "a")] * 2 + [str(folder / "1.png")]


def test_a_name_with_pattern_characters_is_a_name_first(tmp_path, make_picture):
    for name in ("[1].png", "1.png"):
        cv2.imwrite(str(tmp_path / name), make_picture(0))
    assert list_images([tmp_path / "[1].png"]).files == (tmp_path / "[1].png",)
    assert list_images([tmp_path / "[1-3].png"]).files == (tmp_path / "1.png",)


def test_other_files_that_are_named_are_counted_and_those_of_a_pattern_are_not_asked_for(folder):
    (folder / "notes.txt").write_text("x")
    found = list_images([folder / "notes.txt", f"{folder}/*", folder / "1.png"])
    assert [unread.file for unread in found.unread] == [str(folder / "notes.txt")]
    assert len(found.files) == 6


@pytest.mark.parametrize("name", ["none.jpg", "none", "*.gif", "none/*.jpg", "x" * 5000, "a\0b"])
def test_names_of_nothing(folder, name):
    with pytest.raises(SourceError, match=r"there is no "):
        list_images([folder / "1.png", f"{folder}/{name}"])


def test_links(folder):
    (folder / "loop").symlink_to(folder)
    (folder / "z.png").symlink_to(folder / "1.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    source = ImagesSource(folder)
    assert [picture.file for picture in read_all(source)][-1] == str(folder / "z.png")
    assert [(unread.file, unread.why) for unread in source.unread] == [
        (str(folder / "gone.png"), "No such file or directory")
    ]
    assert len(list_images([folder / "loop"]).files) == 8


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_and_a_folder_with_a_photograph_s_name(folder):
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    (folder / "1.png").rename(folder / "folder.jpg" / "1.png")
    source = ImagesSource(folder)
    assert str(folder / "folder.jpg" / "1.png") in [picture.file for picture in read_all(source)]
    assert [(unread.file, unread.why) for unread in source.unread] == [(str(folder / "pipe.jpg"), "it is no file")]


def test_a_folder_left_out(folder):
    assert len(list_images([folder], leave_out=[folder / "a"]).files) == 4


def test_an_empty_folder(tmp_path):
    with pytest.raises(SourceError, match=r"no photograph in .*; looked for \.jpg"):
        ImagesSource(tmp_path).open()


def test_nothing_readable_at_all(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(SourceError, match="no photograph that can be read"):
        ImagesSource(tmp_path).open()
    with pytest.raises(SourceError, match="no photograph that can be read"):
        ImagesSource(tmp_path / "a.jpg").open()


def test_a_single_photograph(folder, number_of):
    (picture,) = read_all(ImagesSource(folder / "10.bmp"))
    assert number_of(picture.image) == 2 and picture.independent


@pytest.mark.parametrize(
    "image",
    [
        np.full((6, 8), 200, np.uint8),
        np.dstack([np.full((6, 8, 3), 200, np.uint8), np.full((6, 8), 9, np.uint8)]),
        np.full((6, 8, 3), 200 * 257, np.uint16),
        np.full((6, 8), 200 * 257, np.uint16),
    ],
    ids=["grey", "alpha", "16 bit", "16-bit grey"],
)
def test_every_depth_comes_out_as_bgr_uint8(tmp_path, image):
    path = tmp_path / "a.png"
    assert cv2.imwrite(str(path), image)
    decoded = read_image(path)
    assert decoded.shape == (6, 8, 3) and decoded.dtype == np.uint8
    assert abs(int(decoded[3, 4, 1]) - 200) <= 1


def test_exif_orientation_is_honoured(tmp_path):
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 40:] = 255  # the right half is bright
    data = cv2.imencode(".jpg", image)[1].tobytes()
    # Orientation 6: turn a quarter clockwise, so that the right half ends up below.
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\0\0" + tiff
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    turned = read_image(path)
    assert turned.shape == (80, 40, 3)
    assert turned[:30].mean() < 10 and turned[50:].mean() > 245


@pytest.fixture
def write_heic():
    pillow_heif = pytest.importorskip("pillow_heif", reason="HEIC files are written by pillow-heif (the 'dev' extra)")

    def write(path, image, **options):
        height, width = image.shape[:2]
        pillow_heif.from_bytes("BGR", (width, height), image.tobytes()).save(path, quality=95, **options)

    return write


HALVES = np.dstack(
    [np.tile(np.repeat([0, 200], 64).astype(np.uint8), (96, 1))] * 2 + [np.full((96, 128), 60, np.uint8)]
)
"""BGR (96, 128, 3): dark red, and a light right half."""


def test_heic_is_decoded_in_its_colours(tmp_path, write_heic):
    write_heic(tmp_path / "a.HEIC", HALVES)
    (picture,) = read_all(ImagesSource(tmp_path))
    assert picture.image.shape == HALVES.shape and np.abs(picture.image.astype(int) - HALVES).mean() < 3


def test_heic_is_turned_upright_once(tmp_path, write_heic):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    write_heic(tmp_path / "a.heic", HALVES, exif=exif.tobytes())
    upright = read_image(tmp_path / "a.heic")
    assert upright.shape == (128, 96, 3)
    assert upright[:60, :, 0].mean() < 20 and upright[70:, :, 0].mean() > 180


def test_a_heic_of_several_tiles_is_read_whole(tmp_path, write_heic):
    write_heic(tmp_path / "a.heic", HALVES)
    (tmp_path / "a.heic").write_bytes(two_tiles((tmp_path / "a.heic").read_bytes()))
    found = read_image(tmp_path / "a.heic")
    assert np.abs(found.astype(int) - np.hstack([HALVES, HALVES])).mean() < 3


def two_tiles(tile):
    """A HEIC that shows another one twice, side by side, as phones put theirs together (ISO/IEC 23008-12, 6.6.2.3)."""

    def box(kind, *content, version=None):
        data = b"".join((struct.pack(">I", version << 24) if version is not None else b"", *content))
        return struct.pack(">I", 8 + len(data)) + kind + data

    def found(kind):
        place = tile.index(kind) - 4
        return tile[place : place + int.from_bytes(tile[place : place + 4], "big")]

    def item(number, kind):
        return box(b"infe", struct.pack(">HH", number, 0), kind, b"\0", version=2)

    def associated(number, *properties):
        return struct.pack(">HB", number, len(properties)) + bytes(properties)

    width, height = 128, 96
    pixels = found(b"mdat")[8:]
    grid = struct.pack(">BBBBHH", 0, 0, 0, 1, 2 * width, height)
    spots = [box(b"ispe", struct.pack(">II", w, height), version=0) for w in (width, 2 * width)]
    associations = [associated(1, 0x81, 2), associated(2, 0x81, 2), associated(3, 3)]

    def meta(start):
        places = [(1, start, len(pixels)), (2, start, len(pixels)), (3, start + len(pixels), len(grid))]
        locations = b"".join(struct.pack(">HHHII", number, 0, 1, *place) for number, *place in places)
        return box(
            *(b"meta", box(b"hdlr", b"\0" * 4, b"pict", b"\0" * 13, version=0)),
            box(b"pitm", struct.pack(">H", 3), version=0),
            box(b"iloc", struct.pack(">HH", 0x4400, 3), locations, version=0),
            box(b"iinf", struct.pack(">H", 3), item(1, b"hvc1"), item(2, b"hvc1"), item(3, b"grid"), version=0),
            box(b"iref", box(b"dimg", struct.pack(">HHHH", 3, 2, 1, 2)), version=0),
            box(
                *(b"iprp", box(b"ipco", found(b"hvcC"), *spots)),
                box(b"ipma", struct.pack(">I", 3), *associations, version=0),
            ),
            version=0,
        )

    start = len(found(b"ftyp")) + len(meta(0)) + 8
    return found(b"ftyp") + meta(start) + box(b"mdat", pixels, grid)


@pytest.mark.parametrize("turned", [False, True])
def test_avif_is_decoded_and_turned_upright(tmp_path, turned):
    exif = Pillow.Exif()
    exif[0x0112] = 6 if turned else 1
    Pillow.fromarray(np.ascontiguousarray(HALVES[..., ::-1])).save(tmp_path / "a.avif", quality=95, exif=exif)
    found = read_image(tmp_path / "a.avif")
    expected = np.rot90(HALVES, -1) if turned else HALVES
    assert found.shape == expected.shape and np.abs(found.astype(int) - expected).mean() < 3


LARGE = HALVES.repeat(8, axis=0).repeat(8, axis=1)


ONE_STRIP = {"strip_size": 1 << 30}

HOW = {
    "tiff": ("tiff", {}),
    "bmp": ("bmp", {}),
    "deflated tiff": ("tiff", {"compression": "tiff_adobe_deflate", **ONE_STRIP}),
    "lzw tiff": ("tiff", {"compression": "tiff_lzw", **ONE_STRIP}),
    "packbits tiff": ("tiff", {"compression": "packbits", **ONE_STRIP}),
    "lossless webp": ("webp", {"lossless": True}),
}
"""Kinds of files: how Pillow writes each."""

SMALLER = ["heic", "tiles", "avif", "gif", "webp", "tiff of 16 bits", *HOW]
"""Kinds that are decoded smaller without being held whole in colour."""


def tiff_of(strip, orientation):
    """A TIFF of 16 bits a colour, Motorola's order, with LARGE's size: one strip by deflate, as differences."""
    height, width, _ = LARGE.shape
    values = {256: width, 257: height, 258: 0, 259: 8, 262: 2, 273: 0, 274: orientation, 277: 3, 278: height}
    values |= {279: len(strip), 284: 1, 317: 2}
    end = 8 + 2 + 12 * len(values) + 4
    values |= {258: end, 273: end + 6}
    entries = b"".join(
        struct.pack(">HHII", tag, 3, 3, value) if tag == 258 else struct.pack(">HHII", tag, 4, 1, value)
        for tag, value in values.items()
    )
    bits = struct.pack(">HHH", 16, 16, 16)
    return b"MM\0*" + struct.pack(">IH", 8, len(values)) + entries + b"\0" * 4 + bits + strip


def file_of(kind, orientation, write_heic, path):
    """A file that shows LARGE, held in a way that EXIF says."""
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    if kind == "heic":
        write_heic(path, LARGE, exif=exif.tobytes())
    elif kind == "tiles":
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.options.GRID_TILE_SIZE = 256
        try:
            write_heic(path.with_suffix(".heic"), LARGE, exif=exif.tobytes())
        finally:
            pillow_heif.options.GRID_TILE_SIZE = 0
        return path.with_suffix(".heic").read_bytes()
    elif kind in HOW:
        form, how = HOW[kind]
        Pillow.fromarray(np.ascontiguousarray(LARGE[..., ::-1])).save(path, format=form, exif=exif, **how)
    elif kind == "tiff of 16 bits":
        rows = LARGE[..., ::-1].astype(">u2") * 257
        rows[:, 1:] -= rows[:, :-1].copy()  # each pixel as its difference from the one to its left
        path.write_bytes(tiff_of(zlib.compress(rows.tobytes()), orientation))
    else:
        Pillow.fromarray(np.ascontiguousarray(LARGE[..., ::-1])).save(path, format=kind, quality=95, exif=exif)
    return path.read_bytes()


@pytest.mark.parametrize("exif", [b"Exif\0\0nothing of the kind", b"nothing", b"II*\0\xff\xff\xff\xff"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_data_do_not_cost_a_webp(exif):
    file = io.BytesIO()
    Pillow.new("RGB", (60, 40)).save(file, "WEBP", exif=exif)
    assert decode(file.getvalue()).image.shape == (40, 60, 3)


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("orientation", [1, 2, 6, 7])
@pytest.mark.parametrize("kind", SMALLER)
def test_what_is_decoded_smaller_is_what_is_decoded_whole(tmp_path, kind, orientation, colour, write_heic, monkeypatch):
    monkeypatch.setattr(decoding_smaller, "LARGE_WEBP", 0)
    data = file_of(kind, orientation, write_heic, tmp_path / "a")
    whole, smaller = decode(data).image, decode(data, 256, colour)
    expected = cv2.resize(whole, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    if not colour:
        expected = cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY)
    assert smaller.image.shape == expected.shape and smaller.image.flags.c_contiguous
    assert np.abs(smaller.image.astype(int) - expected).mean() < 2
    assert (smaller.scale, smaller.full_size) == (4, (whole.shape[1], whole.shape[0]))


@pytest.mark.parametrize(
    ("kind", "orientation"),
    [
        *((kind, 1) for kind in SMALLER),
        *((kind, 6) for kind in ("tiles", "avif", "tiff")),
    ],
)
def test_a_large_picture_is_never_held_whole_in_colour(tmp_path, kind, orientation, write_heic, monkeypatch):
    data = file_of(kind, orientation, write_heic, tmp_path / "a")
    monkeypatch.setattr(decoding_smaller, "LARGE_WEBP", 0)
    monkeypatch.setattr(decoding, "_decode", None)
    assert decode(data, 256, colour=False).image.shape == ((256, 192) if orientation == 6 else (192, 256))
    if kind in ("heic", "avif"):  # of a picture as small as this one, the room for a band or tile is most
        assert bytes_to_decode(data, 256) < 0.75 * bytes_to_decode(data)


def test_a_heic_of_several_tiles_is_decoded_smaller_as_a_whole(tmp_path, write_heic):
    write_heic(tmp_path / "a.heic", HALVES)
    found = decode(two_tiles((tmp_path / "a.heic").read_bytes()), 64)
    expected = cv2.resize(np.hstack([HALVES, HALVES]), (64, 24), interpolation=cv2.INTER_AREA)
    assert np.abs(found.image.astype(int) - expected).mean() < 3
    assert (found.scale, found.full_size) == (4, (256, 96))


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_what_is_cut_off_is_not_decoded_smaller(tmp_path, kind, write_heic):
    noise = np.random.default_rng(1).integers(0, 255, LARGE.shape, np.uint8)
    if kind == "heic":
        write_heic(tmp_path / "a", noise)
    else:
        Pillow.fromarray(noise).save(tmp_path / "a", format=kind, quality=95)
    data = (tmp_path / "a").read_bytes()
    for part in (0.5, 0.9):
        with pytest.raises(ValueError, match="damaged"):
            decode(data[: int(part * len(data))], 256)


@pytest.mark.parametrize(
    "kind", ["tiff of 16 bits", "deflated tiff", "lzw tiff", "packbits tiff", "lossless webp", "webp"]
)
def test_what_is_cut_off_or_overwritten_is_decoded_or_named(tmp_path, kind, write_heic, monkeypatch):
    monkeypatch.setattr(decoding_smaller, "LARGE_WEBP", 0)
    data = file_of(kind, 1, write_heic, tmp_path / "a")
    chance = np.random.default_rng(3)
    for number in range(20):
        broken = bytearray(data)
        for place in chance.integers(0, len(data) if number % 2 else 400, 3):
            broken[place % len(data)] = chance.integers(0, 256)
        for given in (bytes(broken), bytes(broken[: chance.integers(1, len(data))])):
            try:
                assert bytes_to_decode(given, 256) > 0
                assert decode(given, 256, colour=False).image.ndim == 2 or decode(given, 256).scale == 1
            except ValueError as problem:  # noqa: PERF203
                assert "\n" not in str(problem)


@pytest.mark.parametrize("name", ["a.heic", "a.avif", "a.tif", "a.jpg", "a.png", "a.webp", "a.bmp"])
def test_what_is_cut_off_is_named(tmp_path, name, write_heic, caplog):
    path = tmp_path / name
    if name == "a.heic":
        write_heic(path, HALVES)
    else:
        Pillow.fromarray(HALVES).save(path)
    whole = path.read_bytes()
    for length in (5, 12, 20, 40, 100, len(whole) // 2):
        path.write_bytes(whole[:length])
        try:
            assert read_image(path).ndim == 3  # a part of a JPEG is a picture
        except ValueError as problem:
            assert re.fullmatch(r"it is (no image, or a damaged one|a damaged \w+)|OpenCV refuses it: .*", str(problem))


def png_of(width, height):
    """A PNG that promises so many pixels in some bytes, all black."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * (1 + 3 * width)
    rows = b"".join(packer.compress(row) for _ in range(min(height, 200))) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bombs():
    """Files of a few hundred bytes whose headers promise a thousand million pixels."""
    yield "png", png_of(32_000, 33_000)
    jpeg = bytearray(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = struct.pack(">HH", 33_000, 32_000)
    yield "jpg", bytes(jpeg)
    bmp = bytearray(cv2.imencode(".bmp", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    bmp[18:26] = struct.pack("<ii", 32_000, 33_000)
    yield "bmp", bytes(bmp)
    tags = ((256, 32_000), (257, 33_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 33_000), (279, 8))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    yield "tif", b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 16
    size = (16_384 - 1) | (16_384 - 1) << 14
    lossless = b"VP8L" + struct.pack("<IBI", 9, 0x2F, size) + b"\0" * 4
    yield "webp", b"RIFF" + struct.pack("<I", 4 + len(lossless)) + b"WEBP" + lossless


@pytest.mark.parametrize(("suffix", "data"), list(bombs()), ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("side", [0, 1280])
def test_a_decompression_bomb_is_refused_by_its_header(suffix, data, side, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=r"it has \d+x\d+ pixels; at most [12]00 million are read"):
        decode(data, side)


def test_a_file_of_many_gigabytes_is_not_read(folder, caplog):
    with (folder / "0.png").open("wb") as file:
        file.truncate(40_000_000_000)
    with caplog.at_level(logging.WARNING):
        assert len(read_all(ImagesSource(folder))) == 6
    assert caplog.messages == [f"not read: {folder / '0.png'}: it has 40000 MB; at most 500 are read"]


def test_a_bomb_among_photographs_is_named_and_the_rest_is_read(folder, caplog):
    (folder / "0.png").write_bytes(png_of(32_000, 33_000))
    with caplog.at_level(logging.WARNING):
        assert len(read_all(ImagesSource(folder))) == 6
    assert caplog.messages == [f"not read: {folder / '0.png'}: it has 32000x33000 pixels; at most 100 million are read"]


@pytest.mark.parametrize(
    ("side", "smallest_face", "scale"),
    [(4000, 24 / 1280, 1), (4000, 24 / 640, 2), (4000, 0.1, 4), (200, 0.5, 1), (4000, 0, 1)],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_large_photographs_are_decoded_smaller(tmp_path, suffix, side, smallest_face, scale):
    image = np.zeros((side // 10 + 1, side, 3), np.uint8)
    image[:, side // 2 :] = 250
    cv2.imwrite(str(tmp_path / f"a{suffix}"), image)
    source = ImagesSource(tmp_path)
    source.smallest_face = smallest_face
    (picture,) = read_all(source)
    assert picture.scale == scale
    assert picture.image.shape == (-(-image.shape[0] // scale), side // scale, 3)
    assert source.size == (side, side // 10 + 1)
    assert picture.full_size == (source.size if scale > 1 else None)
    assert np.abs(picture.image[:, side // scale // 2 + 8 :].astype(int) - 250).max() < 4


def test_the_full_size_of_one_that_is_turned_upright(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 8
    Pillow.fromarray(np.zeros((300, 4000, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    found = decode((tmp_path / "a.jpg").read_bytes(), 640)
    assert (found.image.shape, found.scale, found.full_size) == ((1000, 75, 3), 4, (300, 4000))


def test_links_to_folders_are_followed_once(folder, tmp_path_factory, make_picture):
    other = tmp_path_factory.mktemp("other")
    cv2.imwrite(str(other / "new.png"), make_picture(0))
    (other / "back").symlink_to(folder)
    (folder / "linked").symlink_to(other)
    (folder / "again").symlink_to(other)
    (folder / "inside").symlink_to(folder / "a")
    (folder / "up").symlink_to(folder.parent)
    found = [str(path.relative_to(folder)) for path in list_images([folder]).files]
    assert found == ["1.png", "2.JPG", "10.bmp", "a/3.webp", "a/20.tiff", "again/new.png", "b.jpeg"]


def test_a_folder_that_cannot_be_listed_is_named(folder, monkeypatch, caplog):
    listed = os.scandir

    def scandir(place):
        if str(place).endswith("/a"):
            raise PermissionError(13, "Permission denied", str(place))
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    assert len(read_all(ImagesSource(folder))) == 4
    assert caplog.messages == [f"not read: {folder / 'a'}: Permission denied"]


def test_a_home_folder_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert len(list_images(["~/a", "~/*.png"]).files) == 3
    with create_source("~/a") as source:
        assert source.length == 2


def test_closing_ends_it(folder):
    source = ImagesSource(folder)
    source.open()
    source.close()
    source.close()
    assert source.read() is None
