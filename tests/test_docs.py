"""What the documentation tells people to type is accepted: command lines, systemd's unit, Dockerfiles."""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise, takewhile
from pathlib import Path
from types import SimpleNamespace

import pytest
from page_blocks import blocks

import smiledet
from smiledet.cli import build_parser, command_names
from smiledet.model_index import read_index
from smiledet.scope import own_scope

ROOT = Path(smiledet.__file__).parents[1]
README = ROOT / "README.md"
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
    fenced = [line for block in blocks(text) if block.kind == "bash" for line in block.text.splitlines()]
    lines = [*fenced, *(line for line in text.splitlines() if line.startswith(("    ", "#   ")))]
    typed = [re.sub(r"(?<=\S)\s+#\s.*", "", line) for line in lines]
    spans = [span for span in re.findall(r"`([^`\n]+)`", text) if len(span.split()) > 2 and "--help" not in span]
    words = [match[1] for span in [*typed, *spans] if (match := PROGRAM.search(span))]
    started = [json.loads(line) for line in re.findall(r"^CMD (\[.*\])", text, re.MULTILINE)]
    return [first_command(line.replace("…", "")) for line in words] + started


def first_command(line: str) -> list[str]:
    """The words of a line of a shell up to an operator; what is quoted is no operator.

    >>> first_command("run 'a&b' --no-show | head -n 1")
    ['run', 'a&b', '--no-show']
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.commenters, lexer.whitespace_split = "", True
    return list(takewhile(lambda word: not set(word) <= set(";&|"), lexer))


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


def test_every_test_that_the_page_of_faults_names_is_there():
    tests = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    rows = [line for line in (ROOT / "docs" / "reliability.md").read_text().splitlines() if line.startswith("| ")]
    names = [name for row in rows[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[-2])]
    assert len(names) > 60
    for name in names:
        file, *inside = name.split("::") if name.endswith(".py") or "::" in name else ("", name)
        assert any(path.endswith(file) for path in tests) or (ROOT / file).is_file() or file.startswith("make "), name
        for each in inside:
            defined = re.compile(rf"(?:def|class) {each}\b")
            assert each.startswith("make ") or any(map(defined.search, tests.values())), name


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


RUN = [
    pytest.param(block, id=f"{page.name}: {block.kind} {number}")
    for page in PAGES
    if page.suffix == ".md" and page.name != "own-models.md"  # which has a test of its own, with files
    for number, block in enumerate(blocks(page.read_text(encoding="utf-8")))
    if block.kind in ("bash", "python") and not block.reason and block.needs in ("", "pandas")
]


@pytest.fixture(scope="module")
def users_files(tmp_path_factory):
    """What the pages' examples read: a portrait, a folder of photographs and a clip."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "photos").mkdir()
    for place in (folder, folder / "photos"):
        shutil.copy(ROOT / "smiledet" / "sources" / "portraits" / "hopper.jpg", place / "portrait.jpg")
    words = ["run", "demo", "--no-show", "--record", "clip.mp4", "--max-frames", "40"]
    subprocess.run([sys.executable, "-m", "smiledet", *words], cwd=folder, env=environment(), check=True, timeout=120)
    return folder


def environment() -> dict[str, str]:
    """A user's, where `smiledet` and `python` are this checkout's."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}


@pytest.mark.parametrize("block", RUN)
def test_a_block_runs_as_printed(block, users_files, tmp_path, call_smiledet):
    """In this process, in a folder with a user's files; `make test-wheel` runs them as a user does."""
    if block.needs:
        pytest.importorskip(block.needs)
    shutil.copytree(users_files, tmp_path, dirs_exist_ok=True)
    if block.kind == "python":
        with own_scope():
            exec(compile(block.text, "example", "exec"), {"__name__": "__main__"})
        return
    for line in filter(None, (shlex.split(line, comments=True) for line in block.text.splitlines())):
        assert line[0] == "smiledet"
        done = call_smiledet(*line[1:])
        assert done.returncode == 0, done.stderr


def test_the_blocks_are_found():
    """Or nothing would be tested above."""
    text = "<!-- not run in the tests: no camera -->\n```bash\nsmiledet run 0\n```\n"
    text += "\n<!-- a remark -->\n```python\nprint()\n```\n"
    assert [(each.kind, each.text, each.reason) for each in blocks(text)] == [
        ("bash", "smiledet run 0\n", "no camera"),
        ("python", "print()\n", ""),
    ]
    assert len(PRINTED) == 3
    assert {param.id.partition(":")[0] for param in RUN} >= {"README.md", "quickstart.md", "python.md"}


