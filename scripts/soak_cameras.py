"""Cameras of the soak: MJPEG over HTTP, each with faults that can be switched on and off while it is watched."""

import http.server
import threading
import time
from collections.abc import Sequence

import cv2
import numpy as np

from smiledet.sources.demo import scene

BOUNDARY = b"frame"

SHOWN = 90
"""Pictures that a camera shows over and over."""

DRIP = 4000
"""Bytes a second of a camera that drips: a picture takes some ten seconds."""


def jpegs(width: int, height: int) -> list[bytes]:
    """The demo's first pictures in some size."""
    pictures = (cv2.resize(scene(number), (width, height)) for number in range(SHOWN))
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]


class Camera:
    """A camera at an address of its own.

    Args:
        pictures: What it shows, as JPEG.
        smaller: The same in another size.
        rate: Pictures a second.

    Attributes:
        fault: What is wrong with it now; empty for nothing.
        sent: Pictures that went out whole.
    """

    def __init__(self, pictures: Sequence[bytes], smaller: Sequence[bytes], rate: float) -> None:
        self._pictures, self._smaller, self._rate = pictures, smaller, rate
        self._black = cv2.imencode(".jpg", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
        self.fault = ""
        self.sent = 0
        self._stopped = threading.Event()
        camera = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.serve(self)

            def log_message(self, *_words: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/camera.mjpg"

    def close(self) -> None:
        """Send no more."""
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one viewer, until it or the camera goes."""
        if self.fault == "unplugged":
            return
        handler.send_response(200)
        handler.send_header("Content-Type", f"multipart/x-mixed-replace;boundary={BOUNDARY.decode()}")
        handler.end_headers()
        began, number = time.monotonic(), 0
        try:
            while not self._stopped.is_set() and self._send(handler, number):
                number += 1
                due = began + number / (self._rate / 2 if self.fault == "half the rate" else self._rate)
                late = time.monotonic() - due
                if late > 1:  # it stood still, or was not read
                    began += late
                self._stopped.wait(max(0.0, -late))
        except OSError:
            pass  # the viewer is gone

    def _send(self, handler: http.server.BaseHTTPRequestHandler, number: int) -> bool:
        """Send the next picture, or what comes in its place; False where the camera hangs up."""
        fault = self.fault
        if fault == "unplugged":
            return False
        while self.fault == "silent" and not self._stopped.wait(0.05):
            pass
        place = 0 if fault == "the same picture" else number % SHOWN
        data = self._smaller[place] if fault == "another size" else self._pictures[place]
        if fault == "black":
            data = self._black
        if fault == "garbage":
            data = np.random.default_rng(number).bytes(len(data))
        head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (BOUNDARY, len(data))
        if fault == "drip":
            self._drip(handler, head + data)
        else:
            handler.wfile.write(head + data + b"\r\n")
        self.sent += not fault
        return True

    def _drip(self, handler: http.server.BaseHTTPRequestHandler, data: bytes) -> None:
        for start in range(0, len(data), DRIP // 10):
            handler.wfile.write(data[start : start + DRIP // 10])
            handler.wfile.flush()
            if self.fault != "drip" or self._stopped.wait(0.1):
                raise OSError("the camera begins anew")


CAMERA_FAULTS = ("unplugged", "silent", "garbage", "drip", "another size", "the same picture", "black", "half the rate")
"""What `Camera.fault` may be."""

LOSSES = frozenset({"unplugged", "silent", "garbage", "drip"})
"""Those of them during which no picture comes."""
