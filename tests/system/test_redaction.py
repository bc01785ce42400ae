"""No secret of a source is shown or written anywhere."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import smiledet
from smiledet import SmiledetError, watch
from smiledet.cli._sources import Given, path_of
from smiledet.errors import SourceError
from smiledet.sources.base import SourceSettings
from smiledet.system.messages import UNREDACTED, MessageFormatter
from smiledet.system.redaction import holds_secret, redact, redact_address, shown_source

SECRETS = [
    ("rtsp://me:s3cret@host:554/x", "rtsp://host:554/x"),
    ("rtsp://me:s3@cret/word@host/x", "rtsp://host/x"),
    ("rtsp://me:s3?cret@host/x?y=1", "rtsp://host/x?y=1"),
    ("rtsp://me:s3#cret@host/x", "rtsp://host/x"),
    ("rtsp://me:12/s3cret@host/x", "rtsp://host/x"),
    ("rtsp://me:s3:/cret@host/x", "rtsp://host/x"),
    ("rtsp://me:s3cret@[::1]:554/x", "rtsp://[::1]:554/x"),
    ("rtsp://me:s3cret%40host/x", "rtsp://host/x"),
    ("rtsp://me%3As3cret@host/x", "rtsp://host/x"),
    ("HTTP://ME:S3CRET@host/x", "HTTP://host/x"),
    ("http://s3cret@host/x", "http://host/x"),
    ("rtsp://me:s3cret@host/x?mail=a@b", "rtsp://host/x?mail=a@b"),
    ("nvdec:rtsp://me:s3cret@host/x", "nvdec:rtsp://host/x"),
    ("http://h/x?channel=1&token=s3cret&size=2", "http://h/x?channel=1&token=***&size=2"),
    ("http://h/x?PASSWORD=s3;cret&x=2#key=s3cret", "http://h/x?PASSWORD=***&x=2#key=***"),
    ("http://h/x?usr=s3cret&pwd=s3cret", "http://h/x?usr=***&pwd=***"),
    ("http://h/v.cgi?loginuse=s3cret&loginpas=s3cret", "http://h/v.cgi?loginuse=***&loginpas=***"),
    ("http://h/x?X-Amz-Signature=s3cret&X-Amz-Date=3", "http://h/x?X-Amz-Signature=***&X-Amz-Date=3"),
    ("http://h/x?api_key=s3cret&auth=s3cret&sig=s3cret", "http://h/x?api_key=***&auth=***&sig=***"),
    ("rtsp://h:554/user=admin_password=s3cret_channel=1.sdp", "rtsp://h:554/user=***"),
    ("http://h/x?pass%3Ds3cret%26x%3D1", "http://h/x?pass%3D***%26x%3D1"),
    ("http://h/p?u=rtsp://me:s3cret@camera/y", "http://h/p?u=rtsp://camera/y"),
    ("http://h/p?u=rtsp%3A%2F%2Fme%3As3cret%40camera%2Fy", "http://h/p?u=rtsp%3A%2F%2Fcamera%2Fy"),
    ("http://h/p?u=rtsp%253A%252F%252Fme%253As3cret%2540camera", "http://h/p?u=rtsp%253A%252F%252Fcamera"),
    (
        "gst:rtspsrc location=rtsp://me:s3@cret@h/x user-pw=s3cret ! x",
        "gst:rtspsrc location=rtsp://h/x user-pw=*** ! x",
    ),
    ('gst:rtspsrc user-id="s3cret" user-pw="s3 \\" cret" ! x', "gst:rtspsrc user-id=*** user-pw=*** ! x"),
    ("gst:souphttpsrc user-pw = s3cret proxy-pw=s3\\ cret ! x", "gst:souphttpsrc user-pw = *** proxy-pw=*** ! x"),
    ('gst:rtspsrc location="rtsp://me:s3 cret@h/x" ! x', 'gst:rtspsrc location="rtsp://h/x" ! x'),
]
"""What a user gives, and what is shown of it."""

PLAIN = [
    "clip.mp4",
    "holiday/key=3/me@home.jpg",
    "rtsp://host:554/live",
    "http://host/@name/x",
    "http://host:8080/x?mail=a@b",
    "http://host/a@b.mp4",
    "gst:v4l2src device=/dev/video0 ! jpegdec ! video/x-raw,width=640,framerate=30/1 ! x264enc key-int-max=30",
]


@pytest.mark.parametrize(("given", "shown"), SECRETS)
def test_secrets_are_hidden(given, shown):
    assert redact_address(given) == shown_source(given) == redact(given) == shown
    assert holds_secret(given)


@pytest.mark.parametrize("given", PLAIN)
def test_what_is_no_secret_stays(given):
    assert redact(f"stream {given} was lost") in (f"stream {given} was lost", "stream holiday/key=*** was lost")
    assert shown_source(given) == given
    assert not holds_secret(given)


@pytest.mark.parametrize(("given", "shown"), SECRETS)
@pytest.mark.parametrize("text", ["{} was lost; try a@b", "cannot open '{}': no host"])
def test_an_address_is_found_in_running_text(given, shown, text):
    assert redact(text.format(given)) == text.format(shown)


# With quotes in it, it is redacted before it goes into JSON.
@pytest.mark.parametrize(("given", "shown"), [each for each in SECRETS if '"' not in each[0]])
def test_an_address_is_found_in_json(given, shown):
    text = '{{"source": "{}", "m": "a@b"}}'
    assert redact(text.format(given)) == text.format(shown)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("rtsp:/me:s3cret@host/x", "rtsp:/host/x"),
        ("rtsp//me:s3cret@host/x", "rtsp//***@host/x"),
        ("rtsp:me:s3cret@host/x", "rtsp:***@host/x"),
        ("me:s3 cret@host/x", "***@host/x"),
        ("rtsp://me:s3 cret@host/x", "rtsp://host/x"),
        ("rstp://me:s3cret@host/x", "rstp://host/x"),
        ("http://h/x?password=s3 cret&x=1", "http://h/x?password=***&x=1"),
    ],
)
def test_a_mistyped_address_is_refused_without_its_secrets(given, shown):
    assert redact_address(given) == shown
    if not given.startswith(("http://", "rtsp://")):  # else it is looked for in the network
        with pytest.raises(SourceError) as refusal:
            watch(given, tasks=["smile"])
        assert "cret" not in str(refusal.value) + repr(refusal.value)
        assert shown in str(refusal.value)


def test_redacting_twice_changes_nothing():
    for given, shown in SECRETS:
        assert redact(shown) == redact_address(shown) == shown, given


def test_errors_and_log_lines_hold_no_secret():
    problem = SmiledetError("rtsp://me:s3cret@host/x was lost")
    assert str(problem) == "rtsp://host/x was lost"
    try:
        raise RuntimeError("http://me:s3cret@host/x") from problem
    except RuntimeError as raised:
        record = logging.LogRecord(
            "a", 30, "", 1, "%s of %s", ("lost", "a\n\x1b[31m?key=s3cret"), (type(raised), raised, None)
        )
    line = MessageFormatter("smiledet: %(message)s").format(record)
    assert line.splitlines()[0] == "smiledet: lost of a \\x1b[31m?key=***"
    assert "RuntimeError: http://host/x" in line
    assert "s3cret" not in line


def test_a_token_of_our_own_is_told_whoever_is_to_use_it():
    record = logging.makeLogRecord({"msg": "the page is at http://host/?token=s3cret", "levelno": 20, **UNREDACTED})
    assert MessageFormatter("%(message)s").format(record) == "the page is at http://host/?token=s3cret"


@pytest.mark.parametrize("given", ["rtsp://me:s3cret@[bad/x?token=s3cret", "gst:x user-pw=s3cret", "rtsp//me:s3cret@h"])
def test_the_command_line_tells_no_secret(given, run_smiledet):
    for words in (["run", given, "--dry-run"], ["run", "0", given], ["-v", "run", given, "--loop"]):
        result = run_smiledet(*words)
        assert "s3cret" not in result.stdout + result.stderr, words
        assert "Traceback" not in result.stderr


@pytest.fixture
def clip_address(tmp_path, write_scenes):
    """A clip that is served over HTTP to whoever asks with a password and a token."""
    data = write_scenes(tmp_path / "clip.avi", 12).read_bytes()
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.headers.get("Authorization"), self.path))
            if asked[-1][0] is None:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://me:s3cret@127.0.0.1:{server.server_port}/clip.avi?token=s3cret"
    server.shutdown()
    server.server_close()
    assert ("Basic bWU6czNjcmV0", "/clip.avi?token=s3cret") in asked


def test_a_run_writes_no_secret_anywhere(clip_address, run_smiledet, tmp_path):
    outputs = [tmp_path / name for name in ("e.jsonl", "r.json", "t.json")]
    words = [word for pair in zip(("--events", "--report", "--trace"), outputs, strict=True) for word in pair]
    result = run_smiledet("-v", "run", clip_address, "--no-show", "--stats", "--duration", "0.3", *words)
    assert result.returncode == 0, result.stderr
    shown = re.sub("me:s3cret@", "", clip_address).replace("s3cret", "***")
    assert shown in result.stderr and shown in outputs[0].read_text() and shown in outputs[1].read_text()
    assert all(path.stat().st_mode & 0o077 == 0 for path in outputs)
    for text in (result.stdout, result.stderr, *(path.read_text() for path in outputs)):
        assert not re.search("s3cret|bWU6", text)


def test_files_named_after_a_source_do_not_tell_its_secret():
    given = Given("", "rtsp://me:s3cret@host/x?token=t0p", SourceSettings())
    assert path_of(Path("{source}.mp4"), given, several=False) == Path("rtsp_host_x_token.mp4")


@pytest.mark.parametrize("debug", ["GST_DEBUG", "OPENCV_LOG_LEVEL"])
def test_native_libraries_tell_no_secret_where_they_are_asked_to_talk(tmp_path, debug):
    program = (
        "import os, sys; import smiledet.cli.run as run; from smiledet.cli import main\n"
        "def talk(arguments):\n"
        "    os.write(2, b'Input #0 from \\'' + arguments.source[0].encode() + b'\\':\\n')\n"
        "    print('of Python', file=sys.stderr); return 0\n"
        "run.run = talk; code = main(); os.write(2, b'after it\\n'); sys.exit(code)\n"
    )
    root = str(Path(smiledet.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "rtsp://me:s3@cret@host/x?token=s3cret"],
        env={**os.environ, "PYTHONPATH": root, debug: "4"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = "Input #0 from 'rtsp://host/x?token=***':\nof Python\nafter it\n"
    assert (done.returncode, done.stderr) == (0, said)
