"""Smiling or not: GENKI-4K's question."""

from smiledet.tasks.base import Task

TASK = Task(
    name="smile",
    labels=("not smiling", "smiling"),
    colours={"not smiling": (190, 170, 150), "smiling": (60, 200, 80)},
)
