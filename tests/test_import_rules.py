"""Imports run one way, and the run path never loads a training framework."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import smiledet

PACKAGE = Path(smiledet.__file__).parent

HEAVY = ("tensorflow", "keras", "matplotlib", "sklearn")
"""What `smiledet run` must never load: training frameworks, and what only reports use."""

RUN_PATH_ROOMS = ("alignment", "detection", "drawing", "engines", "sinks", "sources", "tasks", "workers")

LAB = "lab"
"""Never needed to run: it, and the commands that call for it, may load the frameworks."""

COMMANDS = ("train", "evaluate", "export", "datasets", "explain", "models", "bench", "_bench")
TRAINERS = (LAB, *(f"cli.{command}" for command in COMMANDS))

LAZY_USERS = ("engines.tensorflow",)
"""Run on a framework where the user asks for it: inside functions alone."""


@dataclass(frozen=True)
class Import:
    """One import statement.

    Attributes:
        by: The module that imports, without `smiledet.`.
        of: The module that is imported, by its full name.
        at_once: Whether importing `by` runs it; not so inside functions, or for type checkers alone.
    """

    by: str
    of: str
    at_once: bool

    @property
    def own(self) -> str | None:
        """What is imported of this package, without `smiledet.`; None for other packages."""
        first, _, rest = self.of.partition(".")
        return rest if first == "smiledet" else None

    def __str__(self) -> str:
        return f"{self.by} imports {self.of}"


def within(module: str, *rooms: str) -> bool:
    """Whether a module is one of the rooms or lies in one."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@cache
