"""What a rule does. Actions run beside the pipeline and never delay it."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import ConfigError
from smiledet.frame import Image
from smiledet.rules.clips import Kept, write_clip
from smiledet.rules.settings import RuleSettings
from smiledet.sinks.recording import find_encoder
from smiledet.system.output_files import free_path, write_file
from smiledet.system.redaction import host_of

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Actions that run at the same time."""

MOST_WAITING = 16
"""Actions that wait for their turn; what comes beyond is left out and counted."""

PROGRAM_SECONDS = 30.0
"""A program that takes longer is killed."""

POST_SECONDS = 10.0
ATTEMPTS = 3
"""Of a POST; waits of 1 and 2 seconds lie between them."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a rule saw.

    Attributes:
        told: What programs and web services are told; plain values.
        annotated: The frame with the drawing, BGR uint8 (height, width, 3).
        clean: The frame without it.
    """

    told: Mapping[str, Any]
    annotated: Image = field(repr=False)
    clean: Image = field(repr=False)

    @property
    def body(self) -> bytes:
        """`told` as JSON."""
        return json.dumps(self.told, allow_nan=False).encode()

    @property
    def name(self) -> str:
        """Of a file: when it was, what rule, and which frame."""
        return re.sub(r"[^\w.-]+", "_", f"{self.told['time'][:23]}-{self.told['rule']}-{self.told['frame']}")


Action = Callable[[Event], None]
"""Does it; an exception says that it failed."""


def actions_of(rule: RuleSettings) -> list[tuple[str, Action]]:
    """What a rule does, each with its name.

    Raises:
        ConfigError: It does nothing, or an action cannot be done.
    """
    found: list[tuple[str, Action]] = []
    if rule.save:
        found.append(("save", save_into(Path(rule.save).expanduser(), rule.annotated)))
    if rule.run:
        found.append(("run", run_program(rule.run)))
    if rule.post:
        found.append(("post", post_to(rule.post, rule.secret)))
    if rule.publish:
        from smiledet.rules.publishing import publish_to

        found.append(("publish", publish_to(rule.publish)))
    if not found and not rule.clip:
        raise ConfigError(f"rule {rule.when!r} does nothing: give it save, clip, run, post or publish")
    return found


def save_into(folder: Path, annotated: bool) -> Action:
    """Writes the frame into a folder as JPEG; nothing is overwritten.

    Raises:
        ConfigError: The folder cannot be made.
    """
    _make(folder)

    def save(event: Event) -> None:
        data = jpeg(event.annotated if annotated else event.clean)
        write_file(free_path(folder / f"{event.name}.jpg"), data, new=True)

    return save


def save_clip(folder: Path, frames: Sequence[Kept]) -> Action:
    """Writes frames into a folder as MP4; nothing is overwritten."""

    def save(event: Event) -> None:
        write_clip(free_path(folder / f"{event.name}.mp4"), frames)

    return save


def clip_folder(rule: RuleSettings) -> Path:
    """The folder for a rule's clips, made.

    Raises:
        ConfigError: It cannot be made.
        OutputError: No MP4 can be encoded here.
    """
    find_encoder(".mp4")
    folder = Path(rule.clip).expanduser()
    _make(folder)
    return folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise ConfigError(f"a rule cannot save into {folder}: {problem.strerror}") from problem


