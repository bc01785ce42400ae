"""Outputs appear when they are valid, have one writer, and overwrite nothing that is read."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import smiledet.system.output_files as module
from smiledet.errors import OutputError, SmiledetError
from smiledet.system.output_checks import check_folder, check_outputs
from smiledet.system.output_files import (
    OutputFile,
    check_suffix,
    check_writable,
    free_path,
    is_without_room,
    partial_of,
    write_file,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux' devices")


@pytest.fixture
def old(tmp_path):
    """A file that is there already."""
    path = tmp_path / "out.txt"
    path.write_text("old")
    return path


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True), (errno.EACCES, False)]
)
def test_which_errors_are_those_of_a_full_disk(number, expected):
    system = OSError(number, os.strerror(number))
    ours = SmiledetError("cannot write")
    ours.__cause__ = system
    assert [is_without_room(each) for each in (system, ours)] == [expected, expected]
    assert [is_without_room(each) for each in (None, SmiledetError("other"), ValueError())] == [False] * 3


@linux
def test_an_open_file_must_be_open_for_writing(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    for mode, allowed in ((os.O_RDONLY, False), (os.O_WRONLY, True), (os.O_RDWR, True)):
        descriptor = os.open(path, mode)
        try:
            if allowed:
                check_writable(Path(f"/dev/fd/{descriptor}"))
            else:
                with pytest.raises(OutputError, match="open for reading alone"):
                    check_writable(Path(f"/dev/fd/{descriptor}"))
        finally:
            os.close(descriptor)
    with pytest.raises(OutputError, match="Bad file descriptor"):
        check_writable(Path(f"/dev/fd/{descriptor}"))


class TestTakingTheName:
    def test_it_appears_when_it_is_valid_and_grows_from_then_on(self, old):
        with OutputFile(old) as output:
            output.write(b"one\n")
            assert (old.read_text(), output.wrote) == ("old", None)
            output.take_name()
            assert old.read_text() == "one\n"
            output.write(b"two\n")
            assert old.read_text() == "one\ntwo\n"
            assert output.wrote == old
        assert [each.name for each in old.parent.iterdir()] == ["out.txt"]

    def test_what_was_not_given_its_name_is_discarded(self, old):
        with pytest.raises(KeyError), OutputFile(old) as output:
            output.write(b"half")
            raise KeyError
        assert (old.read_text(), output.wrote) == ("old", None)
        assert [each.name for each in old.parent.iterdir()] == ["out.txt"]

    @pytest.mark.parametrize("links", [True, False])
    def test_a_new_one_takes_nobodys_place_not_even_of_one_that_comes_meanwhile(self, tmp_path, monkeypatch, links):
        if not links:  # as on a memory card's file system
            monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "not permitted")))
        path = tmp_path / "out.txt"
        with OutputFile(path, new=True) as output:
            output.write(b"new")
            path.write_text("somebody else's")
            with pytest.raises(SmiledetError, match="File exists"):
                output.take_name()
        assert path.read_text() == "somebody else's"
        with pytest.raises(OutputError, match="File exists"):
            write_file(path, b"newer", new=True)
        write_file(free_path(path), b"second", new=True)
        write_file(free_path(path), b"third", new=True)
        read = {each.name: each.read_text() for each in tmp_path.iterdir()}
        assert read == {"out.txt": "somebody else's", "out-2.txt": "second", "out-3.txt": "third"}

    def test_what_a_killed_process_left_is_overwritten(self, old):
        partial_of(old).write_text("longer than what comes")
        write_file(old, b"new")
        assert old.read_text() == "new"

    def test_a_link_stays_and_other_names_keep_what_they_had(self, old):
        link, other = old.with_name("link.txt"), old.with_name("other.txt")
        link.symlink_to(old.name)
        os.link(old, other)
        write_file(link, b"new")
        assert link.is_symlink()
        assert (old.read_text(), other.read_text()) == ("new", "old")

    def test_modes(self, old, tmp_path):
        old.chmod(0o640)
        write_file(old, b"new")
        assert stat.S_IMODE(old.stat().st_mode) == 0o640
        for path in (old, tmp_path / "fresh.txt"):
            write_file(path, b"new", private=True)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_what_is_private_is_so_before_it_has_its_name(self, old):
        """Also where a killed process has left a partial file that others may read."""
        partial = partial_of(old)
        partial.write_text("left")
        partial.chmod(0o644)
        with OutputFile(old, private=True) as output:
            assert stat.S_IMODE(partial.stat().st_mode) == 0o600
            output.write(b"new")
            output.take_name()
        assert old.read_text() == "new"

    def test_it_may_be_written_anywhere_and_cut(self, old):
        with OutputFile(old) as output:
            output.write(b"0123456789")
            output.write(b"ab", at=3)
            output.cut(20)  # nothing stands behind that
            output.write(b"XY", at=12)
            output.cut(13)
            output.take_name()
            output.take_name()
            assert (old.read_bytes(), output.seekable) == (b"012ab56789\0\0X", True)
        with pytest.raises(SmiledetError, match="is not open"):
            output.write(b"more")

    def test_no_descriptor_is_left_whatever_is_refused(self, old, tmp_path):
        def count():
            return len(list(Path("/proc/self/fd").iterdir()))

        before = count()
        with OutputFile(old) as first:
            for _ in range(3):
                with pytest.raises(OutputError, match="another run"):
                    OutputFile(old).open()
            first.take_name()
            for _ in range(3):
                with pytest.raises(OutputError, match="another run"):
                    OutputFile(old).open()
            assert not partial_of(old).exists()
            assert count() == before + 1
        for path in (tmp_path, tmp_path / "no" / "folder.txt"):
            with pytest.raises(OutputError, match="cannot write"):
                OutputFile(path).open()
        check_writable(old)
        assert count() == before

    @pytest.mark.parametrize("private", [False, True])
    def test_a_file_that_is_a_mount_is_written_in_place(self, old, monkeypatch, private):
        monkeypatch.setattr(module.os.path, "ismount", lambda _: True)
        number = old.stat().st_ino
        with OutputFile(old, private) as output:
            assert old.read_text() == "old"
            output.write(b"a")
            output.write(b"b")
            output.take_name()
            assert output.wrote == old
        assert (old.read_text(), old.stat().st_ino) == ("ab", number)
        assert stat.S_IMODE(old.stat().st_mode) & 0o077 == (0 if private else 0o044)

    def test_a_name_as_long_as_names_may_be(self, tmp_path):
        path = tmp_path / ("x" * 251 + ".txt")
        write_file(path, b"new")
        assert path.read_text() == "new"

    def test_what_does_not_fit_is_cut_back_to_what_was_whole(self, tmp_path):
        program = (
            "import resource, sys\n"
            "from smiledet.errors import SmiledetError\n"
            "from smiledet.system.output_files import OutputFile\n"
            "from pathlib import Path\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
            "with OutputFile(Path('out.txt')) as output:\n"
            "    output.write(b'12345678'); output.take_name()\n"
            "    try: output.write(b'12345678')\n"
            "    except SmiledetError as problem: print(problem, problem.exit_code)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.stdout == "cannot write out.txt: File too large 1\n", done.stderr
        assert (tmp_path / "out.txt").read_text() == "12345678"


class TestOneWriter:
    def test_the_second_is_refused_before_and_after_it_has_its_name(self, old):
        with OutputFile(old) as output:
            for _ in range(2):
                with pytest.raises(OutputError, match="another run is writing it"):
                    OutputFile(old).open()
                output.write(b"one")
                output.take_name()
            output.write(b" two")
        assert old.read_text() == "oneone two"
        assert [each.name for each in old.parent.iterdir()] == ["out.txt"]
        write_file(old, b"free again")

    def test_another_process_is_refused_until_this_one_is_killed(self, tmp_path):
        program = (
            "import sys; from pathlib import Path\n"
            "from smiledet.system.output_files import OutputFile\n"
            "output = OutputFile(Path('out.txt')); output.open(); output.write(b'row\\n'); output.take_name()\n"
            "print('open', flush=True); sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout.readline() == b"open\n"
            with pytest.raises(OutputError, match="another run is writing it"):
                check_writable(tmp_path / "out.txt")
            other.send_signal(signal.SIGKILL)
        assert (tmp_path / "out.txt").read_text() == "row\n"
        write_file(tmp_path / "out.txt", b"new")
        assert (tmp_path / "out.txt").read_text() == "new"

    def test_of_many_at_once_one_wins(self, tmp_path):
        start, won, lost = threading.Barrier(8), [], []

        def write(number):
            output = OutputFile(tmp_path / "out.txt")
            start.wait()
            try:
                output.open()
            except OutputError:
                lost.append(number)
                start.wait()
                return
            start.wait()
            output.write(b"x" * 1000)
            output.take_name()
            output.close()
            won.append(number)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 7)
        assert (tmp_path / "out.txt").stat().st_size == 1000


class TestStreams:
    def test_a_pipe_that_nobody_reads_is_refused_at_once(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.txt")
        with pytest.raises(OutputError, match="nobody reads this pipe"):
            OutputFile(tmp_path / "pipe.txt").open()

    def test_a_pipe_is_written(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        check_suffix(tmp_path / "pipe", (".jsonl",))
        with OutputFile(tmp_path / "pipe") as output:
            output.write(b"row")
            output.take_name()
            assert os.read(reader, 10) == b"row"
        os.close(reader)
        assert output.wrote == tmp_path / "pipe"

    @linux
    def test_an_open_file_by_its_number(self, tmp_path):
        with (tmp_path / "out").open("wb") as file:
            write_file(Path(f"/dev/fd/{file.fileno()}"), b"row")
            file.write(b" and more")
        assert (tmp_path / "out").read_bytes() == b"row and more"

    @linux
    def test_devices(self):
        write_file(Path("/dev/null"), b"row")
        with pytest.raises(SmiledetError, match="cannot write /dev/full: No space left on device"):
            write_file(Path("/dev/full"), b"row")


class TestWhatIsRead:
    """`check_outputs`: by the files, not by their names."""

    @pytest.fixture
    def files(self, tmp_path):
        (tmp_path / "photos" / "deep").mkdir(parents=True)
        for name in ("clip.mp4", "photos/one.png", "photos/deep/two.png"):
            (tmp_path / name).write_bytes(b"x")
        os.link(tmp_path / "clip.mp4", tmp_path / "hard.mp4")
        (tmp_path / "soft.mp4").symlink_to("clip.mp4")
        os.link(tmp_path / "photos/deep/two.png", tmp_path / "hard.png")
        (tmp_path / "photos/three.png").symlink_to("../four.png")
        (tmp_path / "four.png").write_bytes(b"x")
        (tmp_path / "clips").symlink_to("photos")
        return tmp_path

    @pytest.mark.parametrize(
        ("output", "read"),
        [
            ("clip.mp4", "clip.mp4"),
            ("hard.mp4", "clip.mp4"),
            ("soft.mp4", "clip.mp4"),
            ("clip.mp4", "soft.mp4"),
            ("photos/../clip.mp4", "clip.mp4"),
            ("photos/one.png", "photos"),
            ("photos/deep/two.png", "photos"),
            ("hard.png", "photos"),
            ("four.png", "photos"),
            ("photos/one.png", "photos/*.png"),
            ("hard.png", "**/two.png"),
            ("clips/one.png", "photos"),
            ("photos/one.png", "clips"),
        ],
    )
    def test_an_input_is_no_output(self, files, monkeypatch, output, read):
        monkeypatch.chdir(files)
        with pytest.raises(OutputError, match=f"cannot write {output}: it is "):
            check_outputs({"--report": output}, ["rtsp://host/x", None, "nowhere", read])

    def test_what_is_written_meanwhile_is_no_input_either(self, tmp_path):
        (tmp_path / "clip.partial.mp4").write_bytes(b"x")
        with pytest.raises(OutputError, match=r"it is .*clip\.partial\.mp4|it is the file to read"):
            check_outputs({"--record": tmp_path / "clip.mp4"}, [tmp_path / "clip.partial.mp4"])

    @pytest.mark.parametrize(
        ("one", "two"), [("a.json", "a.json"), ("a.json", "./a.json"), ("hard.mp4", "clip.mp4"), ("new", "link")]
    )
    def test_two_outputs_are_two_files(self, files, monkeypatch, one, two):
        monkeypatch.chdir(files)
        (files / "link").symlink_to("new")
        with pytest.raises(OutputError, match="--events and --report are one file"):
            check_outputs({"--events": one, "--report": two, "--sheet": None}, [])

    def test_others_are_not_in_the_way(self, files, monkeypatch):
        monkeypatch.chdir(files)
        before = sorted(files.rglob("*"))
        check_outputs({"--events": "new.jsonl", "--report": "photos/new.png", "--sheet": "-"}, ["clip.mp4", "photos"])
        check_outputs({"--events": "/dev/null", "--report": "/dev/null"}, ["/dev/null"])
        assert sorted(files.rglob("*")) == before

    def test_a_folder_of_outputs_lies_in_none_that_is_read(self, files):
        for folder in ("photos", "photos/new", "clips/new/newer"):
            with pytest.raises(OutputError, match="it lies in"):
                check_folder("--report", files / folder, [files / "photos"])
        check_folder("--report", files / "photos-report", [files / "photos", files / "clip.mp4"])
