"""Files that a command writes: each appears under its name when what is in it is valid, and has one writer.

A file is written beside its place, as `NAME.partial.SUFFIX`, and renamed. What stood under the name stays until then. A
process that is killed leaves the partial file, which the next run overwrites. Locks (`flock`) are on the file that is
written, so that they end with the process, and need no file of their own.

Two kinds of output are written where they are: pipes and devices, and a file that cannot be replaced, since its folder
may not be written to or it is a mount of its own (as in a container). Such a file is emptied at the first write.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, EEXIST, EFBIG, ENOSPC, ENXIO
from pathlib import Path

from typing_extensions import Self

from smiledet.errors import OutputError, SmiledetError

LONGEST_NAME = 255
"""Bytes of a file's name on usual file systems."""

DISK_FULL = (ENOSPC, EDQUOT)
"""Errors of a full disk and a quota."""

NO_ROOM = (*DISK_FULL, EFBIG)
"""With that of a limit of a file's size."""

_DESCRIPTORS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}


class OutputFile:
    """One file that is written; a context manager, whose end discards what has not been given its name.

    Args:
        path: Where it shall be. Of a link it is the file that is written. A pipe or device is written as it stands.
        private: Whether nobody else may read it (mode 0600); otherwise a file that is there keeps its mode.
        new: Whether it must not take the place of a file, also of one that comes meanwhile.

    Attributes:
        path: As it was given, for messages.
        partial: Where it is written; for whoever writes by name (an encoder). Known once it is open.
    """

    def __init__(self, path: Path, private: bool = False, new: bool = False) -> None:
        self.path = self.partial = path
        self._target = Path(os.path.realpath(path))
        self._private = private
        self._new = new
        self._descriptor: int | None = None
        self._size = 0  # of what was written whole
        self._is_stream = is_stream(path)
        self._beside = False  # whether it still stands beside its place
        self._in_place = False  # whether it is a file of that name that cannot be replaced
        self.wrote: Path | None = None
        """The file, once something valid stands under its name; None until then."""

    def open(self) -> None:
        """Make the partial file and lock it; what stands under the name stays.

        Raises:
            OutputError: It cannot be written, or another process is writing it; the message says why.
        """
        try:
            self._descriptor = self._opened()
        except OSError as problem:
            raise OutputError(f"cannot write {self.path}: {problem.strerror}") from problem

    @property
    def seekable(self) -> bool:
        """Whether it can be written at any place: a file, not a pipe or device."""
        return not self._is_stream

    def write(self, data: bytes, at: int | None = None) -> None:
        """Write all of it, or nothing: where it does not fit, the file is cut back to what was there before.

        Args:
            data: What to write.
            at: Where, in bytes from the beginning; None for the end. A pipe or device only goes on.

        Raises:
            SmiledetError: It cannot be written; the message says where and why.
        """
        if self._descriptor is None:
            raise SmiledetError(f"{self.path} is not open")
        try:
            if self._in_place and not self._size:
                self._empty(self._descriptor)
            rest, place = memoryview(data), self._size if at is None else at
            while rest:
                done = os.pwrite(self._descriptor, rest, place) if self.seekable else os.write(self._descriptor, rest)
                rest, place = rest[done:], place + done
        except OSError as problem:
            if self._beside or self._in_place or self.wrote:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
            raise self._refused(problem) from problem
        self._size = max(self._size, (self._size if at is None else at) + len(data))
        if not self._beside:
            self.wrote = self.path

    def cut(self, size: int) -> None:
        """Leave out what stands behind so many bytes, where it can be; of a pipe or device it cannot."""
        if self._descriptor is not None and self.seekable and size < self._size:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
                self._size = size

    def take_name(self) -> None:
        """Put it under its name, in the place of what stands there; it can be written to further.

        Raises:
            SmiledetError: It cannot; the message says why.
        """
        if self._beside:
            try:
                self._rename()
            except OSError as problem:
                raise self._refused(problem) from problem
            self._beside = False
            self.wrote = self.path
        elif self._in_place and not self._size and self._descriptor is not None:
            self._empty(self._descriptor)
            self.wrote = self.path

    def _rename(self) -> None:
        if not self._new:
            self.partial.replace(self._target)
            return
        try:
            os.link(self.partial, self._target)  # unlike a rename it fails where a file is there
        except FileExistsError:
            raise
        except OSError as problem:  # a file system without links
            if os.path.lexists(self._target):
                raise FileExistsError(EEXIST, os.strerror(EEXIST)) from problem
            self.partial.replace(self._target)
        else:
            self.partial.unlink()

    def close(self) -> None:
        """Let go of it; what has not been given its name is discarded. Closing twice does no harm.

        Raises:
            SmiledetError: The system could not keep what was written.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            if self._beside:
                self.partial.unlink(missing_ok=True)
                self._beside = False
            os.close(descriptor)
        except OSError as problem:
            raise self._refused(problem) from problem

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def _opened(self) -> int:
        self._is_stream = is_stream(self.path)
        if self._is_stream:
            return _open_stream(self.path)
        target = self._target
        if target.is_dir():
            raise OutputError(f"cannot write {self.path}: it is a folder")
        if not target.parent.is_dir():
            folder = target.parent if self.path.is_symlink() else self.path.parent
            raise OutputError(f"cannot write {self.path}: there is no folder {folder}")
        there = target.exists()
        if self._new and (os.path.lexists(self.path) or os.path.lexists(target)):
            raise FileExistsError(EEXIST, os.strerror(EEXIST))
        if there and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
        self._in_place = there and (os.path.ismount(target) or not os.access(target.parent, os.W_OK))
        self.partial = target if self._in_place else partial_of(target)
        descriptor = self._locked(0o600 if self._private else 0o666)
        if not self._in_place:
            self._beside = True
            os.ftruncate(descriptor, 0)  # what a process that was killed has left
            if self._private:
                os.fchmod(descriptor, 0o600)
            elif there:
                with suppress(OSError):
                    os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
        return descriptor

    def _locked(self, mode: int) -> int:
        """The partial file, open and locked."""
        while True:
            descriptor = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, mode)
            try:
                self._lock(descriptor)
                if not _is_still(self.partial, descriptor):  # whoever held it has renamed or removed it meanwhile
                    os.close(descriptor)
                    continue
                if not self._in_place:
                    self._check_nobody_writes_the_target()
            except OutputError:
                os.close(descriptor)
                raise
            return descriptor

    def _check_nobody_writes_the_target(self) -> None:
        """A writer that has given its file the name already, and goes on, holds the lock on that."""
        try:
            descriptor = os.open(self._target, os.O_RDONLY)
        except OSError:
            return
        try:
            self._lock(descriptor)
        except OutputError:
            self.partial.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise OutputError(f"cannot write {self.path}: another run is writing it") from problem
        except OSError:
            return  # a file system that knows no locks

    def _empty(self, descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        if self._private:
            os.fchmod(descriptor, 0o600)

    def _refused(self, problem: OSError) -> SmiledetError:
        return SmiledetError(f"cannot write {self.path}: {problem.strerror}")


def write_file(path: Path, data: bytes, private: bool = False, new: bool = False) -> None:
    """Write a whole file at once; see `OutputFile`.

    Raises:
        SmiledetError: It cannot be written; the message says why.
    """
    with OutputFile(path, private, new) as output:
        output.write(data)
        output.take_name()


def free_path(path: Path) -> Path:
    """A file that nobody has or is writing: the one given, else `NAME-2.SUFFIX`, and so on."""
    number, free = 1, path
    while os.path.lexists(free) or os.path.lexists(partial_of(free)):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Remove a file that is being made where that fails or is interrupted: half a file is taken for a whole one."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def partial_of(path: Path) -> Path:
    """Where a file is written until it gets its name; the suffix stays, since encoders go by it.

    >>> str(partial_of(Path("runs/clip.mp4")))
    'runs/clip.partial.mp4'
    """
    stem = path.stem
    while len(os.fsencode(name := f"{stem}.partial{path.suffix}")) > LONGEST_NAME >= len(os.fsencode(path.name)):
        stem = stem[:-1]
    return path.with_name(name)


def is_stream(path: Path) -> bool:
    """Whether a path is something else than a file that could be replaced: a pipe, a device, a standard stream."""
    if _descriptor_of(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def system_error(problem: BaseException | None) -> int | None:
    """The system's number of an error, or of the one that it came of; None where there is none."""
    while problem is not None and not isinstance(problem, OSError):
        problem = problem.__cause__
    return problem.errno if problem is not None else None


