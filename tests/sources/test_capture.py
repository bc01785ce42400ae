import cv2
import numpy as np
import pytest

from smiledet.sources.capture import GuardedCapture, as_bgr


def test_an_exception_of_opencv_is_no_picture(fake_capture):
    capture = fake_capture()

    def fail():
        raise cv2.error("decoder")

    capture.grab = fail
    assert not GuardedCapture(capture).grab()


@pytest.mark.parametrize(
    "image",
    [
        np.full((4, 5), 200, np.uint8),
        np.full((4, 5, 1), 200, np.uint8),
        np.full((4, 5, 4), 200, np.uint8),
        np.full((4, 5, 3), 200 * 257, np.uint16),
        np.full((4, 5), 200.0, np.float32),
    ],
    ids=["grey", "one channel", "alpha", "16 bit", "float"],
)
def test_everything_becomes_bgr_uint8(image):
    converted = as_bgr(image)
    assert converted.shape == (4, 5, 3) and converted.dtype == np.uint8
    assert (converted == 200).all()
