"""How smiledet gives up, each way with its exit code.

    SmiledetError            1  a fault midway
    ├── FrameError           1  a picture on which a stage fails; a video goes on with the next
    ├── SourceLostError      1  a camera or stream that broke and did not come back
    └── UsageError           2  bad input
        ├── ImageError       2  a picture that cannot be read
        ├── SourceError      2  a camera, stream, clip or folder that cannot be opened
        ├── ModelError       2  a model, engine or detector that is missing, damaged or not installed
        ├── ConfigError      2  a setting that is unknown or has no such value
        └── OutputError      2  a file that cannot be written

Anything else that escapes is a bug. The message is always one line; the command line prints it and no traceback.
"""

from __future__ import annotations

from smiledet.system.redaction import redact


class SmiledetError(Exception):
    """A fault midway: a camera unplugged, a disk full, a stage that keeps failing.

    The message is one line that says what failed and where. Passwords and keys in it are hidden.

    Args:
        message: The line.

    Examples:
        >>> SmiledetError("the disk is full").exit_code
        1
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(redact(" ".join(str(message).splitlines())))  # a file may be named in two


class FrameError(SmiledetError):
    """A stage fails on one picture, and may do better on the next: a network answers what is no number."""


class SourceLostError(SmiledetError):
    """A camera or stream broke midway and did not come back in time.

    Examples:
        >>> issubclass(SourceLostError, SmiledetError), SourceLostError.exit_code
        (True, 1)
    """


class UsageError(SmiledetError):
    """Bad input: the user can put it right before anything has run.

    The message is one line: what was given, where, and what is allowed.

    Examples:
        >>> from smiledet import FaceReader
        >>> try:
        ...     FaceReader(tasks=("mood",))
        ... except UsageError as problem:
        ...     print(problem.exit_code)
        2
    """

    exit_code = 2


class ImageError(UsageError):
    """A picture cannot be read: no such file, no picture in it, or an array of another shape or type.

    Examples:
        >>> from smiledet.photographs.decode import to_image
        >>> try:
        ...     to_image(b"no picture")
        ... except ImageError as problem:
        ...     print(problem.exit_code)
        2
    """


class SourceError(UsageError):
    """A camera, stream, clip or folder cannot be opened, or there is none of that name.

    Examples:
        >>> from smiledet import watch
        >>> try:
        ...     watch("no-such-clip.mp4")
        ... except SourceError as problem:
        ...     print("no-such-clip.mp4" in str(problem))
        True
    """


class ModelError(UsageError):
    """A model, engine or detector cannot be had: none of that name, a file missing or damaged, a package not there.

    Examples:
        >>> from smiledet import FaceReader
        >>> try:
        ...     FaceReader(("emotion8",), model={"emotion8": "huge"})
        ... except ModelError as problem:
        ...     print(problem)
        no model 'huge' for the task 'emotion8'; there are mini-xception, mobilenet-075
    """


class ConfigError(UsageError):
    """A setting is unknown, or its value is not allowed.

    Examples:
        >>> from smiledet.config import load_config
        >>> try:
        ...     load_config("desktop-cpu", flags={"opencv_threads": 0})
        ... except ConfigError as problem:
        ...     print(problem)
        flag opencv_threads: opencv_threads is 0, expected 1 to 64
    """


class OutputError(UsageError):
    """A file cannot be written: no such folder, not permitted, or a suffix that is not known.

    Examples:
        >>> from pathlib import Path
        >>> from smiledet.system.output_files import check_suffix
        >>> try:
        ...     check_suffix(Path("out.txt"), (".csv", ".jsonl"))
        ... except OutputError as problem:
        ...     print(problem)
        cannot write out.txt: its suffix must be .csv or .jsonl
    """
