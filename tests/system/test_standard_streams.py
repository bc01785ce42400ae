"""What is left out of standard error, and what is not."""

from __future__ import annotations

import os
import sys

import pytest

from smiledet.system.standard_streams import TENSORFLOW_GREETING, standard_error_without

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is left out")


def test_lines_are_left_out_and_the_rest_stays_in_order(capfd):
    with standard_error_without(lambda line: line.startswith(b"INFO")):
        os.write(2, b"one\nINFO: hello\ntw")
        os.write(2, b"o\nINFO: again")
    os.write(2, b"three\n")
    assert capfd.readouterr().err == "one\ntwo\nthree\n"


def test_what_was_said_before_a_failure_comes_out(capfd):
    with pytest.raises(RuntimeError), standard_error_without(lambda line: b"INFO" in line):
        os.write(2, b"INFO\nwhat went wrong\n")
        raise RuntimeError
    assert capfd.readouterr().err == "what went wrong\n"


@pytest.mark.parametrize(
    ("line", "greeting"),
    [
        (b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n", True),
        (b"I0000 00:00:1795255164.722139    7710 port.cc:153] oneDNN custom operations are on.\n", True),
        (b"E0000 00:00:1795255173.432787    7710 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA\n", True),
        (b"E0000 00:00:1795255173.432787    7710 cuda_platform.cc:52] out of memory\n", False),
        (b"F0000 00:00:1795255173.432787    7710 check.cc:1] Check failed\n", False),
        (b"Traceback (most recent call last):\n", False),
        (b"smiledet: 3 chips to train on\n", False),
    ],
)
def test_only_the_greeting_is_tensorflows_greeting(line, greeting):
    assert bool(TENSORFLOW_GREETING.match(line)) == greeting
