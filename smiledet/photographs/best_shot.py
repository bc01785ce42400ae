"""Which of several photographs of one moment is the best, and why.

Faces are matched from photograph to photograph by their places alone. Who they are is neither computed nor stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smiledet.photographs.records import StoredFace
from smiledet.schema import between

NEAR = 1.0
"""Distance of two faces' centres, in their mean width, up to which they can be one person's in two photographs."""

LIKE_SIZE = 0.6
"""Width of the smaller of the two over that of the larger, at least."""

CLOSED, OPEN = 0.35, 0.75
"""Shares of a person's widest eyes below which they count as closed, and from which as open. Relative: narrow eyes are
no closed ones."""

WIDE = 0.4
"""`eyes_open` that a person's widest eyes count as at least: of one who blinks throughout none are open."""

TURNED = 45.0
"""Degrees by which a head is turned that does not look at the camera at all."""

BLURRED = 0.75
"""Share of a person's sharpest face below which a face counts as blurred."""

EDGE = 0.01
"""Share of a picture's sides within which a face that touches its edge is cut off."""

UNHAPPY = ("angry", "disgust", "fear", "sad")
"""Emotions that nobody wants to be remembered by; a grimace is read as one of them."""

TELLING = 0.08
"""Difference from the stack's mean from which something is named as a reason."""


@dataclass(frozen=True, slots=True)
class ShotWeights:
    """How much counts what in the choice of the best shot; 0 leaves it out.

    Attributes:
        smile: How many smile, and how much.
        mood: How few look unhappy; where emotions are read.
        eyes: How many have their eyes open.
        gaze: How many look at the camera.
        sharpness: How sharp the faces are; where there is none, the picture.
        framing: How many are there whole.
    """

    smile: float = field(default=2.0, metadata=between(0, 100))
    mood: float = field(default=2.0, metadata=between(0, 100))
    eyes: float = field(default=3.0, metadata=between(0, 100))
    gaze: float = field(default=1.0, metadata=between(0, 100))
    sharpness: float = field(default=3.0, metadata=between(0, 100))
    framing: float = field(default=2.0, metadata=between(0, 100))


