"""Figures kept as JSON: with the date, the command and the machine, written beside and renamed into place."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from smiledet.errors import UsageError
from smiledet.lab.extras import require
from smiledet.lab.machine import describe_machine
from smiledet.system.output_files import write_file
from smiledet.system.redaction import shown_source
from smiledet.system.text import from_json, valid_text

SUFFIX = ".json"


def circumstances(arguments: argparse.Namespace) -> dict[str, Any]:
    """When, how and where figures are measured.

    Args:
        arguments: Of `smiledet bench`.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"date": now, "command": command_line(arguments), "machine": describe_machine()}


def command_line(arguments: argparse.Namespace) -> str:
    """What measures the same again, but for the folders of clips and data.

    Args:
        arguments: Of `smiledet bench`, with the `target` and its `flags`.

    >>> flags = ["rounds", "clip", "limit"]
    >>> command_line(argparse.Namespace(target="pipeline", flags=flags, rounds=3, clip=["/clips/a.mp4"], limit=None))
    'smiledet bench pipeline --rounds 3 --clip a.mp4'
    """
    words = ["smiledet", "bench"] + ([arguments.target] if arguments.target else [])
    for name in arguments.flags:
        value, flag = getattr(arguments, name), f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is not None and value is not False:
            for each in value if isinstance(value, list) else [value]:
                words += [flag, _without_folder(str(each))]
    return shlex.join(words)


def _without_folder(word: str) -> str:
    """A path's last part; `genki4k:/data/genki4k` keeps its layout. Names stay, and addresses without their secrets."""
    layout, colon, path = word.rpartition(":")
    if "://" in word:
        return shown_source(word)
    is_path = Path(path).is_absolute() or Path(path).exists()
    return f"{layout}{colon}{Path(path).name}" if is_path else word


_FOLDERS = re.compile(r"(?<![\w/])/(?:[^\s/:,]+/)*(?=[^\s/:,])")
"""The folders of an absolute path, but for those of an address."""


def without_folders(value: Any) -> Any:
    """A JSON value whose texts name files without their folders: where they lie says nothing to others.

    >>> without_folders({"source": ["video /clips/a.mp4, 640x360", "genki4k:/data/genki4k", "rtsp://host/a/b"]})
    {'source': ['video a.mp4, 640x360', 'genki4k:genki4k', 'rtsp://host/a/b']}
    """
    if isinstance(value, str):
        return _FOLDERS.sub("", value)
    if isinstance(value, Mapping):
        return {without_folders(name): without_folders(each) for name, each in value.items()}
    return [without_folders(each) for each in value] if isinstance(value, (list, tuple)) else value


def check_output(path: Path) -> None:
    """See that figures can be kept there, before they are measured: a file, or a folder, which is made.

    Raises:
        UsageError: They cannot.
    """
    folder = path.parent if path.suffix.lower() == SUFFIX else path
    if path.suffix.lower() == SUFFIX:
        if path.is_dir():
            raise UsageError(f"cannot write {path}: it is a folder")
        if not folder.is_dir():
            raise UsageError(f"cannot write {path}: there is no folder {folder}")
    else:
        _make(path)
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write {path}: no permission to write into {folder}")


def check_plots(folder: Path) -> None:
    """Make the folder that plots go to.

    Raises:
        UsageError: It cannot be made, or matplotlib is not installed.
    """
    require("--plots", "matplotlib", "bench")
    _make(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"cannot write into {folder}: {problem.strerror}") from problem


def keep(about: Mapping[str, Any], measured: Mapping[str, Mapping[str, Any]], path: Path) -> list[Path]:
    """Write figures.

    Args:
        about: As `circumstances` returns it.
        measured: What each target measured.
        path: A file that ends in .json for all of it, else a folder that gets a file a target.

    Returns:
        What was written.

    Raises:
        SmiledetError: It could not be written.
    """
    if path.suffix.lower() == SUFFIX:
        everything = {name: value for part in measured.values() for name, value in part.items()}
        return [_write({**about, "targets": list(measured), **everything}, path)]
    return [_write({**about, "targets": [name], **part}, path / f"{name}{SUFFIX}") for name, part in measured.items()]


def _write(values: Mapping[str, Any], path: Path) -> Path:
    text = json.dumps(without_folders(values), indent=1, ensure_ascii=False) + "\n"
    write_file(path, valid_text(text).encode())
    return path


def begun(about: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """What an interrupted run of the same command on the same machine has kept of a target; or nothing.

    Args:
        about: As `circumstances` returns it, of this run.
        name: The target.
        path: As for `keep`.
    """
    try:
        kept = read_kept(path if path.suffix.lower() == SUFFIX else path / f"{name}{SUFFIX}")
    except UsageError:
        return {}
    same = all(kept[each] == without_folders(about[each]) for each in ("command", "machine"))
    return kept if same and kept.get("unfinished") == name else {}


def read_kept(path: Path) -> dict[str, Any]:
    """Figures that were kept.

    Raises:
        UsageError: There is no such file, or it holds something else.
    """
    try:
        values = from_json(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise UsageError(f"{path} is no JSON: {problem}") from problem
    if not isinstance(values, dict) or not {"date", "command", "machine", "targets"} <= set(values):
        raise UsageError(f"{path} was not written by `smiledet bench --output`")
    return values
