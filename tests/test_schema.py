"""Every kind of bad TOML, and the one line that each gets."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smiledet.errors import UsageError
from smiledet.schema import between, build, one_of, read_dataclass, read_toml


@dataclass(frozen=True)
class Wheel:
    size: int = field(default=20, metadata=between(10, 30))
    tyre: str = field(default="slick", metadata=one_of("slick", "winter"))


@dataclass(frozen=True)
class Bicycle:
    name: str
    weight: float = field(default=9.5, metadata=between(1, 50))
    lights: bool = False
    gears: int = 7
    stops: tuple[str, ...] = ()
    pace: float | None = field(default=None, metadata=between(0, 1))
    front: Wheel = field(default_factory=Wheel)
    spare: Mapping[str, Wheel] = field(default_factory=dict)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bicycle.toml"


def test_everything_that_is_given_is_read(file: Path) -> None:
    file.write_text(
        """
        name = "Anna"
        weight = 12
        lights = true
        gears = 21
        stops = ["Bath", "York"]
        pace = 0.5
        front.size = 26
        [spare.left]
        tyre = "winter"
        [spare.right]
        size = 30
        """
    )
    assert read_dataclass(Bicycle, file) == Bicycle(
        "Anna",
        weight=12.0,
        lights=True,
        gears=21,
        stops=("Bath", "York"),
        pace=0.5,
        front=Wheel(26),
        spare={"left": Wheel(tyre="winter"), "right": Wheel(30)},
    )


def test_what_is_not_given_keeps_its_default(file: Path) -> None:
    file.write_text('name = "Anna"')
    assert read_dataclass(Bicycle, file) == Bicycle("Anna")


@pytest.mark.parametrize("weight", [1, 1.0, 50])
def test_both_ends_of_a_range_are_allowed(weight: float, file: Path) -> None:
    file.write_text(f'name = "Anna"\nweight = {weight}')
    found = read_dataclass(Bicycle, file).weight
    assert found == weight
    assert isinstance(found, float)


ALLOWED = "name, weight, lights, gears, stops, pace, front, spare"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bell = 1", f"unknown key bell; allowed are {ALLOWED}"),
        ("front.spokes = 36", "unknown key front.spokes; allowed are size, tyre"),
        ("[spare.left]\nspokes = 36", "unknown key spare.left.spokes; allowed are size, tyre"),
        ("name = 3", "name is 3, expected a text"),
        ("name = 2024-01-01", "name is datetime.date(2024, 1, 1), expected a text"),
        ('weight = "light"', "weight is 'light', expected a number"),
        ("weight = true", "weight is True, expected a number"),
        ("weight = 0.5", "weight is 0.5, expected 1 to 50"),
        ("weight = 51", "weight is 51, expected 1 to 50"),
        ("weight = nan", "weight is nan, expected 1 to 50"),
        ("weight = inf", "weight is inf, expected 1 to 50"),
        ("lights = 1", "lights is 1, expected true or false"),
        ('lights = "yes"', "lights is 'yes', expected true or false"),
        ("gears = 7.0", "gears is 7.0, expected a whole number"),
        ("gears = true", "gears is True, expected a whole number"),
        ("gears = []", "gears is [], expected a whole number"),
        ('stops = "Bath"', "stops is 'Bath', expected a list"),
        ('stops = ["Bath", 3]', "stops is 3, expected a text"),
        ("pace = 2", "pace is 2, expected 0 to 1"),
        ("pace = false", "pace is False, expected a number"),
        ("front = 26", "front is 26, expected a table"),
        ("front.size = 31", "front.size is 31, expected 10 to 30"),
        ('front.tyre = "summer"', "front.tyre is 'summer', expected one of slick, winter"),
        ("front.tyre = 1", "front.tyre is 1, expected a text"),
        ("spare = 1", "spare is 1, expected a table"),
        ("spare.left = 1", "spare.left is 1, expected a table"),
        ("spare.left.size = 9", "spare.left.size is 9, expected 10 to 30"),
        ("lights = false", "name is missing"),
    ],
)
def test_a_complaint_names_file_key_value_and_what_is_allowed(text: str, complaint: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_dataclass(Bicycle, file)
    assert str(caught.value) == f"{file}: {complaint}"


def test_a_number_too_large_for_a_float_is_no_traceback(file: Path) -> None:
    file.write_text("weight = 1" + 400 * "0")
    with pytest.raises(UsageError, match=r"weight is 10+, expected 1 to 50$"):
        read_dataclass(Bicycle, file)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"weight = ", id="no value"),
        pytest.param(b"[front", id="open bracket"),
        pytest.param(b'name = "a"\nname = "b"', id="given twice"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(
            b"weight = 1" + 5000 * b"0",
            id="more digits than Python reads",
            marks=pytest.mark.skipif(not hasattr(sys, "get_int_max_str_digits"), reason="this Python reads any number"),
        ),
    ],
)
def test_what_is_not_toml_is_refused_in_one_line(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_toml(file)
    assert str(caught.value).startswith(f"{file} is not TOML: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(file: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_toml(file)
    assert str(caught.value) == f"cannot read {file}: No such file or directory"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: Is a directory"):
        read_toml(tmp_path)


def test_a_complaint_names_where_the_value_came_from() -> None:
    with pytest.raises(UsageError) as caught:
        build(Wheel, {"size": 99}, "flag front.size", "front.")
    assert str(caught.value) == "flag front.size: front.size is 99, expected 10 to 30"


def test_of_several_that_are_needed_the_missing_one_is_named() -> None:
    @dataclass(frozen=True)
    class Needy:
        first: int
        second: int
        third: int = 3

    with pytest.raises(UsageError, match=r"^my\.toml: second is missing$"):
        build(Needy, {"first": 1}, "my.toml")


@dataclass(frozen=True)
class Zone:
    corners: tuple[float, ...] = field(default=(), metadata=between(0, 1))
    names: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)


def test_lists_and_tables_are_of_what_they_hold(file: Path) -> None:
    file.write_text('corners = [0, 0.5, 1]\nnames = ["a"]\n[sizes]\nsmall = 1\n')
    zone = read_dataclass(Zone, file)
    assert zone == Zone((0.0, 0.5, 1.0), ("a",), {"small": 1})
    assert all(isinstance(each, float) for each in zone.corners)
    for text, told in (
        ('corners = ["0.5"]', "corners is '0.5', expected a number"),
        ("corners = [2.0]", "corners is 2.0, expected 0 to 1"),
        ("names = [1]", "names is 1, expected a text"),
        ("[sizes]\nsmall = 1.5", "sizes.small is 1.5, expected a whole number"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=re.escape(told)):
            read_dataclass(Zone, file)
