"""Which wheels fit which machine, with an index made up here."""

from __future__ import annotations

import zipfile

import pytest

from smiledet.errors import SmiledetError, UsageError

TX2, ORIN, DESKTOP = "aarch64-2.27-3.10", "aarch64-2.35-3.10", "x86_64-2.28-3.12"


@pytest.fixture(scope="module")
def wheels(load_script):
    return load_script("check_wheels")


@pytest.fixture
def check(wheels):
    """Checks packages (name, marker, wheels …), version 1.0 each, for a target; what is asked beyond that is noted."""

    def run(target, *packages, pins=None, versions=(), glibc=0, inside=False):
        listed = [wheels.Package(name, "1.0", marker, files) for name, marker, *files in packages]
        locked = {(package.name, package.version) for package in listed} if pins is None else pins
        return wheels.check(
            wheels.read_target(target), listed, locked, lambda *_: versions, lambda *_: glibc, inside=inside
        )

    return run


@pytest.mark.parametrize(
    ("tag", "takers"),
    [
        ("py3-none-any", {TX2, ORIN, DESKTOP}),
        ("py2.py3-none-any", {TX2, ORIN, DESKTOP}),
        ("cp310-cp310-manylinux2014_aarch64", {TX2, ORIN}),
        ("cp310-cp310-manylinux_2_27_aarch64.manylinux_2_28_aarch64", {TX2, ORIN}),
        ("cp310-cp310-manylinux_2_28_aarch64", {ORIN}),
        ("cp310-cp310-manylinux_2_36_aarch64", set()),
        ("cp37-abi3-manylinux_2_17_aarch64", {TX2, ORIN}),
        ("cp311-abi3-manylinux_2_17_aarch64", set()),
        ("cp312-cp312-manylinux1_x86_64", {DESKTOP}),
        ("cp312-cp312-musllinux_1_2_x86_64", set()),
        ("cp312-cp312t-manylinux_2_17_x86_64", set()),
        ("cp312-cp312-win_amd64", set()),
        ("pp310-pypy310_pp73-manylinux_2_17_aarch64", set()),
    ],
)
def test_a_wheel_fits_by_its_tags(check, tag, takers):
    for target in (TX2, ORIN, DESKTOP):
        problems = check(target, ("a", None, f"a-1.0-{tag}.whl")).problems
        assert (not problems) == (target in takers), target


def test_markers_are_the_target_s_whatever_python_runs_this(check):
    only_old = ("old", "python_full_version < '3.11'")
    only_arm = ("arm", "platform_machine == 'aarch64'")
    never = ("never", "sys_platform == 'win32' or platform_python_implementation == 'PyPy'")
    named = [[problem.package.name for problem in check(t, only_old, only_arm, never).problems] for t in (TX2, DESKTOP)]
    assert named == [["old", "arm"], []]


def test_what_is_missing_is_told_with_what_there_is(check):
    (problem,) = check(TX2, ("a", None, "a-1.0-cp39-cp39-manylinux2014_aarch64.whl"), versions=list("7654321")).problems
    assert problem.words == "these have one: 7, 6, 5, 4, 3, 2 and 1 older"
    (problem,) = check(TX2, ("a", None)).problems
    assert problem.words == "no version has one"


def test_what_the_lock_has_not_is_no_pass(check):
    (problem,) = check(TX2, ("a", None, "a-1.0-py3-none-any.whl"), pins={("a", "2.0")}).problems
    assert "make lock" in problem.words


def test_a_tag_that_lies_is_found_out(check, wheels):
    name = wheels.HAND_TAGGED[0]
    told = (name, None, "x-1.0-cp310-cp310-manylinux_2_27_aarch64.whl")
    (problem,) = check(ORIN, told, glibc=36).problems
    assert "glibc 2.36" in problem.words
    assert check(ORIN, told, glibc=35).problems == ()
    verdict = check(TX2, told, glibc=29)
    assert verdict.problems == () and "ONNX Runtime" in verdict.notes[0].words
    others = ("a", None, "a-1.0-cp310-cp310-manylinux_2_27_aarch64.whl"), ("b", None, "b-1.0-py3-none-any.whl")
    assert check(ORIN, *others, glibc=99).problems == ()
    assert [each.package.name for each in check(ORIN, *others, glibc=99, inside=True).problems] == ["a"]


def test_a_wheel_is_looked_into(wheels, tmp_path):
    path = tmp_path / "a-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/_a.cpython-310-aarch64-linux-gnu.so", b"\x7fELF\0GLIBC_2.9\0GLIBC_2.29\0GLIBCXX_3.4.31\0")
        archive.writestr("a.libs/libb.so.1", b"\0GLIBC_2.17\0")
        archive.writestr("a/notes.txt", b"\0GLIBC_2.99\0")
    assert wheels.asks_for_glibc(path) == 29
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/__init__.py", "")
    assert wheels.asks_for_glibc(path) == 0


def test_a_resolution_is_read(wheels):
    resolved = {
        "packages": [
            {"name": "My.Package", "version": "1", "wheels": [{"url": "https://x/y/my_package-1-py3-none-any.whl"}]},
            {"name": "b", "version": "2", "marker": "python_version < '3'", "sdist": {"name": "b.tar.gz"}},
            {"name": "c", "version": "3", "wheels": [{"name": "not a wheel"}]},
        ]
    }
    packages = wheels.read_packages(resolved)
    assert packages[0] == wheels.Package("my-package", "1", None, ("my_package-1-py3-none-any.whl",))
    assert packages[1].marker and packages[1].wheels == ()
    assert not packages[2].fits(wheels.ANYWHERE)
    assert wheels.read_pins("# made by hand\nMy_Package==1 ; python_version >= '3.10'\n\nb==2.0.post1\n") == {
        ("my-package", "1"),
        ("b", "2.0.post1"),
    }


def test_the_exit_code_and_the_tables(check, wheels, capsys):
    target = wheels.read_target(TX2)
    good = check(TX2, ("a", None, "a-1.0-py3-none-any.whl"))
    assert wheels.report([(target, good)]) == 0
    assert "all 1 have a wheel" in capsys.readouterr().out
    assert wheels.report([(target, good), (target, check(TX2, ("a", None)))]) == 1
    text = capsys.readouterr().out
    assert "1 of 1 without a wheel" in text and "a 1.0" in text and "no version has one" in text


def test_every_machine_of_the_issue_is_a_target(wheels):
    names = {target.name for target in wheels.TARGETS}
    assert {f"x86_64-2.28-3.{minor}" for minor in (10, 11, 12, 13)} | {TX2, "aarch64-2.31-3.10", ORIN} <= names


@pytest.mark.parametrize(
    "text", ["", "aarch64", "arm64-2.27-3.10", "aarch64-2.16-3.10", "x86_64-2.28-2.7", "x86_64-3-3"]
)
def test_what_is_no_target_is_refused(wheels, text):
    with pytest.raises(UsageError, match=r"aarch64-2\.27-3\.10"):
        wheels.read_target(text)


def test_a_failing_resolution_is_one_line(wheels, monkeypatch, tmp_path):
    def fail(*words):
        return wheels.subprocess.CompletedProcess(words, 2, "", "error: no\nsolution\n")

    monkeypatch.setattr(wheels, "_python_module", fail)
    with pytest.raises(SmiledetError, match=r"as they are locked: error: no solution$"):
        wheels.resolve(tmp_path)
