"""The time line of a report: a row a person, with what was read when."""

from __future__ import annotations

from smiledet.sessions.report.gather import Gathered
from smiledet.sessions.report.text import colour, duration, moment, per_cent, shown
from smiledet.sessions.sessions import Session
from smiledet.tasks.smile import TASK as SMILE

MOST_ROWS = 60
"""Sessions that are drawn: the longest."""

SHARED = 4.0
"""Up to so many times the longest stay all rows share one time axis; beyond that each row begins with its stay."""

FINEST = 3000
"""Spans shorter than this part of the time line are left out: they would not be seen."""

WIDTH, HEIGHT, BAND = 1000.0, 16, 5
"""Units of a row; smiles are the band on top of it."""


def time_line(found: Gathered) -> str:
    """The rows; empty where the store holds no details any more."""
    with_spans = [each for each in found.sessions if each.spans]
    longest = sorted(with_spans, key=lambda each: -each.seconds)[:MOST_ROWS]
    if not longest:
        return ""
    drawn = sorted(longest, key=lambda each: (each.first, each.track))
    begin, end = min(each.first for each in drawn), max(each.last for each in drawn)
    whole = max(0.1, *(each.seconds for each in drawn))
    shared = end - begin <= SHARED * whole
    if shared:
        whole = max(end - begin, 0.1)
    task = next((name for name in found.tasks if name != SMILE.name), "")
    several = len(found.sources) > 1
    rows = "".join(_row(each, begin if shared else each.first, whole, task, several, shared) for each in drawn)
    left_out = found.people - len(drawn)
    note = (
        f"<p class=note>The {len(drawn)} longest stays; {left_out} shorter ones are not drawn.</p>" if left_out else ""
    )
    ends = (moment(begin), moment(end)) if shared else ("first seen", duration(whole))
    axis = "".join(f"<span>{each}</span>" for each in ends)
    times = f' data-begin="{begin:.3f}" data-end="{end:.3f}"' if shared else ""
    lower = f", {shown(task)} below" if task else ""
    return (
        f"<section><h2>Person by person</h2><p class=note>Smiles on top{lower}. "
        f"Point at a part to see when it was.</p>{_legend(found, task)}"
        f"<div class=people{times}>{rows}<div class=ends>{axis}</div></div>"
        f"{note}</section>"
    )


def _row(session: Session, begin: float, whole: float, task: str, several: bool, shared: bool) -> str:
    where = f"{session.source}, " if several else ""
    when = "" if shared else moment(session.first, ", %a %H:%M")
    name = shown(f"{where}face {session.track}{when}")
    parts = [_part(session.first, session.last, begin, whole, BAND + 1, HEIGHT - BAND - 1, "#e6e6e2", "seen")]
    for span in session.spans:
        if span.end - span.begin < whole / FINEST:
            continue
        at = (span.begin, span.end, begin, whole)
        if (span.task, span.label) == (SMILE.name, SMILE.strength):
            parts.append(_part(*at, 0, BAND, colour(span.task, span.label), span.label))
        elif span.task == task:
            parts.append(_part(*at, BAND + 1, HEIGHT - BAND - 1, colour(span.task, span.label), span.label))
    summary = f"{name}: {moment(session.first, '%H:%M:%S')}, {duration(session.seconds)}"
    if SMILE.name in session.labels:
        summary += f", smiling {per_cent(session.share(SMILE.name, SMILE.strength))}"
    return (
        f'<div class=person><span title="{summary}"><bdi>{name}</bdi></span><svg viewBox="0 0 {WIDTH:g} {HEIGHT}" '
        f'preserveAspectRatio="none" role="img" aria-label="{summary}">{"".join(parts)}</svg></div>'
    )


def _part(first: float, last: float, begin: float, whole: float, top: int, height: int, fill: str, label: str) -> str:
    left, right = (WIDTH * (at - begin) / whole for at in (first, last))
    told = f"{shown(label)}, {moment(first, '%H:%M:%S')} to {moment(last, '%H:%M:%S')}"
    return (
        f'<rect x="{left:.2f}" y="{top}" width="{max(right - left, 0.5):.2f}" height="{height}" fill="{fill}">'
        f"<title>{told}</title></rect>"
    )


def _legend(found: Gathered, task: str) -> str:
    labels = [(SMILE.name, SMILE.strength)] if SMILE.name in found.tasks else []
    labels += [(task, label) for label in sorted(found.tasks.get(task, []))]
    keys = "".join(
        f'<span class=key><svg viewBox="0 0 1 1"><rect width="1" height="1" fill="{colour(*each)}"/></svg>'
        f"{shown(each[1])}</span>"
        for each in labels
    )
    return f"<p class=keys>{keys}</p>"
