"""Keras networks into the engines' files, in a process of its own: nothing that is timed shares it with TensorFlow.

The memory goes back with the process, too: networks of a hundred million parameters take 9 GB and more while they are
converted. Where the system ends the process over it, that network is left out, and the others go on in a new one.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from smiledet.system.memory import first_to_go

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Job:
    """A network to convert.

    Attributes:
        architecture: One of `smiledet.lab.networks`, with random weights, at its own input and classes; or
        keras: a trained network's file.
        files: The files to write, by format (`smiledet.engines.files.FORMATS`); may be none.
    """

    architecture: str = ""
    keras: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of it.

    Attributes:
        parameters: All of its weights; None where the process ended before it said so.
        multiply_adds: For one picture; see `smiledet.lab.networks.flops`. None as above.
        failed: Formats that it could not be converted to, each with the reason in a line.
    """

    parameters: int | None
    multiply_adds: int | None
    failed: Mapping[str, str]


def convert(jobs: Sequence[Job]) -> Iterator[Converted]:
    """Convert networks, one after the other, in one process; in a further one where that ends over a network."""
    waiting = list(jobs)
    while waiting:
        process = _start()
        try:
            yield from _answers(process, waiting)
        finally:
            process.kill()
            process.communicate()
        if waiting:
            lost, code = waiting.pop(0), process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            why = f"converting it ended with {how}" + (": too little memory?" if code == -signal.SIGKILL else "")
            yield Converted(None, None, dict.fromkeys(lost.files, why))


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _answers(process: subprocess.Popen[str], waiting: list[Job]) -> Iterator[Converted]:
    """What a process answers, until it has done all or ends; what it has answered waits no longer."""
    assert process.stdin is not None and process.stdout is not None
    while waiting:
        try:
            print(json.dumps(asdict(waiting[0])), file=process.stdin, flush=True)
        except BrokenPipeError:
            break
        if not (line := process.stdout.readline()):
            break
        waiting.pop(0)
        yield Converted(**json.loads(line))
    if waiting:
        process.wait()


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Convert what is asked for, one JSON object a line."""
    from smiledet.lab.backend import prepare

    prepare()
    for line in requests:
        print(json.dumps(asdict(_converted(Job(**json.loads(line))))), file=answers, flush=True)


def _converted(job: Job) -> Converted:
    import keras

    from smiledet.lab.networks.base import find_architecture
    from smiledet.lab.networks.build import build_network
    from smiledet.lab.networks.flops import count_flops

    if job.architecture:
        row = find_architecture(job.architecture)
        network = build_network(row.name, row.input_shape, row.classes)
    else:
        network = keras.saving.load_model(job.keras, compile=False)
    tried = {}
    for file_format, path in job.files.items():
        tried[file_format] = _export(network, Path(path), file_format)
        gc.collect()  # a graph holds all weights, and is in circles with itself
    failed = {file_format: why for file_format, why in tried.items() if why}
    converted = Converted(network.count_params(), count_flops(network).multiply_adds, failed)
    keras.utils.clear_session()
    return converted


def _export(network: keras.Model, path: Path, file_format: str) -> str:
    """Write one format; why not, in a line, or nothing."""
    from smiledet.lab.training.export.export import export

    try:
        export(network, path, file_format)
    except Exception as problem:  # the converters' own; a network that one of them cannot do ends nothing else
        return (str(problem) or repr(problem)).splitlines()[0]
    return ""


def main() -> None:
    """The process."""
    first_to_go()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the converters print
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
