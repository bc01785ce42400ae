import threading

import cv2
import numpy as np
import pytest

from smiledet.sources.capture import GuardedCapture, as_bgr


class SlowCapture:
    """Says when a grab has begun, and does not end it until told."""

    def __init__(self):
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.released_by = None

    def isOpened(self):  # noqa: N802
        return True

    def grab(self):
        self.inside.set()
        assert self.go_on.wait(10)
        assert self.released_by is None, "released in the middle of a grab"
        return True

    def release(self):
        assert self.released_by is None, "released twice"
        self.released_by = threading.current_thread()


def test_release_during_a_grab_is_left_to_the_grabbing_thread():
    slow = SlowCapture()
    guarded = GuardedCapture(slow)
    grabber = threading.Thread(target=guarded.grab)
    grabber.start()
    assert slow.inside.wait(10)
    guarded.release()  # returns at once, though the grab goes on
    assert slow.released_by is None
    slow.go_on.set()
    grabber.join(10)
    assert slow.released_by is grabber
    guarded.release()
    assert not guarded.grab() and not guarded.is_open()


def test_release_of_an_idle_capture_is_immediate():
    slow = SlowCapture()
    GuardedCapture(slow).release()
    assert slow.released_by is threading.current_thread()


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
