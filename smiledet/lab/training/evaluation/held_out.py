"""What each task's shipped models are measured on: never photographs that any of them was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smiledet.model_index import Model


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out photographs.

    Attributes:
        layout: The data set's layout.
        archive: Its file under the data folder.
        split: Which of its splits.
        words: What that is, in words.
    """

    layout: str
    archive: str
    split: str
    words: str

    def data(self, folder: Path) -> str:
        """What `--data` takes: LAYOUT:PATH."""
        return f"{self.layout}:{folder / self.archive}"


FER_PLUS = HeldOut(
    "ferplus",
    "ferplus_votes.csv",
    "test",
    "the faces of FER-2013's PublicTest that over half of ten people agree on (FER+)",
)

HELD_OUT = {
    "smile": HeldOut("genki4k", "genki4k.tar.gz", "test", "a held-out fifth of GENKI-4K's 3,000 photographs"),
    "emotion": FER_PLUS,
    "emotion8": FER_PLUS,
    "gender": HeldOut("utkface", "utkface.tar.gz", "test", "a held-out fifth of UTKFace's 9,748 faces"),
    "age": HeldOut("utkface", "utkface.tar.gz", "test", "a held-out fifth of UTKFace's 9,748 faces"),
}
"""By task."""

LABELLED_AS = {"fer2013": HeldOut("fer2013", "fer2013.tar.gz", "test", "FER-2013 PublicTest, by its own labels")}
"""By data set: what the models are measured on that answer as its labels do, whose names end with its name."""


def held_out_of(model: Model) -> HeldOut:
    """What a model is measured on.

    >>> from dataclasses import replace
    >>> from smiledet.model_index import find_model
    >>> held_out_of(replace(find_model("emotion"), name="mini-xception-fer2013")).layout
    'fer2013'
    """
    return LABELLED_AS.get(model.name.rpartition("-")[2], HELD_OUT[model.task])
