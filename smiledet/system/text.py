"""Foreign text: file names made safe to write, JSON that is read."""

from __future__ import annotations

import json
from typing import Any


def valid_text(text: str) -> str:
    r"""Text that can be encoded as UTF-8: what cannot is written as an escape, bytes of a file name as `\xff`.

    Python holds bytes of a file name that it cannot decode as lone surrogates (PEP 383). In a locale of ASCII those
    are every `é`: here they are decoded.

    >>> valid_text("caf\udce9.jpg"), valid_text("caf\udcc3\udca9.jpg"), valid_text("\ud800.jpg")
    ('caf\\xe9.jpg', 'café.jpg', '\\ud800.jpg')
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: no file's name, but text of somebody's own
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: object) -> str:
    r"""Text that moves no cursor and stays on one line: control characters are written as escapes.

    >>> printable("a\nb\x1b[31m.jpg")
    'a\\nb\\x1b[31m.jpg'
    """
    valid = valid_text(str(text))
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in valid)


def unwrapped(text: object) -> str:
    r"""A message, whose runs of blanks and line breaks become one blank; an exception without a message as its `repr`.

    >>> unwrapped("no such\n  file"), unwrapped(ValueError())
    ('no such file', 'ValueError()')
    """
    return " ".join(str(text).split()) or repr(text)


def from_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: It is no JSON, or nested more deeply than Python reads.

    >>> from_json(b'{"a": [1, null]}')
    {'a': [1, None]}
    """
    try:
        return json.loads(text)
    except RecursionError as problem:
        raise ValueError("it is nested too deeply") from problem
