"""Whatever ends a run, it ends soon, with its outputs closed and readable."""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import pytest

import smiledet
from smiledet.cli import main
from smiledet.system.signals import SIGNALS, get_handlers, interrupt, on_signals, set_handlers

ENDS_WITHIN = 10.0
"""Seconds until the process is gone: five times what is promised, for a machine that is busy."""

both_signals = pytest.mark.parametrize("number", SIGNALS)


@pytest.fixture
def events(tmp_path):
    """A named pipe that takes the place of the events file, so that a test knows when a run is under way."""

    class Events:
        path = tmp_path / "events.jsonl"

        def __init__(self):
            os.mkfifo(self.path)
            # Held open for writing too: there is no end of file before the program has opened its own end.
            self.kept = os.open(self.path, os.O_RDWR)
            self.file = self.path.open(encoding="utf-8")

        def until_frame(self, number):
            """Read until that frame was written, and from there on to the program's end."""
            while json.loads(self.file.readline())["frame"] < number:
                pass
            os.close(self.kept)

        def rest(self):
            return [json.loads(line) for line in self.file]

    opened = Events()
    yield opened
    opened.file.close()


def ended(process):
    """Wait for the end; what was said on stderr."""
    _, complaints = process.communicate(timeout=ENDS_WITHIN)
    assert "Traceback" not in complaints, complaints
    return complaints


@pytest.mark.parametrize(
    ("number", "pace"), [(signal.SIGINT, ["--realtime"]), (signal.SIGTERM, [])], ids=["live", "every frame"]
)
def test_a_signal_ends_a_run(start_smiledet, events, count_frames, tmp_path, number, pace):
    process = start_smiledet("run", "demo", *pace, "--no-show", "--events", events.path, "--record", "out.mp4")
    events.until_frame(15)
    process.send_signal(number)
    complaints = ended(process)
    assert process.returncode == 130, complaints
    assert "smiledet: interrupted: " in complaints and "smiledet: wrote out.mp4" in complaints
    frames = [event["frame"] for event in events.rest()]
    assert frames == sorted(frames)
    assert 0 < count_frames(tmp_path / "out.mp4") < 300


def test_an_interrupt_is_heard_from_the_start_where_a_script_has_had_it_ignored():
    program = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"  # as bash does before `smiledet … &`
        "import smiledet.cli; from smiledet.__main__ import start\n"
        "smiledet.cli.main = lambda: os.kill(os.getpid(), signal.SIGINT) or 0\n"
        "start()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "smiledet: interrupted\n")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux' C library")
