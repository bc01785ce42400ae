"""Smiling or not: GENKI-4K's question."""

from smiledet.tasks.base import Task

TASK = Task(
    name="smile",
    labels=("not smiling", "smiling"),
    colours={"not smiling": (190, 170, 150), "smiling": (60, 200, 80)},
    # On at 0.6, off at 0.4: half-smiles hover about the middle. At a lead of 0.1 the labels of a table of eleven faces
    # changed 13 times in twenty seconds, at 0.2 nine times; of the other clips none changed more or less often.
    hysteresis=0.2,
    strength="smiling",
)
