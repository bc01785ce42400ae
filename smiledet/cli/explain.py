"""Show what a model looks at: guided back-propagation and Grad-CAM beside the face.

In guided back-propagation white pixels raise the class' score by being brighter, black ones by
being darker. Grad-CAM is as coarse as the network's last feature maps (4x4 in mini-Xception).
Needs Keras: pip install 'smiledet[train]'.

With --data a data set's held-out faces, class by class, each beside what the models look at
(figure 8 of Arriaga and others, 2017): the most active neuron of the last convolution, or with
--neuron class the score of the class that is read.

Example:
  smiledet explain --model mini-xception portrait.jpg
  smiledet explain --task emotion --grid portrait.jpg --output grid.png
  smiledet explain --data fer2013:fer2013.tar.gz --model mini-xception --output figure-8.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from smiledet.cli._arguments import add_models, data_path, files_read, use_models

if TYPE_CHECKING:
    from smiledet.model_index import Model
    from smiledet.tasks.base import Task

DEFAULT_TASK = "emotion"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="a photograph; its largest face is taken")
    parser.add_argument("--data", metavar="LAYOUT:PATH", help="faces of a data set, class by class, instead of IMAGE")
    parser.add_argument("--per-class", type=int, default=3, metavar="N", help="faces of each class (default: 3)")
    parser.add_argument(
        "--neuron",
        choices=("strongest", "class"),
        help="with --data: the most active neuron of the last convolution (default), or the score of the class",
    )
    parser.add_argument(
        "--model", action="append", metavar="NAME", help="as `smiledet models` lists it; may be repeated"
    )
    parser.add_argument("--task", help=f"what it reads (default: {DEFAULT_TASK}, or the only task with that model)")
    parser.add_argument("--label", metavar="CLASS", help="explain this class, not the one that the model reads")
    parser.add_argument("--grid", action="store_true", help="every class, by every model of the task unless --model")
    add_models(parser)
    parser.add_argument("--crop", action="store_true", help="the pictures are faces already (FER-2013's, say)")
    parser.add_argument("--output", type=Path, metavar="OUT.png", help="what to write (default: IMAGE-explained.png)")


def run(arguments: argparse.Namespace) -> int:
    """Explain, write the picture, and say what was read."""
    use_models(arguments)
    from smiledet.lab.backend import prepare

    if arguments.label and arguments.grid:
        from smiledet.errors import UsageError

        raise UsageError("--label explains one class, --grid explains them all: take one of the two")
    _check_subject(arguments)
    output = _writable(arguments)
    task, models = _models(arguments)
    prepare()
    if arguments.data:
        _explain_data(arguments, task, models, output)
        return 0
    import cv2

    from smiledet.lab.explain.explainer import Explainer, cut_face, display_spec, shown_face
    from smiledet.lab.explain.sheet import ExplainedFace, caption, grid, side_by_side
    from smiledet.shipped_models import shipped_aligner
    from smiledet.system.output_files import write_file
    from smiledet.system.text import printable

    specs = [spec for model in models if model.input for spec in (model.input, display_spec(model.input))]
    aligner = shipped_aligner()
    faces = {image: cut_face(image, list(dict.fromkeys(specs)), aligner, arguments.crop) for image in arguments.images}
    labels = list(task.labels) if arguments.grid else [arguments.label] if arguments.label else None
    explained = []
    for explainer in map(Explainer, models):
        for image, chips in faces.items():
            reasons = explainer.explain(chips[explainer.spec], labels)
            best = max(reasons, key=lambda each: each.probability)
            print(f"{printable(image)}: {caption(best)} ({task.name}/{explainer.model.name})")
            name = explainer.model.name if arguments.grid or len(models) > 1 else image.name
            explained.append(ExplainedFace(name, shown_face(chips, explainer.spec), reasons))
    picture = grid(explained) if arguments.grid else side_by_side(explained)
    write_file(output, cv2.imencode(output.suffix.lower(), picture)[1].tobytes())
    print(printable(output))
    return 0


def _check_subject(arguments: argparse.Namespace) -> None:
    """See that either photographs or a data set is explained, with what goes with it."""
    from smiledet.errors import UsageError

    if bool(arguments.images) == bool(arguments.data):
        raise UsageError("explain takes photographs (IMAGE …) or --data LAYOUT:PATH, one of the two")
    if arguments.data and (arguments.label or arguments.grid or arguments.crop):
        raise UsageError("--data goes with none of --label, --grid and --crop")
    if arguments.neuron and not arguments.data:
        raise UsageError("--neuron goes with --data")
    if arguments.per_class < 1:
        raise UsageError(f"--per-class is {arguments.per_class}, expected 1 or more")


def _explain_data(arguments: argparse.Namespace, task: Task, models: list[Model], output: Path) -> None:
    """Figure 8: a row a class of held-out faces."""
    import cv2

    from smiledet.lab.explain.by_class import explain_classes
    from smiledet.lab.explain.sheet import faces_by_class
    from smiledet.system.output_files import write_file
    from smiledet.system.text import printable

    rows = explain_classes(task, models, arguments.data, arguments.per_class, arguments.neuron != "class")
    picture = faces_by_class(rows, [model.name for model in models])
    write_file(output, cv2.imencode(output.suffix.lower(), picture)[1].tobytes())
    print(printable(output))


def _writable(arguments: argparse.Namespace) -> Path:
    """The picture to write, which is none of what is read."""
    from smiledet.system.output_checks import check_outputs
    from smiledet.system.output_files import check_suffix, check_writable

    stem = arguments.images[0].stem if arguments.images else "classes"
    output: Path = arguments.output or Path(f"{stem}-explained.png")
    check_suffix(output, (".png", ".jpg", ".jpeg"))
    data = [data_path(arguments.data)] if arguments.data else []
    check_outputs({"--output": output}, [*arguments.images, *data, *files_read(arguments)])
    check_writable(output)
    return output


def _models(arguments: argparse.Namespace) -> tuple[Task, list[Model]]:
    """The task and the models to explain; for a grid without names all of the task's that have a Keras file."""
    from smiledet.errors import UsageError
    from smiledet.lab.training.evaluation.evaluate import default_model, models_of
    from smiledet.model_index import all_models, find_model
    from smiledet.tasks.base import get_task

    holders = {model.task for model in all_models() if model.input and model.name in (arguments.model or [])}
    only = next(iter(holders)) if len(holders) == 1 else DEFAULT_TASK
    task = get_task(arguments.task or only)
    if arguments.model:
        models = [find_model(task.name, name) for name in dict.fromkeys(arguments.model)]
    elif arguments.grid:
        models = [model for model in models_of(task) if "keras" in model.files]
    else:
        models = [default_model(task)]
    for model in models:
        model.file("keras")
    if not models:
        raise UsageError(f"no model of the task {task.name!r} has a Keras file")
    return task, models