def run_program(command: tuple[str, ...]) -> Action:
    """Starts a program with what was seen on its standard input; no shell reads its arguments.

    Raises:
        ConfigError: There is no such program.
    """
    if shutil.which(command[0]) is None:
        raise ConfigError(f"a rule cannot run {command[0]!r}: there is no such program, or it may not be run")

    def run(event: Event) -> None:
        try:
            done = subprocess.run(
                command,
                input=event.body,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=PROGRAM_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:  # which would tell the arguments, and with them a key
            raise OSError(f"{command[0]} did not end within {PROGRAM_SECONDS:g} s") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise OSError(f"{command[0]} ended with {done.returncode}{': ' + said[-1] if said else ''}")

    return run


def post_to(address: str, secret: str = "", pause: Callable[[float], object] | None = None) -> Action:
    """Sends what was seen to a web address, as JSON.

    Of the address no more than scheme and host are shown: many services' secrets stand in the path.

    Args:
        address: http or https; with a user and password, percent-encoded, they are sent as HTTP asks for it (Basic).
        secret: Name of the environment variable with the secret that signs it; empty for none.
        pause: Waits between two attempts; tests bring their own.

    Raises:
        ConfigError: It is no such address, or the variable is not set.
    """
    target, authorization = _target(address)
    shown = host_of(address)
    key = os.environ.get(secret, "") if secret else ""
    if secret and not key:
        raise ConfigError(f"a rule's secret: the environment variable {secret} is not set")
    wait = pause or threading.Event().wait

    def post(event: Event) -> None:
        headers = {"content-type": "application/json", "user-agent": "smiledet", **authorization}
        if key:
            digest = hmac.new(key.encode(), event.body, hashlib.sha256).hexdigest()
            headers["x-smiledet-signature"] = f"sha256={digest}"
        for attempt in range(1, ATTEMPTS + 1):
            request = urllib.request.Request(target, event.body, headers, method="POST")  # noqa: S310 - checked above
            try:
                with urllib.request.urlopen(request, timeout=POST_SECONDS):  # noqa: S310
                    return
            except (OSError, ValueError, HTTPException) as problem:
                refused = isinstance(problem, urllib.error.HTTPError) and problem.code < 500
                if attempt == ATTEMPTS or refused:
                    raise OSError(f"{shown}: {_reason(problem)}") from None  # its own words may hold the address
            wait(2.0 ** (attempt - 1))

    return post


def _target(address: str) -> tuple[str, dict[str, str]]:
    """The address without a user, and the header that stands for one.

    Raises:
        ConfigError: It is no address of the web.
    """
    try:
        parts = urlsplit(address)
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname or re.search(r"[\s\0]", address):
            raise ValueError
        port = f":{parts.port}" if parts.port is not None else ""
        if host_of(address).partition("://")[2] != parts.netloc.rpartition("@")[2]:  # the rest of a password
            raise ValueError
    except ValueError:
        raise ConfigError(
            f"a rule cannot post to {host_of(address)}: expected http://… or https://…, and what is no letter or digit "
            "in user and password percent-encoded"
        ) from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    target = urlunsplit((parts.scheme, host + port, parts.path, parts.query, ""))
    if parts.username is None:
        return target, {}
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return target, {"authorization": f"Basic {b64encode(user.encode()).decode()}"}


def _reason(problem: Exception) -> str:
    if isinstance(problem, urllib.error.HTTPError):
        return f"it answers {problem.code} {problem.reason}"
    return str(getattr(problem, "reason", None) or type(problem).__name__)


class ActionRunner:
    """Runs actions beside the pipeline: some at once, few waiting, the rest left out.

    Attributes:
        done: Actions that ended well, by name.
        failed: Those that did not.
        left_out: Those for which there was no room.
    """

    def __init__(self, at_once: int = AT_ONCE, waiting: int = MOST_WAITING) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="smiledet-rule")
        self._room = threading.Semaphore(at_once + waiting)
        self._lock = threading.Lock()
        self.done: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.left_out: dict[str, int] = {}

    def start(self, name: str, action: Action, event: Event) -> None:
        """Start an action, or leave it out where too many wait; never waits."""
        if not self._room.acquire(blocking=False):
            self._count(self.left_out, name)
            return
        self._threads.submit(self._run, name, action, event)

    def close(self) -> None:
        """Wait for those that run; those that wait are left out."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, name: str, action: Action, event: Event) -> None:
        try:
            self.do(name, action, event)
        finally:
            self._room.release()

    def do(self, name: str, action: Action, event: Event) -> None:
        """Do it now, in this thread."""
        try:
            action(event)
            self._count(self.done, name)
        except Exception as problem:
            if self._count(self.failed, name) == 1:
                log.warning("rule %s: %s failed: %s", event.told["rule"], name, problem)
            log.debug("rule %s: %s failed", event.told["rule"], name, exc_info=True)

    def _count(self, counts: dict[str, int], name: str) -> int:
        with self._lock:
            counts[name] = counts.get(name, 0) + 1
            return counts[name]
