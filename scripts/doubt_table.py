"""What it costs to answer `unsure`: how often a model answers, how often it is right then, and what clips show.

For each lead below which an answer is unsure (`unsure_below` of a task): the share of held-out faces that get an
answer, the share of those answers that are right, and the recall of each label that is asked for. With clips, the share
of frames by label, smoothed as a run smooths them.

Example:
  python scripts/doubt_table.py --data-folder ../shared/data --task emotion
  python scripts/doubt_table.py --data-folder ../shared/data --clips talking.mp4 expressive_woman.mp4 frown.mp4
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from smiledet import watch
from smiledet.config import Config, TaskSettings
from smiledet.errors import SmiledetError
from smiledet.lab.training.evaluation.evaluate import samples_of, true_classes
from smiledet.lab.training.evaluation.held_out import held_out_of
from smiledet.lab.training.evaluation.readings import Readings, read_faces
from smiledet.lab.training.evaluation.tables import markdown, percent
from smiledet.model_index import Model, read_index
from smiledet.tasks.base import UNSURE, Task, get_task

LEADS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)

CALM = "neutral"
"""The label whose recall is told: what most faces show most of the time."""


def leads_of(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How far the first label of each face leads the next, (n,)."""
    ordered = np.sort(scores, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2], np.float32)


def cost_rows(task: Task, readings: Readings) -> list[list[str]]:
    """A row a lead: the share of faces that get an answer, and what is right of them."""
    truth, guess = true_classes(task, readings), readings.scores.argmax(axis=1)
    calm = truth == task.labels.index(CALM) if CALM in task.labels else np.ones(len(truth), bool)
    rows = []
    for lead in LEADS:
        said = leads_of(readings.scores) >= lead
        right = said & (guess == truth)
        rows.append(
            [
                f"{task.name}/{readings.model.name}",
                f"{lead:g}",
                percent(said.mean()),
                percent(right.sum() / max(1, said.sum())),
                percent((said & (guess != truth)).mean()),
                percent(right[calm].mean()),
            ]
        )
    return rows


def clip_rows(task: Task, model: Model, clip: Path, leads: Sequence[float]) -> list[list[str]]:
    """A row a lead: the share of each label in a clip's faces, and how often a face's label changes."""
    rows = []
    for lead in leads:
        settings = TaskSettings(model=model.name, unsure_below=lead)
        config = replace(Config(), tasks=(task.name,), task={task.name: settings})
        labels: Counter[str] = Counter()
        shown: dict[int, str] = {}
        changes = 0
        for reading in watch(str(clip), config=config):
            for face in reading.faces:
                if task.name not in face.predictions:
                    continue
                label = face.predictions[task.name].label
                labels[label] += 1
                changes += shown.get(face.track, label) != label
                shown[face.track] = label
        total = max(1, sum(labels.values()))
        shares = ", ".join(f"{label} {percent(count / total)}" for label, count in labels.most_common())
        rows.append(
            [clip.name, f"{task.name}/{model.name}", f"{lead:g}", percent(labels[UNSURE] / total), str(changes), shares]
        )
    return rows


def main() -> int:
    """Print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, default=Path(os.environ.get("SMILEDET_DATA", "../shared/data")))
    parser.add_argument("--task", default="emotion", help="the task (default: emotion)")
    parser.add_argument(
        "--clips", nargs="+", default=[], metavar="CLIP", help="clips in DATA-FOLDER/clips, instead of photographs"
    )
    parser.add_argument("--leads", nargs="+", type=float, default=[0.0], metavar="LEAD", help="for clips (default: 0)")
    arguments = parser.parse_args()
    task = get_task(arguments.task)
    models = [model for model in read_index() if model.task == task.name]
    if arguments.clips:
        rows = [
            row
            for clip in arguments.clips
            for model in models
            for row in clip_rows(task, model, arguments.data_folder / "clips" / clip, arguments.leads)
        ]
        print(markdown(["clip", "model", "unsure below", "unsure", "changes of label", "faces"], rows))
        return 0
    rows = []
    for model in models:
        held_out = held_out_of(model)
        samples = samples_of(task, held_out.data(arguments.data_folder), held_out.split)
        (readings,) = read_faces(samples, [model], "litert")
        rows += cost_rows(task, readings)
    print(
        markdown(["model", "unsure below", "answered", "right of the answers", "wrong of all", f"{CALM} recall"], rows)
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"doubt_table: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
