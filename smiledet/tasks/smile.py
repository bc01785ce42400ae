"""Smiling or not: GENKI-4K's question."""

from smiledet.tasks.base import Task

TASK = Task(
    name="smile",
    labels=("not smiling", "smiling"),
    colours={"not smiling": (190, 170, 150), "smiling": (60, 200, 80)},
    # On at 0.6, off at 0.4. Of two labels each leads by what the other lacks: at 0.1 the scores of half-smiles about the
    # middle change the label half as often again (13 changes on a table of eleven faces, 9 at 0.2, no other clip differs).
    hysteresis=0.2,
)