@dataclass(frozen=True, slots=True)
class Shot:
    """A photograph that might be the best.

    Attributes:
        id: Whatever tells it from the others.
        size: (width, height) in pixels.
        sharpness: Of the whole picture.
        faces: In it.
    """

    id: int
    size: tuple[int, int]
    sharpness: float
    faces: tuple[StoredFace, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A photograph's place in its stack.

    Attributes:
        id: Of the photograph.
        score: 0 to 1.
        reasons: What sets it apart from the others, in words, the weightiest first.
    """

    id: int
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Criterion:
    """One thing that counts.

    Attributes:
        weight: How much.
        values: Of each shot, 0 to 1.
        words: What is said of each shot.
    """

    weight: float
    values: tuple[float, ...]
    words: tuple[str, ...]


def rank(shots: Sequence[Shot], weights: ShotWeights | None = None) -> list[Ranked]:
    """The shots, best first; of equals the sharper.

    Args:
        shots: Of one moment.
        weights: What counts how much.
    """
    weights = weights or ShotWeights()
    people = match_people(shots)
    criteria = _of_people(shots, people, weights) if people else [_of_pictures(shots, weights)]
    total = sum(each.weight for each in criteria) or 1
    found = []
    for number, shot in enumerate(shots):
        score = sum(each.weight * each.values[number] for each in criteria) / total
        found.append(Ranked(shot.id, score, _reasons(criteria, number)))
    sharp = {shot.id: shot.sharpness for shot in shots}
    return sorted(found, key=lambda each: (-round(each.score, 6), -sharp[each.id]))


def match_people(shots: Sequence[Shot]) -> list[tuple[StoredFace | None, ...]]:
    """The faces of each person in the shots, None where they are not seen; people seen in half of them or more."""
    people: list[list[StoredFace | None]] = []
    for number, shot in enumerate(shots):
        last = [next(face for face in reversed(faces) if face is not None) for faces in people]
        pairs = sorted(
            (distance, person, rank)
            for person, before in enumerate(last)
            for rank, face in enumerate(shot.faces)
            if (distance := _distance(before, face)) is not None
        )
        placed: dict[int, int] = {}
        for _, person, place in pairs:
            if person not in placed and place not in placed.values():
                placed[person] = place
        for person, faces in enumerate(people):
            faces.append(shot.faces[placed[person]] if person in placed else None)
        new = (face for place, face in enumerate(shot.faces) if place not in placed.values())
        people += ([None] * number + [face] for face in new)
    enough = math.ceil(len(shots) / 2)
    return [tuple(faces) for faces in people if sum(face is not None for face in faces) >= enough]


def _distance(one: StoredFace, other: StoredFace) -> float | None:
    """Between two faces' centres in their mean width; None where they cannot be one person's."""
    width, its = one.box.width, other.box.width
    if min(width, its) < LIKE_SIZE * max(width, its):
        return None
    distance = math.dist(one.box.centre, other.box.centre) / ((width + its) / 2)
    return distance if distance <= NEAR else None


def _of_people(
    shots: Sequence[Shot], people: Sequence[tuple[StoredFace | None, ...]], weights: ShotWeights
) -> list[_Criterion]:
    count = len(people)
    widest = [max((face.eyes_open or 0.0 for face in faces if face), default=0.0) for faces in people]
    sharpest = [max((face.sharpness or 0.0 for face in faces if face), default=0.0) for faces in people]

    def values(of: Callable[[StoredFace, int, int], float]) -> list[list[float]]:
        return [
            [
                of(face, person, shot) if (face := faces[shot]) is not None else 0.0
                for person, faces in enumerate(people)
            ]
            for shot in range(len(shots))
        ]

    def criterion(weight: float, rows: list[list[float]], words: Callable[[list[float]], str]) -> _Criterion:
        return _Criterion(weight, tuple(sum(row) / count for row in rows), tuple(map(words, rows)))

    smiles = values(lambda face, *_: face.smile_intensity or 0.0)
    seen = [face for faces in people for face in faces if face is not None]
    smiles_read = any(face.smile_intensity is not None for face in seen)
    mood = values(lambda face, *_: _mood(face))
    mood_read = any("emotion" in face.readings for face in seen)
    eyes = values(lambda face, person, _: _openness(face, max(WIDE, widest[person])))
    gaze = values(lambda face, *_: _gaze(face))
    sharp = values(lambda face, person, _: (face.sharpness or 0.0) / (sharpest[person] or 1.0))
    whole = values(lambda face, _, shot: float(not _cut_off(face, shots[shot].size)))
    return [
        criterion(weights.smile if smiles_read else 0.0, smiles, lambda row: _counted(row, 0.5, "smiling")),
        criterion(weights.mood if mood_read else 0.0, mood, lambda row: _counted(row, 0.5, "at ease")),
        criterion(weights.eyes, eyes, lambda row: _counted(row, 0.5, "with open eyes")),
        criterion(weights.gaze, gaze, lambda row: _counted(row, 0.6, "facing the camera")),
        criterion(weights.sharpness, sharp, lambda row: _sharp(row, "face")),
        criterion(weights.framing, whole, lambda row: _counted(row, 0.5, "wholly in the picture")),
    ]


def _of_pictures(shots: Sequence[Shot], weights: ShotWeights) -> _Criterion:
    sharpest = max(shot.sharpness for shot in shots) or 1.0
    values = tuple(shot.sharpness / sharpest for shot in shots)
    return _Criterion(weights.sharpness or 1.0, values, tuple(_sharp([value], "picture") for value in values))


def _reasons(criteria: Sequence[_Criterion], number: int) -> tuple[str, ...]:
    """What sets a shot apart from the others."""
    found = []
    for each in criteria:
        mean = sum(each.values) / len(each.values)
        if each.weight and abs(each.values[number] - mean) >= TELLING:
            found.append((each.weight * abs(each.values[number] - mean), each.words[number]))
    return tuple(words for _, words in sorted(found, key=lambda pair: -pair[0]))


def _openness(face: StoredFace, widest: float) -> float:
    share = (face.eyes_open or 0.0) / widest
    return min(1.0, max(0.0, (share - CLOSED) / (OPEN - CLOSED)))


def _mood(face: StoredFace) -> float:
    emotion = face.readings.get("emotion")
    return 0.0 if emotion is None else 1 - sum(emotion.scores.get(label, 0.0) for label in UNHAPPY)


def _gaze(face: StoredFace) -> float:
    if face.pose is None:
        return 0.0
    # Pitch is the rougher one of the two: see `HeadPose`.
    return max(0.0, 1 - math.hypot(face.pose.yaw, face.pose.pitch / 2) / TURNED)


def _cut_off(face: StoredFace, size: tuple[int, int]) -> bool:
    (width, height), box = size, face.box
    across, down = EDGE * width, EDGE * height
    inside = across <= box.x and box.x + box.width <= width - across
    return not (inside and down <= box.y and box.y + box.height <= height - down)


def _counted(row: Sequence[float], limit: float, words: str) -> str:
    count = sum(value >= limit for value in row)
    if len(row) == 1:
        return words if count else f"not {words}"
    return f"{'all' if count == len(row) else count or 'none'} of {len(row)} {words}"


def _sharp(row: Sequence[float], noun: str) -> str:
    blurred = sum(value < BLURRED for value in row)
    if not blurred:
        return f"sharp {noun}" if len(row) == 1 else f"sharp {noun}s"
    return f"blurred {noun}" if len(row) == 1 else f"{blurred} of {len(row)} {noun}s blurred"
