"""Check, without installing anything, that every base dependency has a wheel on each machine that smiledet is for.

uv resolves the dependencies of pyproject.toml, and all that they need, for every platform at once, held to
requirements.lock, on the index that pip is set up for. What that means for a target, its environment markers and its
wheels' tags, is decided here: pip evaluates markers for the Python that runs it, whichever it is asked about, and uv
knows no glibc 2.27. A tag can be wrong, though: wheels that are tagged by hand (HAND_TAGGED; all, with --inside) are
fetched and looked into.

Example:
  python scripts/check_wheels.py
  python scripts/check_wheels.py --target aarch64-2.27-3.11
"""

import argparse
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from smiledet.errors import SmiledetError, UsageError
from smiledet.report import table
from smiledet.schema import read_toml

ROOT = Path(__file__).resolve().parents[1]

OLDEST_GLIBC = {"x86_64": 5, "aarch64": 17}
"""N of the oldest glibc 2.N that wheels are tagged with: 2.5 (manylinux1), 2.17 (manylinux2014)."""

OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""What a tag was called before it named its glibc 2.N."""

HAND_TAGGED = ("ai-edge-litert",)
"""Packages whose tags no tool has checked: version 2.3.0 for aarch64 says glibc 2.27 and asks for 2.34."""

EXCUSED = {
    (
        "ai-edge-litert",
        "aarch64",
        27,
    ): "LiteRT does not load there, in no version; the networks run on TensorRT or, with "
    "the extra onnx, on ONNX Runtime (docs/jetson.md)",
}
"""(package, architecture, N of glibc 2.N) -> why a wheel that does not load there is no failure."""

SHOWN = 6
"""How many of the versions that do have a wheel are named, the newest first."""


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of machine.

    Attributes:
        architecture: `x86_64` or `aarch64`.
        glibc: N of its glibc 2.N.
        python: Its Python, '3.10'.
        what: Where it is found.
    """

    architecture: str
    glibc: int
    python: str
    what: str = "asked for"

    @property
    def name(self) -> str:
        """As `--target` takes it."""
        return f"{self.architecture}-2.{self.glibc}-{self.python}"

    @property
    def platforms(self) -> list[str]:
        """The platform tags that it takes, the newest first."""
        glibcs = range(self.glibc, OLDEST_GLIBC[self.architecture] - 1, -1)
        names = [name for glibc in glibcs for name in (f"manylinux_2_{glibc}", OLD_NAMES.get(glibc)) if name]
        return [f"{name}_{self.architecture}" for name in names]

    @property
    def tags(self) -> frozenset[Tag]:
        """The tags of the wheels that it takes."""
        major, _, minor = self.python.partition(".")
        version, interpreter = (int(major), int(minor)), f"cp{major}{minor}"
        own = cpython_tags(version, [interpreter], self.platforms)
        return frozenset(own) | frozenset(compatible_tags(version, interpreter, self.platforms))

    def holds(self, marker: str | None) -> bool:
        """Whether an environment marker holds there, whatever Python evaluates it."""
        if marker is None:
            return True
        return Marker(marker).evaluate(
            {
                **default_environment(),
                "implementation_name": "cpython",
                "implementation_version": f"{self.python}.0",
                "os_name": "posix",
                "platform_machine": self.architecture,
                "platform_python_implementation": "CPython",
                "platform_system": "Linux",
                "python_full_version": f"{self.python}.0",
                "python_version": self.python,
                "sys_platform": "linux",
            }
        )


ANYWHERE = frozenset(compatible_tags((3, 10), platforms=["any"]))
"""The tags of wheels without anything compiled."""

TARGETS = (
    *(
        Target("x86_64", 28, f"3.{minor}", "desktops: Debian 10, Ubuntu 20.04, RHEL 8 or newer")
        for minor in range(10, 14)
    ),
    Target("aarch64", 27, "3.10", "JetPack 4: Jetson TX2, Nano"),
    Target("aarch64", 31, "3.10", "JetPack 5: Jetson Xavier, Orin"),
    Target("aarch64", 35, "3.10", "JetPack 6: Jetson Orin"),
    Target("aarch64", 39, "3.12", "JetPack 7: Jetson Thor, Orin"),
)


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a dependency, as it was resolved.

    Attributes:
        name: Its name.
        version: Its version.
        marker: Where it is wanted; None for everywhere.
        wheels: The names of all its wheels.
    """

    name: str
    version: str
    marker: str | None
    wheels: tuple[str, ...]

    def fits(self, tags: frozenset[Tag]) -> bool:
        """Whether one of its wheels carries one of the tags."""
        return any(tags & _tags_of(wheel) for wheel in self.wheels)


@dataclass(frozen=True, slots=True)
class Problem:
    """A dependency that a target cannot install.

    Attributes:
        package: Which.
        words: Why, and what there is instead.
    """

    package: Package
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found for a target.

    Attributes:
        count: How many packages it needs.
        problems: Those that it cannot install or load.
        notes: Those of them that are excused, with the reason.
    """

    count: int
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


