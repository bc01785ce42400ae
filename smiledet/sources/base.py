"""What every source of pictures can do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import ClassVar

from typing_extensions import Self, override

from smiledet.frame import Image
from smiledet.schema import between, one_of
from smiledet.system.cancel import CancelToken

USUAL_FPS = 25.0
"""Pictures a second where nothing says how many."""


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What is asked of a camera or a stream; files and the demo take nothing from it.

    Attributes:
        width: Of the pictures, in pixels; 0 leaves the camera's own.
        height: Of the pictures, in pixels; 0 leaves the camera's own.
        fps: Pictures a second; 0 leaves the camera's own.
        fourcc: The form in which a V4L2 camera sends. Over USB 2, uncompressed pictures above 640x480 come at 10 FPS or
            less, so it is MJPG unless asked otherwise; 'any' leaves the camera's own.
        open_timeout: Seconds that a stream may take to begin.
        read_timeout: Seconds without a picture after which a camera or stream counts as lost; rounded up to whole ones
            for a camera.
        reconnect: Seconds to keep trying to get a lost camera or stream back; 0 gives up at once.
        ca_file: PEM file with the certificates to trust behind https://, rtsps:// and rtmps://: of authorities, or a
            camera's own, which then need not bear its name. Empty for the authorities that the system trusts.
    """

    width: int = field(default=0, metadata=between(0, 7680))
    height: int = field(default=0, metadata=between(0, 4320))
    fps: float = field(default=0.0, metadata=between(0, 1000))
    fourcc: str = field(default="MJPG", metadata=one_of("MJPG", "YUYV", "UYVY", "NV12", "GREY", "any"))
    open_timeout: float = field(default=5.0, metadata=between(0.1, 600))
    read_timeout: float = field(default=5.0, metadata=between(0.1, 600))
    reconnect: float = field(default=10.0, metadata=between(0, 86400))
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class NamedSourceSettings(SourceSettings):
    """A source of the configuration, `[[source]]`; what it does not say of `SourceSettings` is as in `[source]`.

    Attributes:
        name: What the run calls it: on the command line, in events, in the names of files.
        address: What it is, as on the command line: `0`, `rtsp://…`, `clip.mp4`.
    """

    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as a source hands it over.

    Attributes:
        image: BGR uint8 (height, width, 3); the source never writes to it again.
        timestamp: Seconds on the source's own time line: position in a clip, Unix time of a live capture.
        independent: True where the picture has nothing to do with the one before it.
        file: The photograph's file, as a path that can be opened; None where the pictures come from a video.
        scale: Pixels of the photograph for one of `image`, along each side; above 1 where it was decoded smaller.
        full_size: (width, height) of the photograph in pixels where it was decoded smaller; None where `image` has it.

    Examples:
        >>> import numpy as np
        >>> Picture(np.zeros((480, 640, 3), np.uint8), timestamp=0.5).independent
        False
    """

    image: Image
    timestamp: float
    independent: bool = False
    file: str | None = None
    scale: int = 1
    full_size: tuple[int, int] | None = None


class Source(ABC):
    """Something that yields pictures one after the other; used by one thread at a time.

    Constructing a source checks nothing; `open` does. A context manager: entering opens, leaving closes.

    Examples:
        >>> import numpy as np
        >>> class Grey(Source):
        ...     live, description = False, "two grey pictures"
        ...     def open(self):
        ...         self.left = 2
        ...     def read(self):
        ...         self.left -= 1
        ...         return Picture(np.full((48, 64, 3), 128, np.uint8), 1.0 - self.left) if self.left >= 0 else None
        ...     def close(self):
        ...         pass
        >>> from smiledet import watch
        >>> [len(reading.faces) for reading in watch(Grey(), tasks=["smile"])]
        [0, 0]
    """

    live: bool
    """Whether pictures come at their own pace (a camera, a stream), so that a slow reader loses some."""

    description: str
    """What it is, for the start-up line: 'camera /dev/video0, 640x480 MJPG at 30 FPS'. Complete once open."""

    fps: float = 0.0
    """Nominal pictures a second, known once open; 0 where it is not known (a folder of photographs)."""

    size: tuple[int, int] = (0, 0)
    """(width, height) of the pictures in pixels, known once open; those of a folder may differ from the first."""

    still: bool = False
    """Whether the pictures are photographs: in a window the last of them stays until a key is pressed."""

    length: int | None = None
    """Number of pictures, known once open; None where there is no end or it is not known."""

    repeatable: bool = True
    """Whether it can be opened again after its end, as a pipe cannot."""

    exclusive: bool = False
    """Whether it can be opened only once at a time, as a camera."""

    until: float = math.inf
    """Seconds on the source's own time line from which on nobody wants a picture: a lost camera is not waited for."""

    smallest_face: float = 0.0
    """Side of the smallest wanted face as a share of a photograph's longer side: a larger photograph may be handed over
    smaller. 0 asks for all of it."""

    @abstractmethod
    def open(self) -> None:
        """Get ready to read.

        Raises:
            UsageError: There is nothing that can be read; the message says what was tried and what to do.
        """

    @abstractmethod
    def read(self) -> Picture | None:
        """The next picture; None after the last.

        Raises:
            SmiledetError: The source broke midway and could not be got back; the message says how.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device or file; twice does no harm."""

    @cached_property
    def cancel(self) -> CancelToken:
        """Set when the run is over: whatever waits in `open` or `read` waits through it, and `read` then gives None."""
        return CancelToken()

    def heed(self, cancel: CancelToken) -> None:
        """Take the run's token for `cancel`; called before anything else.

        Args:
            cancel: The run's token.
        """
        self.cancel = cancel

    def interrupt(self) -> None:
        """End a `read` that waits for something else than `cancel`: the run is over. Called from another thread.

        Closes the source, unless it is made to heed `cancel`.
        """
        self.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class NamedSource(Source):
    """A source that SOURCE on the command line can name.

    A module of this package that holds such a class as `SOURCE` is a kind of source; nothing else needs to know of it.
    """

    forms: ClassVar[str]
    """What SOURCE may look like, for help and complaints: 'a camera (0, /dev/video0)'."""

    rank: ClassVar[int] = 0
    """Kinds of lower rank are asked first; equal ranks by module name."""

    @override
    def interrupt(self) -> None:
        """Nothing: what waits here heeds `cancel`."""

    @classmethod
    @abstractmethod
    def accepts(cls, spec: str) -> bool:
        """Whether `spec` names something of this kind; looks at the text and at what exists, opens nothing."""

    @classmethod
    @abstractmethod
    def from_spec(cls, spec: str, settings: SourceSettings) -> Self:
        """The source that an accepted `spec` names, not yet open."""
