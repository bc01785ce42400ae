"""Where annotated copies go."""

from __future__ import annotations

import cv2

from smiledet.photographs.copies import plan_copies, write_copy
from smiledet.sources.demo import scene


def test_a_copy_of_what_opencv_does_not_write_is_a_jpeg(tmp_path):
    given = {tmp_path / name: str(tmp_path) for name in ("a.heic", "b.PNG", "c.HEIC", "d.jpg")}
    copies = plan_copies(given, tmp_path / "out")
    assert [copy.name for copy in copies.values()] == ["a.heic.jpg", "b.PNG", "c.HEIC.jpg", "d.jpg"]
    for copy in copies.values():
        write_copy(scene(0), copy)
        assert cv2.imread(str(copy)).shape == scene(0).shape
