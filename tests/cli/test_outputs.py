"""What commands write, from the outside: nothing that is read is overwritten, nothing half done is left."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import smiledet
from smiledet.cli import main
from smiledet.sources.demo import scene

cv2 = pytest.importorskip("cv2")

ROOT = Path(smiledet.__file__).parents[1]
COMMAND = f"{shlex.quote(sys.executable)} -m smiledet"


def in_shell(command, folder, **environment):
    """A command line of the shell, `smiledet` in it, in a folder."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    text = command.replace("smiledet", COMMAND)
    return subprocess.run(["bash", "-c", text], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def album(tmp_path):
    """Photographs, a configuration, a labelled data set, a models folder with a network of one's own."""
    for name in ("photos/one.png", "photos/deep/two.png", "data/none/a.png", "data/some/b.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), scene(0))
    os.link(tmp_path / "photos/deep/two.png", tmp_path / "hard.png")
    (tmp_path / "soft.png").symlink_to("photos/one.png")
    (tmp_path / "mine.toml").write_text("stats = true\n")
    (tmp_path / "net.tflite").write_bytes(b"no network")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "rule.toml").write_text("[[rule]]\nwhen = 'smile'\nsave = 'photos/deep'\n")
    (tmp_path / "events.html").write_text("{}\n")
    (tmp_path / "model.toml").write_text("[task.smile]\nmodel = 'net.tflite'\n")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "run photos/one.png --no-show --report photos/one.png",
        "run photos --no-show --sheet photos/deep/two.png",
        "run photos --no-show --sheet hard.png",
        "run photos --no-show --sheet soft.png",
        "run photos/*.png --no-show --trace photos/one.png",
        "run demo --no-show --config mine.toml --report mine.toml",
        "run demo --no-show --model smile=net.tflite --trace net.tflite",
        "run demo --no-show --config model.toml --trace net.tflite",
        "run gst:filesrc\tlocation=photos/one.png --no-show --report photos/one.png",
        "run demo --no-show --events out.jsonl --report out.jsonl",
        "run demo --no-show --sheet a.png --record ./a.png",
        "run demo --no-show --store kept.json --report kept.json",
        "run demo --no-show --store kept.json --trace kept.json",
        "run demo --no-show --store empty.toml --config empty.toml",
        "run photos --no-show --on face:save=photos/faces",
        "run photos --no-show --config rule.toml",
        "run photos --no-show --serve 127.0.0.1:0 --shutter photos",
        "images photos --copy-to photos",
        "images photos --link-to ./photos/",
        "images photos --annotate photos/../photos",
        "gallery photos --store photos/one.png",
        "gallery photos --copies photos/best",
        "report events.html -o events.html",
        "images photos --output photos/one.png",
        "images photos --store photos/one.png",
        "images photos --store rows.csv --output rows.csv",
        "explain photos/one.png --output photos/one.png",
        "explain photos/one.png --output soft.png",
        "datasets folders:data --sheet data/some/b.png",
        "evaluate smile --data folders:data --report data/some",
        "train presents --data folders:data --models data/models",
        "train presents --data folders:data --output data/runs",
        "bench pipeline --clip photos/one.png --output photos/one.png",
        "bench pipeline --clip photos/one.png --trace photos/one.png",
    ],
)
def test_nothing_that_is_read_is_overwritten(album, monkeypatch, capfd, words):
    monkeypatch.chdir(album)
    before = contents(album)
    assert main(words.split(" ")) == 2
    complaint = capfd.readouterr().err
    assert len(complaint.splitlines()) == 1, complaint
    assert any(words in complaint for words in ("cannot write", "lies in", "is the folder that is read")), complaint
    assert contents(album) == before


@pytest.mark.parametrize("wrong", [["--model", "smile=huge"], ["--engine", "tensorrt"], ["--detector", "yunet=none"]])
def test_a_run_that_never_began_leaves_what_was_there(album, monkeypatch, capfd, wrong):
    monkeypatch.chdir(album)
    outputs = {"--events": "e.csv", "--record": "v.mp4", "--sheet": "s.png", "--report": "r.json", "--trace": "t.json"}
    for name in outputs.values():
        (album / name).write_text("yesterday's")
    before = contents(album)
    assert main(["run", "demo", "--no-show", *wrong, *(word for pair in outputs.items() for word in pair)]) == 2
    assert "wrote" not in capfd.readouterr().err
    assert contents(album) == before


def test_two_runs_do_not_share_an_output(start_smiledet, run_smiledet, tmp_path):
    first = start_smiledet("run", "demo", "--no-show", "--realtime", "--loop", "--events", "-", "--trace", "t.json")
    assert first.stdout.readline()  # it runs
    second = run_smiledet("run", "demo", "--no-show", "--max-frames", "2", "--trace", "t.json")
    assert (second.returncode, second.stderr) == (2, "smiledet: cannot write t.json: another run is writing it\n")
    first.send_signal(signal.SIGINT)
    first.communicate()
    assert first.returncode == 130
    assert json.loads((tmp_path / "t.json").read_text())


