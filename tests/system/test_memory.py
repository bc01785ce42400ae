"""The heaps of a process under glibc."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from smiledet.system import memory

HEAPS = """
import ctypes, re, threading
from smiledet.system.memory import share_heaps
if {shared}: share_heaps()
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
start, held = threading.Barrier(8), threading.Barrier(8)
def take():
    start.wait(); c.malloc(5000); held.wait()
threads = [threading.Thread(target=take) for _ in range(8)]
[each.start() for each in threads]; [each.join() for each in threads]
c.malloc_stats()
"""


PICTURES = """
import ctypes, resource
from smiledet.system.memory import share_heaps
if {shared}: share_heaps()
c = ctypes.CDLL(None)
c.malloc.restype, c.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def take():
    pictures = [c.malloc({size}) for _ in range(2)]
    for each in pictures: ctypes.memset(each, 1, {size})
    for each in pictures: c.free(each)
take(); take()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10): take()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="settings of glibc's")


@glibc
@pytest.mark.parametrize(("shared", "size"), [(False, 700_000), (True, 700_000), (True, 3840 * 2160 * 3)])
def test_memory_of_pictures_is_kept(shared: bool, size: int) -> None:
    """Pages handed back come cleared, each by a fault of its own: two small pictures have 340."""
    script = PICTURES.format(shared=shared, size=size)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (int(done.stdout) < 100) == shared


@glibc
@pytest.mark.parametrize("shared", [False, True])
def test_threads_share_heaps(shared: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAPS.format(shared=shared)], capture_output=True, text=True, check=True
    )
    assert (done.stderr.count("Arena ") <= 2) == shared


@glibc
def test_free_memory_goes_back_wherever_it_lies() -> None:
    """Below a block that is still held, where glibc itself hands nothing back."""
    script = """
import ctypes
from smiledet.system.memory import hand_back_memory, share_heaps
share_heaps()
c = ctypes.CDLL(None)
c.malloc.restype, c.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def resident():
    return int(open("/proc/self/status").read().split("RssAnon:")[1].split()[0])
pictures = [c.malloc(700_000) for _ in range(30)]
for each in pictures: ctypes.memset(each, 1, 700_000)
most = resident()
for each in pictures[:-1]: c.free(each)
kept = resident()
hand_back_memory()
print(most - kept < 1000, most - resident() > 15000)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_a_c_library_without_the_setting_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.share_heaps()
    memory.hand_back_memory()
