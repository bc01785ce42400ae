"""Keeping native libraries' chatter off standard error, where no setting of theirs does it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

TENSORFLOW_GREETING = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] "
    rb"|E\d{4} [\d:.]+ +\d+ cuda_\w+\.cc:\d+\] failed call to cuInit"
    rb"|To enable the following instructions: "
)
"""What TensorFlow says while it is imported: before it reads `TF_CPP_MIN_LOG_LEVEL`, and where there is no GPU."""


@contextmanager
def standard_error_without(unwanted: Callable[[bytes], object]) -> Iterator[None]:
    """Leave lines out of what is written to descriptor 2; the rest, other threads' too, comes out at the end.

    Args:
        unwanted: Tells from a line whether to leave it out.
    """
    if sys.platform != "linux" or sys.__stderr__ is None:  # without a stderr, 2 may be any file
        yield
        return
    kept = os.dup(2)
    with os.fdopen(os.memfd_create("stderr"), "w+b") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            with suppress(OSError):  # nobody reads it any more
                os.write(2, b"".join(line for line in held if not unwanted(line)))
