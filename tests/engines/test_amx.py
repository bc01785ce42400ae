"""Matrix tiles are refused to LiteRT, and to nobody else."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from smiledet.model_index import find_model
from smiledet.system.amx import _Stack, without_amx

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="only Linux on x86-64 has tiles to refuse"
)

PERMITTED = """
import ctypes
# arch_prctl(ARCH_GET_XCOMP_PERM): which of the registers that have to be asked for this process has
ARCH_PRCTL, GET, REQUEST, TILES = 158, 0x1022, 0x1023, 18
libc = ctypes.CDLL(None)

def ask():
    return libc.syscall(ARCH_PRCTL, REQUEST, TILES)

def permitted():
    mask = ctypes.c_uint64()
    assert libc.syscall(ARCH_PRCTL, GET, ctypes.byref(mask)) == 0
    return bool(mask.value >> TILES & 1)
"""


def told(script: str) -> str:
    """What a script prints in a process of its own: what is granted to one is never taken back."""
    done = subprocess.run([sys.executable, "-c", PERMITTED + script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def tiles() -> None:
    """Skips where this machine has none."""
    if told("print(ask())") != "0":
        pytest.skip("this processor, or its kernel, has no matrix tiles")


def stack() -> tuple[int | None, int, int]:
    """This thread's alternate signal stack."""
    now = _Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(now)) == 0
    return now.pointer, now.flags, now.size


def test_the_thread_has_its_own_signal_stack_back() -> None:
    """In a process to which nothing is granted yet; its fault handler has set one, which is no small one."""
    script = """
import faulthandler
from smiledet.system.amx import TOO_SMALL, _Stack, without_amx

def stack():
    now = _Stack()
    assert libc.sigaltstack(None, ctypes.byref(now)) == 0
    return now.pointer, now.flags, now.size

for enabled in (False, True):
    faulthandler.enable() if enabled else None
    before = stack()
    try:
        with without_amx():
            print(stack()[2] == TOO_SMALL != before[2])
            raise ZeroDivisionError
    except ZeroDivisionError:
        print(stack() == before)
"""
    assert told(script).split() == ["True"] * 4


@pytest.mark.parametrize("machine", ["aarch64", "arm64"])
def test_elsewhere_nothing_is_touched(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    before = stack()
    with without_amx():
        assert stack() == before


def test_a_stack_that_cannot_be_set_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smiledet.system.amx.TOO_SMALL", 1)
    before = stack()
    with without_amx():
        assert stack() == before
    assert stack() == before


@pytest.mark.usefixtures("tiles")
def test_they_are_refused_for_so_long_and_granted_after() -> None:
    script = """
from smiledet.system.amx import without_amx
with without_amx():
    print(ask() != 0, permitted())
print(ask(), permitted())
with without_amx():
    print(permitted())
"""
    assert told(script).split() == ["True", "False", "0", "True", "True"]


@pytest.mark.usefixtures("tiles")
def test_a_network_that_is_loaded_has_not_got_them() -> None:
    path = find_model("smile", "mini-xception").file("litert-int8")
    script = f"""
import numpy as np
from pathlib import Path
from smiledet.engines.litert import LiteRTEngine
for _ in range(2):
    LiteRTEngine(Path({str(path)!r})).predict(np.zeros((1, 64, 64, 1), np.uint8))
print(permitted())
"""
    assert told(script) == "False"
