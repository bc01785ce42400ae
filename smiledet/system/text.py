"""File names and other foreign text, made safe to write."""

from __future__ import annotations

import re

_UNDECODED = re.compile("[\udc80-\udcff]")
"""How Python holds bytes of a file name that are no UTF-8 (PEP 383)."""


def valid_text(text: str) -> str:
    r"""Text that can be encoded as UTF-8: what cannot is written as an escape, bytes of a file name as `\xff`.

    >>> valid_text("caf\udce9.jpg")
    'caf\\xe9.jpg'
    """
    escaped = _UNDECODED.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    return escaped.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text: object) -> str:
    r"""Text that moves no cursor and stays on one line: control characters are written as escapes.

    >>> printable("a\nb\x1b[31m.jpg")
    'a\\nb\\x1b[31m.jpg'
    """
    valid = valid_text(str(text))
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in valid)


def one_line(text: object) -> str:
    r"""A message, whose runs of blanks and line breaks become one blank; an exception without a message as its `repr`.

    >>> one_line("no such\n  file"), one_line(ValueError())
    ('no such file', 'ValueError()')
    """
    return " ".join(str(text).split()) or repr(text)
