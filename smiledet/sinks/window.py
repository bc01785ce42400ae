"""The live window.

Not a `Sink`: Qt, like most toolkits, wants the main thread, and the sinks run in one of their own.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from types import TracebackType

import cv2
from typing_extensions import Self

from smiledet.frame import Image
from smiledet.sinks.xserver import staying, x_server_problem

QUIT_KEYS = (ord("q"), ord("Q"), 27)
"""q and Esc."""


def display_problem(environment: Mapping[str, str] = os.environ) -> str | None:
    """Why no window can be opened, in one line; None where one can.

    Qt does not raise where there is no display: it aborts the process. So the display is knocked at first.

    Args:
        environment: Environment variables; tests bring their own.
    """
    if not has_gui():
        return "this OpenCV was built without windows (opencv-python-headless?); install opencv-python"
    if sys.platform != "linux":
        return None
    display, wayland = environment.get("DISPLAY", ""), environment.get("WAYLAND_DISPLAY", "")
    if display:
        return x_server_problem(display, environment)
    if not wayland:
        return "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
    if "wayland" not in qt_platforms():
        return "DISPLAY is not set, and this OpenCV cannot speak to Wayland itself; start XWayland"
    return None


def has_gui() -> bool:
    """Whether OpenCV was built with windows."""
    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    return found is not None and found[1] != "NONE"


def qt_platforms() -> set[str]:
    """The window systems for which OpenCV carries a Qt plug-in; any that it is asked for where it does not use Qt."""
    folder = os.environ.get("QT_QPA_PLATFORM_PLUGIN_PATH", "")  # set by OpenCV when it was imported
    if not folder:
        return {"xcb", "wayland"}
    try:
        names = os.listdir(os.path.join(folder, "platforms"))  # noqa: PTH118, PTH208
    except OSError:
        return set()
    return {"wayland" if "wayland" in name else name.removeprefix("libq").removesuffix(".so") for name in names}


class Window:
    """A window that shows pictures; for the main thread only. Ask `display_problem` first.

    A context manager: leaving closes.

    Args:
        title: In the title bar; also the window's name, so two windows need two titles.
    """

    def __init__(self, title: str = "smiledet") -> None:
        self._title = title
        self._open = False
        self._finished = False
        self._click: tuple[int, int] | None = None

    def show(self, image: Image) -> None:
        """Show a picture, BGR uint8; the first opens the window. Nothing happens after the user has closed it."""
        if self._finished:
            return
        if not self._open:
            # Qt complains of missing fonts and plug-ins, which are no concern of the user's.
            os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
            # Elsewhere it is not Qt that comes, and on a Mac a knock at DISPLAY starts XQuartz.
            with staying(os.environ.get("DISPLAY", ""), os.environ) if sys.platform == "linux" else nullcontext():
                cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
            cv2.setMouseCallback(self._title, self._take)
            self._open = True
        cv2.imshow(self._title, image)

    def poll(self, wait_ms: int = 1) -> bool:
        """Let the window draw itself and take keys.

        Args:
            wait_ms: Milliseconds to wait for a key, at least 1.

        Returns:
            True once q or Esc was pressed, or the user has closed the window.
        """
        if self._open and not self._finished:
            key = cv2.waitKey(max(1, wait_ms))
            self._finished = (key != -1 and key & 0xFF in QUIT_KEYS) or not self._visible()
        return self._finished

    def take_click(self) -> tuple[int, int] | None:
        """Where the picture was clicked last since it was last asked, (x, y) in its pixels; None for nowhere."""
        click, self._click = self._click, None
        return click

    def close(self) -> None:
        """Close the window; twice does no harm."""
        if not self._open:
            return
        self._open = False
        self._finished = True
        if self._visible():
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # the toolkit takes it off the screen only when it next gets its turn

    def _take(self, event: int, x: int, y: int, _flags: int, _data: object) -> None:
        if event == cv2.EVENT_LBUTTONDOWN:
            self._click = (x, y)

    def _visible(self) -> bool:
        try:
            return bool(cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1)
        except cv2.error:  # Qt, once its last window is gone
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
