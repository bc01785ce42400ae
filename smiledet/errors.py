"""The two ways in which smiledet gives up, each with its exit code.

Anything else that escapes is a bug. The command line prints the message of these on one line and no traceback.
"""

from __future__ import annotations


class SmiledetError(Exception):
    """A fault midway: a camera unplugged, a disk full, a stage that keeps failing.

    The message is one line that says what failed and where.
    """

    exit_code = 1


class UsageError(SmiledetError):
    """Bad input: the user can put it right before anything has run.

    The message is one line: what was given, where, and what is allowed.
    """

    exit_code = 2


class ImageError(UsageError):
    """A picture that cannot be read: no such file, no picture in it, or an array of another shape or type.

    The message is one line: what was given, and what is allowed.
    """
