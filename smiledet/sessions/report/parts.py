"""The parts of a report that are tables: totals, hours, labels, sessions, drops."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime

from smiledet.sessions.report.gather import Gathered, Sums
from smiledet.sessions.report.text import colour, duration, moment, per_cent, shown
from smiledet.sessions.sessions import COUNTS, PRESENT, SMILES
from smiledet.tasks.smile import TASK as SMILE

MOST_LISTED = 100
"""Sessions in the table."""


def cards(found: Gathered) -> str:
    """Totals."""
    totals, longest = found.totals, found.longest_smile
    seen = totals.get((COUNTS, PRESENT), 0.0)
    told = [("photographs' faces" if found.stills else "faces, one a stay", f"{found.people}")]
    if not found.stills:
        told.append(("seen in all", duration(seen)))
    if SMILE.name in found.tasks:
        told.append(("smiles", f"{totals.get((COUNTS, SMILES), 0):.0f}"))
        told.append(("of the time smiling" if not found.stills else "smiling", per_cent(_smile_share(found, totals))))
    if longest is not None:
        who = f"longest smile: face {longest.track}, {moment(longest.first, '%H:%M')}"
        told.append((who, duration(longest.longest_smile)))
    for task, labels in found.tasks.items():
        if task != SMILE.name:
            told.append((f"commonest {task}", labels[0]))
    items = "".join(f"<div class=card><b>{shown(value)}</b><span>{shown(name)}</span></div>" for name, value in told)
    return f"<section class=cards>{items}</section>"


def heat_map(found: Gathered) -> str:
    """A row a day, a column an hour: minutes with a face, coloured by the share of smiles."""
    if found.stills or not found.hours:
        return ""
    smiles = SMILE.name in found.tasks
    days: dict[str, dict[int, Sums]] = {}
    for start, sums in sorted(found.hours.items()):
        at = datetime.fromtimestamp(start)
        into = days.setdefault(at.strftime("%a %Y-%m-%d"), {}).setdefault(at.hour, {})
        for key, amount in sums.items():
            into[key] = into.get(key, 0.0) + amount
    head = "".join(f"<th scope=col>{hour}</th>" for hour in range(24))
    rows = "".join(
        f"<tr><th scope=row>{day}</th>{''.join(_hour(found, hours.get(hour), smiles) for hour in range(24))}</tr>"
        for day, hours in days.items()
    )
    what = "darker where more of the time was smiled" if smiles else "darker where faces were seen longer"
    return (
        f"<section><h2>Hour by hour</h2><p class=note>Minutes for which faces were seen, {what}; local time.</p>"
        "<div class=scroll tabindex=0 role=region aria-label='hour by hour'><table class=hours>"
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _hour(found: Gathered, sums: Sums | None, smiles: bool) -> str:
    seconds = sums.get((COUNTS, PRESENT), 0.0) if sums else 0.0
    if sums is None or not seconds:
        return "<td></td>"
    share = _smile_share(found, sums) if smiles else min(1.0, seconds / 3600)
    told = f"{duration(seconds)}" + (f", smiling {per_cent(share)}" if smiles else "")
    minutes = f"{seconds / 60:.0f}" if seconds >= 60 else "<1"
    ink = " class=dark" if share > 0.55 else ""
    return f'<td{ink} bgcolor="{_shade(share)}" title="{told}">{shown(minutes)}</td>'


def _shade(share: float) -> str:
    """From pale to a full green."""
    pale, full = (233, 240, 233), (24, 110, 52)
    mixed = (round(low + (high - low) * min(1.0, share)) for low, high in zip(pale, full, strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)


def labels(found: Gathered) -> str:
    """Each label's share."""
    parts = []
    for task, names in found.tasks.items():
        whole = sum(found.totals.get((task, name), 0.0) for name in names) or 1.0
        rows = "".join(_bar(task, name, found.totals.get((task, name), 0.0) / whole) for name in names)
        parts.append(f"<div><h3>{shown(task)}</h3>{rows}</div>")
    of_what = "faces" if found.stills else "the time"
    return f"<section><h2>Shares of {of_what}</h2><div class=shares>{''.join(parts)}</div></section>" if parts else ""


def _bar(task: str, label: str, share: float) -> str:
    return (
        f"<div class=bar><span>{shown(label)}</span>"
        f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="100" height="1" fill="#e6e6e2"/><rect width="{100 * share:.2f}" height="1" '
        f'fill="{colour(task, label)}"/></svg><span>{per_cent(share)}</span></div>'
    )


def sessions(found: Gathered) -> str:
    """Every stay, up to `MOST_LISTED`."""
    listed = sorted(found.sessions, key=lambda each: -each.seconds)[:MOST_LISTED]
    if not listed:
        return ""
    tasks = [task for task in found.tasks if task != SMILE.name]
    numbers = sorted({name for each in listed for name in each.numbers})
    pictures = any(each.picture for each in listed)
    head = [*([""] if pictures else []), *(["source"] if len(found.sources) > 1 else [])]
    head += ["face", "first seen", "for", "smiling", "smiles", "longest", "intensity", *tasks, *numbers]
    rows = []
    for each in sorted(listed, key=lambda each: (each.first, each.track)):
        smiled = SMILE.name in each.labels
        cells = [*([each.source] if len(found.sources) > 1 else []), each.track, moment(each.first)]
        cells += [duration(each.seconds), per_cent(each.share(SMILE.name, SMILE.strength)) if smiled else "-"]
        cells += [each.smiles, duration(each.longest_smile) if each.smiles else "-"]
        cells.append("-" if each.intensity is None else f"{each.intensity:.2f}")
        cells += [_commonest(each.commonest(task), each.share(task, each.commonest(task) or "")) for task in tasks]
        cells += [f"{each.numbers[name][0]:.0f}" if name in each.numbers else "-" for name in numbers]
        rows.append([*([_picture(each.picture)] if pictures else []), *map(shown, cells)])
    left_out = found.people - len(listed)
    note = f"<p class=note>{left_out} shorter stays are not listed.</p>" if left_out > 0 else ""
    return f"<section><h2>Stays</h2>{table(head, rows, 'stays')}{note}</section>"


def _picture(data: bytes | None) -> str:
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">' if data else ""


def _commonest(label: str | None, share: float) -> str:
    return "-" if label is None else f"{label} {per_cent(share)}"


def drops(found: Gathered) -> str:
    """Frames that a stage never got, by cause."""
    if found.stills:
        return ""
    if found.drops is None:
        told = (
            "<p class=note>Events do not tell which frames were dropped. A store does: smiledet run … --store FILE.</p>"
        )
    elif not any(found.drops.values()):
        told = "<p>No frame was dropped.</p>"
    else:
        rows = [
            [shown(stage), shown(cause), f"{number}"]
            for stage, causes in sorted(found.drops.items())
            for cause, number in sorted(causes.items())
        ]
        told = table(["stage", "cause", "frames"], rows, "drops")
    return f"<section><h2>Dropped frames</h2>{told}</section>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> str:
    """A table; its cells are HTML."""
    columns = "".join(f"<th scope=col>{shown(each)}</th>" for each in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class=scroll tabindex=0 role=region aria-label="{name}"><table><thead><tr>{columns}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _smile_share(found: Gathered, sums: Sums) -> float:
    whole = sum(sums.get((SMILE.name, label), 0.0) for label in found.tasks.get(SMILE.name, []))
    return sums.get((SMILE.name, SMILE.strength), 0.0) / whole if whole else 0.0
