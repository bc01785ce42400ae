"""What can be handed over as a picture, and what is said of what cannot."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest

from smiledet.errors import ImageError, UsageError
from smiledet.photographs.decode import to_image

PIL = pytest.importorskip("PIL.Image")

GRADIENT = np.dstack([np.tile(np.arange(0, 240, 5, dtype=np.uint8), (32, 1)) + 5 * plane for plane in range(3)])
"""BGR, (32, 48, 3); the three planes differ."""


def png(image: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", image)
    assert done
    return data.tobytes()


def test_arrays_in_either_order():
    assert np.shares_memory(to_image(GRADIENT), GRADIENT) and np.array_equal(to_image(GRADIENT), GRADIENT)
    assert np.array_equal(to_image(GRADIENT[..., ::-1], "rgb"), GRADIENT)


def test_grey_and_alpha():
    grey = GRADIENT[..., 0]
    for given in (grey, grey[..., None]):
        assert np.array_equal(to_image(given), np.dstack([grey] * 3))
    alpha = np.full((32, 48, 1), 7, np.uint8)
    assert np.array_equal(to_image(np.concatenate([GRADIENT, alpha], axis=2)), GRADIENT)
    assert np.array_equal(to_image(np.concatenate([GRADIENT[..., ::-1], alpha], axis=2), "rgb"), GRADIENT)


def test_views_and_read_only_arrays():
    locked = GRADIENT.copy()
    locked.flags.writeable = False
    assert np.array_equal(to_image(locked), GRADIENT)
    assert np.array_equal(to_image(GRADIENT[::2, ::-1]), GRADIENT[::2, ::-1])


def test_files_and_their_bytes(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(png(GRADIENT))
    for given in (path, str(path), path.read_bytes(), bytearray(path.read_bytes())):
        assert np.array_equal(to_image(given), GRADIENT)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "1", "I;16", "LA"])
def test_pil_images_of_every_mode(mode):
    if mode == "I;16":
        image = PIL.fromarray(GRADIENT[..., 0].astype(np.uint16) << 8)
    else:
        image = PIL.fromarray(np.ascontiguousarray(GRADIENT[..., ::-1])).convert(mode)
    found = to_image(image)
    assert found.shape == (32, 48, 3) and found.dtype == np.uint8
    if mode in ("RGB", "RGBA", "CMYK"):
        assert np.array_equal(found, GRADIENT)


def test_exif_turns_files_and_pil_images_alike():
    exif = PIL.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise by 90 degrees
    held = io.BytesIO()
    PIL.fromarray(np.ascontiguousarray(GRADIENT[..., ::-1])).save(held, "jpeg", exif=exif, quality=95)
    assert to_image(held.getvalue()).shape == (48, 32, 3)
    assert to_image(PIL.open(held)).shape == (48, 32, 3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "None was given (cv2.imread"),
        (12, "a int was given; expected a path"),
        (np.zeros((4, 4), np.float32), "type float32 and shape (4, 4); expected uint8; multiply by 255"),
        (np.zeros((4, 4), np.int64), "type int64"),
        (np.zeros(5, np.uint8), "shape (5,)"),
        (np.zeros((4, 4, 2), np.uint8), "shape (4, 4, 2)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "shape (1, 4, 4, 3)"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
        (b"", "0 bytes: it is empty"),
        (b"GIF89a but no more", "18 bytes: it is no image, or a damaged one"),
        ("", "cannot read a picture: the path is empty"),
        ("http://me:secret@host/a.jpg", "cannot read the picture http://host/a.jpg: an address is not read; fetch it"),
        ("no such picture.jpg", "cannot read the picture no such picture.jpg: No such file or directory"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(given, words):
    with pytest.raises(ImageError) as caught:
        to_image(given)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, UsageError)


def test_a_truncated_file_is_refused_or_read_but_never_more(tmp_path):
    data = png(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    with pytest.raises(ImageError):
        to_image(data[:40])


def test_the_order_of_channels_is_one_of_two():
    with pytest.raises(ImageError, match="color='BGR': expected 'bgr' or 'rgb'"):
        to_image(GRADIENT, "BGR")
