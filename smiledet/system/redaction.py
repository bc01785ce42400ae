r"""Hiding user names, passwords and keys in everything that is shown or written.

A user and password of an address go, up to its last `@`: `rtsp://me:p@ss/word@host/x` is shown as `rtsp://host/x`. The
values of settings that hold secrets (`password=`, `token=`, GStreamer's `user-pw=`) are replaced by `***`, in any
spelling of the address' percent-encoding.

Errors of this package are redacted when they are made, names of sources when they are built, log lines and tracebacks
when they are formatted, and once more what goes into files. Hiding too much is harmless.
"""

from __future__ import annotations

import re

HIDDEN = "***"
"""Stands for a hidden value."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*:/{1,3}"

_QUOTED = re.compile(rf"""(["'])((?:nvdec:)?{_SCHEME}(?:\\.|(?!\1).)*)\1""")
"""An address in quotes may hold blanks."""

_BEGINNING = re.compile(rf"((?:^(?:nvdec:)?|(?<=[=,;?&|\"'(<\[])){_SCHEME})")
"""Where an address begins; another may stand in its query."""

_ENCODED = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*%(?:25)*3A(?:%(?:25)*2F){1,3})[^&\s\"']*%(?:25)*40", re.IGNORECASE)
"""An address within another, percent-encoded once or more often, up to its last `@`."""

_NAMES = (
    r"[\w.-]*(?:pass(?:w\w*|phrase|code|key)?|passwd|pwd|secret|token|credentials?|signature|key|jwt)(?:[_-]?\d)?"
    r"|(?:[\w.-]*[_-])?(?:pw|sig|auth\w*|session\w*|sid|pin|otp|login|loginuse?|loginpas)"
    r"|(?:[\w.]*[_-])?(?:user(?:[_-]?(?:name|id|pw))?|usr)|proxy-id|account|cookies?"
)
"""Settings whose values are secret: of queries and fragments, of GStreamer's elements, of signed addresses."""

_END_OF_QUOTE = r"""["'](?:[\s;,.:)\]}!>]|$)"""

_UNQUOTED = re.compile(rf"(?<![\w+.%-])(?:nvdec:)?{_SCHEME}(?:(?!{_END_OF_QUOTE})\S)*")

_SETTING = re.compile(
    rf"(?<![\w%])({_NAMES})([ \t]*=[ \t]*(?:\(\w+\))?)"
    r"(?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
    rf"|(?!{_END_OF_QUOTE})(?:\\.|(?!{_END_OF_QUOTE})[^&\s])+)",
    re.IGNORECASE,
)
"""In running text: a value ends at a blank, at `&`, or with the quotes around it."""

_QUERY_SETTING = re.compile(rf"(?<![\w%])({_NAMES})(=)[^&]+", re.IGNORECASE)
"""In an address that is known to be one, from beginning to end: a value ends at `&` alone."""

_ENCODED_SETTING = re.compile(
    rf"(?:(?<![\w%])|(?<=%26)|(?<=%3F)|(?<=%23))({_NAMES})(%(?:25)*3D)(?:(?!%(?:25)*26)[^&\s\"'])+", re.IGNORECASE
)

_HEADER = re.compile(r"\b(authorization)(\s*[:=]\s*)(?:(?:basic|bearer|digest)\s+)?\S+", re.IGNORECASE)

_MISTYPED = re.compile(r"(rtsps?|rtmps?|https?|nvdec)?([:;.]?/*)", re.IGNORECASE)
"""What is left to see of an address whose beginning is no scheme's: `rtsp//me:secret@host`."""