def test_a_killed_run_leaves_whole_rows_and_the_next_one_is_not_locked_out(start_smiledet, run_smiledet, tmp_path):
    first = start_smiledet("run", "demo", "--no-show", "--realtime", "--loop", "--events", "e.jsonl", "--report", "-")
    path = tmp_path / "e.jsonl"
    for line in first.stderr:
        if "platform" in line:
            break
    while not path.exists() or path.read_bytes().count(b"\n") < 3:
        assert first.poll() is None
    first.kill()
    first.communicate()
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert path.read_text().endswith("\n")
    second = run_smiledet("run", "demo", "--no-show", "--max-frames", "2", "--events", "e.jsonl")
    assert second.returncode == 0, second.stderr


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--events", "e.jsonl"),
        ("--events", "e.csv"),
        ("--trace", "t.json"),
        ("--sheet", "s.png"),
        ("--report", "r.json"),
    ],
)
def test_a_limit_of_files_sizes_ends_in_one_line(tmp_path, flag, name):
    limit = 0 if flag == "--report" else 4
    done = in_shell(f"ulimit -f {limit}; smiledet run demo --no-show --max-frames 100 {flag} {name}", tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"smiledet: cannot write {name}: File too large")
    left = (tmp_path / name).read_text() if (tmp_path / name).exists() else ""
    if flag == "--events":
        assert left.endswith("\n")
    elif flag != "--trace":
        assert not left
    assert f"wrote {name}" not in done.stderr


