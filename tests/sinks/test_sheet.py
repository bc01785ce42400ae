"""A contact sheet of a run whose length nobody knows beforehand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.drawing.contact_sheet import contact_sheet
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Annotation, Frame, Image
from smiledet.sinks import sheet as sheet_module
from smiledet.sinks.sheet import CELL_WIDTH, SheetSink

COLUMNS, ROWS = 3, 2
CELLS = COLUMNS * ROWS


def frame(number: int, timestamp: float | None = None, width: int = 64) -> tuple[Frame, Annotation]:
    """A frame whose picture carries its number."""
    image = np.full((48, width, 3), number % 256, np.uint8)
    image[:, :, 1] = number // 256
    return Frame(number, 0, number / 10 if timestamp is None else timestamp, image), Annotation(image, ())


def number_of(image: Image) -> int:
    return int(image[0, 0, 0]) + 256 * int(image[0, 0, 1])


Sheets = list[tuple[list[int], list[str], int]]


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> Sheets:
    """Frame numbers, captions and columns of every sheet that is laid out."""
    laid_out: Sheets = []

    def spy(images: list[Image], captions: list[str], columns: int, cell_width: int) -> Image:
        laid_out.append(([number_of(image) for image in images], list(captions), columns))
        return contact_sheet(images, captions, columns, cell_width)

    monkeypatch.setattr(sheet_module, "contact_sheet", spy)
    return laid_out


def run(path: Path, count: int) -> None:
    with SheetSink(path, COLUMNS, ROWS) as sink:
        for number in range(count):
            sink.write(*frame(number))


@pytest.mark.parametrize("count", [1, 4, CELLS])
def test_a_short_run_is_shown_whole(count: int, tmp_path: Path, sheets: Sheets) -> None:
    run(tmp_path / "sheet.png", count)
    captions = [f"frame {number}, {number / 10:.2f} s" for number in range(count)]
    assert sheets == [(list(range(count)), captions, COLUMNS)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (7, [0, 1, 2, 4, 5, 6]),
        (12, [1, 3, 5, 7, 9, 11]),
        (13, [0, 2, 4, 8, 10, 12]),
        (25, [0, 4, 8, 16, 20, 24]),
    ],
)
def test_which_frames_are_shown(count: int, expected: list[int], tmp_path: Path, sheets: Sheets) -> None:
    run(tmp_path / "sheet.png", count)
    assert sheets[0][0] == expected


def test_a_sheet_has_four_rows_of_three_unless_it_is_told(tmp_path: Path, sheets: Sheets) -> None:
    with SheetSink(tmp_path / "sheet.png") as sink:
        for number in range(60):
            sink.write(*frame(number))
    ((numbers, _, columns),) = sheets
    assert (len(numbers), columns) == (12, 3)


@pytest.mark.parametrize(
    ("size", "expected"), [((960, 540), (480, 270)), ((480, 9), (480, 9)), ((64, 48), (64, 48)), ((4800, 3), (480, 1))]
)
def test_pictures_are_kept_no_wider_than_a_cell(
    size: tuple[int, int], expected: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Image] = []
    monkeypatch.setattr(sheet_module, "contact_sheet", lambda images, *_: kept.extend(images) or images[0])
    image = np.full((size[1], size[0], 3), 9, np.uint8)
    with SheetSink(tmp_path / "sheet.png") as sink:
        sink.write(Frame(0, 0, 0.0, image), Annotation(image, ()))
    assert [(each.shape[1], each.shape[0]) for each in kept] == [expected]


@pytest.mark.parametrize("count", [7, 11, 12, 13, 24, 25, 47, 100, 500, 1999])
def test_frames_are_spread_over_the_whole_run(count: int, tmp_path: Path, sheets: Sheets) -> None:
    run(tmp_path / "sheet.png", count)
    ((numbers, _, _),) = sheets
    assert len(numbers) == CELLS
    # Each stands for its sixth of the run, about in its middle.
    for place, number in enumerate(numbers):
        assert place / CELLS - 0.1 <= number / count <= (place + 1) / CELLS + 0.1
    steps = np.diff(numbers)
    assert min(steps) >= 1
    assert max(steps) <= 2 * min(steps) + 1


def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    with SheetSink(tmp_path / "sheet.png", COLUMNS, ROWS) as sink:
        most = 0
        for number in range(3000):
            sink.write(*frame(number))
            most = max(most, len(sink._kept))
        assert most == 2 * CELLS
        sink.write(*frame(3000, width=4 * CELL_WIDTH))
        assert all(image.shape[1] <= CELL_WIDTH for _, image in sink._kept)


def test_pictures_are_copied(tmp_path: Path, sheets: Sheets) -> None:
    with SheetSink(tmp_path / "sheet.png", COLUMNS, ROWS) as sink:
        of, annotation = frame(5)
        sink.write(of, annotation)
        annotation.image[:] = 9
    assert sheets[0][0] == [5]


@pytest.mark.parametrize("name", ["sheet.png", "sheet.jpg", "SHEET.PNG"])
def test_the_file_is_a_picture(name: str, tmp_path: Path) -> None:
    run(tmp_path / name, 5)
    image = cv2.imread(str(tmp_path / name))
    assert image is not None
    assert image.shape[1] >= COLUMNS * CELL_WIDTH
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_live_capture_is_not_captioned_with_unix_time(tmp_path: Path, sheets: Sheets) -> None:
    with SheetSink(tmp_path / "sheet.png") as sink:
        sink.write(*frame(3, timestamp=1.7e9))
    assert sheets[0][1] == ["frame 3"]


def test_frames_of_different_sizes(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    with SheetSink(path, COLUMNS, ROWS) as sink:
        for number, width in enumerate((64, 200, 1000)):
            sink.write(*frame(number, width=width))
    assert cv2.imread(str(path)) is not None


class TestWithoutFrames:
    def test_a_file_of_its_own_is_taken_away_again(self, tmp_path: Path) -> None:
        run(tmp_path / "sheet.png", 0)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_was_there_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "sheet.png"
        path.write_bytes(b"yesterday's")
        run(path, 0)
        assert path.read_bytes() == b"yesterday's"


def test_closing_twice_does_no_harm(tmp_path: Path, sheets: Sheets) -> None:
    path = tmp_path / "sheet.png"
    sink = SheetSink(path, COLUMNS, ROWS)
    sink.open()
    sink.write(*frame(0))
    sink.close()
    written = path.read_bytes()
    sink.close()
    assert len(sheets) == 1
    assert path.read_bytes() == written


class TestRefusals:
    @pytest.mark.parametrize("name", ["sheet.gif", "sheet"])
    def test_another_kind_of_file(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"cannot write .*: its suffix must be \.png or \.jpg"):
            SheetSink(tmp_path / name).open()
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is no folder"):
            SheetSink(tmp_path / "nowhere" / "sheet.png").open()

    def test_a_folder_that_vanished_meanwhile(self, tmp_path: Path) -> None:
        folder = tmp_path / "there"
        folder.mkdir()
        sink = SheetSink(folder / "sheet.png")
        sink.open()
        sink.write(*frame(0))
        (folder / "sheet.partial.png").unlink()
        folder.rmdir()
        with pytest.raises(SmiledetError, match=r"cannot write .*sheet\.png"):
            sink.close()
