import logging
import struct

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.sources.images import ImagesSource, find_images, read_image


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
    assert len(find_images(folder)) == 6


def test_an_unreadable_image_is_skipped_with_one_line(folder, caplog, number_of):
    (folder / "2.JPG").write_bytes(b"no image at all")
    (folder / "10.bmp").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        pictures = read_all(ImagesSource(folder))
    assert [number_of(picture.image) for picture in pictures] == [0, 3, 4, 5]
    assert [picture.timestamp for picture in pictures] == [0.0, 1.0, 2.0, 3.0]
    assert caplog.messages == [
        f"skipping {folder / '2.JPG'}: it is no image, or a damaged one",
        f"skipping {folder / '10.bmp'}: it is empty",
    ]


def test_an_empty_folder(tmp_path):
    with pytest.raises(UsageError, match=r"no photograph in .*; looked for \.jpg"):
        ImagesSource(tmp_path).open()


def test_nothing_readable_at_all(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="no photograph that can be read"):
        ImagesSource(tmp_path).open()
    with pytest.raises(UsageError, match="no photograph that can be read"):
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


def test_closing_ends_it(folder):
    source = ImagesSource(folder)
    source.open()
    source.close()
    source.close()
    assert source.read() is None
