"""List the trained models that are there, or the architectures that can be trained.

Example:
  smiledet models
  smiledet models --architectures
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from smiledet.cli._arguments import add_models, use_models
from smiledet.errors import UsageError

if TYPE_CHECKING:
    from smiledet.lab.networks.listing import Listed
    from smiledet.model_index import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--check", action="store_true", help="compare every file with its sha256")
    parser.add_argument(
        "--architectures",
        action="store_true",
        help="the networks that a recipe may name, with their size and work (needs the train extra)",
    )
    add_models(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")


def run(arguments: argparse.Namespace) -> int:
    """Print a row a model, or a row an architecture."""
    use_models(arguments)
    if arguments.architectures:
        if arguments.check:
            raise UsageError("--check looks at files of trained models; architectures have none")
        _print_architectures(arguments.json)
    else:
        _print_models(arguments.check, arguments.json)
    return 0


def _print_models(check: bool, as_json: bool) -> None:
    from smiledet.model_index import all_models
    from smiledet.report import table

    models = all_models()
    sizes = [_sizes(model, check) for model in models]
    if as_json:
        print(json.dumps([_model_row(*each) for each in zip(models, sizes, strict=True)], indent=2))
        return
    rows = [_cells_of(model, files) for model, files in zip(models, sizes, strict=True)]
    print(table(("model", "default", "input", "kB", "measured", "formats"), rows))


def _cells_of(model: Model, sizes: dict[str, int]) -> tuple[str, ...]:
    """A row of the table; `kB` is of the file that LiteRT loads, or of all where it loads none."""
    side = _shape((model.input.size, model.input.size, model.input.channels)) if model.input else ""
    run = [size for engine, size in sizes.items() if engine in ("litert-int8", "litert")]
    formats = dict.fromkeys(engine.partition("-")[0] for engine in sizes)
    default = "yes" if model.input and find_default(model.task) == (model.name, model.folder) else ""
    weight = f"{(min(run) if run else sum(sizes.values())) / 1e3:.0f}"
    return f"{model.task}/{model.name}", default, side, weight, _measured(model.figures), ", ".join(formats)


def find_default(task: str) -> tuple[str, object]:
    """The name and folder of the model that is taken where nobody names one."""
    from smiledet.model_index import find_model

    model = find_model(task)
    return model.name, model.folder


def _measured(figures: Mapping[str, Any]) -> str:
    """The one figure that tells most."""
    if "mean_error" in figures:
        return f"{figures['mean_error']:.1f} years off"
    if "accuracy" in figures:
        return f"{100 * figures['accuracy']:.1f} % right"
    if "error_framed" in figures:
        return f"{100 * figures['error_framed']:.1f} % off"
    return f"recall {100 * figures['recall']:.1f} %" if "recall" in figures else ""


def _sizes(model: Model, check: bool) -> dict[str, int]:
    """Bytes of a model's files by engine; checked ones where asked for."""
    return {engine: (model.file(engine) if check else model.place(engine)).stat().st_size for engine in model.files}


def _model_row(model: Model, sizes: dict[str, int]) -> dict[str, Any]:
    spec = model.input
    return {
        "task": model.task,
        "name": model.name,
        "architecture": model.architecture,
        "labels": list(model.labels),
        "input": [spec.size, spec.size, spec.channels] if spec else None,
        "bytes": sizes,
        "figures": dict(model.figures),
    }


def _shape(sides: Sequence[int]) -> str:
    return "x".join(map(str, sides))


def _print_architectures(as_json: bool) -> None:
    from smiledet.lab.backend import prepare

    prepare()
    from tqdm import tqdm

    from smiledet.lab.networks.base import architectures
    from smiledet.lab.networks.listing import outline
    from smiledet.report import table

    rows = tqdm(architectures().values(), unit="network", leave=False, disable=None)
    listed = [outline(row) for row in rows]
    if as_json:
        print(json.dumps([_architecture_row(each) for each in listed], indent=2))
        return
    header = ("architecture", "parameters", "multiply-adds", "FLOPs", "input", "outputs", "source")
    print(table(header, map(_cells, listed)))
    print("\nA picture's work in convolutions and dense layers, in millions; a multiply-add is two FLOPs.\n")
    notes: dict[str, list[str]] = {}
    for each in listed:
        notes.setdefault(each.row.note, []).append(each.row.name)
    print("\n".join(f"{', '.join(names)}: {note}" for note, names in notes.items() if note))


def _cells(each: Listed) -> tuple[str, ...]:
    row = each.row
    outputs = "1 sigmoid" if row.classes == 1 else f"{row.classes} softmax"
    work = tuple(f"{count / 1e6:,.1f}" for count in (each.work.multiply_adds, each.work.flops))
    return row.name, f"{each.parameters:,}", *work, _shape(row.input_shape), outputs, row.source


def _architecture_row(each: Listed) -> dict[str, Any]:
    row = each.row
    return {
        "name": row.name,
        "parameters": each.parameters,
        "trainable": each.trainable,
        "published_parameters": row.published,
        "multiply_adds": each.work.multiply_adds,
        "flops": each.work.flops,
        "input": list(row.input_shape),
        "classes": row.classes,
        "smallest_side": row.smallest,
        "any_side": row.any_side,
        "imagenet": row.pretrained is not None,
        "source": row.source,
        "note": row.note,
    }
