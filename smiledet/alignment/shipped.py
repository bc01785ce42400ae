"""The aligner with the landmark model that ships."""

from __future__ import annotations

from smiledet.alignment.aligner import MAX_DISTORTION, FaceAligner
from smiledet.zoo import find_model


def shipped_aligner(max_distortion: float = MAX_DISTORTION) -> FaceAligner:
    """The aligner with the shipped trees and template, both checked against the index.

    Raises:
        UsageError: A file is missing or damaged.
    """
    model = find_model("landmarks", "ert68")
    return FaceAligner(model.file("dlib"), model.file("template"), max_distortion)
