"""The window. What needs a screen runs under Xvfb, each in a process of its own: Qt aborts where it is unhappy."""

import ctypes.util
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest

from smiledet.sinks import window
from smiledet.sinks.window import Window, display_problem
from smiledet.sinks.xserver import find_cookies, staying, x_server_problem

linux = pytest.mark.skipif(sys.platform != "linux", reason="the X server is probed on Linux alone")
needs_xdotool = pytest.mark.skipif(not shutil.which("xdotool"), reason="xdotool is not installed")

FREE_DISPLAY = 60_000
"""A display that nobody has: beyond the TCP ports, and far from what servers count up to."""


@pytest.fixture(autouse=True)
def has_gui(monkeypatch):
    monkeypatch.setattr(window, "has_gui", lambda: True)


@linux
@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({}, "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"),
        ({"DISPLAY": ""}, "there is no display"),
        ({"DISPLAY": f":{FREE_DISPLAY}"}, f"DISPLAY is :{FREE_DISPLAY}, and no X server answers there"),
        ({"DISPLAY": f"unix:{FREE_DISPLAY}.0"}, "no X server answers"),
        ({"DISPLAY": f"localhost:{FREE_DISPLAY}"}, "no X server answers"),
        ({"DISPLAY": "/nowhere/socket:0"}, "no X server answers"),
        ({"DISPLAY": "nonsense"}, "expected something like ':0'"),
    ],
)
def test_why_there_can_be_no_window(environment, complaint):
    problem = display_problem({"HOME": "/nonexistent", **environment})
    assert complaint in problem and "\n" not in problem