PRINTED = [
    pytest.param(first.text, second.text, id=first.text.split("\n")[0])
    for first, second in pairwise(blocks(README.read_text(encoding="utf-8")))
    if (first.kind, second.kind) == ("bash", "text")
]


@pytest.mark.parametrize(("typed", "printed"), PRINTED)
def test_what_the_readme_prints_is_printed(typed, printed, users_files, tmp_path, call_smiledet):
    """Figures may differ a little between machines."""
    shutil.copytree(users_files, tmp_path, dirs_exist_ok=True)
    done = call_smiledet(*shlex.split(typed)[1:])
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).splitlines()
    for line in printed.splitlines():
        while said and not about(line, said[0]):
            said.pop(0)
        assert said, f"not printed, or not in this order: {line}"
        said.pop(0)


def about(one: str, other: str) -> bool:
    """Whether two lines say the same, shares within 3 hundredths and other figures exactly."""
    share = re.compile(r"(\d+) %|(\d\.\d+)")
    figures = [[float(percent or 100 * float(part)) for percent, part in share.findall(line)] for line in (one, other)]
    return share.sub("", one).split() == share.sub("", other).split() and figures[0] == pytest.approx(figures[1], abs=3)


def test_lines_are_compared():
    assert about("a.jpg  1  not smiling 92 %", "a.jpg  1  not smiling 94 %")
    assert not about("a.jpg  1  not smiling 92 %", "a.jpg  1  not smiling 87 %")
    assert not about("a.jpg  1", "a.jpg  2")


