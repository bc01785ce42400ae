"""What a run found, in a few lines: printed at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from smiledet.sinks.tally import OTHERS, Tally
from smiledet.sources.base import Source

FACES_SHOWN = 20
"""Faces of a video that get a line each; people who pass by a camera are not listed for ever."""


def answer(tallies: Mapping[str, Tally], sources: Mapping[str, Source]) -> list[str]:
    """The lines of each source; with its name, where there are several."""
    lines: list[str] = []
    for name, tally in tallies.items():
        first, *others = _lines(tally, sources[name].still)
        lines += [first, *others] if len(tallies) == 1 else [f"{name}: {first}", *(f"  {line}" for line in others)]
    return lines


def _lines(tally: Tally, still: bool) -> list[str]:
    """Of a video a line a face, of one photograph too, of several photographs a line a task.

    Args:
        tally: What was counted.
        still: Whether the pictures are photographs.
    """
    kind = "photograph" if still else "frame"
    faces = tally.faces if still else len(tally.labels)
    lines = [f"faces in {tally.with_faces} of {_plural(tally.frames, kind)}, {_plural(faces, 'face')} in all"]
    if still and tally.frames != 1:
        return [*lines, *_by_task(tally)]
    tracks = sorted(track for track in tally.labels if track != OTHERS)
    for track in tracks[:FACES_SHOWN]:
        tasks = tally.labels[track].items()
        said = "; ".join(f"{task} {_shares(counts, alone=still)}" for task, counts in tasks)
        lines.append(f"face {track}: {said or 'seen too briefly to be read'}")
    if len(tracks) > FACES_SHOWN or OTHERS in tally.labels:
        lines.append(f"… and {len(tally.labels) - min(len(tracks), FACES_SHOWN)} more; --events writes them all")
    return lines


def _by_task(tally: Tally) -> list[str]:
    totals: dict[str, Counter[str]] = {}
    for tasks in tally.labels.values():
        for task, counts in tasks.items():
            totals.setdefault(task, Counter()).update(counts)
    return [
        f"{task}: {', '.join(f'{label} {count}' for label, count in counts.most_common(8))}"
        for task, counts in totals.items()
    ]


def _shares(counts: Counter[str], alone: bool) -> str:
    """The labels that a face carried, with their shares of its frames.

    >>> _shares(Counter({"smiling": 3, "not smiling": 1}), alone=False)
    'smiling 75 %, not smiling 25 %'
    """
    if alone:
        return counts.most_common(1)[0][0]
    total = sum(counts.values())
    return ", ".join(f"{label} {100 * count / total:.0f} %" for label, count in counts.most_common(3))


def _plural(count: int, noun: str) -> str:
    """A count and its noun.

    >>> _plural(1, "face"), _plural(2, "face")
    ('1 face', '2 faces')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
