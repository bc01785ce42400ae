"""Files that are nested too deeply, unpack to too much, or never end: one line, and no time or memory."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from smiledet.cli import main
from smiledet.engines.keras_files import LARGEST, check_keras_file
from smiledet.errors import OutputError, UsageError
from smiledet.model_files import card_path, read_card
from smiledet.model_index import read_index
from smiledet.photographs.records import STILL, PhotographRow, StoredPhotograph
from smiledet.photographs.xmp import sidecar_of, write_sidecar

DEEP = "[" * 100_000


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("text", [f"x = {DEEP}", "x = " + "{a=" * 50_000, "[" + "a." * 2_000 + "a]"])
def test_a_deep_configuration(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("deep.toml").write_text(text)
    assert main(["run", "demo", "--no-show", "--config", "deep.toml"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("smiledet: deep.toml") and said.count("\n") == 1 and len(said) < 1000


def index() -> None:
    Path("index.json").write_text(DEEP)
    read_index(Path())


def card() -> None:
    card_path(Path("own.tflite")).write_text(DEEP)
    read_card(Path("own.tflite"))


def keras_file() -> None:
    with ZipFile("own.keras", "w") as archive:
        archive.writestr("config.json", DEEP)
    check_keras_file(Path("own.keras"))


def corrections() -> None:
    review = pytest.importorskip("smiledet.web.review.corrections")
    Path("kept.json").write_text(DEEP)
    review.Corrections(Path("kept.json"))


def figures() -> None:
    from smiledet.lab.benchmark.records import read_kept

    Path("kept.json").write_text(DEEP)
    read_kept(Path("kept.json"))


@pytest.mark.parametrize("read", [index, card, keras_file, corrections, figures])
def test_deep_json(read: Callable[[], object]) -> None:
    with pytest.raises(UsageError, match="nested too deeply") as problem:
        read()
    assert "\n" not in str(problem.value)


@pytest.fixture
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_a_keras_file_that_unpacks_to_too_much(little_memory: None) -> None:
    with ZipFile("own.keras", "w", ZIP_DEFLATED) as archive, archive.open("config.json", "w") as file:
        for _ in range(LARGEST // 1_000_000 + 1):
            file.write(b" " * 1_000_000)
    assert Path("own.keras").stat().st_size < 1e6
    with pytest.raises(UsageError, match="more than 64 MB"):
        check_keras_file(Path("own.keras"))


class TestSidecars:
    @pytest.fixture
    def stored(self) -> StoredPhotograph:
        row = PhotographRow(
            id=1, path=Path("me.jpg"), position=STILL, hash="", width=32, height=24, taken=None, dated="", face_count=0,
            readings={}, smile=None, doubt=None, mark=None, stack=None, place=0, stack_size=1, failed=None,
        )  # fmt: skip
        return StoredPhotograph(row, (), (), None, None, "haar", 0)

    def test_a_large_one_of_another_program_takes_no_memory(self, stored: Any, little_memory: None) -> None:
        Path("me.jpg").write_bytes(b"")
        with sidecar_of(Path("me.jpg")).open("wb") as file:
            file.truncate(300_000_000)
        with pytest.raises(OutputError, match="another program's"):
            write_sidecar(stored, Path("me.jpg"))

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
    def test_one_that_is_no_file_is_left(self, stored: Any, make: Callable[[Path], None]) -> None:
        Path("me.jpg").write_bytes(b"")
        make(sidecar_of(Path("me.jpg")))
        with pytest.raises(OutputError, match="another program's"):
            write_sidecar(stored, Path("me.jpg"))


def test_corrections_of_other_types_are_refused() -> None:
    review = pytest.importorskip("smiledet.web.review.corrections")
    whole = {"track": 1, "task": "smile", "label": "smiling", "begin": 0.0, "end": 1.0}
    for change in ({"begin": "x"}, {"begin": None}, {"track": "1"}, {"label": 3}, {"more": 1}):
        Path("kept.json").write_text(json.dumps([whole, {**whole, **change}]))
        with pytest.raises(UsageError, match=r"kept\.json"):
            review.Corrections(Path("kept.json"))
    Path("kept.json").write_text(json.dumps([whole]))
    assert len(review.Corrections(Path("kept.json")).all()) == 1
