"""Settings of a whole process, made by the command line alone: a program that imports smiledet keeps its own."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from smiledet.system.memory import share_heaps


def quieten_opencv() -> None:
    """Keep OpenCV and its FFmpeg from writing to stderr, so that one clear line of ours remains.

    OpenCV reads the environment when it is imported, and FFmpeg when it is first used: call it before. What the user
    has set in the environment stays.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def settle_process(opencv_threads: int, camera_timeout: float) -> None:
    """Make the settings that help where the whole process is a run.

    Args:
        opencv_threads: Size of OpenCV's own thread pool; the stages are threads already, and fight with it for cores.
        camera_timeout: Seconds that V4L2 waits for a picture, rounded up to whole ones; OpenCV's own default is 10. It
            reads them when the first camera is opened. What the user has set in the environment stays.
    """
    import cv2

    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(max(1, math.ceil(camera_timeout))))
    cv2.setNumThreads(opencv_threads)
    share_heaps()


def end_process(code: int) -> NoReturn:
    """End this process as `sys.exit` does; where a daemon thread still runs, at once, without Python's own end.

    That would take the libraries down under a thread that is left inside them, and OpenCV's then end the process with
    "terminate called without an active exception". Nothing is lost: what was to be closed has been, or hangs.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or its reader has gone
            stream.flush()
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        os._exit(code)
    sys.exit(code)
