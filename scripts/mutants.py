"""Put bugs into chosen modules, one at a time, and see whether their tests notice.

A bug is a small change of the syntax tree: another comparison or operator, a constant that is one more or twice as
much, a negated condition, a statement left out. Constants of a module are left alone: what they are worth is measured
by benchmarks, and tests go by their names. Modules, their tests and the changes that make no difference are in
`scripts/mutants.toml`. Nothing is written: each changed module is made in a child process, which runs its tests.

`--known` puts in those of `scripts/known_bugs.toml` instead, which tests once did not notice: each has to fail the test
that it names.

Example:
  python scripts/mutants.py
  python scripts/mutants.py --known
  python scripts/mutants.py --module smiledet.buffer --sample 30 --seed 2
  python scripts/mutants.py --module smiledet.buffer --list
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ROOT / "scripts" / "mutants.toml"
KNOWN = ROOT / "scripts" / "known_bugs.toml"

SAMPLE = 12
"""Mutants tried of each module where --sample says nothing else."""

FLOOR = 90.0
"""Percent of the mutants that make a difference which have to be noticed."""

PATIENCE = 60.0
"""Seconds that the tests may take beyond three times what they take without a bug; a mutant that runs on is noticed."""

OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}  # fmt: skip
"""What takes an operator's place."""

LIBRARIES = ("pytest", "hypothesis.strategies", "numpy.testing", "cv2", "av", "PIL.Image", "ai_edge_litert.interpreter")
"""What the tests import of others."""

HARMLESS = ("log.", "field(", "between(")
"""Beginnings of calls whose changes nobody could notice, or that no test should: messages, and limits of settings."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug.

    Attributes:
        module: Where it is.
        number: Among those of its module.
        line: In the module's file.
        change: What was there and what takes its place; numbered where the same change can be made again.
    """

    module: str
    number: int
    line: int
    change: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.change}"


class Mutator(ast.NodeVisitor):
    """Finds every place for a bug in a syntax tree, and puts in the one that is asked for.

    Args:
        tree: Changed in place where `wanted` is found.
        wanted: Number of the bug; None to find all of them.
    """

    def __init__(self, tree: ast.Module, wanted: int | None = None) -> None:
        self.found: list[tuple[int, str]] = []
        self._wanted = wanted
        self.visit(tree)

    def generic_visit(self, node: ast.AST) -> None:
        """Offer a bug for every child, in the order of the file."""
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list") or _is_harmless(value):
                continue
            for place, child in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(child, ast.AST) or _is_harmless(child):
                    continue
                holder = (value, place) if isinstance(value, list) else (node, name)
                for other in _others(child, in_body=name in ("body", "orelse", "finalbody")):
                    self._offer(holder, child, other)
                self.visit(child)

    def _offer(self, holder: tuple[Any, Any], node: ast.AST, other: ast.AST) -> None:
        change = f"{ast.unparse(node).splitlines()[0]} -> {ast.unparse(other).splitlines()[0]}"
        if self._wanted == len(self.found):
            owner, where = holder
            if isinstance(owner, list):
                owner[where] = other
            else:
                setattr(owner, where, other)
        self.found.append((getattr(node, "lineno", 0), change))


def _is_harmless(node: Any) -> bool:
    if isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.If):
        return ast.unparse(node.test).startswith(("TYPE_CHECKING", "sys.version_info"))
    if isinstance(node, ast.keyword):
        return node.arg == "strict"  # of `zip`: an assertion
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target).isupper()
    called = node.value if isinstance(node, ast.Expr) else node
    return isinstance(called, ast.Call) and ast.unparse(called).startswith(HARMLESS)


