"""Lists and tables of data sets, damaged anywhere."""

from __future__ import annotations

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
