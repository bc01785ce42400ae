"""How a report writes durations, dates, shares and colours."""

from __future__ import annotations

from datetime import datetime
from html import escape

from smiledet.errors import UsageError
from smiledet.system.text import valid_text
from smiledet.tasks.base import PALETTE, UNSURE, get_task

GREY = "#9a9a9a"


def shown(text: object) -> str:
    """A text as HTML shows it.

    >>> shown('<b>"')
    '&lt;b&gt;&quot;'
    """
    return escape(valid_text(str(text)), quote=True)


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(3.25), duration(75), duration(3 * 3600 + 120)
    ('3.2 s', '1 min 15 s', '3 h 02 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def moment(at: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time, local."""
    return datetime.fromtimestamp(at).strftime(form)


def per_cent(share: float) -> str:
    """A share.

    >>> per_cent(0.256)
    '26 %'
    """
    return f"{100 * share:.0f} %"


def colour(task: str, label: str, place: int = 0) -> str:
    """The colour of a label, as CSS writes it.

    >>> colour("smile", "smiling"), colour("mine", "a", 0)
    ('#50c83c', '#fad246')
    """
    if label == UNSURE:
        return GREY
    try:
        blue, green, red = get_task(task).colours[label]
    except (UsageError, KeyError):
        blue, green, red = PALETTE[place % len(PALETTE)]
    return f"#{red:02x}{green:02x}{blue:02x}"
