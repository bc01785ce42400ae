"""The words in which every data set here answers: the labels of the tasks, and the groups of the bias reports."""

from __future__ import annotations

SMILES = ("not smiling", "smiling")
GENDERS = ("man", "woman")
EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
EMOTIONS8 = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
"""With contempt, which AffectNet and FER+ have and FER-2013 has not."""

BANDS = ((0, "0-15"), (16, "16-29"), (30, "30-44"), (45, "45-59"), (60, "60 and over"))
NOT_TOLD = "not told"
"""A gender that a data set does not say."""


def age_band(age: float) -> str:
    """The band that an age falls in.

    >>> age_band(29.9), age_band(60)
    ('16-29', '60 and over')
    """
    return [band for lowest, band in BANDS if age >= lowest][-1]
