"""How often a network is run in one setting: quick ones often, slow ones as often as their time allows."""

from __future__ import annotations

from dataclasses import dataclass, field

from smiledet.lab.benchmark.models.timing_process import TimingProcess

ROUND_SECONDS = 0.05
"""What one network in one setting gets of a round."""

MOST_CALLS = 400

SLOW = 0.1
"""Seconds of a call from which no others are made only to warm up."""

BUDGET = 2.0
"""Seconds that all rounds of one setting may take together, as long as there are `LEAST`."""

LEAST = 3
"""Rounds that the slowest gets: a median needs as many."""


def rounds_within(round_seconds: float, wanted: int) -> int:
    """How many rounds of so many seconds are made where so many are wanted.

    >>> rounds_within(0.05, 7), rounds_within(0.4, 7), rounds_within(9.0, 7), rounds_within(9.0, 2)
    (7, 5, 3, 2)
    """
    if round_seconds * wanted <= BUDGET:
        return wanted
    return min(wanted, max(LEAST, int(BUDGET / round_seconds)))


@dataclass(slots=True, eq=False)
class Case:
    """A network on an engine in one setting: what is timed again in each round.

    Attributes:
        network: Which of those that are measured together.
        process: The process that times it.
        place: Which of the networks of that process.
        device: What runs it, in the engine's words.
        batch: Faces handed over at once.
        wanted: Rounds, if there is time for them.
        calls: Runs a round.
        rounds: Milliseconds a face so far.
    """

    network: int
    process: TimingProcess
    place: int
    device: str
    batch: int
    wanted: int
    calls: int = 1
    rounds: list[float] = field(default_factory=list)

    def warm_up(self) -> None:
        """Find out how many calls a round has time for, and how many rounds there are; and so many are warm-up."""
        once = self._time(1)
        if once > SLOW:
            # A call is a round, and this was the first: loading has run the network before.
            self._note(once)
        else:
            once = self._time(3)
            self.calls = max(1, min(MOST_CALLS, round(ROUND_SECONDS / once)))
            self._time(self.calls)
        self.wanted = rounds_within(self.calls * once, self.wanted)

    def time(self) -> None:
        """One round; none where it has had all of its own."""
        if len(self.rounds) < self.wanted:
            self._note(self._time(self.calls))

    def _time(self, calls: int) -> float:
        return self.process.time(self.place, self.batch, calls)

    def _note(self, seconds: float) -> None:
        self.rounds.append(1000 * seconds / self.batch)
