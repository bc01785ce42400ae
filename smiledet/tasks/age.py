"""Apparent age in years."""

from smiledet.tasks.base import Task

OLDEST = 116
"""The highest age among UTKFace's labels."""

TASK = Task(
    name="age",
    labels=tuple(str(age) for age in range(OLDEST + 1)),
    colours={},
    # It does not change during a video.
    smoothing=1.5,
    hysteresis=1.5,
    numbers=tuple(float(age) for age in range(OLDEST + 1)),
    unit="years",
)
