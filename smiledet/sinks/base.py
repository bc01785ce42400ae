"""What every sink can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from smiledet.frame import Annotation, Frame


class Sink(ABC):
    """Somewhere that annotated frames go; opened, written and closed by one thread, which is its own.

    A context manager: entering opens, leaving closes. Whatever was written before a fault stays readable.

    Examples:
        >>> class Count(Sink):
        ...     description = "a count of faces"
        ...     def open(self):
        ...         self.faces = 0
        ...     def write(self, frame, annotation):
        ...         self.faces += len(annotation.readings)
        ...     def close(self):
        ...         pass
        >>> from smiledet import Config, Limits, Pipeline
        >>> from smiledet.sources.demo import DemoSource
        >>> count = Count()
        >>> with DemoSource() as source:
        ...     _ = Pipeline(Config(tasks=("smile",)), source, [count], limits=Limits(max_frames=12)).run()
        >>> count.faces > 0
        True
    """

    description: str
    """What it is, for the start-up line and for complaints: 'video out.mp4'."""

    reads_heads: bool = False
    """Whether it uses where faces look and how far their eyes are open; what nobody uses is not computed."""

    uses_drawing: bool = True
    """Whether it uses the annotated picture; where nobody does, nothing is drawn, and it is the bare one. Asked before
    each frame is drawn, from another thread: a property may say yes while somebody looks. `Annotation.drawn` tells."""

    may_wait: bool = False
    """Whether `write` waits for somebody who may take as long as they like: the program's own loop."""

    of_source: str | None = None
    """The name of the source whose frames it takes, in a run of several; None for those of all."""

    wrote: Path | None = None
    """The file that it has written, once something valid stands under its name."""

    lacks: str = ""
    """What is missing in it though the run went on, in a line, once it is closed; the command then ends with 1."""

    @abstractmethod
    def open(self) -> None:
        """Check that the sink can be written, before anything else runs.

        Raises:
            UsageError: It cannot; the message says where and why.
        """

    @abstractmethod
    def write(self, frame: Frame, annotation: Annotation) -> None:
        """Take one annotated frame; frames come in order.

        Args:
            frame: The frame as it was captured; its picture is not written to.
            annotation: The annotated picture, and the faces with their labels.

        Raises:
            SmiledetError: It cannot go on (a full disk); the message says where and why.
        """

    def interrupt(self) -> None:  # noqa: B027 - most sinks wait for nobody
        """End a `write` that waits for somebody: the run is over. Called from another thread."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was written, so that it is readable; closing twice does no harm.

        Raises:
            SmiledetError: What was written could not be finished.
        """

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
