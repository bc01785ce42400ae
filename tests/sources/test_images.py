import logging
import os
import struct

import cv2
import numpy as np
import pytest

from smiledet.errors import SourceError
from smiledet.sources.images import ImagesSource, find_images, list_images, read_image


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
    assert len(list_images([folder], leave_out=folder / "a").files) == 4


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


def test_closing_ends_it(folder):
    source = ImagesSource(folder)
    source.open()
    source.close()
    source.close()
    assert source.read() is None
