"""The aligner with the landmark models that ship: trees, and a network that an engine runs."""

from __future__ import annotations

import logging

from smiledet.alignment.aligner import MAX_DISTORTION, FaceAligner
from smiledet.engines.base import Engine, load_engine
from smiledet.engines.files import file_key, model_file
from smiledet.errors import UsageError
from smiledet.model_index import Model, find_model

log = logging.getLogger(__name__)

ENGINES = "litert", "onnx"
"""What runs the landmark network, the quicker first. It is too small to be worth a GPU."""


def refiner_engine(model: Model) -> Engine | None:
    """The network that refines the points that the trees have placed; see `smiledet.alignment.landmark_refiner`.

    It runs on the processor whatever the classifiers run on. Where neither engine is installed, as on boards whose
    system is too old for their wheels, faces are aligned by the trees alone.

    Args:
        model: The landmark models' row of the index.

    Returns:
        The network, or None where the row has none or nothing here runs it.

    Raises:
        UsageError: Its file is missing or damaged.
    """
    if file_key("onnx") not in model.files:
        return None
    for name in ENGINES:
        path = model_file(model, name)
        try:
            return load_engine(name, path)
        except UsageError as problem:
            log.info("the landmark network does not run on %s: %s", name, problem)
    log.warning("faces are aligned by the regression trees alone: neither %s runs here", " nor ".join(ENGINES))
    return None


def make_aligner(
    model: Model, max_distortion: float = MAX_DISTORTION, kind: type[FaceAligner] = FaceAligner
) -> FaceAligner:
    """The aligner with a row's trees, template and network, all checked against the index.

    Args:
        model: The landmark models' row of the index.
        max_distortion: See `smiledet.alignment.aligner.MAX_DISTORTION`.
        kind: What to make: an aligner of another method is one of its subclasses.

    Raises:
        UsageError: A file is missing or damaged.
    """
    engine = refiner_engine(model)
    return kind(model.file("dlib"), model.file("template"), max_distortion, engine.predict if engine else None)


def shipped_aligner(max_distortion: float = MAX_DISTORTION) -> FaceAligner:
    """The aligner with the landmark models that ship, see `make_aligner`."""
    return make_aligner(find_model("landmarks", "ert68"), max_distortion)
