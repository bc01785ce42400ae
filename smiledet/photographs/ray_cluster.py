"""Examining photographs on several machines, as a Ray Data job (extra `ray`).

Each machine reads the files by the same paths: a shared folder, or an S3-like store (`stored_objects`). Each of its
actors loads the models once. Files go out in parcels of so many bytes, and what comes back are numbers, not pictures.
Ray starts a parcel anew on another machine when one is lost; each file counts once, however often it was examined.
"""

from __future__ import annotations

import logging
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from smiledet.config import Config
from smiledet.errors import SmiledetError, UsageError
from smiledet.photographs.examine import Examined, Examiner
from smiledet.photographs.memory_budget import MemoryBudget, usual_memory
from smiledet.photographs.records import StoredFile
from smiledet.system.text import unwrapped

PARCEL_BYTES, PARCEL_FILES = 32_000_000, 64
"""Of a parcel at most: some seconds of work. That is what is done twice where a machine is lost."""

PATIENCE = 10.0
"""Seconds to wait for the head to answer."""

LOST = "no machine of the cluster could read it"


class RayCluster:
    """A Ray cluster that examines files.

    Args:
        address: Of its head, `HOST:PORT`; `auto` for the one that this machine belongs to, `local` for one of its own.
        config: What is read, and with what.
        memory: Megabytes for each actor; see `smiledet.photographs.index.Indexer`.
        every: Seconds between the frames of a video.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at that address.
    """

    def __init__(self, address: str, config: Config, memory: float | None, every: float) -> None:
        try:
            import ray
            import ray.data
        except ImportError as problem:
            raise UsageError("--ray needs Ray: pip install 'smiledet[ray]'") from problem
        _check_address(address)
        self._ray = ray
        self._arguments = (config, memory, every)
        if not ray.is_initialized():
            own = {"include_dashboard": False} if address == "local" else {}
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
            except Exception as problem:  # its processes did not start in time, say
                raise UsageError(f"--ray {address}: {unwrapped(problem)}") from problem

    def examine(self, files: Sequence[Path], cancelled: Callable[[], bool]) -> Iterator[tuple[Path, Examined]]:
        """Examine each file once, in any order; what no machine could read is told as unread.

        Args:
            files: Absolute, seen by every machine under the same path.
            cancelled: Asked between two answers; True ends it.

        Raises:
            SmiledetError: The job broke down.
        """
        waiting = dict.fromkeys(files)
        if not waiting:
            return
        try:
            for row in self._job(files).iter_rows():
                for path, examined in pickle.loads(row["answers"]):  # noqa: S301 - Ray itself hands objects over so
                    if path in waiting:  # a parcel that was started anew may come twice
                        del waiting[path]
                        yield path, examined
                if cancelled():
                    return
        except self._ray.exceptions.RayError as problem:
            raise SmiledetError(f"the Ray job broke down: {str(problem).splitlines()[0]}") from problem
        yield from ((path, Examined(unread=LOST)) for path in waiting)

    def _job(self, files: Sequence[Path]) -> Any:
        data = self._ray.data
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # it tells of every job
        context.max_errored_blocks = -1  # what is missing is told at the end
        parcels = [{"files": pickle.dumps(parcel)} for parcel in parcels_of(files)]
        most = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        source = data.from_items(parcels, override_num_blocks=len(parcels))
        return source.map_batches(
            _Actor,
            fn_constructor_args=self._arguments,
            batch_size=1,
            num_cpus=1,
            compute=data.ActorPoolStrategy(min_size=1, max_size=min(most, len(parcels))),
        )


def _check_address(address: str) -> None:
    """Refuse an address where nobody answers: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if address in ("auto", "local"):
        return
    if not colon or not host or not port.isdecimal():
        raise UsageError(f"--ray {address!r}: expected HOST:PORT, auto or local")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except (OSError, OverflowError) as problem:
        raise UsageError(f"--ray {address}: no cluster answers there: {problem}") from problem


def parcels_of(files: Sequence[Path]) -> Iterator[list[Path]]:
    """The files in parcels of `PARCEL_BYTES` and `PARCEL_FILES` at most, or of one file.

    >>> [len(parcel) for parcel in parcels_of([Path("/none")] * 150)]
    [64, 64, 22]
    """
    parcel: list[Path] = []
    held = 0
    for path in files:
        size = path.stat().st_size if path.exists() else 0
        if parcel and (held + size > PARCEL_BYTES or len(parcel) >= PARCEL_FILES):
            yield parcel
            parcel, held = [], 0
        parcel.append(path)
        held += size
    if parcel:
        yield parcel


class _Nothing:
    """Knows no content: the driver has left out what has not changed."""

    def has(self, content: str) -> bool:
        return not content

    def has_video(self, video: StoredFile, every: float) -> bool:
        return video.bytes < 0 and every < 0


class _Actor:
    """What one process of a machine examines parcels with."""

    def __init__(self, config: Config, memory: float | None, every: float) -> None:
        from smiledet.model_plan import plan_models
        from smiledet.photographs.reading import PhotographStages
        from smiledet.system.own_process import settle_process

        settle_process(config.opencv_threads, config.source.read_timeout)
        plan = plan_models(config)
        self._stages = PhotographStages(plan, config)
        faces = config.photographs.faces
        total = usual_memory(faces, 1) if memory is None else round(memory * 1e6)
        budget = MemoryBudget(total, faces, 1, self._stages.hand_back)
        self._examiner = Examiner(_Nothing(), plan.tasks, budget, every, lambda: False)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        answers = [
            [(path, self._examiner.examine(self._stages, path)) for path in pickle.loads(parcel)]  # noqa: S301
            for parcel in batch["files"]
        ]
        return {"answers": [pickle.dumps(each) for each in answers]}
