"""The page that reads faces in the browser, in Debian's Firefox.

It is driven by Marionette, Firefox's own remote protocol: Playwright drives a Firefox of its own alone.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from smiledet.sources.demo import portrait_path
from smiledet.web.app.build import build

pytestmark = pytest.mark.slow

Serve = Callable[[Path], AbstractContextManager[str]]

READY = "document.querySelector('.status')?.textContent === 'ready'"
SHOWN = "[...document.querySelectorAll('.filters button')].some((each) => /smiling/.test(each.textContent))"

LIMIT = 600.0
"""Seconds after which an answer counts as never coming."""

PREFERENCES = {
    "marionette.port": 0,  # any that is free
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
"""A camera that shows coloured squares, permitted without a question; nothing of Firefox's own asks the network."""

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The name of an element's number in an answer: WebDriver, section 12."""


class Firefox:
    """A Firefox with one page. A message is the length of its JSON, a colon, and [kind, number, command, arguments]."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self._read = self._socket.makefile("rb")
        self._number = 0
        self._message()  # who speaks
        self._ask("WebDriver:NewSession", capabilities={})
        self._ask("WebDriver:SetTimeouts", script=round(1000 * LIMIT))

    def _message(self) -> Any:
        size = b""
        while (character := self._read.read(1)) != b":":
            assert character, "Firefox has ended"
            size += character
        return json.loads(self._read.read(int(size)))

    def _ask(self, command: str, **arguments: Any) -> Any:
        self._number += 1
        content = json.dumps([0, self._number, command, arguments]).encode()
        self._socket.sendall(b"%d:%s" % (len(content), content))
        _, _, problem, answer = self._message()
        assert problem is None, problem["message"]
        return answer.get("value") if isinstance(answer, dict) else answer

    def open(self, address: str) -> None:
        """Load a page."""
        self._ask("WebDriver:Navigate", url=address)

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of a function returns in the page; a promise is waited for."""
        return self._ask("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds."""
        script = (
            "const [seconds] = arguments; return (async () => { const end = performance.now() + 1000 * seconds; "
            f"while (!({expression})) {{ if (performance.now() > end) return false; "
            "await new Promise((go) => setTimeout(go, 50)); } return true; })();"
        )
        assert self.run(script, LIMIT / 2), f"still not so after {LIMIT / 2} s: {expression}"

    def click(self, text: str) -> None:
        """Press the button that says so."""
        found = self._ask("WebDriver:FindElement", using="xpath", value=f"//button[normalize-space()='{text}']")
        self._ask("WebDriver:ElementClick", id=found[ELEMENT])

    def pick(self, selector: str, *paths: Path) -> None:
        """Choose files in an input."""
        found = self._ask("WebDriver:FindElement", using="css selector", value=selector)
        self._ask("WebDriver:ElementSendKeys", id=found[ELEMENT], text="\n".join(map(str, paths)))

    def close(self) -> None:
        """End it."""
        self._ask("Marionette:Quit", flags=["eForceQuit"])
        self._socket.close()


@contextmanager
def firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """Firefox without a window, in a profile of its own."""
    profile.mkdir(parents=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            driven = Firefox(_port(profile, process))
            yield driven
            driven.close()
            process.wait(LIMIT)
        finally:
            process.kill()


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """Where it listens, which it writes into its profile."""
    written = profile / "MarionetteActivePort"
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and process.poll() is None:
        if written.is_file() and (text := written.read_text().strip()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError("Firefox does not start")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Firefox]:
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("no Firefox here (Debian: apt-get install firefox-esr)")
    with firefox(program, tmp_path / "profile") as driven:
        yield driven


def test_photographs_and_the_camera_and_without_a_server(
    browser: Firefox, tmp_path: Path, static_server: Serve
) -> None:
    build(tmp_path / "page")
    with static_server(tmp_path / "page") as address:
        browser.open(address)
        browser.until(READY)
        browser.click("start the camera")
        browser.until("Number(document.querySelector('.card b')?.textContent) > 0")
        assert browser.run("return document.querySelector('.picture canvas').width") > 0
        browser.click("stop")
        browser.run("return navigator.serviceWorker.ready.then(() => true)")
    browser.open(address)
    browser.until(READY)
    browser.click("Photographs")
    browser.pick("input[multiple]:not([webkitdirectory])", portrait_path())
    browser.until("document.querySelectorAll('.grid li').length === 1")
    browser.click("filter all")
    browser.until(SHOWN)
    assert browser.run("return [...document.querySelectorAll('[role=alert]')].map((each) => each.textContent)") == []
