"""What the documentation tells people to type is accepted: command lines, systemd's unit, Dockerfiles."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import smiledet
from smiledet.cli import build_parser, command_names

ROOT = Path(smiledet.__file__).parents[1]
UNIT = ROOT / "configs" / "smiledet.service"
DOCKERFILES = sorted((ROOT / "docs" / "docker").glob("*.Dockerfile"))
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", *DOCKERFILES, *sorted((ROOT / "configs").glob("*"))]
PAGES = [page for page in PAGES if page.is_file()]

PROGRAM = re.compile(r"(?:^|[\s`('])(?:\S*/bin/)?smiledet\s+(?=(?:" + "|".join(command_names()) + r")\b)(.*)")
"""The program's name, with or without its folder, before a command of its own, and what follows it."""


def quoted_commands(text: str) -> list[list[str]]:
    """The words after `smiledet` of every command line in a text: in a block, between backticks, or in a Dockerfile.

    A command's bare name between backticks only speaks of it, and `--help` would end the test.
    """
    lines = [line for line in text.splitlines() if line.startswith(("    ", "#   "))]
    blocks = [re.sub(r"(?<=\S)\s+#\s.*", "", line) for line in lines]
    spans = [span for span in re.findall(r"`([^`\n]+)`", text) if len(span.split()) > 2 and "--help" not in span]
    typed = [match[1] for span in [*blocks, *spans] if (match := PROGRAM.search(span))]
    started = [json.loads(line) for line in re.findall(r"^CMD (\[.*\])", text, re.MULTILINE)]
    return [shlex.split(re.sub(r"[;&|].*|…", "", line)) for line in typed] + started


COMMANDS = [
    pytest.param(words, id=f"{page.name}: {' '.join(words)}")
    for page in PAGES
    for words in quoted_commands(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_line_is_accepted(words):
    parsed = build_parser(words[0]).parse_args(words)
    assert parsed.command == words[0]


def test_the_command_lines_are_found():
    """Or nothing would be tested above."""
    text = "    smiledet run 0 --stats   # a camera\nSay `.venv/bin/smiledet platform --json`, not smiledet itself.\n"
    assert quoted_commands(text) == [["run", "0", "--stats"], ["platform", "--json"]]
    assert quoted_commands('CMD ["run", "demo"]\n') == [["run", "demo"]]
    assert len(COMMANDS) > 40
    pages = {param.id.partition(":")[0] for param in COMMANDS}
    assert {"jetson.md", "gpu.md", "README.md", "desktop.Dockerfile", "jetpack4.Dockerfile"} <= pages


class TestUnit:
    @pytest.fixture
    def unit(self):
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str
        parser.read_string(re.sub(r"^Environment=(\w+)=", r"Environment_\1=", UNIT.read_text(), flags=re.MULTILINE))
        return parser

    def run(self, unit, folder, **settings):
        """Its command with `--dry-run`, as systemd would start it, outputs and program in other places."""
        shell, option, script = shlex.split(unit["Service"]["ExecStart"])
        assert (shell, option) == ("/bin/sh", "-c")
        script = script.replace("$$", "$").replace("%%", "%").replace("/var/lib/smiledet", str(folder))
        script = script.replace("/opt/smiledet/venv/bin/smiledet", f"{sys.executable} -m smiledet") + " --dry-run"
        variables = {
            name.partition("_")[2]: value for name, value in unit["Service"].items() if name.startswith("Environment_")
        }
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables, **settings}
        return subprocess.run([shell, option, script], env=environment, capture_output=True, text=True, timeout=60)

    def test_its_command_is_accepted(self, unit, tmp_path):
        done = self.run(unit, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "/dev/video0" in done.stdout

    def test_settings_of_the_board_reach_it(self, unit, tmp_path):
        done = self.run(unit, tmp_path, SMILEDET_SOURCE="csi://0", SMILEDET_OPTIONS="--tasks age --stats")
        assert done.returncode == 0, done.stderr
        assert "nvarguscamerasrc" in done.stdout and "age model" in done.stdout
        assert self.run(unit, tmp_path, SMILEDET_OPTIONS="--colour red").returncode == 2

    def test_it_runs_as_a_user_of_its_own_that_may_use_a_camera(self, unit):
        service = unit["Service"]
        assert service["User"] != "root" and "video" in service["SupplementaryGroups"].split()
        assert service["Restart"] == "always" and service["SuccessExitStatus"] == "130"
        assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "strict")
        assert unit["Install"]["WantedBy"] == "multi-user.target"

    def test_plans_go_where_it_may_write(self, unit):
        service = unit["Service"]
        assert f"{service['Environment_XDG_CACHE_HOME']}/smiledet" == f"/var/cache/{service['CacheDirectory']}"
        assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
    def test_systemd_finds_no_fault(self):
        done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, timeout=60)
        assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.name in line]) == (0, [])


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_a_dockerfile_copies_is_there(dockerfile):
    text = dockerfile.read_text()
    names = [name for line in re.findall(r"^COPY (.*)", text, re.MULTILINE) for name in line.split()[:-1]]
    assert {"pyproject.toml", "requirements.lock", "smiledet", "models", "configs"} <= set(names)
    assert [name for name in names if not (ROOT / name).exists()] == []
    assert f"--file docs/docker/{dockerfile.name}" in text


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix == ".md"], ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert gone == []
