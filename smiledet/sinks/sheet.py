"""A contact sheet of a run: a PNG with annotated frames spread over its whole length."""

from __future__ import annotations

from pathlib import Path

import cv2
from typing_extensions import override

from smiledet.drawing.contact_sheet import contact_sheet
from smiledet.frame import Annotation, Frame, Image
from smiledet.sinks.base import Sink
from smiledet.system.output_files import OutputFile, check_suffix

CELL_WIDTH = 480


class SheetSink(Sink):
    """Keeps a handful of frames and lays them out at the end.

    How long a run lasts is not known before it ends: every `stride`-th frame is kept, and when there are too many every
    other is dropped and the stride doubled. Memory stays the same however long it runs.

    Args:
        path: The `.png` or `.jpg` to write.
        columns: Pictures a row.
        rows: Rows at most.
    """

    def __init__(self, path: Path, columns: int = 3, rows: int = 4) -> None:
        self.description = f"contact sheet {path}"
        self._path = path
        self._columns = columns
        self._cells = columns * rows
        self._kept: list[tuple[str, Image]] = []
        self._stride = 1
        self._seen = 0
        self._output = OutputFile(path)

    @override
    def open(self) -> None:
        check_suffix(self._path, (".png", ".jpg"))
        self._output.open()

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        if self._seen % self._stride == 0:
            if len(self._kept) == 2 * self._cells:
                self._kept = self._kept[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                caption = f"frame {frame.id}, {frame.timestamp:.2f} s" if frame.timestamp < 1e6 else f"frame {frame.id}"
                self._kept.append((caption, _shrunk(annotation.image)))
        self._seen += 1

    @override
    def close(self) -> None:
        try:
            self._write_sheet()
        finally:
            self._output.close()
            self.wrote = self._output.wrote

    def _write_sheet(self) -> None:
        kept, self._kept = self._kept, []
        if kept:
            count = min(self._cells, len(kept))
            chosen = [kept[(2 * index + 1) * len(kept) // (2 * count)] for index in range(count)]
            sheet = contact_sheet(
                [image for _, image in chosen], [text for text, _ in chosen], self._columns, CELL_WIDTH
            )
            # OpenCV would write it too, but says neither why it could not nor takes any name.
            encoded, data = cv2.imencode(self._path.suffix, sheet)
            assert encoded
            self._output.write(data.tobytes())
            self._output.take_name()


def _shrunk(image: Image) -> Image:
    """A copy no wider than a cell."""
    scale = min(1.0, CELL_WIDTH / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    shrunk: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return shrunk
