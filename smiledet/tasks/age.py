"""Apparent age in years."""

from smiledet.tasks.base import Task

OLDEST = 116
"""The highest age among UTKFace's labels."""

TASK = Task(
    name="age",
    labels=tuple(str(age) for age in range(OLDEST + 1)),
    # It does not change during a video.
    smoothing=1.5,
    hysteresis=1.5,
    numbers=tuple(float(age) for age in range(OLDEST + 1)),
    unit="years",
    # Of children the training faces tell no more than such bands, and years of theirs would look surer than they are.
    bands=((0, 2), (3, 9), (10, 15)),
)
