"""KDEF (Lundqvist, Flykt, Oehman, 1998): seventy actors, seven expressions, five angles, in two sessions.

`<actor>/AF01AFS.JPG`, in any depth of folders: session (A, B), gender (F, M), number of the actor, expression, angle.
Files with a broken name are left out, and counted aloud. The set has no published split: a fifth of the actors is held
out as `test`. Where only frontal faces are of use, the groups tell the angles apart.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.lab.datasets.answers import EMOTIONS, GENDERS
from smiledet.lab.datasets.base import Layout, Sample, images_in
from smiledet.lab.datasets.splits import split_people

log = logging.getLogger(__name__)

EXPRESSIONS = {
    "AF": "fear",
    "AN": "angry",
    "DI": "disgust",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprise",
}
ANGLES = {"FL": "full left", "HL": "half left", "S": "straight", "HR": "half right", "FR": "full right"}
NAME = re.compile(rf"[AB]([FM])(\d\d)({'|'.join(EXPRESSIONS)})({'|'.join(ANGLES)})")


class Kdef(Layout):
    """See the module."""

    name = "kdef"
    tasks: ClassVar = {"emotion": EMOTIONS, "gender": GENDERS}
    holds = "AF01AFS.JPG …: session, gender, actor, expression, angle"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        images = images_in(root)
        samples = [sample for image in images if (sample := sample_of(image)) is not None]
        if not samples:
            raise UsageError(f"no KDEF under {root}: expected {self.holds}")
        if len(samples) < len(images):
            log.warning("%s: left out %d pictures with a broken name", root, len(images) - len(samples))
        split = split_people(samples, self.name)
        if task == "gender":
            return [replace(sample, label=sample.groups["gender"]) for sample in split]
        return split


def sample_of(image: Path) -> Sample | None:
    """A picture with what its name tells, its label the emotion; None if the name is broken.

    >>> sample_of(Path("AM07HAHL.JPG")).label
    'happy'
    """
    found = NAME.fullmatch(image.stem.upper())
    if found is None:
        return None
    sex, number, expression, angle = found.groups()
    groups = {"gender": GENDERS[sex == "F"], "angle": ANGLES[angle]}
    return Sample(image, EXPRESSIONS[expression], "", identity=f"{sex}{number}", groups=groups)


LAYOUT = Kdef()