def redact(text: str) -> str:
    """A text without the secrets in it.

    >>> redact("stream rtsp://me:p@ss/word@10.0.0.5/live was lost")
    'stream rtsp://10.0.0.5/live was lost'
    >>> redact("http://host/x?channel=1&token=abc&user=me")
    'http://host/x?channel=1&token=***&user=***'
    >>> redact('rtspsrc location="rtsp://host/x" user-id=me user-pw="my word" ! fakesink')
    'rtspsrc location="rtsp://host/x" user-id=*** user-pw=*** ! fakesink'
    >>> redact("http://host/proxy?url=rtsp%3A%2F%2Fme%3Asecret%40camera%2Fx")
    'http://host/proxy?url=rtsp%3A%2F%2Fcamera%2Fx'
    """
    text = _QUOTED.sub(lambda found: f"{found[1]}{_address(found[2])}{found[1]}", text)
    text = _UNQUOTED.sub(lambda found: _without_users(found[0]), text)
    return _without_values(text, _SETTING)


def redact_address(spec: str) -> str:
    """An address as a user has given it, without the secrets in it, even if it is mistyped.

    Unlike `redact`, which has to find where an address ends, this takes all of the text for one: blanks in a password
    and a missing scheme are no way out. A pipeline (`gst:`) is redacted as text.

    >>> redact_address("rtsp://me:my word@host/x")
    'rtsp://host/x'
    >>> redact_address("rtsp//me:secret@host/x")
    'rtsp//***@host/x'
    >>> redact_address("clip.mp4")
    'clip.mp4'
    """
    if spec.startswith("gst:"):
        return redact(spec)
    if _BEGINNING.search(spec):
        return _address(spec)
    user, at, rest = spec.rpartition("@")
    known = _MISTYPED.match(spec)
    beginning = known[0] if known and known[1] else ""
    if at and (beginning or ":" in user):
        spec = f"{beginning}{HIDDEN}@{rest}"
    return _without_values(spec, _QUERY_SETTING)


def shown_source(spec: str) -> str:
    """What a user has given as a source, as it may be written: a path stays as it is, of an address the secrets go.

    >>> shown_source("rtsp://me:secret@host/x"), shown_source("key=3/10:30@home.jpg")
    ('rtsp://host/x', 'key=3/10:30@home.jpg')
    """
    return redact_address(spec) if spec.startswith("gst:") or _BEGINNING.match(spec) else spec


def host_of(address: str) -> str:
    """Scheme and host of an address, as it may be shown.

    >>> host_of("https://me:p@ss/word@hooks.example/services/T0/s3cret?key=abc")
    'https://hooks.example'
    """
    parts = re.match(r"(\w+://)?([^/?#\s]*)", redact_address(address))
    return f"{parts[1] or ''}{parts[2].rpartition('@')[2]}" if parts else ""


def holds_secret(spec: str) -> bool:
    """Whether a source is an address or a pipeline that holds a secret.

    >>> holds_secret("rtsp://me:secret@host/x"), holds_secret("rtsp://host/x")
    (True, False)
    """
    return shown_source(spec) != spec


def _address(text: str) -> str:
    """An address from beginning to end, with those that stand in its query."""
    return _without_values(_without_users(text), _QUERY_SETTING)


def _without_values(text: str, setting: re.Pattern[str]) -> str:
    text = _ENCODED.sub(r"\1", text)
    for pattern in (_HEADER, setting, _ENCODED_SETTING):
        text = pattern.sub(rf"\1\2{HIDDEN}", text)
    return text


def _without_users(text: str) -> str:
    """An address, and those in its query, without users and passwords."""
    before, *pieces = _BEGINNING.split(text)
    return before + "".join(
        scheme + _without_user(rest) for scheme, rest in zip(pieces[::2], pieces[1::2], strict=True)
    )


def _without_user(rest: str) -> str:
    """What follows the scheme, from behind the last `@` that ends a user and password.

    A password may hold what should have been percent-encoded: an `@`, `/` or `?`. An `@` in the path of an address
    without a user (`http://host/@name`) and one in a query (`?mail=a@b`) stay.
    """
    path, question, query = rest.partition("?")
    if question and "@" in query and "=" not in query.rpartition("@")[0]:
        path, question, query = rest, "", ""  # no query, but a question mark in a password
    path = path.replace("%40", "@") if "@" not in path else path
    user, at, host = path.rpartition("@")
    if at and ("@" in f"{user}@".partition("/")[0] or "/" not in user or ":" in user):
        path = host
    return f"{path}{question}{query}"
