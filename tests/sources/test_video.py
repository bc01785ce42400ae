import logging

import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.sources.video import VideoSource


def read_all(source):
    return list(iter(source.read, None))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv", "with:colon.mp4", "späße 100%.mp4"])
def test_every_frame_in_order_with_its_time(tmp_path, write_clip, number_of, name):
    path = write_clip(tmp_path / name, count=6, fps=10)
    with VideoSource(path) as source:
        assert (source.fps, source.size, source.length, source.live) == (10.0, (64, 48), 6, False)
        assert source.description == f"video {path}, 64x48 at 10 FPS"
        pictures = read_all(source)
        assert source.read() is None
    assert [number_of(picture.image) for picture in pictures] == [0, 1, 2, 3, 4, 5]
    assert [picture.timestamp for picture in pictures] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-3)
    assert not any(picture.independent for picture in pictures)
    assert all(picture.image.dtype == np.uint8 and picture.image.shape == (48, 64, 3) for picture in pictures)


def test_two_runs_give_the_same(tmp_path, write_clip):
    path = write_clip(tmp_path / "clip.mkv", count=7, fps=29.97)
    runs = []
    for _ in range(2):
        with VideoSource(path) as source:
            runs.append([(picture.timestamp, picture.image.tobytes()) for picture in read_all(source)])
    assert runs[0] == runs[1] and len(runs[0]) == 7


def test_one_source_can_be_opened_again(tmp_path, write_clip, number_of):
    source = VideoSource(write_clip(tmp_path / "clip.mp4"))
    for _ in range(2):
        with source:
            assert number_of(source.read().image) == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"hello\n" * 200, b"\0\0\0\x18ftypmp42" + b"junk" * 100],
    ids=["empty", "text", "only a header"],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.txt"])
def test_what_is_no_video(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError) as problem:
        VideoSource(path).open()
    assert str(problem.value).startswith(f"{path} is no video that can be read: ")


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*: No such file"):
        VideoSource(tmp_path / "clip.mp4").open()


def test_a_clip_without_its_beginning(tmp_path, write_clip):
    path = write_clip(tmp_path / "clip.mp4", count=20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])  # the index was at the end
    with pytest.raises(UsageError, match="is no video that can be read"):
        VideoSource(path).open()


def test_a_clip_cut_off_midway_ends_early_with_one_warning(tmp_path, write_clip, number_of, caplog):
    path = write_clip(tmp_path / "clip.avi", count=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING), VideoSource(path) as source:
        pictures = read_all(source)
        assert source.read() is None
    assert 5 < len(pictures) < 35
    assert [number_of(picture.image) for picture in pictures] == [index % 7 for index in range(len(pictures))]
    # Half a picture is left over, which counts in some versions of FFmpeg.
    ends = [f"at {(len(pictures) + more) / 10:.1f} s of 4.0 s" for more in (0, 1)]
    assert caplog.messages in [[f"{path} ends after {len(pictures)} frames, {end}"] for end in ends]


def test_a_whole_clip_warns_of_nothing(tmp_path, write_clip, caplog):
    with VideoSource(write_clip(tmp_path / "clip.avi", count=40)) as source:
        assert len(read_all(source)) == 40
    assert not caplog.records


def test_closing_early_is_no_truncation(tmp_path, write_clip, caplog):
    source = VideoSource(write_clip(tmp_path / "clip.avi", count=40))
    source.open()
    source.read()
    source.close()
    source.close()
    assert source.read() is None and not caplog.records