def test_a_library_that_hangs_at_its_end_keeps_no_process_from_ending():
    program = (
        "import ctypes; libc = ctypes.CDLL(None); libc.__cxa_atexit(libc.pause, None, None)\n"
        "import smiledet.cli; from smiledet.__main__ import start\n"
        "smiledet.cli.main = lambda: print('said') or 3\n"
        "start()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "said\n")


def test_a_terminal_that_is_closed_ends_a_run(start_smiledet, events, count_frames, tmp_path):
    process = start_smiledet("run", "demo", "--realtime", "--no-show", "--events", events.path, "--record", "out.mp4")
    events.until_frame(15)
    process.send_signal(signal.SIGHUP)
    complaints = ended(process)
    assert process.returncode == 130, complaints
    events.rest()
    assert 0 < count_frames(tmp_path / "out.mp4") < 300


@pytest.mark.skipif(sys.platform != "linux", reason="a terminal of one's own")
def test_a_run_whose_terminal_is_gone_finishes_all_its_outputs(events, count_frames, tmp_path):
    """What it says then goes nowhere: writing to such a terminal is an error, and no reason to lose the report."""
    command = [sys.executable, "-m", "smiledet", "run", "demo", "--realtime", "--no-show", "--events", str(events.path)]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.environ["PYTHONPATH"] = str(Path(smiledet.__file__).parents[1])
        os.execv(sys.executable, [*command, "--record", "out.mp4", "--report", "out.json"])
    events.until_frame(15)
    os.close(terminal)
    events.rest()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert count_frames(tmp_path / "out.mp4") > 0
    assert json.loads((tmp_path / "out.json").read_text())["frames"] > 0


def test_under_nohup_a_terminal_that_is_closed_changes_nothing(tmp_path):
    program = """
import signal, sys
from smiledet.cli import main
from smiledet.system import signals
assert signal.SIGHUP not in signals.SIGNALS
def run(wanted):
    signal.raise_signal(signal.SIGHUP)
    raise SystemExit(7)
from smiledet import cli
cli.build_parser = run
cli.main([])
"""
    command = ["sh", "-c", 'trap "" HUP; exec "$0" -c "$1"', sys.executable, program]
    environment = {**os.environ, "PYTHONPATH": str(Path(smiledet.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (7, "")


def test_a_second_signal_changes_nothing(start_smiledet, events, count_frames, tmp_path):
    process = start_smiledet("run", "demo", "--realtime", "--no-show", "--events", events.path, "--record", "out.mp4")
    events.until_frame(15)
    for number in cycle(SIGNALS):  # an impatient user
        if process.poll() is not None:
            break
        process.send_signal(number)
    complaints = ended(process)
    assert process.returncode == 130, complaints
    assert complaints.count("smiledet: interrupted") == 1
    assert count_frames(tmp_path / "out.mp4") > 0


def test_an_interrupt_while_text_is_executed_ends_with_130_as_well(tmp_path):
    """As in `exec` while a dataclass is made: Python notes it, and at its end would send itself SIGINT."""
    program = """
import sys
from smiledet import cli
def interrupted(wanted):
    exec("raise KeyboardInterrupt")
cli.build_parser = interrupted
sys.exit(cli.main([]))
"""
    (tmp_path / "interrupted.py").write_text(program)
    folders = [str(tmp_path), str(Path(smiledet.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "smiledet: interrupted\n")


def test_an_interrupt_that_was_lost_is_heard_by_whoever_listens_next():
    """Native modules that are being imported swallow what is raised meanwhile."""
    before, acted = get_handlers(), []
    try:
        with on_signals(interrupt) as outer:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            with on_signals(lambda: acted.append("inner")) as inner:
                assert acted == ["inner"]  # before anything else is heard
                signal.raise_signal(signal.SIGTERM)
        assert acted == ["inner"] and outer.yes and inner.yes
        set_handlers(before)
        with on_signals(lambda: acted.append("later")) as later:
            pass
        assert acted == ["inner"] and not later.yes
    finally:
        set_handlers(before)


def test_what_an_import_makes_of_an_interrupt_is_one(monkeypatch, capsys):
    before = get_handlers()

    def imported(_wanted):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None

    monkeypatch.setattr("smiledet.cli.build_parser", imported)
    try:
        assert main([]) == 130
    finally:
        set_handlers(before)
    assert capsys.readouterr().err == "smiledet: interrupted\n"


def test_a_signal_while_the_models_are_loaded(start_smiledet, tmp_path):
    process = start_smiledet("run", "demo", "--realtime", "--no-show", "--record", "out.mp4")
    while "source: " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    complaints = ended(process)
    assert process.returncode == 130, complaints
    assert complaints.count("smiledet: interrupted") == 1
    assert not (tmp_path / "out.mp4").exists()


@both_signals
def test_a_signal_while_an_address_does_not_answer(start_smiledet, number):
    """OpenCV waits there for seconds, and Python's handlers with it if that were on the main thread."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = start_smiledet("run", f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4", "--no-show")
        connection, _ = server.accept()
        with connection:
            process.send_signal(number)
            assert ended(process) == "smiledet: interrupted\n"
    assert process.returncode == 130


def test_a_reader_that_goes_away_is_no_fault(start_smiledet):
    process = start_smiledet("models")
    process.stdout.close()
    process.stdout = None
    assert ended(process) == ""
    assert process.returncode == 0


# In this process.


def test_handlers_are_given_back(tmp_path):
    before = get_handlers()
    assert main(["run", "demo", "--no-show", "--max-frames", "3", "--events", str(tmp_path / "events.csv")]) == 0
    assert main(["run", str(tmp_path / "nowhere.mp4")]) == 2
    assert get_handlers() == before


@both_signals
def test_only_the_first_signal_acts(number):
    calls = []
    before = get_handlers()
    try:
        with on_signals(lambda: calls.append("outer")):
            with on_signals(lambda: calls.append("inner")):
                for each in (number, *SIGNALS):
                    signal.raise_signal(each)
            for each in SIGNALS:
                signal.raise_signal(each)
        assert calls == ["inner"]
    finally:
        set_handlers(before)


def test_unheard_the_handlers_are_given_back_one_by_one():
    before = get_handlers()
    with on_signals(interrupt):
        outer = get_handlers()
        with on_signals(interrupt):
            assert get_handlers() != outer
        assert get_handlers() == outer != before
        with pytest.raises(KeyboardInterrupt), on_signals(interrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert get_handlers() != outer
    assert get_handlers() == before


def test_ctrl_c_outside_a_run(monkeypatch, capfd):
    before = get_handlers()
    monkeypatch.setattr("smiledet.model_index.read_index", lambda *_: signal.raise_signal(signal.SIGINT))
    assert main(["models"]) == 130
    assert get_handlers() == before
    assert capfd.readouterr().err == "smiledet: interrupted\n"


# The window.


@pytest.mark.parametrize("key", ["q", "Escape"])
@pytest.mark.skipif(not shutil.which("xdotool"), reason="xdotool is not installed")
def test_a_key_ends_a_run(start_smiledet, events, count_frames, tmp_path, screen, key):
    process = start_smiledet(
        *("run", "demo", "--realtime", "--events", events.path, "--record", "out.mp4"), env={"DISPLAY": screen}
    )
    events.until_frame(15)
    search = ["search", "--sync", "--onlyvisible", "--name", "^smiledet$", "windowfocus", "--sync", "key", key]
    subprocess.run(["xdotool", *search], env={**os.environ, "DISPLAY": screen}, check=True, timeout=30)
    complaints = ended(process)
    assert process.returncode == 0, complaints
    assert "smiledet: q or Esc in the window: " in complaints
    events.rest()
    assert 0 < count_frames(tmp_path / "out.mp4") < 300


def test_without_a_screen_a_run_goes_on(run_smiledet, tmp_path):
    done = run_smiledet("run", "demo", "--max-frames", "3", env={"DISPLAY": "", "WAYLAND_DISPLAY": ""})
    assert done.returncode == 0
    assert "smiledet: no window: " in done.stderr and "going on without one" in done.stderr