class TestClosedStreams:
    RUN = "smiledet run demo --no-show --max-frames 5 --events e.jsonl --stats"

    @pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
    def test_a_good_run_stays_good(self, tmp_path, closed):
        done = in_shell(f"{self.RUN} {closed}", tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        assert all(json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines())

    @pytest.mark.parametrize(
        ("words", "closed"),
        [
            ("models", ">&- 2>&-"),
            ("platform", ">&-"),
            ("--version", ">&-"),
            ("run --help", ">&- 2>&-"),
            ("datasets", "2>&-"),
            ("nonsense", ">&-"),
            ("nonsense", "2>&-"),
        ],
    )
    def test_other_commands(self, tmp_path, words, closed):
        done = in_shell(f"smiledet {words} {closed}", tmp_path)
        assert done.returncode == (2 if words == "nonsense" else 0), done.stderr
        assert "Traceback" not in done.stderr + done.stdout
        assert len(done.stderr.splitlines()) == (words == "nonsense" and closed == ">&-")

    @pytest.mark.parametrize("flag", ["--events", "--report"])
    def test_what_is_asked_for_there_needs_one(self, tmp_path, flag):
        done = in_shell(f"smiledet run demo --no-show --max-frames 5 {flag} - >&-", tmp_path)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == "smiledet: cannot write to standard output: it is closed"

    def test_a_full_standard_output(self, tmp_path):
        done = in_shell("smiledet run demo --no-show --max-frames 5 --events - >/dev/full", tmp_path)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("smiledet: cannot write -: No space left on device")


@pytest.mark.parametrize("command", ["--events >(cat > out)", "--events /dev/stdout > out", "--report >(cat > out)"])
def test_pipes_and_standard_streams_take_what_is_written(tmp_path, command):
    done = in_shell(f"smiledet -q run demo --no-show --max-frames 5 {command}; wait", tmp_path)
    assert done.returncode == 0, done.stderr
    for _ in range(1000):
        if (tmp_path / "out").exists() and (tmp_path / "out").read_text().endswith("\n"):
            break
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert lines and all("frame" in line or "frames" in line for line in lines)


@pytest.mark.parametrize("flag", ["--record", "--events", "--report", "--trace"])
def test_a_pipe_that_nobody_reads_is_refused_at_once(tmp_path, monkeypatch, capfd, flag):
    monkeypatch.chdir(tmp_path)
    name = {"--record": "v.mp4", "--events": "e.jsonl"}.get(flag, "r.json")
    os.mkfifo(tmp_path / name)
    assert main(["run", "demo", "--no-show", "--max-frames", "3", flag, name]) == 2
    assert capfd.readouterr().err.splitlines()[-1].startswith(f"smiledet: cannot write {name}: ")


def test_what_is_open_for_reading_alone_is_refused_at_once(tmp_path):
    done = in_shell("smiledet run demo --no-show --events /dev/fd/9 9< /etc/hostname", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "smiledet: cannot write /dev/fd/9: it is open for reading alone\n"


def test_what_the_system_refuses_is_one_line(monkeypatch, capfd, caplog):
    def refuse(_):
        raise PermissionError(13, "Permission denied", "/root/x\ny")

    monkeypatch.setattr("smiledet.cli.platform.run", refuse)
    assert main(["platform"]) == 1
    assert capfd.readouterr().err == "smiledet: cannot use /root/x y: Permission denied\n"
    assert main(["platform", "-v"]) == 1
    assert any(record.exc_info for record in caplog.records)  # the traceback, for who wants it


def test_without_a_folder_for_temporary_files_it_runs_all_the_same(tmp_path):
    """With files of no size at all, there is none."""
    done = in_shell("ulimit -f 0; smiledet run demo --no-show --max-frames 5 --events -", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])


def test_what_needs_a_folder_for_temporary_files_says_so_in_one_line(monkeypatch, capfd):
    def refuse(_):
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")  # as tempfile says it

    monkeypatch.setattr("smiledet.cli.platform.run", refuse)
    assert main(["platform"]) == 1
    said = "smiledet: No usable temporary directory found in ['/tmp']: let TMPDIR name a folder that can be written\n"
    assert capfd.readouterr().err == said


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_odd_file_names_are_read_written_and_printed_in_any_locale(tmp_path, locale):
    names = [b"caf\xe9.png", "\u00e9t\u00e9.png".encode(), b"two\nlines.png", b"\x1b[31mred\x07.png"]
    (tmp_path / "photos").mkdir()
    for name in names:
        (tmp_path / "photos" / os.fsdecode(name)).write_bytes(cv2.imencode(".png", scene(0))[1].tobytes())
    done = in_shell(
        "smiledet run photos --no-show --events rows.jsonl --report $'r\\xff.json' --stats", tmp_path, **locale
    )
    assert done.returncode == 0, done.stderr
    files = {json.loads(line)["file"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()}
    assert files == {
        f"photos/{name}" for name in ("caf\\xe9.png", "\u00e9t\u00e9.png", "two\nlines.png", "\x1b[31mred\x07.png")
    }
    assert Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff.json")).exists()
    done = in_shell(
        "smiledet images photos --no-store; smiledet run $'photos/nope\\n\\x1b[31m\\xff.png'", tmp_path, **locale
    )
    assert done.returncode == 2
    assert "caf\\xe9.png" in done.stdout and "two\\nlines.png" in done.stdout
    assert all(each.isprintable() or each == "\n" for each in done.stdout + done.stderr)
    assert done.stderr.splitlines()[-1].startswith("smiledet: there is no 'photos/nope")


def test_a_copy_that_does_not_fit_is_not_there(tmp_path):
    program = (
        "import resource; from pathlib import Path\n"
        "from smiledet.errors import SmiledetError\n"
        "from smiledet.photographs.copies import write_copy\n"
        "from smiledet.sources.demo import scene\n"
        "image = scene(0); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_copy(image, Path('copies/one.png'))\n"
        "except SmiledetError as problem: print(problem, problem.exit_code)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "cannot write copies/one.png: File too large 1\n", done.stderr
    assert list((tmp_path / "copies").iterdir()) == []


def test_what_does_not_fit_ends_in_one_line_and_leaves_no_half_of_a_file(album):
    """By a limit of the size of files, in kilobytes."""
    cv2.imwrite(str(album / "photos/one.png"), np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8))
    commands = {
        "images photos --no-store --copy-to copies": 500,
        "images photos --no-store --annotate drawn": 500,
        "demo-photos samples": 20,
        "images photos --store kept/a.sqlite": 0,
        "images photos --store kept/b.sqlite": 40,
        "images photos --store kept/c.sqlite": 100,
    }
    program = (
        "import resource, sys; from smiledet.cli import main\n"
        "for words, kilobytes in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1000 * int(kilobytes), -1))\n"
        "    print(words, main(words.split()), flush=True)\n"
    )
    before = contents(album)
    words = [str(word) for pair in commands.items() for word in pair]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=album, env=env, capture_output=True, text=True)
    codes = {line[:-2]: line[-1] for line in done.stdout.splitlines() if line[:-2] in commands}
    assert codes == dict.fromkeys(commands, "1"), done.stderr
    said = [line for line in done.stderr.splitlines() if "cannot" in line or "the store" in line]
    assert len(said) == len(commands) and "rollback" not in done.stderr, said
    left = {name: data for name, data in contents(album).items() if not name.startswith(("kept/", "samples/C"))}
    copies = {name for name in left if name.endswith("deep/two.png")}  # which may have come first, and fits
    assert {name: data for name, data in left.items() if name in before or name not in copies} == before


def test_a_clip_on_standard_input_is_read_too(tmp_path, write_scenes):
    clip = write_scenes(tmp_path / "clip.avi", 4)
    before = clip.read_bytes()
    done = in_shell("smiledet run - --no-show --report clip.avi < clip.avi", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("smiledet: cannot write clip.avi: it is ")
    assert clip.read_bytes() == before


@pytest.mark.parametrize(("flags", "said"), [([], ""), (["-v"], "smiledet: ")])
def test_warnings_of_other_packages_are_not_shown_unless_asked_for(tmp_path, flags, said):
    program = (
        "import sys, warnings; import smiledet.cli.platform as platform; from smiledet.cli import main\n"
        "platform.run = lambda _: warnings.warn('http://me:s3cret@host is slow') or 0\n"
        "sys.exit(main())\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, *flags, "platform"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "s3cret" in done.stderr) == (0, False)
    assert done.stderr.startswith(said) and ("http://host is slow" in done.stderr) == bool(said)
    assert len(done.stderr.splitlines()) == len(flags)
