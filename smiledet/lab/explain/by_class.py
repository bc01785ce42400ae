"""A data set's held-out faces, class by class, explained by several models: seed `004_*`, figure 8."""

from __future__ import annotations

from collections.abc import Sequence

from smiledet.errors import UsageError
from smiledet.lab.datasets.base import Sample, read_samples
from smiledet.lab.datasets.splits import spread
from smiledet.lab.explain.explainer import Explainer, display_spec, shown_face
from smiledet.lab.explain.sheet import ExplainedFace
from smiledet.lab.training.faces.chips import align_sample
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator
from smiledet.lab.training.own_data import held_out_split
from smiledet.model_index import Model
from smiledet.shipped_models import shipped_aligner
from smiledet.tasks.base import Task

SPARE = 3
"""Candidates a face that is shown: in some photographs no face is found."""


def explain_classes(
    task: Task, models: Sequence[Model], data: str, per_class: int, strongest: bool
) -> list[list[ExplainedFace]]:
    """Some held-out faces of every class, evenly spread over the data set.

    Args:
        task: What the models read.
        models: Who explains, each a column of pictures.
        data: LAYOUT:PATH.
        per_class: Faces of each class.
        strongest: Explain the most active neuron of the last convolution, not the score of the class that is read.

    Returns:
        A row a class that has faces, in the order of the task's labels.

    Raises:
        UsageError: No such data set, one without labels for the task, or not one face was found in it.
    """
    layout, _, _ = data.partition(":")
    samples = held_out_split(layout, read_samples(data, task.name)[1])
    explainers = [Explainer(model) for model in models]
    specs = list(dict.fromkeys(spec for each in explainers for spec in (each.spec, display_spec(each.spec))))
    aligner, locator = shipped_aligner(), LabelledFaceLocator()

    def explained(sample: Sample) -> ExplainedFace | None:
        face = align_sample(sample, locator, aligner, specs)
        if face is None:
            return None
        reasons = [
            each.strongest(face.chips[each.spec]) if strongest else each.explain(face.chips[each.spec])[0]
            for each in explainers
        ]
        return ExplainedFace(sample.label, shown_face(dict(face.chips), explainers[0].spec), reasons)

    rows = []
    for label in task.labels:
        faces: list[ExplainedFace] = []
        for sample in spread([each for each in samples if each.label == label], per_class * SPARE):
            if len(faces) < per_class and (face := explained(sample)) is not None:
                faces.append(face)
        if faces:
            rows.append(faces)
    if not rows:
        raise UsageError(f"no face of {', '.join(task.labels)} was found in {data}")
    return rows
