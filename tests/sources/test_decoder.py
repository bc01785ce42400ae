"""What FFmpeg decodes, as it is meant to be seen: interlaced, turned, squeezed, changing midway, damaged."""

import gc
import logging
import math
import os
import struct
import subprocess
import sys
import threading
from fractions import Fraction
from itertools import groupby

import av
import cv2
import numpy as np
import pytest

from smiledet.errors import SourceError
from smiledet.sources import decoder as decoder_module
from smiledet.sources.choose import create_source
from smiledet.sources.decoder import Decoder, upright
from smiledet.sources.video import VideoSource

INTERLACED = {"flags": "+ildct+ilme"}


def read_all(source):
    with source:
        return list(iter(source.read, None))


def moving(count=12, width=720, height=576):
    """A bright square on grey that moves to the right."""
    for index in range(count):
        image = np.full((height, width, 3), 60, np.uint8)
        image[height // 3 : 2 * height // 3, 20 * index : 20 * index + 200] = 230
        yield image


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {**INTERLACED, "x264-params": "interlaced=1"}),
        ("a.mpg", "mpeg2video", INTERLACED),
        ("a.ts", "mpeg2video", INTERLACED),
        ("a.avi", "dvvideo", {}),
        ("a.mov", "dvvideo", {}),
    ],
)
def test_interlaced_video_is_seen(tmp_path, encode_clip, name, codec, options):
    images = list(moving())
    path = encode_clip(tmp_path / name, images, codec, fps=25, options=options)
    decoder = Decoder(str(path))
    assert next(iter(av.open(str(path)).decode(video=0))).interlaced_frame
    decoder.release()
    pictures = read_all(VideoSource(path))
    assert len(pictures) == 12
    for picture, image in zip(pictures, images, strict=True):
        shown = cv2.resize(picture.image, (720, 576))  # DV has pixels that are no squares
        assert np.abs(shown.astype(int) - image).mean() < 8
    assert [picture.timestamp for picture in pictures] == pytest.approx([index / 25 for index in range(12)], abs=1e-3)


def test_the_combs_of_interlaced_video_are_gone(tmp_path, encode_clip):
    images = list(moving(13))
    woven = [before.copy() for before in images[:-1]]
    for image, after in zip(woven, images[1:], strict=True):
        image[1::2] = after[1::2]  # the lower field is of the next moment
    options = {**INTERLACED, "x264-params": "interlaced=1:tff=1", "crf": "10"}
    path = encode_clip(tmp_path / "a.mkv", woven, fps=25, options=options)

    def combs(image):
        rows = image[..., 0].astype(int)
        return np.abs(2 * rows[1:-1] - rows[:-2] - rows[2:]).mean()

    shown = [combs(picture.image) for picture in read_all(VideoSource(path))[2:-2]]
    assert max(shown) < 0.4 * min(combs(image) for image in woven[2:-2])


def test_interlaced_pictures_among_others(tmp_path, encode_clip):
    whole = encode_clip(tmp_path / "whole.ts", moving(6), "mpeg2video", fps=25)
    woven = encode_clip(tmp_path / "woven.ts", moving(6), "mpeg2video", fps=25, options=INTERLACED)
    path = tmp_path / "both.ts"
    path.write_bytes(whole.read_bytes() + woven.read_bytes() + whole.read_bytes())
    pictures = read_all(VideoSource(path))
    assert len(pictures) == 18
    assert all(picture.image.max() > 200 and 55 < np.median(picture.image) < 65 for picture in pictures)


def test_a_conversion_that_fails_is_seen(tmp_path, encode_clip, monkeypatch, caplog):
    path = encode_clip(tmp_path / "a.mp4", moving(6, 64, 48))
    convert = Decoder._displayed
    calls = iter(range(100))

    def displayed(self, frame):
        if next(calls) in (2, 3):
            raise av.error.InvalidDataError(1094995529, "Unsupported conversion")
        return convert(self, frame)

    monkeypatch.setattr(Decoder, "_displayed", displayed)
    with caplog.at_level(logging.WARNING):
        assert len(read_all(VideoSource(path))) == 4
    assert caplog.messages == [f"{path}: 2 of its pictures could not be decoded: Unsupported conversion"]


