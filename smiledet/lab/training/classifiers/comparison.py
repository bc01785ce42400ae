"""The papers' comparison of architectures: which are trained, and the figures that the outcomes make.

Seed `000_*` compares thirteen networks on smiles (section 4, tables 3 to 5 and figure 25), seed `001_*` seven on
emotions (table 5 and figure 26).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from smiledet.errors import UsageError
from smiledet.lab.figures import save_figure
from smiledet.lab.networks.base import find_architecture
from smiledet.lab.training.classifiers.learning_curve import compare_curves
from smiledet.lab.training.classifiers.variants import LOG, Outcome, Variant
from smiledet.lab.training.evaluation.plots import plot_trade_off
from smiledet.lab.training.recipe import ClassifierRecipe

ENTRANT = re.compile(r"([^@:\s]+)(?:@(\d+))?(?::(\d+))?")
"""NAME[@SIDE][:EPOCHS]."""

TRADE_OFF, CURVES = "figure-25.png", "curves.png"


def entrants(listed: str, recipe: ClassifierRecipe) -> list[Variant]:
    """The architectures of a list, each trained as the recipe says, on chips of the side that its paper gives it.

    Args:
        listed: NAME[@SIDE][:EPOCHS], separated by commas: another side of the chips in pixels, other epochs.
        recipe: Data, augmentation and schedule of all.

    Raises:
        UsageError: An architecture that there is not, a side that it does not take, or the same one twice.
    """
    found: dict[str, Variant] = {}
    for entry in (part.strip() for part in listed.split(",")):
        match = ENTRANT.fullmatch(entry)
        if match is None:
            raise UsageError(f"--compare {entry!r}: expected NAME, NAME@SIDE, NAME:EPOCHS or NAME@SIDE:EPOCHS")
        row = find_architecture(match[1])
        own = row.input_shape[0]
        side, epochs = int(match[2] or own), int(match[3] or recipe.schedule.epochs)
        if side < row.smallest:
            raise UsageError(f"--compare {entry!r}: {row.name} takes chips of {row.smallest} pixels a side or more")
        if epochs < 1:
            raise UsageError(f"--compare {entry!r}: expected 1 epoch or more")
        name = row.name if side == own else f"{row.name}, {side} px"
        if epochs != recipe.schedule.epochs:
            name += f", {epochs} {'epoch' if epochs == 1 else 'epochs'}"
        if name in found:
            raise UsageError(f"--compare: {entry} stands there twice")
        schedule = replace(recipe.schedule, epochs=epochs)
        trained = replace(
            recipe, name=row.name, architecture=row.name, input=replace(recipe.input, size=side), schedule=schedule
        )
        found[name] = Variant(name, trained)
    return list(found.values())


def draw(variants: Sequence[Variant], outcomes: Sequence[Outcome], title: str, output: Path) -> Iterator[Path]:
    """Figure 25 of seed `000_*` and all learning curves in one plot.

    Args:
        variants: What was trained.
        outcomes: What came of them.
        title: Over the first.
        output: The folder, which holds the variants' logs.

    Yields:
        What was written.
    """
    rows: list[Mapping[str, object]] = [{**asdict(each), "model": each.name} for each in outcomes]
    yield save_figure(plot_trade_off(rows, title), output / TRADE_OFF)
    logs = {each.name: output / each.folder / LOG for each in variants}
    yield save_figure(compare_curves(logs), output / CURVES)
