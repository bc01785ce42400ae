"""What a live run leaves out while a disk is full: it goes on, writes again when there is room, and ends with 1."""

from __future__ import annotations

import logging

from smiledet.errors import SmiledetError
from smiledet.system.output_files import system_error

log = logging.getLogger(__name__)


class Shortage:
    """Counts what one output could not take.

    Args:
        what: What is counted: "rows", "frames".
        errors: Numbers of the system's errors that are waited out.

    Attributes:
        missing: How much was left out so far.
        lasts: Whether the latest was.
    """

    def __init__(self, what: str, errors: tuple[int, ...]) -> None:
        self._what, self._errors = what, errors
        self.missing = 0
        self.lasts = False

    def waits_out(self, problem: SmiledetError) -> bool:
        """Whether something is left out for this problem; it is said the first time, and counted."""
        if system_error(problem) not in self._errors:
            return False
        if not self.lasts:
            log.warning("%s; %s are left out until there is room", problem, self._what)
        self.lasts = True
        self.missing += 1
        return True

    def over(self, where: str) -> None:
        """Something was written."""
        if self.lasts:
            log.warning("%s is written again; %d %s are missing", where, self.missing, self._what)
        self.lasts = False

    def told(self, where: str) -> str:
        """What is missing at the end, in a line; empty where nothing is."""
        return f"{where} lacks {self.missing} {self._what}, for which there was no room" if self.missing else ""