def _others(node: ast.AST, in_body: bool) -> Iterator[ast.AST]:
    """What may take a node's place."""
    if isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in OTHER:
        yield _changed(node, op=OTHER[type(node.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
        yield _changed(node, ops=[OTHER[type(node.ops[0])](), *node.ops[1:]])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield ast.copy_location(ast.Constant(_another(node.value)), node)
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield _changed(node, test=ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test))
    if in_body and (
        isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    ):
        yield ast.copy_location(ast.Pass(), node)


def _another(value: bool | int | float) -> bool | int | float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 2 * value or 1.0


def _changed(node: Any, **fields: Any) -> Any:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def path_of(module: str) -> Path:
    """A module's file."""
    return ROOT / (module.replace(".", "/") + ".py")


def mutants_of(module: str) -> list[Mutant]:
    """Every bug that can be put into a module."""
    mutants: list[Mutant] = []
    times: Counter[str] = Counter()
    for number, (line, change) in enumerate(Mutator(ast.parse(path_of(module).read_text())).found):
        times[change] += 1
        again = f" #{times[change]}" if times[change] > 1 else ""
        mutants.append(Mutant(module, number, line, change + again))
    return mutants


def mutated(module: str, number: int) -> ast.Module:
    """A module's tree with the bug of that number in it."""
    tree = ast.parse(path_of(module).read_text())
    Mutator(tree, number)
    return ast.fix_missing_locations(tree)


def known_bugs() -> list[dict[str, str]]:
    """Those of `KNOWN`.

    Raises:
        SystemExit: A module has changed, so that the place of a bug is not found in it once.
    """
    bugs: list[dict[str, str]] = tomllib.loads(KNOWN.read_text())["bug"]
    for bug in bugs:
        if path_of(bug["module"]).read_text().count(bug["was"]) != 1:
            raise SystemExit(f"mutants: {KNOWN.name}: {bug['what']}: {bug['module']} does not hold its text once")
    return bugs


def with_known_bug(bug: dict[str, str]) -> ast.Module:
    """Its module's tree."""
    return ast.parse(path_of(bug["module"]).read_text().replace(bug["was"], bug["becomes"]))


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from another tree than its file's."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._module, self._tree = module, tree

    def find_spec(self, fullname: str, _path: Any, _target: Any = None) -> Any:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_file_location(fullname, path_of(fullname), loader=self)

    def create_module(self, _spec: Any) -> None:
        """The usual one."""

    def exec_module(self, module: Any) -> None:
        """Run the changed module."""
        exec(compile(self._tree, path_of(self._module), "exec"), module.__dict__)  # noqa: S102 - our own source


def run_tests(module: str, number: int, tests: Sequence[str], known: bool) -> int:
    """Run tests in this process, with a bug in a module if the number is not negative; pytest's exit status."""
    import pytest

    class First:
        """Goes before pytest's own loader, which takes the files of doctests."""

        @pytest.hookimpl(tryfirst=True)
        def pytest_load_initial_conftests(self) -> None:
            if number >= 0:
                tree = with_known_bug(known_bugs()[number]) if known else mutated(module, number)
                sys.meta_path.insert(0, Loader(module, tree))

    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "--tb=no"]
    return int(pytest.main([*options, *tests], plugins=[First()]))


def outcome(module: str, number: int, tests: Sequence[str], limit: float, known: bool = False) -> bool:
    """Whether the tests pass, in a child of this process; they do not where it has to be killed."""
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(module, number, tests, known))
    child.start()
    child.join(limit)
    with suppress(ProcessLookupError):  # with all that it has started
        os.killpg(child.ident or 0, signal.SIGKILL)
    child.join()
    return child.exitcode == 0


def _in_child(module: str, number: int, tests: Sequence[str], known: bool) -> None:
    os.setsid()
    os.chdir(ROOT)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    os._exit(run_tests(module, number, tests, known))


def import_libraries() -> None:
    """Import once what takes every child a second and does not depend on the module with the bug."""
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)


def try_module(module: str, settings: dict[str, Any], sample: int, seed: int) -> tuple[int, list[Mutant]]:
    """Try a sample of a module's bugs.

    Returns:
        How many were tried, and those that no test noticed.

    Raises:
        SystemExit: The tests fail without any bug.
    """
    tests = settings["tests"]
    known = {equivalent["change"] for equivalent in settings.get("equivalent", [])}
    candidates = [mutant for mutant in mutants_of(module) if mutant.change not in known]
    chosen = random.Random(seed).sample(candidates, min(sample, len(candidates)))
    start = time.monotonic()
    if not outcome(module, -1, tests, 600):
        raise SystemExit(f"mutants: the tests of {module} fail without any bug")
    limit = 3 * (time.monotonic() - start) + PATIENCE
    unnoticed = [mutant for mutant in chosen if outcome(module, mutant.number, tests, limit)]
    return len(chosen), unnoticed


def try_known() -> int:
    """Try the bugs of `KNOWN`; the exit code."""
    missed = 0
    for number, bug in enumerate(known_bugs()):
        tests = bug["test"].split()
        passes = outcome(bug["module"], -1, tests, 600)
        noticed = passes and not outcome(bug["module"], number, tests, 600, known=True)
        missed += not noticed
        print(
            f"{'noticed' if noticed else 'NOT NOTICED' if passes else 'ITS TEST FAILS ANYWAY'}: {bug['what']}",
            flush=True,
        )
    return 1 if missed else 0


def main() -> int:
    """Try the modules and print what was not noticed; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", action="append", help="one of those of mutants.toml (several times; default: all)")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"mutants of each module (default: {SAMPLE})")
    parser.add_argument("--seed", type=int, default=1, help="which of them (default: 1)")
    parser.add_argument("--list", action="store_true", help="print all of them and try none")
    parser.add_argument("--known", action="store_true", help=f"try the bugs of {KNOWN.name} instead")
    arguments = parser.parse_args()
    import_libraries()
    if arguments.known:
        return try_known()
    settings = tomllib.loads(SETTINGS.read_text())
    modules = arguments.module or list(settings)
    if unknown := [module for module in modules if module not in settings]:
        parser.error(f"--module {unknown[0]}: {SETTINGS.name} has {', '.join(settings)}")
    if arguments.list:
        print("\n".join(str(mutant) for module in modules for mutant in mutants_of(module)))
        return 0
    tried = missed = 0
    for module in modules:
        count, unnoticed = try_module(module, settings[module], arguments.sample, arguments.seed)
        tried, missed = tried + count, missed + len(unnoticed)
        print(f"{module}: {count - len(unnoticed)} of {count} noticed", flush=True)
        for mutant in unnoticed:
            print(f"  {mutant}", flush=True)
    share = 100 * (tried - missed) / max(1, tried)
    print(f"{tried - missed} of {tried} noticed, {share:.1f} %; at least {FLOOR:g} % are expected")
    return 0 if share >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
