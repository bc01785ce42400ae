"""Lists and tables of data sets, damaged anywhere."""

from __future__ import annotations

import io
import math
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smiledet.lab.datasets.base import IMAGE_SUFFIXES, layout_names, read_samples
from smiledet.lab.datasets.landmarks68 import read_annotated_faces

LISTED = ("affectnet", "celeba", "chalearn", "fairface", "ferplus", "genki4k", "imdbwiki", "lfw")
"""Layouts whose answers stand in a file."""


def lists_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES)


def test_every_layout_with_a_list_is_tried(tree: Callable[[str], Path]) -> None:
    others = [name for name in layout_names() if name not in LISTED]
    assert not [name for name in others if name != "landmarks68" and lists_in(tree(name))]


@pytest.mark.parametrize("layout", LISTED)
@given(draw=st.data())
def test_damaged_lists(
    draw: st.DataObject, damaged: Any, layout: str, tree: Callable[[str], Path], refused_in_one_line: Any
) -> None:
    root = tree(layout)
    files = lists_in(root if lists_in(root) else root.parent)
    file = draw.draw(st.sampled_from(files))
    whole = file.read_bytes()
    try:
        file.write_bytes(draw.draw(damaged([whole])))
        refused_in_one_line(lambda: read_samples(f"{layout}:{root}"))
    finally:
        file.write_bytes(whole)


ODD_CELLS = (
    *("", " ", "nan", "-inf", "1e999", "-1", "0", "1.5", "1_0", "0x10", "9" * 5000, "-" + "9" * 400, "٣", "²", "½"),
    *("../../../etc/passwd", "/etc/passwd", "a\0b", ".", "..", "~", "x" * 5000, '"', "'", "NULL", "None", "é" * 300),
)


@pytest.mark.parametrize("layout", sorted({*LISTED} - {"imdbwiki"}))
@given(draw=st.data())
def test_any_value_in_any_cell(
    draw: st.DataObject, layout: str, tree: Callable[[str], Path], refused_in_one_line: Any
) -> None:
    """What is read all the same has boxes and numbers to count with."""
    root = tree(layout)
    file = draw.draw(st.sampled_from(lists_in(root if lists_in(root) else root.parent)))
    whole = file.read_text()
    lines = whole.splitlines()
    for _ in range(draw.draw(st.integers(1, 3))):
        number = draw.draw(st.integers(0, len(lines) - 1))
        between = "," if "," in lines[number] else " "
        cells = lines[number].split(between)
        cells[draw.draw(st.integers(0, len(cells) - 1))] = draw.draw(st.sampled_from(ODD_CELLS))
        lines[number] = between.join(cells)

    def read() -> None:
        for sample in read_samples(f"{layout}:{root}")[1]:
            assert sample.target is None or math.isfinite(sample.target)
            for box in (sample.box, sample.located):
                assert box is None or all(map(math.isfinite, (box.x, box.y, box.width, box.height)))

    try:
        file.write_text("\n".join(lines) + "\n")
        refused_in_one_line(read)
    finally:
        file.write_text(whole)


@given(draw=st.data())
def test_archives_of_any_members_write_nowhere_else(
    draw: st.DataObject, tmp_path: Path, home: Path, refused_in_one_line: Any
) -> None:
    """Names that lead out, links, devices: refused, or unpacked into their folder; nothing is there beside it."""
    names = st.sampled_from(
        (
            "genki4k/labels.txt",
            "../out",
            "../../../../out",
            "/tmp/out-of-smiledet",
            "a/../../out",
            "link/out",
            "link",
            ".",
        )
    )
    kinds = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)
    archive = tmp_path / "genki4k.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name, kind, target in draw.draw(
            st.lists(st.tuples(names, st.sampled_from(kinds), st.sampled_from(("..", "/", "../../../../out", "link"))))
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            member.size = 3 if kind == tarfile.REGTYPE else 0
            file.addfile(member, io.BytesIO(b"out"))
    refused_in_one_line(lambda: read_samples(f"genki4k:{archive}"))
    cache = home / ".cache" / "smiledet" / "datasets"
    assert {path.name for path in tmp_path.iterdir()} <= {"genki4k.tar.gz", "home"}
    assert not Path("/tmp/out-of-smiledet").exists()
    inside = [path for path in home.rglob("*") if not path.is_relative_to(cache) and path not in cache.parents]
    assert inside in ([], [cache])
    shutil.rmtree(home / ".cache", ignore_errors=True)


@given(draw=st.data())
def test_damaged_landmarks(draw: st.DataObject, damaged: Any, tmp_path: Path, refused_in_one_line: Any) -> None:
    whole = b"version: 1\nn_points: 68\n{\n" + b"12.5 34.25\n" * 68 + b"}\n"
    (tmp_path / "me.jpg").write_bytes(b"")
    (tmp_path / "me.pts").write_bytes(draw.draw(damaged([whole])))
    refused_in_one_line(lambda: read_annotated_faces(tmp_path))


@given(draw=st.data())
def test_damaged_archives(
    draw: st.DataObject, damaged: Any, packed: Any, genki4k: Path, tmp_path: Path, refused_in_one_line: Any
) -> None:
    archive = packed(genki4k, tmp_path / "genki4k.tar.gz")
    archive.write_bytes(draw.draw(damaged([archive.read_bytes()])))
    refused_in_one_line(lambda: read_samples(f"genki4k:{archive}"))
