"""Smiling or not: GENKI-4K's question."""

from smiledet.tasks.base import Task

TASK = Task(
    name="smile",
    labels=("not smiling", "smiling"),
    colours={"not smiling": (190, 170, 150), "smiling": (60, 200, 80)},
    # On at 0.65, off at 0.35: half-smiles hover about the middle. On fourteen clips a label follows a true change
    # after 0.26 seconds, with as many changes and as few missed as at 0.35 and 0.2: 0.33 (scripts/label_latency.py).
    smoothing=0.22,
    hysteresis=0.3,
    strength="smiling",
)
