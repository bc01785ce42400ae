"""TOML into typed dataclasses, with one-line complaints.

Allowed values beyond the type are declared on the field itself: `field(default=…, metadata=between(0, 1))`. Nested
dataclasses are tables; `Mapping[str, SomeDataclass]` is a table of tables, one a name.
"""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from smiledet.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

AUTO = "auto"
"""The value of a setting by which smiledet chooses: an engine, a precision, a detector, a platform."""


def between(low: float, high: float) -> dict[str, Any]:
    """Metadata of a number that must lie in low … high, both allowed."""
    return {"low": low, "high": high}


def one_of(*values: str, with_file: tuple[str, ...] = ()) -> dict[str, Any]:
    """Metadata of a text that must be one of the values, or NAME=FILE with one of the names of `with_file`."""
    return {"values": values, "with_file": with_file}


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        ConfigError: It cannot be read, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            values: dict[str, Any] = tomllib.load(file)
    except OSError as problem:
        raise ConfigError(f"cannot read {path}: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:  # not UTF-8, too many digits, or nested too deeply
        raise ConfigError(f"{path} is not TOML: {problem}") from problem
    return values


def read_dataclass(kind: type[T], path: Path) -> T:
    """Read a whole TOML file into one dataclass; keys that it lacks keep their defaults.

    Raises:
        ConfigError: See `read_toml` and `build`.
    """
    return build(kind, read_toml(path), str(path))


def build(kind: type[T], values: Mapping[str, Any], where: str, prefix: str = "") -> T:
    """Make a dataclass of a parsed table.

    Args:
        kind: The dataclass.
        values: The table.
        where: The file (or flag) that it came from, for complaints.
        prefix: The dotted name of the table, for complaints.

    Raises:
        ConfigError: An unknown key, a wrong type, a value out of range; the message names file, key, what was given and
            what is allowed.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = get_type_hints(kind)
    for key in values:
        if key not in fields:
            raise ConfigError(f"{where}: unknown key {prefix}{key}; allowed are {', '.join(fields)}")
    given = {
        key: _convert(hints[key], fields[key].metadata, value, where, prefix + key) for key, value in values.items()
    }
    try:
        return kind(**given)
    except TypeError:
        missing = [name for name, field in fields.items() if _required(field) and name not in given]
        raise ConfigError(f"{where}: {prefix}{missing[0]} is missing") from None


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(hint: Any, metadata: Mapping[str, Any], value: Any, where: str, key: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):  # X | None: a key that is given is an X
        (hint,) = [argument for argument in arguments if argument is not type(None)]
        return _convert(hint, metadata, value, where, key)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        _expect(isinstance(value, dict), "a table", value, where, key)
        return build(hint, value, where, f"{key}.")
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        _expect(isinstance(value, dict), "a table", value, where, key)
        return {name: _convert(arguments[1], metadata, item, where, f"{key}.{name}") for name, item in value.items()}
    if origin is tuple:
        _expect(isinstance(value, list), "a list", value, where, key)
        return tuple(_convert(arguments[0], metadata, item, where, key) for item in value)
    return _scalar(hint, metadata, value, where, key)


def _scalar(hint: Any, metadata: Mapping[str, Any], value: Any, where: str, key: str) -> Any:
    if hint is bool:
        _expect(isinstance(value, bool), "true or false", value, where, key)
    elif hint is int:
        _expect(isinstance(value, int) and not isinstance(value, bool), "a whole number", value, where, key)
    elif hint is float:
        _expect(isinstance(value, (int, float)) and not isinstance(value, bool), "a number", value, where, key)
    else:
        _expect(isinstance(value, str), "a text", value, where, key)
    if "values" in metadata:
        names = metadata["with_file"]
        allowed = (*metadata["values"], *(f"{name}=FILE" for name in names))
        name, _, file = value.partition("=")
        holds = value in metadata["values"] or (name in names and file != "")
        _expect(holds, f"one of {', '.join(allowed)}", value, where, key)
    if "low" in metadata:
        low, high = metadata["low"], metadata["high"]
        _expect(low <= value <= high, f"{low} to {high}", value, where, key)
    return float(value) if hint is float else value


def _expect(holds: bool, allowed: str, value: Any, where: str, key: str) -> None:
    if not holds:
        raise ConfigError(f"{where}: {key} is {value!r}, expected {allowed}")