Versions = Callable[[Target, str], Sequence[str]]
"""(target, package) -> its versions with a wheel that the target takes, the newest first."""

Opener = Callable[[Target, Package], int]
"""(target, package) -> N of the newest glibc 2.N that something in its wheel asks for; 0 for none."""


def _tags_of(wheel: str) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(wheel)[3]
    except InvalidWheelFilename:  # an old one, which pip leaves aside as well
        return frozenset()


def read_packages(resolved: Mapping[str, Any]) -> list[Package]:
    """The packages of a `pylock.toml` (PEP 751)."""
    return [
        Package(
            canonicalize_name(each["name"]),
            each["version"],
            each.get("marker"),
            tuple(wheel.get("name") or wheel["url"].rpartition("/")[2] for wheel in each.get("wheels", ())),
        )
        for each in resolved["packages"]
    ]


def read_pins(lock: str) -> set[tuple[str, str]]:
    """The names and versions of a lock: `name==version`, a line each, with or without a marker."""
    lines = (line.partition("#")[0].strip() for line in lock.splitlines())
    entries = [Requirement(line) for line in lines if line]
    return {(canonicalize_name(entry.name), str(entry.specifier).removeprefix("==")) for entry in entries}


def check(
    target: Target,
    packages: Sequence[Package],
    pins: set[tuple[str, str]],
    versions: Versions,
    opened: Opener,
    inside: bool = False,
) -> Verdict:
    """Look for a wheel of everything that a target needs.

    Args:
        target: The kind of machine.
        packages: All that was resolved, for every platform.
        pins: What the lock holds.
        versions: Asked only where there is no wheel.
        opened: Looks into a wheel.
        inside: Look into every wheel, not only into those that are tagged by hand.
    """
    tags = target.tags
    wanted = [package for package in packages if target.holds(package.marker)]
    problems, notes = [], []
    for package in wanted:
        if (package.name, package.version) not in pins:
            problems.append(Problem(package, "not in requirements.lock: make lock"))
        elif not package.fits(tags):
            problems.append(Problem(package, has_wheels(versions(target, package.name))))
        elif package.name in HAND_TAGGED or (inside and not package.fits(ANYWHERE)):
            glibc = opened(target, package)
            if glibc > target.glibc:
                excuse = EXCUSED.get((package.name, target.architecture, target.glibc))
                words = f"its wheel asks for glibc 2.{glibc}, whatever its tag says"
                (notes if excuse else problems).append(Problem(package, f"{words}: {excuse}" if excuse else words))
    return Verdict(len(wanted), tuple(problems), tuple(notes))


def has_wheels(versions: Sequence[str]) -> str:
    """What there is instead, in words.

    >>> has_wheels(["2.1", "2.0"]), has_wheels([])
    ('these have one: 2.1, 2.0', 'no version has one')
    """
    if not versions:
        return "no version has one"
    more = f" and {len(versions) - SHOWN} older" if len(versions) > SHOWN else ""
    return f"these have one: {', '.join(versions[:SHOWN])}{more}"


def pip_target(target: Target) -> list[str]:
    """The options of pip for a target; it takes a platform for exactly what it says, so that all of them are named."""
    platforms = [f"--platform={name}" for name in target.platforms]
    return ["--only-binary=:all:", "--implementation=cp", f"--python-version={target.python}", *platforms]


def versions_by_pip(target: Target, name: str) -> list[str]:
    """See `Versions`."""
    done = _python_module("pip", "index", "versions", name, *pip_target(target))
    found = re.search(r"^Available versions: (.*)$", done.stdout, re.MULTILINE)
    return found[1].split(", ") if found else []