def is_without_room(problem: BaseException | None) -> bool:
    """Whether an error, or one that it came of, is that of a full disk, a quota or a limit of a file's size."""
    return system_error(problem) in NO_ROOM


def check_suffix(path: Path, allowed: tuple[str, ...]) -> str:
    """The file's suffix in lower case; that of a pipe or device says nothing, and may be any.

    Raises:
        OutputError: It is none of those allowed.
    """
    suffix = path.suffix.lower()
    if suffix not in allowed and not is_stream(path):
        raise OutputError(f"cannot write {path}: its suffix must be {' or '.join(allowed)}")
    return suffix


def check_writable(path: Path, seekable: bool = False) -> None:
    """See that a file can be written, and that nobody else is writing it; what it holds stays.

    Args:
        path: The file.
        seekable: Whether its writer goes back in it, which no pipe or device allows.

    Raises:
        OutputError: It cannot; the message says why.
    """
    if seekable and is_stream(path):
        raise OutputError(f"cannot write {path}: it is a pipe or device, expected a file")
    if (number := _descriptor_of(path)) is not None:
        _check_descriptor(path, number)
    elif not (is_stream(path) and path.is_fifo()):  # its reader would take that for the end
        OutputFile(path).__enter__().close()


def is_same_file(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file that is there."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # one of them is not there, or is no path at all
        return False


def _descriptor_of(path: Path) -> int | None:
    """The open file that a path such as `/dev/stdout` or `/dev/fd/63` stands for."""
    found = re.fullmatch(r"/(?:dev|proc/self)/fd/(\d+)", str(path))
    return int(found[1]) if found else _DESCRIPTORS.get(str(path))


def _check_descriptor(path: Path, number: int) -> None:
    """See that an open file can be written.

    Raises:
        OutputError: It cannot; the message says why.
    """
    try:
        mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError as problem:
        raise OutputError(f"cannot write {path}: {problem.strerror}") from problem
    if mode == os.O_RDONLY:
        raise OutputError(f"cannot write {path}: it is open for reading alone")


def _open_stream(path: Path) -> int:
    """A pipe or device, open for writing.

    Raises:
        OutputError: It is a disk, or nobody reads the pipe.
        OSError: It cannot be opened.
    """
    number = _descriptor_of(path)
    if number is not None:
        _check_descriptor(path, number)
        return os.dup(number)
    if path.is_block_device() or path.is_socket():
        raise OutputError(f"cannot write {path}: it is {'a disk' if path.is_block_device() else 'a socket'}")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as problem:
        if problem.errno == ENXIO:
            raise OutputError(f"cannot write {path}: nobody reads this pipe; start its reader first") from problem
        raise
    os.set_blocking(descriptor, True)
    return descriptor


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
