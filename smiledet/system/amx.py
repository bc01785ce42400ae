"""Keeping native code from a processor's matrix tiles.

Intel's AMX multiplies integers in tiles of 16 by 64, which the 8 to 128 channels of small networks leave nearly empty.
LiteRT's kernels (XNNPACK) take it wherever they get it: mini-Xception in integers takes 0.60 ms with it, 0.29 without
and 0.34 in float32. MobileNet 0.75 and 1.0 gain by it, 0.44 instead of 0.56 ms and 0.66 instead of 0.87, but the
network that refines every face's landmarks (`landmark_refiner`) is a small one, 0.25 instead of 0.16 (ai-edge-litert
2.3.0, Intel Xeon).

The tiles' registers have to be asked for (`arch_prctl`, ARCH_REQ_XCOMP_PERM), once for a process, and Linux refuses
where some thread has an alternate signal stack that could not hold them (its documentation, "Using XSTATE features in
user space applications"). Whoever is refused makes do with what all processors since have, AVX-512 VNNI.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TOO_SMALL = 8192
"""Bytes of a signal stack that holds all registers but the tiles, which are as many by themselves."""


class _Stack(ctypes.Structure):
    """`stack_t` of signal.h."""

    _fields_ = (("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def without_amx() -> Iterator[None]:
    """Let Linux refuse AMX to whoever asks for it meanwhile; where there is none to refuse, do nothing.

    Who has it already keeps it, and who asks later gets it. For as long, the calling thread's alternate signal stack,
    which few have, is another.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        yield
        return
    set_stack = ctypes.CDLL(None).sigaltstack
    memory = ctypes.create_string_buffer(TOO_SMALL)
    before = _Stack()
    if set_stack(ctypes.byref(_Stack(ctypes.addressof(memory), 0, TOO_SMALL)), ctypes.byref(before)) != 0:
        yield  # too small for this processor, or the tiles are granted already
        return
    try:
        yield
    finally:
        set_stack(ctypes.byref(before), None)
