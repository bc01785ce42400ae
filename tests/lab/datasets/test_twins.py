"""Photographs to learn from that a held-out split shows as well."""

import cv2
import numpy as np
import pytest

from smiledet.lab.datasets.base import Sample
from smiledet.lab.datasets.twins import drop_twins, look_alikes


@pytest.fixture
def write(tmp_path):
    def picture(name, pixels):
        path = tmp_path / name
        assert cv2.imwrite(str(path), pixels)
        return Sample(path, "a", "train")

    return picture


def drawn(seed):
    """A smooth picture: blobs, as faces have."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC)


def test_saved_anew_smaller_mirrored_and_brighter_is_the_same(write):
    held_out = [write("held.png", drawn(1)), write("other.png", drawn(2))]
    changed = [
        write("again.jpg", drawn(1)),
        write("small.png", cv2.resize(drawn(1), (48, 48), interpolation=cv2.INTER_AREA)),
        write("mirrored.png", drawn(1)[:, ::-1]),
        write("dark.png", (drawn(1) * 0.7).astype(np.uint8)),
    ]
    others = [write(f"{seed}.png", drawn(seed)) for seed in range(3, 30)]
    assert look_alikes([*changed, *others], held_out).tolist() == [True] * 4 + [False] * 27


def test_what_is_left_and_what_is_said(write, caplog):
    caplog.set_level("INFO")
    held_out = [write("held.png", drawn(1))]
    copy, twin, other = write("copy.png", drawn(1)), write("twin.jpg", drawn(1)), write("other.png", drawn(5))
    assert drop_twins([copy, twin, other], held_out, "pets") == [other]
    assert (
        "pets: left out 1 photographs to learn from that are held-out ones byte for byte, and 1 that look"
        in caplog.text
    )


def test_nothing_to_compare(write):
    sample = write("a.png", drawn(1))
    assert look_alikes([], [sample]).tolist() == [] and look_alikes([sample], []).tolist() == [False]


def test_a_picture_that_cannot_be_read_is_nobodys_twin(write, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "also.jpg").write_bytes(b"no picture either")
    broken = [Sample(tmp_path / name, "a", "train") for name in ("broken.jpg", "also.jpg")]
    assert look_alikes(broken[:1], broken[1:]).tolist() == [False]
