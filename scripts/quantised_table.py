"""Print the table of smaller numbers: each shipped model as LiteRT in float32, float16, dynamic range and int8.

Accuracy is that of the task's held-out photographs (age: the mean error in years), through the preprocessing of
`smiledet evaluate`; the time is one inference on one thread, the precisions in turn. Files are made anew from the Keras
file that ships, int8 after a hundred faces of the training split, and are not kept.

Example:
  python scripts/quantised_table.py --data-folder ../shared/data
  python scripts/quantised_table.py --data-folder ../shared/data --only smile/mini-xception --limit 100
"""

import argparse
import sys
from pathlib import Path

from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.machine import describe_machine
from smiledet.lab.training.evaluation.held_out import HELD_OUT, held_out_of
from smiledet.lab.training.evaluation.tables import markdown
from smiledet.model_index import Model, read_index


def chosen_models(only: list[str] | None) -> list[Model]:
    """The shipped classifiers, or those named.

    Raises:
        UsageError: A name is none of theirs.
    """
    models = {f"{model.task}/{model.name}": model for model in read_index() if model.task in HELD_OUT}
    for name in only or ():
        if name not in models:
            raise UsageError(f"--only {name!r}: there are {', '.join(models)}")
    return [model for name, model in models.items() if not only or name in only]


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, required=True, metavar="FOLDER", help="holds genki4k.tar.gz …")
    parser.add_argument("--only", action="append", metavar="TASK/NAME", help="one model alone; may be repeated")
    parser.add_argument("--limit", type=int, metavar="N", help="so many photographs of each set at most")
    arguments = parser.parse_args()
    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit}: expected at least 1")
    models = chosen_models(arguments.only)
    from smiledet.lab.benchmark.models.precisions import HEADER, cells, measure_precisions

    rows = []
    for model in models:
        print(f"{model.task}/{model.name} …", file=sys.stderr, flush=True)
        found = measure_precisions(model, held_out_of(model), arguments.data_folder, arguments.limit)
        rows += [cells(each, found[0]) for each in found]
    print(f"{describe_machine()}\n\n{markdown(HEADER, rows)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"quantised_table: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
