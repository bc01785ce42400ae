"""Clips that are cut or damaged anywhere, and sources that are no sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smiledet.errors import UsageError
from smiledet.sources.choose import create_source
from smiledet.system.redaction import redact_address

CODECS = {".mp4": "mpeg4", ".mkv": "mpeg4", ".avi": "mjpeg", ".webm": "libvpx", ".mov": "libx264", ".ts": "mpeg2video"}

MOST_READ = 60
"""Pictures read of a clip of six; a damaged count or time must not make it many more."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A clip of six small pictures in every container."""
    folder = tmp_path_factory.mktemp("clips")
    found = {}
    for suffix, codec in CODECS.items():
        if codec not in av.codecs_available:
            continue
        path = folder / f"clip{suffix}"
        with av.open(str(path), "w") as output:
            stream = output.add_stream(codec, rate=10)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(6):
                picture = np.full((48, 64, 3), 40 * number, np.uint8)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            output.mux(stream.encode(None))
        found[suffix] = path.read_bytes()
    return found


def play(path: Path, data: bytes) -> int:
    """Pictures of a clip, which ends, or is refused in one line; -1 then."""
    source = create_source(str(path))
    taken = 0
    try:
        source.open()
        while taken < MOST_READ and (picture := source.read()) is not None:
            assert picture.image.ndim == 3 and picture.image.dtype == np.uint8
            taken += 1
    except UsageError as problem:
        assert "\n" not in str(problem)
        taken = -1
    finally:
        source.close()
    assert path.read_bytes() == data
    return taken


def test_the_clips_are_whole(clips: dict[str, bytes], scratch: Callable[[str, bytes], Path]) -> None:
    assert {suffix: play(scratch(f"clip{suffix}", data), data) for suffix, data in clips.items()} == dict.fromkeys(
        clips, 6
    )


@given(draw=st.data())
def test_damaged_clips(
    draw: st.DataObject, damaged: Any, clips: dict[str, bytes], scratch: Callable[[str, bytes], Path]
) -> None:
    suffix = draw.draw(st.sampled_from(sorted(clips)))
    data = draw.draw(damaged([clips[suffix]]))
    assert play(scratch(f"clip{suffix}", data), data) < MOST_READ


def test_clips_that_once_failed(corpus: Any, scratch: Callable[[str, bytes], Path]) -> None:
    for data in corpus("clips"):
        assert play(scratch("clip.mp4", data), data) < MOST_READ


PARTS = ("http", "rtsp", "://", ":", "@", "/", "?", "&", "token=", "%2F", "%", "[::1]", "gst:", "csi://", "~", "*", "[")
SPECS = st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=5)), max_size=8).map("".join))


@given(SPECS)
def test_any_source(spec: str) -> None:
    """Named, not opened: nothing is asked on the network."""
    try:
        source = create_source(spec)
    except UsageError as problem:
        assert "\n" not in str(problem)
    else:
        assert "\n" not in source.description


SECRET = st.text("abcXYZ019-_~!$&'()*+,;=:@/", min_size=1, max_size=12).map(lambda text: f"Secret{text}Secret")


@given(st.sampled_from(("rtsp", "http", "https", "rtmp")), SECRET, SPECS.filter(lambda text: "Secret" not in text))
def test_no_password_is_ever_shown(scheme: str, secret: str, rest: str) -> None:
    address = f"{scheme}://me:{secret}@camera.example/{rest}"
    try:
        shown = create_source(address).description
    except UsageError as problem:
        shown = str(problem)
    assert secret not in shown
    assert secret not in redact_address(address)