def modules() -> dict[str, Path]:
    """Every module's file, by its name without `smiledet.`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        found[name.removesuffix("__init__").rstrip(".")] = path
    return found


@cache
def imports() -> tuple[Import, ...]:
    """Every import of every module."""
    return tuple(
        found
        for name, path in modules().items()
        for found in _imports_in(name, ast.parse(path.read_text()).body, at_once=True)
    )


def _imports_in(by: str, body: list[ast.stmt], at_once: bool) -> Iterator[Import]:
    for statement in body:
        for of in _imported_by(statement):
            yield Import(by, of, at_once)
        function = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
        for_checkers = isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)
        blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        blocks += [handler.body for handler in getattr(statement, "handlers", [])]
        for block in blocks:
            yield from _imports_in(by, block, at_once and not function and not for_checkers)


def _imported_by(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        assert statement.level == 0, "imports are absolute here"
        assert statement.module is not None
        for alias in statement.names:  # `from smiledet.workers import locator` imports a module
            inner = f"{statement.module}.{alias.name}"
            yield inner if inner.removeprefix("smiledet.") in modules() else statement.module


def offences(by: tuple[str, ...], of: tuple[str, ...], but: tuple[tuple[str, str], ...] = ()) -> list[str]:
    """Imports by some rooms of others, save those allowed."""
    return [
        str(found)
        for found in imports()
        if within(found.by, *by)
        and found.own is not None
        and within(found.own, *of)
        and not any(within(found.by, one) and within(found.own, other) for one, other in but)
    ]


def _left_out_of_the_wheel() -> tuple[str, ...]:
    """The modules and folders that pyproject.toml leaves out of the wheel, without `smiledet.`."""
    text = (PACKAGE.parent / "pyproject.toml").read_text()
    block = re.search(r"^exclude = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    paths = re.findall(r'"smiledet/(.*?)(?:\.py)?"', block[1])
    return tuple(path.replace("/", ".") for path in paths)


class TestTheParserItself:
    """A rule that sees nothing forbids nothing."""

    def test_it_sees_imports_that_are_there(self) -> None:
        assert Import("buffer", "smiledet.frame", True) in imports()
        assert Import("pipeline", "smiledet.workers.sink", True) in imports()
        assert Import("engines.litert", "ai_edge_litert.interpreter", False) in imports()
        assert Import("lab.networks.base", "keras", True) in imports()

    def test_it_tells_when_an_import_runs(self) -> None:
        source = (
            "import a\n"
            "try:\n    import b\nexcept ImportError:\n    import c\n"
            "if TYPE_CHECKING:\n    import d\nelse:\n    import e\n"
            "class K:\n    import f\n    def m(self):\n        with x:\n            import g\n"
        )
        found = {each.of: each.at_once for each in _imports_in("m", ast.parse(source).body, at_once=True)}
        assert {name for name, at_once in found.items() if at_once} - {"e"} == {"a", "b", "c", "f"}
        assert not found["d"]
        assert not found["g"]

    def test_every_room_is_there(self) -> None:
        rooms = {name.partition(".")[0] for name in modules()}
        assert {*RUN_PATH_ROOMS, "lab", "system", "cli", "pipeline", "buffer"} <= rooms


class TestDirections:
    def test_frames_and_errors_import_nothing_of_ours_but_the_redaction(self) -> None:
        found = [str(each) for each in imports() if each.by in ("frame", "errors") and each.own is not None]
        assert found == ["errors imports smiledet.system.redaction"]

    def test_schemas_know_of_errors_alone(self) -> None:
        assert {each.own for each in imports() if each.by == "schema" and each.own is not None} == {"errors"}

    def test_the_buffer_knows_of_frames_and_turns_alone(self) -> None:
        own = {"buffer", "frame_ring", "stage_count", "stage_spec", "turns"}
        for name in own:
            assert {each.own for each in imports() if each.by == name and each.own is not None} <= {"frame", *own}, name
        ring = {each.own for each in imports() if each.by == "frame_ring" and each.own is not None}
        assert ring == {"frame", "stage_spec"}

    def test_what_the_workers_call_does_not_call_back(self) -> None:
        below = tuple(room for room in RUN_PATH_ROOMS if room != "workers")
        above = ("workers", "buffer", "frame_ring", "pipeline", "config", "report", "cli", LAB)
        assert offences(below, above) == []

    def test_the_rooms_below_the_workers_stand_side_by_side(self) -> None:
        found = []
        for room in ("alignment", "detection", "engines", "sinks", "sources", "tasks"):
            others = tuple(other for other in RUN_PATH_ROOMS if other not in (room, "workers"))
            allowed = (
                ("sinks", "drawing"),
                ("sinks", "tasks.base"),
                ("sources", "tasks.base"),
                ("sinks.video", "sources.capture"),
                ("sinks.video", "sources.base"),
                ("sinks.recorder", "sources.base"),
            )
            found += offences((room,), others, but=allowed)
        assert found == []

    def test_drawing_knows_what_it_draws_and_no_more(self) -> None:
        others = tuple(room for room in RUN_PATH_ROOMS if room != "drawing")
        assert offences(("drawing",), others, but=(("drawing", "tasks.base"),)) == []

    def test_workers_know_nothing_of_the_pipeline(self) -> None:
        assert offences(("workers",), ("pipeline", "config", "report", "cli", LAB)) == []

    def test_the_pipeline_knows_nothing_of_the_commands(self) -> None:
        above = ("cli", LAB)
        assert offences(("pipeline", "config", "report", "buffer", "model_index", "shipped_models"), above) == []

    def test_only_the_commands_know_of_the_commands(self) -> None:
        everybody = tuple(name for name in modules() if name and not within(name, "cli", "__main__"))
        assert offences(everybody, ("cli",)) == []

    def test_no_two_modules_import_each_other(self) -> None:
        """Not even by a detour: the order in which modules are imported never matters."""
        ahead: dict[str, set[str]] = {name: set() for name in modules()}
        for found in imports():
            if found.at_once and found.own is not None:
                ahead[found.by].add(found.own)
        done: list[str] = []
        while free := [name for name, needs in ahead.items() if name not in done and needs <= {*done, ""}]:
            done += free
        assert sorted(set(ahead) - set(done)) == []


class TestLab:
    LEVELS = (
        ("backend", "extras", "figures", "machine", "progress"),
        ("networks", "datasets"),
        ("training",),
        ("explain", "benchmark"),
    )
    """Each knows of those before it alone; networks and data sets, explaining and measuring, not of each other."""

    def test_its_rooms_import_one_way(self) -> None:
        found = []
        for number, level in enumerate(self.LEVELS):
            for room in level:
                above = [other for later in self.LEVELS[number:] for other in later if other != room]
                found += offences((f"lab.{room}",), tuple(f"lab.{other}" for other in above))
        assert found == []

    def test_every_room_has_its_level(self) -> None:
        there = {name.split(".")[1] for name in modules() if name.startswith("lab.")}
        assert there == {room for level in self.LEVELS for room in level}

    def test_no_import_inside_a_function_hides_a_circle(self) -> None:
        """Two rooms of the lab could import each other late; two of its modules may not."""
        pairs = {(found.by, found.own) for found in imports() if within(found.by, LAB) and found.own}
        assert [pair for pair in pairs if pair[::-1] in pairs] == []

    def test_nothing_in_the_wheel_imports_what_stays_in_the_checkout(self) -> None:
        outside = _left_out_of_the_wheel()
        assert outside
        assert [name for name in outside if not any(within(module, name) for module in modules())] == []
        guilty = [
            str(found)
            for found in imports()
            if found.own is not None and within(found.own, *outside) and not within(found.by, *outside)
        ]
        assert guilty == []


class TestFrameworks:
    def test_only_training_imports_them(self) -> None:
        guilty = [
            str(found)
            for found in imports()
            if within(found.of, "keras", "tensorflow")
            and not within(found.by, *TRAINERS)
            and not (within(found.by, *LAZY_USERS) and not found.at_once)
        ]
        assert guilty == []

    def test_only_training_imports_training(self) -> None:
        guilty = [
            str(found)
            for found in imports()
            if found.own is not None and within(found.own, LAB) and not within(found.by, *TRAINERS)
        ]
        assert guilty == []

    def test_commands_wait_with_it_until_they_are_run(self) -> None:
        """The command line imports every command for its help."""
        guilty = [
            str(found)
            for found in imports()
            if found.at_once
            and within(found.by, "cli")
            and (within(found.of, *HEAVY) or (found.own is not None and within(found.own, LAB)))
        ]
        assert guilty == []

    def test_only_reports_are_plotted(self) -> None:
        guilty = [
            str(found)
            for found in imports()
            if within(found.of, "matplotlib") and not within(found.by, *TRAINERS, "cli.bench")
        ]
        assert guilty == []

    def test_importing_the_run_path_loads_none_of_them(self) -> None:
        """The proof: a fresh interpreter that imports it all, the engine's own library too."""
        wanted = [name for name in modules() if within(name, *RUN_PATH_ROOMS, "pipeline", "report", "config", "cli")]
        assert {"cli.run", "pipeline", "engines.litert", "sources.demo", "sinks.video"} <= set(wanted)
        program = (
            "import importlib, sys\n"
            f"for name in {wanted!r}:\n"
            "    importlib.import_module(f'smiledet.{name}')\n"
            "import ai_edge_litert.interpreter\n"
            f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
        )
        found = subprocess.run(
            [sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=120
        )
        assert (found.stdout.strip(), found.returncode) == ("[]", 0), found.stderr
