"""The eight emotions of AffectNet and FER+: FER-2013's seven and contempt."""

from dataclasses import replace

from smiledet.tasks.emotion import TASK as SEVEN

TASK = replace(
    SEVEN,
    name="emotion8",
    labels=("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    colours={**SEVEN.colours, "contempt": (150, 110, 60)},
)
