"""Gender as it appears: UTKFace's two classes."""

from smiledet.tasks.base import Task

TASK = Task(
    name="gender",
    labels=("man", "woman"),
    colours={"man": (210, 160, 70), "woman": (150, 110, 230)},
    # It does not change during a video.
    smoothing=1.5,
    hysteresis=0.2,
)