def test_without_a_picture_that_can_be_converted_there_is_no_video(tmp_path, encode_clip, monkeypatch):
    path = encode_clip(tmp_path / "a.mp4", moving(6, 64, 48))

    def displayed(self, frame):
        raise av.error.InvalidDataError(1094995529, "Unsupported conversion")

    monkeypatch.setattr(Decoder, "_displayed", displayed)
    with pytest.raises(SourceError) as problem:
        VideoSource(path).open()
    assert str(problem.value) == f"no picture of {path} can be decoded: Unsupported conversion"


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(Fraction(2), (128, 48)), (Fraction(1, 2), (64, 96)), (Fraction(64, 45), (91, 48)), (None, (64, 48))],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_pixels_are_made_square(tmp_path, encode_clip, name, aspect, size):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 250
    path = encode_clip(tmp_path / name, [image] * 3, aspect=aspect)
    with VideoSource(path) as source:
        assert source.size == size
        shown = source.read().image
    assert shown.shape == (size[1], size[0], 3)
    assert shown[: size[1] // 2 - 6, : size[0] // 2 - 6].min() > 200 and shown[size[1] // 2 + 6 :].max() < 50


@pytest.mark.parametrize("aspect", [Fraction(5000), Fraction(1, 5000)])
def test_an_absurd_aspect_is_a_damaged_header(tmp_path, encode_clip, aspect):
    path = encode_clip(tmp_path / "a.mkv", moving(2, 64, 48), aspect=aspect)
    with VideoSource(path) as source:
        assert source.size == (64, 48)


def test_a_size_and_an_aspect_that_change_midway(tmp_path, encode_clip):
    first = encode_clip(tmp_path / "1.ts", moving(5, 64, 48), "mpeg2video", fps=25)
    second = encode_clip(tmp_path / "2.ts", moving(5, 96, 96), "mpeg2video", fps=25, aspect=Fraction(4, 3))
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes() + first.read_bytes())
    sizes = [picture.image.shape[1::-1] for picture in read_all(VideoSource(path))]
    assert [size for size, _ in groupby(sizes)] == [(64, 48), (128, 96), (64, 48)]
    assert len(sizes) >= 13  # FFmpeg's decoder forgets the one that it holds when the size changes


