"""Matplotlib figures as files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.system.output_files import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, path: Path, **settings: Any) -> Path:
    """Write a figure in the format of the path's suffix, whole or not at all.

    Args:
        figure: What is drawn.
        path: A `.png`, `.svg` …
        settings: More of `Figure.savefig`, `dpi` say.

    Raises:
        SmiledetError: The file cannot be written.
    """
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix[1:].lower(), **settings)
    write_file(path, drawn.getvalue())
    return path
