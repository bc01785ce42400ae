"""UTKFace (Zhang et al., CVPR 2017): aligned crops of people of all ages.

`UTKFace/<age>_<gender>_<race>_<date>.jpg.chip.jpg`, the answers in the file's name: gender 0 man, 1 woman; race 0
white, 1 black, 2 Asian, 3 Indian, 4 others. Some published names lack a field; those pictures are left out, and counted
aloud. The set has no published split: a fifth of every gender and age band is held out as `test`, the same fifth for
each task.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.lab.datasets.answers import GENDERS, age_band
from smiledet.lab.datasets.base import Layout, Sample, images_in
from smiledet.lab.datasets.splits import split_fifths
from smiledet.tasks.age import OLDEST

log = logging.getLogger(__name__)

RACES = ("white", "black", "Asian", "Indian", "other")

# Measured on 593 of 600 crops (edges repeated by half a crop, then enlarged) in which the cascade finds the face: its
# box is 1.02 times the crop and sits 0.088 of the crop above its centre (interquartile spread 0.1 and 0.025).
LOCATED = Box(-0.01, -0.098, 1.02, 1.02)


@dataclass(frozen=True, slots=True)
class Person:
    """What a file's name tells: age in years, gender and race in words."""

    age: int
    gender: str
    race: str


def person_of(image: Path) -> Person | None:
    """What the file's name tells; None if it is broken.

    >>> person_of(Path("26_1_2_20170116.jpg.chip.jpg"))
    Person(age=26, gender='woman', race='Asian')
    >>> person_of(Path("61_1_20170109.jpg.chip.jpg"))
    """
    fields = image.name.split("_")
    if len(fields) != 4 or not all(field.isascii() and field.isdecimal() for field in fields[:3]):
        return None
    age, gender, race = map(int, fields[:3])
    if not (0 < age <= OLDEST and gender < len(GENDERS) and race < len(RACES)):
        return None
    return Person(age, GENDERS[gender], RACES[race])


def _stratum(sample: Sample) -> str:
    return f"{sample.groups['gender']} {sample.groups['age band']}"


class Utkface(Layout):
    """See the module."""

    name = "utkface"
    tasks: ClassVar = {"gender": GENDERS, "age": None}
    holds = "<age>_<gender>_<race>_<date>.jpg.chip.jpg"

    def read(self, root: Path, task: str) -> list[Sample]:
        """See `Layout.read`."""
        inside = root / "UTKFace"
        images = images_in(inside if inside.is_dir() else root)
        people = [(image, person) for image in images if (person := person_of(image)) is not None]
        if not people:
            raise UsageError(f"no UTKFace under {root}: expected {self.holds}")
        if len(people) < len(images):
            log.warning("%s: left out %d pictures with a broken name", root, len(images) - len(people))
        return split_fifths([_sample(image, person, task) for image, person in people], self.name, _stratum)


def _sample(image: Path, person: Person, task: str) -> Sample:
    groups = {"gender": person.gender, "age band": age_band(person.age), "race": person.race}
    if task == "age":
        return Sample(image, str(person.age), "", LOCATED, target=float(person.age), groups=groups)
    return Sample(image, person.gender, "", LOCATED, groups=groups)


LAYOUT = Utkface()