ORIENTATIONS = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""By the number that EXIF has for it, where a stored point goes: (a, b, c, d)."""


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_way_of_turning_and_mirroring_is_undone(tmp_path, encode_clip, orientation):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32], image[:24, 32:], image[24:, :32] = 250, 160, 80
    path = encode_clip(tmp_path / "a.mp4", [image] * 3, options={"crf": "5"})
    data = bytearray(path.read_bytes())
    a, b, c, d = ORIENTATIONS[orientation]
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    (tmp_path / "exif.jpg").write_bytes(_with_exif(image, orientation))
    (picture, *_) = read_all(VideoSource(path))
    expected = cv2.imread(str(tmp_path / "exif.jpg"))
    assert picture.image.shape == expected.shape
    assert np.abs(picture.image.astype(int) - expected).mean() < 6
    assert np.array_equal(upright(image, ORIENTATIONS[orientation]).shape, expected.shape)


def _with_exif(image, orientation):
    data = cv2.imencode(".jpg", image)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def test_a_variable_rate_keeps_its_times_and_warns_of_nothing(tmp_path, encode_clip, caplog, number_of, make_picture):
    times = [0.0, 0.04, 0.08, 1.5, 1.54, 4.0, 4.2, 9.0, 9.04, 9.08]
    path = encode_clip(tmp_path / "a.mkv", [make_picture(index % 6) for index in range(10)], fps=50, times=times)
    with caplog.at_level(logging.WARNING):
        pictures = read_all(VideoSource(path))
    assert [picture.timestamp for picture in pictures] == pytest.approx(times, abs=2e-3)
    assert [number_of(picture.image) for picture in pictures] == [index % 6 for index in range(10)]
    assert not caplog.messages


def test_sound_that_goes_on_longer_is_no_reason_to_warn(tmp_path, encode_clip, caplog):
    path = encode_clip(tmp_path / "a.mkv", moving(5, 64, 48), sound=4.0)
    with caplog.at_level(logging.WARNING):
        assert len(read_all(VideoSource(path))) == 5
    assert not caplog.messages


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_an_interrupted_clip_says_where_it_ends(tmp_path, encode_clip, caplog, name):
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(60)]
    codec = "libvpx" if name == "a.webm" else "libx264"
    path = encode_clip(tmp_path / name, images, codec, container={"movflags": "faststart"} if name == "a.mp4" else None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        pictures = read_all(VideoSource(path))
    assert 10 < len(pictures) < 50
    (message,) = caplog.messages
    assert message.startswith(f"{path} ends after {len(pictures)} frames, at ") and message.endswith(" s of 6.0 s")


@pytest.mark.parametrize(("count", "fps"), [(8, 10), (20, 30)])
def test_a_clip_of_less_than_a_second_says_so_too(tmp_path, encode_clip, caplog, count, fps):
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(count)]
    path = encode_clip(tmp_path / "a.mkv", images, fps=fps)
    assert len(read_all(VideoSource(path))) == count and not caplog.messages
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    taken = len(read_all(VideoSource(path)))
    (message,) = caplog.messages
    assert 0 < taken < count and message.startswith(f"{path} ends after {taken} frames, at ")


def test_without_times_pictures_come_at_the_clips_rate(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "a.h264", moving(5, 64, 48), fps=25)
    decoder = Decoder(str(path))
    assert decoder.grab() and math.isnan(decoder.get(cv2.CAP_PROP_POS_MSEC))
    decoder.release()
    times = [picture.timestamp for picture in read_all(VideoSource(path))]
    assert times == pytest.approx([index / 25 for index in range(5)])


def test_text_of_another_encoding_in_the_metadata(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "a.avi", moving(3, 64, 48), "mpeg4")
    with av.open(str(tmp_path / "b.mkv"), "w") as output:
        output.metadata["title"] = "XXXX"
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in moving(3, 64, 48):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
        output.mux(stream.encode(None))
    path = tmp_path / "b.mkv"
    path.write_bytes(path.read_bytes().replace(b"XXXX", b"sp\xe4\xdf"))
    assert len(read_all(VideoSource(path))) == 3


def test_a_codec_that_nobody_knows(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "a.mkv", moving(3, 64, 48), "mpeg4")
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/ASP", b"V_UNKNOWN/CODEC"))
    with pytest.raises(SourceError) as problem:
        VideoSource(path).open()
    assert (
        str(problem.value) == f"{path} is no video that can be read: there is no video in it that this FFmpeg decodes"
    )


def test_no_picture_stays_in_memory_once_it_is_handed_on(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "a.mkv", moving(40, 64, 48))
    decoder = Decoder(str(path))
    gc.collect()
    gc.disable()
    try:
        decoded = 0
        while decoder.grab():
            decoded += decoder.retrieve()[0]
        kept = [each for each in gc.get_objects() if isinstance(each, av.VideoFrame)]
    finally:
        gc.enable()
        decoder.release()
    assert decoded == 40 and len(kept) < 5


def test_the_picture_on_a_cover_is_no_video(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "a.mkv", moving(3, 64, 48), "mjpeg", form="yuvj420p")
    decoder = Decoder(str(path))
    assert not decoder.still and decoder.finite
    decoder.release()


@pytest.mark.parametrize(("width", "height", "alone"), [(64, 48, True), (854, 480, True), (1280, 720, False)])
def test_small_pictures_are_decoded_by_one_thread(tmp_path, encode_clip, width, height, alone):
    path = encode_clip(tmp_path / "clip.mp4", moving(3, width, height))
    for live in (False, True):
        decoder = Decoder(str(path), live=live)
        assert (decoder._stream.codec_context.thread_count == 1) == (alone or live)
        decoder.release()
    assert len(read_all(VideoSource(path))) == 3


def test_a_clip_through_standard_input(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "a.mkv", moving(7, 64, 48))
    code = (
        "from smiledet.sources.choose import create_source\n"
        "with create_source('-') as source:\n"
        "    print(source.description, [picture.timestamp for picture in iter(source.read, None)])"
    )
    ran = subprocess.run([sys.executable, "-c", code], input=path.read_bytes(), capture_output=True, timeout=60)
    assert ran.stdout.decode() == f"video standard input, 64x48 at 10 FPS {[index / 10 for index in range(7)]}\n", (
        ran.stderr
    )


@pytest.mark.parametrize("content", [b"", b"no video " * 500])
def test_what_comes_through_standard_input_and_is_none(content):
    code = "from smiledet.sources.choose import create_source\ncreate_source('-').open()"
    ran = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, timeout=60)
    last = ran.stderr.decode().splitlines()[-1]
    assert "SourceError: standard input is no video that can be read: " in last and "front to back" in last


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "a.ts", moving(7, 64, 48), "mpeg2video", fps=25)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(path.read_bytes()))
    writer.start()
    pictures = read_all(create_source(str(tmp_path / "pipe")))
    writer.join(10)
    assert len(pictures) == 7 and not writer.is_alive()


def test_a_clip_that_cannot_be_read_from_front_to_back_says_so(tmp_path, encode_clip):
    """Its index stands at its end, as cameras and phones write it."""
    rng = np.random.default_rng(0)
    path = encode_clip(tmp_path / "a.mp4", [rng.integers(0, 255, (480, 640, 3), np.uint8) for _ in range(20)])
    code = "from smiledet.sources.choose import create_source\ncreate_source('-').open()"
    ran = subprocess.run([sys.executable, "-c", code], input=path.read_bytes(), capture_output=True, timeout=60)
    assert ran.stderr.decode().splitlines()[-1].endswith("must be readable from front to back, as .mkv and .ts are")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_cannot_begin_again(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for spec in ("-", str(tmp_path / "pipe")):
        with pytest.raises(SourceError, match=r"--loop: video .* can be read only once"):
            create_source(spec, loop=True)


def test_errors_are_ffmpegs_words(tmp_path):
    with pytest.raises(SourceError, match="No such file or directory"):
        Decoder(str(tmp_path / "none.mp4"))
    assert decoder_module._told(av.error.ExitError(1, "x")) == "no answer in time"


@pytest.mark.parametrize("whole", [3, 0])
def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch, whole):
    """A clip may change its size midway, or begin so: a few KB can hold what takes gigabytes."""
    assert decoder_module.LIMITS == {"max_pixels": "100000000"}
    monkeypatch.setattr(decoder_module, "LIMITS", {"max_pixels": "100000"})
    small, large = (
        cv2.imencode(".png", np.zeros((*size, 3), np.uint8))[1].tobytes() for size in ((24, 32), (300, 400))
    )
    path = tmp_path / "clip.mov"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("png", rate=10)
        stream.width, stream.height = (32, 24) if whole else (400, 300)
        stream.pix_fmt = "rgb24"
        output.start_encoding()
        for index in range(6):
            packet = av.Packet(small if index < whole else large)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, stream.time_base
            packet.is_keyframe = True
            output.mux(packet)
    if whole:
        assert [picture.image.shape for picture in read_all(VideoSource(path))] == [(24, 32, 3)] * whole
        return
    with pytest.raises(SourceError) as problem:
        read_all(VideoSource(path))
    assert "\n" not in str(problem.value)


def test_pixels_that_are_stretched_beyond_the_limit_are_not_shown(tmp_path, encode_clip, monkeypatch, caplog):
    monkeypatch.setattr(decoder_module, "MOST_PIXELS", 100_000)
    path = encode_clip(tmp_path / "a.mkv", list(moving(6, 320, 240)), "mpeg4", fps=10)
    assert len(read_all(VideoSource(path))) == 6
    monkeypatch.setattr(decoder_module, "_square_pixels", lambda width, height, _: (8 * width, height))
    with pytest.raises(SourceError, match="no picture"):
        read_all(VideoSource(path))