def test_opencv_without_windows(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(window.cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    assert "built without windows" in display_problem({"DISPLAY": ":0"})


@linux
@pytest.mark.parametrize(("platforms", "allowed"), [({"xcb"}, False), ({"xcb", "wayland"}, True)])
def test_wayland_alone_needs_a_plug_in(monkeypatch, platforms, allowed):
    monkeypatch.setattr(window, "qt_platforms", lambda: platforms)
    assert (display_problem({"WAYLAND_DISPLAY": "wayland-0"}) is None) == allowed


class FakeServer:
    """An X server that lets in those who show the cookie, after having dropped some as real ones do that start over."""

    def __init__(self, path, cookie=b"", dropped=0):
        self.cookie = cookie
        self.dropped = dropped
        self.clients = 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                hello = connection.recv(1024)
                order, major, _, name, data = struct.unpack_from("<BxHHHH", hello)
                assert (order, major) == (ord("l"), 11)
                place = 12 + name + -name % 4
                if self.dropped:
                    self.dropped -= 1
                    continue
                if self.cookie and hello[place : place + data] != self.cookie:
                    reason = b"No protocol specified\n"
                    connection.sendall(struct.pack("<BBHHH", 0, len(reason), 11, 0, 6) + reason + b"\0\0")
                    continue
                self.clients += 1
                connection.sendall(b"\x01" + b"\0" * 39)
                assert connection.recv(1) == b""  # until the client leaves
                self.clients -= 1

    def close(self):
        if not self.thread.is_alive():
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@linux
@pytest.mark.parametrize(("dropped", "complaint"), [(1, None), (2, None), (99, "refuses this user: it hangs up")])
def test_a_server_that_starts_over_is_asked_again(serve, dropped, complaint):
    """Xvfb does when its last client leaves, and drops those who are just coming."""
    problem = x_server_problem(serve(dropped=dropped), {"HOME": "/nonexistent"})
    assert (problem is None) if complaint is None else problem.endswith(complaint)


@linux
def test_the_server_has_a_client_while_qt_comes(serve, monkeypatch):
    """Else it may start over just then, since the knock at its door was its last client's visit, and Qt aborts."""
    monkeypatch.setenv("DISPLAY", serve(dropped=1))
    clients = []
    monkeypatch.setattr(window.cv2, "namedWindow", lambda *_: clients.append(serve.servers[0].clients))
    for name in ("resizeWindow", "setMouseCallback", "imshow"):
        monkeypatch.setattr(window.cv2, name, lambda *_: None)
    shown = Window()
    assert display_problem() is None
    shown.show(np.zeros((4, 4, 3), np.uint8))
    shown.show(np.zeros((4, 4, 3), np.uint8))
    serve.servers[0].close()
    assert clients == [1] and serve.servers[0].clients == 0


@linux
def test_elsewhere_qt_is_not_what_comes_and_nobody_knocks(serve, monkeypatch):
    """On a Mac, knocking at DISPLAY would start XQuartz."""
    monkeypatch.setenv("DISPLAY", serve())
    monkeypatch.setattr(window.sys, "platform", "darwin")
    clients = []
    monkeypatch.setattr(window.cv2, "namedWindow", lambda *_: clients.append(serve.servers[0].clients))
    for name in ("resizeWindow", "setMouseCallback", "imshow"):
        monkeypatch.setattr(window.cv2, name, lambda *_: None)
    Window().show(np.zeros((4, 4, 3), np.uint8))
    assert clients == [0]


@pytest.mark.parametrize("display", ["", "nonsense", f":{FREE_DISPLAY}"])
def test_staying_where_there_is_no_server_stands_in_nobodys_way(display):
    with staying(display, {}):
        pass


def xauthority(number, cookie, name=b"MIT-MAGIC-COOKIE-1"):
    entry = struct.pack(">H", 256)
    for text in (b"host", str(number).encode(), name, cookie):
        entry += struct.pack(">H", len(text)) + text
    return entry


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(cookie=b"", dropped=0):
        servers.append(FakeServer(tmp_path / "x", cookie, dropped))
        return f"{tmp_path / 'x'}:0"

    start.servers = servers
    yield start
    for server in servers:
        server.close()


@linux
def test_an_open_server_lets_in(serve):
    assert x_server_problem(serve(), {"HOME": "/nonexistent"}) is None


@linux
def test_a_server_that_refuses_says_why(serve, tmp_path):
    """As for another user's screen, or in a container; Qt would abort here too."""
    display = serve(b"0123456789abcdef")
    problem = x_server_problem(display, {"HOME": "/nonexistent"})
    assert problem.endswith("refuses this user: No protocol specified")
    (tmp_path / "auth").write_bytes(xauthority(0, b"wrongwrongwrong!"))
    assert "refuses" in x_server_problem(display, {"XAUTHORITY": str(tmp_path / "auth")})


@linux
def test_the_users_cookie_is_shown(serve, tmp_path):
    display = serve(b"0123456789abcdef")
    (tmp_path / ".Xauthority").write_bytes(xauthority(1, b"other") + xauthority(0, b"0123456789abcdef"))
    assert x_server_problem(display, {"HOME": str(tmp_path)}) is None


def test_cookies_of_other_displays_and_damaged_files_are_passed_over(tmp_path):
    path = tmp_path / "auth"
    path.write_bytes(xauthority(1, b"a") + xauthority("", b"b") + xauthority(10, b"c") + xauthority(1, b"d", b"XDM"))
    assert list(find_cookies(1, {"XAUTHORITY": str(path)})) == [b"a", b"b"]
    path.write_bytes(xauthority(1, b"a") + b"\1\0\0")
    assert list(find_cookies(1, {"XAUTHORITY": str(path)})) == [b"a"]


PROGRAM = """
import sys, time
import numpy as np
from smiledet.sinks.window import Window, display_problem
problem = display_problem()
if problem:
    sys.exit(problem)
title = sys.argv[1]
image = np.full((240, 320, 3), 90, np.uint8)
with Window(title) as window:
    window.show(image)
    assert not window.poll(100)
    print("shown", flush=True)
    deadline = time.monotonic() + 20
    while not window.poll(20):
        window.show(image)
        if (click := window.take_click()) is not None:
            print(*click, flush=True)
        if time.monotonic() > deadline:
            sys.exit("nobody closed it")
    window.show(image)
    assert window.poll()
window.close()
print("ended", flush=True)
"""


def show_and_then(screen, act):
    """Open a window, do something to it once it is there, and wait for its end; its output and complaints."""
    title = f"smiledet {secrets.token_hex(4)}"
    environment = {**os.environ, "DISPLAY": screen}
    environment.pop("QT_LOGGING_RULES", None)
    shown = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, title],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert shown.stdout.readline() == "shown\n", shown.communicate(timeout=30)[1]
        act(title, environment)
        output, complaints = shown.communicate(timeout=30)
    finally:
        if shown.poll() is None:
            shown.kill()
            shown.wait()
    return shown.returncode, output, complaints


def xdotool(environment, *arguments):
    done = subprocess.run(["xdotool", *arguments], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@linux
@needs_xdotool
@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_key_ends_it_without_a_word_on_stderr(screen, key):
    def press(title, environment):
        xdotool(environment, "search", "--sync", "--name", title, "windowfocus", "--sync", "key", key)

    assert show_and_then(screen, press) == (0, "ended\n", "")


@linux
@needs_xdotool
def test_a_click_is_told_in_pixels_of_the_picture(screen):
    def click(title, environment):
        (number,) = xdotool(environment, "search", "--sync", "--name", title).split()
        xdotool(environment, "mousemove", "--sync", "--window", number, "100", "60", "click", "1")
        xdotool(environment, "windowfocus", "--sync", number, "key", "q")

    code, output, complaints = show_and_then(screen, click)
    x, y = map(int, output.splitlines()[0].split())
    assert (code, complaints) == (0, "")
    assert abs(x - 100) <= 3 and abs(y - 60) <= 3
    assert output.endswith("ended\n")


@linux
@needs_xdotool
@pytest.mark.skipif(not ctypes.util.find_library("X11"), reason="libX11 is not installed")
def test_closing_the_window_ends_it(screen):
    def close(title, environment):
        number = int(xdotool(environment, "search", "--sync", "--name", title).split()[0])
        ask_to_close(screen, number)

    assert show_and_then(screen, close) == (0, "ended\n", "")


class ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, padded to the size of an XEvent."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 24),
    ]


def ask_to_close(screen, number):
    """What a window manager does when its close button is pressed."""
    xlib = ctypes.CDLL(ctypes.util.find_library("X11"))
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    xlib.XInternAtom.restype = ctypes.c_ulong
    xlib.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    xlib.XSendEvent.argtypes = [
        *(ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.POINTER(ClientMessage))
    ]
    xlib.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = xlib.XOpenDisplay(screen.encode())
    assert display
    protocols, delete = (xlib.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    event = ClientMessage(type=33, window=number, message_type=protocols, format=32)
    event.data[0] = delete
    assert xlib.XSendEvent(display, number, 0, 0, ctypes.byref(event))
    xlib.XCloseDisplay(display)


@linux
def test_without_a_screen_the_program_is_told_and_not_aborted():
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "smiledet"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.strip() in (display_problem({}), "this OpenCV was built without windows")