def opened_by_pip(target: Target, package: Package) -> int:
    """See `Opener`.

    Raises:
        SmiledetError: pip cannot fetch the wheel.
    """
    wanted = f"{package.name}=={package.version}"
    with tempfile.TemporaryDirectory() as folder:
        done = _python_module("pip", "download", "--no-deps", "--quiet", "--dest", folder, *pip_target(target), wanted)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            why = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
            raise SmiledetError(f"{wanted} cannot be fetched for {target.name}: {why}")
        return asks_for_glibc(wheels[0])


def asks_for_glibc(wheel: Path) -> int:
    """N of the newest glibc 2.N that a library in a wheel names; 0 for none."""
    with zipfile.ZipFile(wheel) as archive:
        libraries = [archive.read(name) for name in archive.namelist() if ".so" in Path(name).name]
    return max((int(found) for library in libraries for found in re.findall(rb"\0GLIBC_2\.(\d+)", library)), default=0)


def index_of(configuration: str) -> list[str]:
    r"""The index that `pip config list` names, as uv's option; pip's own default, where none is named, is uv's too.

    Further indexes are left aside: uv takes a version's files from one index alone, so that one wheel there would hide
    all the others.

    >>> index_of("global.index-url='file:///one'\n:env:.index-url='file:///two'"), index_of("global.timeout='60'")
    (['--default-index=file:///two'], [])
    """
    found = re.findall(r"^\S+?\.index-url='(.*)'$", configuration, re.MULTILINE)
    # The environment's, like an installation's own file before it, comes before what the user's says.
    own = re.findall(r"^:env:\.index-url='(.*)'$", configuration, re.MULTILINE)
    return [f"--default-index={(own or found)[-1]}"] if found else []


def resolve(root: Path) -> list[Package]:
    """Resolve the base dependencies for every platform.

    Raises:
        SmiledetError: They cannot be resolved.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "pylock.toml")
        done = _python_module(
            *("uv", "pip", "compile", str(root / "pyproject.toml"), "--universal", "--python-version=3.10"),
            *(f"--constraint={root / 'requirements.lock'}", "--only-binary=:all:", "--quiet"),
            *("--format=pylock.toml", f"--output-file={output}"),
            *index_of(_python_module("pip", "config", "list").stdout),
        )
        if done.returncode:
            why = " ".join(done.stderr.split()) or f"uv ended with {done.returncode}"
            raise SmiledetError(f"the base dependencies cannot be resolved as they are locked: {why}")
        return read_packages(read_toml(output))


def _python_module(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)


def read_target(text: str) -> Target:
    """A target as `--target` takes it.

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"(x86_64|aarch64)-2\.(\d{1,2})-(3\.\d{1,2})", text)
    if found is None or int(found[2]) < OLDEST_GLIBC[found[1]]:
        raise UsageError(f"--target {text!r}: expected ARCHITECTURE-GLIBC-PYTHON, aarch64-2.27-3.10 say")
    return Target(found[1], int(found[2]), found[3])


def report(verdicts: Sequence[tuple[Target, Verdict]]) -> int:
    """Print what was found; returns the exit code."""
    rows, failures, notes = [], [], []
    for target, found in verdicts:
        bad = len(found.problems)
        words = f"{bad} of {found.count} without a wheel that loads" if bad else f"all {found.count} have a wheel"
        rows.append((target.name, target.what, words))
        failures += [(target.name, _named(each), each.words) for each in found.problems]
        notes += [f"{target.name}: {_named(each)}: {each.words}" for each in found.notes]
    print(table(("target", "", "base dependencies"), rows))
    if failures:
        print("\n" + table(("target", "cannot be had", ""), failures))
    if notes:
        print("\n" + "\n".join(["excused", *(f"- {note}" for note in notes)]))
    return 1 if failures else 0


def _named(problem: Problem) -> str:
    return f"{problem.package.name} {problem.package.version}"


def main() -> int:
    """Read the command line and check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--target", action="append", metavar="ARCHITECTURE-GLIBC-PYTHON", help="only this (may be given several times)"
    )
    parser.add_argument("--inside", action="store_true", help="look into every wheel (fetches some 800 MB)")
    arguments = parser.parse_args()
    targets = [read_target(text) for text in arguments.target or ()] or TARGETS
    pins = read_pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    packages = resolve(ROOT)
    return report(
        [
            (target, check(target, packages, pins, versions_by_pip, opened_by_pip, arguments.inside))
            for target in targets
        ]
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"check_wheels: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