def test_what_the_readme_says_python_prints(users_files, tmp_path, monkeypatch, capsys):
    text = README.read_text(encoding="utf-8")
    block = next(each for each in blocks(text) if each.kind == "python")
    shutil.copytree(users_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    with own_scope():
        exec(compile(block.text, "example", "exec"), {"__name__": "__main__"})
    (said,) = re.findall(r"The first line printed is `([^`]+)`", text)
    assert about(said, capsys.readouterr().out.splitlines()[0])


def test_the_table_of_lines_needed_is_counted():
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    header, _, *rows = re.findall(r"^\| (.*) \|$", page, re.MULTILINE)
    packages = [cell.strip() for cell in header.split("|")][1:]
    counted = {tuple(block.heading.split(": ")): block.lines for block in blocks(page)}
    for row in rows:
        job, *lines = [cell.strip() for cell in row.split("|")]
        assert [int(each) for each in lines] == [counted.pop((job, package)) for package in packages]
    assert counted == {}


def test_the_readme_is_short():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 220
    assert text.index("make demo") < 1000 and text.index("make test") < 1200
    assert (ROOT / "docs" / "images" / "demo.gif").stat().st_size < 2_000_000


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "install.md"], ids=lambda path: path.name)
def test_every_extra_is_told(page):
    rows = re.findall(r"^\| (`.+?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = project.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = set(re.findall(r"^(\w+) = \[", table, re.MULTILINE))
    assert len(extras) > 15 and extras <= told


def test_the_readmes_comparison_is_what_was_measured():
    section = README.read_text(encoding="utf-8").partition("## How good")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .* \| (\d+) \| ([\d.]+) \| (\d+) \((\d+)\) \|$", section, re.MULTILINE)
    one, table = (
        json.loads((ROOT / "docs" / "benchmarks" / f"{name}.json").read_text())["peers"][0]["peers"]
        for name in ("peers", "peers-dinner")
    )
    assert len(rows) == len(one) == len(table)
    for (fps, cpu, table_fps, found), single, several in zip(rows, one, table, strict=True):
        assert (int(fps), int(table_fps)) == (round(single["fps"]), round(several["fps"]))
        assert float(cpu) == pytest.approx(single["cpu_ms"], rel=0.03) and int(found) == several["found"]


def test_a_card_names_the_files_that_ship():
    told = re.compile(r"^- `([\w./-]+)` \(.*\), sha256 `([0-9a-f]{64})`$", re.MULTILINE)
    for model in read_index():
        named = dict(told.findall((model.folder / model.card).read_text(encoding="utf-8")))
        assert named.items() <= {file.path: file.sha256 for file in model.files.values()}.items(), model.card
        assert named or not model.labels, model.card


def test_the_readmes_models_are_the_indexs():
    rows = re.findall(
        r"^\| (\w+)/([\w-]+)( \(default\))? \| ([\d.]+)", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    classifiers = [model for model in read_index() if model.labels]
    listed = set()
    for task, name, default, figure in rows:
        model = next(model for model in classifiers if (model.task, model.name) == (task, name))
        listed.add(model.files["keras"])
        assert bool(default) == model.default
        expected = model.figures.get("mean_error") or 100 * model.figures["accuracy"]
        assert float(figure) == pytest.approx(expected, abs=0.006)
    assert listed == {model.files["keras"] for model in classifiers}, "every network has a row, not each of its heads"


def test_the_notebook_runs():
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(ROOT / "docs" / "first-look.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(env=environment())
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert any("smiling" in output.get("data", {}).get("text/plain", "") for output in shown)


def loaded_from_elsewhere(site):
    """What a browser would load from other machines to show the pages."""
    found = []
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        tags = re.findall(
            r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=[\"']?((?:https?:)?//[^\"' >]*)", text
        )
        tags += [
            address
            for tag in re.findall(r"<link\b[^>]*>", text)
            if re.search(r"rel=[\"']?(stylesheet|preload|preconnect|icon|modulepreload)", tag)
            for address in re.findall(r"href=[\"']?((?:https?:)?//[^\"' >]*)", tag)
        ]
        tags += re.findall(r"class=[\"']?mermaid\b", text)  # the theme would fetch what draws them
        found += [(page.name, tag) for tag in tags]
    for sheet in site.rglob("*.css"):
        loads = re.findall(r"(?:url\(|@import )[\"']?((?:https?:)?//[^\"')]*)", sheet.read_text(encoding="utf-8"))
        found += [(sheet.name, address) for address in loads]
    return found


class TestSite:
    def build(self, folder, root=ROOT):
        pytest.importorskip("material")
        pytest.importorskip("mkdocstrings")
        command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
        command += ["--config-file", str(root / "docs" / "site" / "mkdocs.yml"), "--site-dir", str(folder)]
        quiet = {**environment(), "NO_MKDOCS_2_WARNING": "1"}
        return subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=300, check=False)

    def test_it_is_built_without_a_warning(self, tmp_path):
        done = self.build(tmp_path)
        assert done.returncode == 0, done.stderr
        speed = (tmp_path / "benchmarks.html").read_text(encoding="utf-8")
        assert speed.count("<table>") > 3 and "<!-- benchmark" not in speed
        assert "smile/mobilenet-100" in (tmp_path / "accuracy.html").read_text(encoding="utf-8")
        assert "smiledet.FaceReader" in (tmp_path / "reference.html").read_text(encoding="utf-8")
        assert (tmp_path / "repository" / "models" / "smile" / "mini-xception.html").is_file()
        assert loaded_from_elsewhere(tmp_path) == []

    def test_dead_links_fail(self, tmp_path):
        root = tmp_path / "checkout"
        shutil.copytree(ROOT / "docs", root / "docs")
        copied = ("smiledet", "scripts", "models", "configs", "tests")
        for name in (*copied, "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"):
            (root / name).symlink_to(ROOT / name)
        planted = {
            root / "README.md": (README, "[a](docs/nowhere.md)"),
            root / "docs" / "faq.md": (ROOT / "docs" / "faq.md", "[a](nowhere-else.md) and [b](columns.md#no-heading)"),
        }
        for page, (original, links) in planted.items():
            page.write_text(original.read_text(encoding="utf-8") + f"\n{links}\n", encoding="utf-8")
        done = self.build(tmp_path / "site", root)
        assert done.returncode != 0
        for link in ("docs/nowhere.md", "nowhere-else.md", "#no-heading"):
            assert link in done.stderr

    def test_missing_figures_fail(self):
        exceptions = pytest.importorskip("mkdocs.exceptions")
        hooks = runpy.run_path(str(ROOT / "docs" / "site" / "hooks.py"))
        page = SimpleNamespace(file=SimpleNamespace(src_uri="benchmarks.md"))
        assert "|" in hooks["on_page_markdown"]("<!-- benchmark: peers.json -->", page)
        with pytest.raises(exceptions.PluginError, match=r"benchmarks\.md: .*none\.json.* names no file"):
            hooks["on_page_markdown"]("<!-- benchmark: none.json -->", page)


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix == ".md"], ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert gone == []
