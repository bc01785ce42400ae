"""Plans: what TensorRT builds of a network for one very board, kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smiledet.engines._tensorrt import board_python
from smiledet.engines._tensorrt.finding import Found
from smiledet.engines._tensorrt.program import Lost, Message, run_to_end
from smiledet.errors import ModelError, OutputError, SmiledetError
from smiledet.system.resources import cache_folder

log = logging.getLogger(__name__)

SILENCE = 3600.0
"""Seconds without a word until a build counts as stuck; TensorRT below 10 says nothing before its end."""


def plan_of(network: Path, precision: str, found: Found) -> tuple[Path, str]:
    """The plan of a network for this board; built now if there is none that is whole and for exactly this.

    Args:
        network: An ONNX file.
        precision: `auto`, `float32`, `float16` or `int8`.
        found: TensorRT and the GPU.

    Returns:
        The file, and the numbers that it computes in.

    Raises:
        ModelError: The network cannot be read, or TensorRT does not take it.
        SmiledetError: The building fails midway.
    """
    try:
        digest = hashlib.sha256(network.read_bytes()).hexdigest()
    except OSError as problem:
        raise ModelError(f"{network} is no ONNX model: {problem.strerror}") from problem
    wanted = {**found.facts, "onnx": digest, "precision": precision}
    path = cache_folder() / "tensorrt" / plan_name(network, wanted)
    try:
        with _alone(path):
            numbers = _numbers(path, wanted)
            if numbers is None:
                _build(network, path, precision, found)
                numbers = _numbers(path, wanted)
    except OSError as problem:
        raise OutputError(f"cannot write {problem.filename or path}: {problem.strerror}") from problem
    if numbers is None:
        raise SmiledetError(f"TensorRT built {path}, but for something else: did {network} change meanwhile?")
    return path, numbers


def plan_name(network: Path, wanted: dict[str, Any]) -> str:
    """A name that differs wherever the plan has to.

    Plans of another TensorRT or another GPU do not run, or run badly: two boards of one compute capability may have
    different numbers of processors. What runs a plan counts on its profiles; the batches of a file that fixes it are
    its own, but that is not known before it is read.
    """
    gpu = re.sub(r"[^a-z0-9]+", "-", wanted["gpu"].lower()).strip("-")
    compute = "".join(map(str, wanted["compute"]))
    stem = network.stem.removesuffix(f"-{wanted['precision']}")
    what = f"{stem}-{wanted['onnx'][:16]}-{wanted['precision']}"
    batches = "_".join("-".join(map(str, each)) for each in wanted["profiles"])
    return f"{what}-trt{wanted['tensorrt']}-sm{compute}-{gpu}-{wanted['processors']}-b{batches}.plan"


def _numbers(path: Path, wanted: dict[str, Any]) -> str | None:
    """What a plan computes in; None if it is missing, damaged or for something else."""
    try:
        facts, _ = board_python.read_plan(str(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        log.warning("the plan %s is damaged; it is built anew", path)
        return None
    numbers = facts.pop("numbers", None)
    return numbers if facts == wanted and isinstance(numbers, str) else None


def _build(network: Path, path: Path, precision: str, found: Found) -> None:
    """Build beside the plan's place and move it there once it is whole."""
    partial = path.with_suffix(".partial")
    what = f"TensorRT {found.version} builds {network.stem} for {found.facts['gpu']}"
    log.info("%s, once; this takes seconds to minutes", what)
    from tqdm import tqdm  # here: importing it costs a run on another engine a tenth of its start-up

    with tqdm(desc=what, bar_format="{desc}: {elapsed}{postfix}", disable=None, leave=False) as bar:

        def tick(message: Message | None) -> None:
            if message is not None and message["steps"]:
                bar.set_postfix_str(f"{message['progress']} {message['step']}/{message['steps']}", refresh=False)
            bar.refresh()

        arguments = (str(network.resolve()), str(partial), precision)
        try:
            run_to_end(found.builder, "build", *arguments, limit=SILENCE, tick=tick)
        except board_python.Refused as refusal:
            raise ModelError(f"{network}: {refusal}") from refusal
        except Lost as problem:
            raise SmiledetError(f"TensorRT failed to build {network}: {problem}") from problem
        else:
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        log.info("built %s in %.0f s", path.name, bar.format_dict["elapsed"])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One thread of one process at a time builds a plan; the others wait, and find it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
