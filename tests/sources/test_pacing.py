import threading

import pytest

from smiledet.sources.base import Picture, Source
from smiledet.sources.pacing import Paced


class Listed(Source):
    live = False

    def __init__(self, timestamps):
        self.description = "list"
        self.fps = 10.0
        self.timestamps = list(timestamps)
        self.closed = 0

    def open(self):
        self.length = len(self.timestamps)

    def read(self):
        return Picture(None, self.timestamps.pop(0)) if self.timestamps else None

    def close(self):
        self.closed += 1


def test_pictures_come_when_due_and_never_early(fake_time):
    paced = Paced(Listed([0.0, 0.1, 0.5]), fake_time.clock, fake_time.wait)
    paced.open()
    start = fake_time.seconds
    handed = []
    while paced.read() is not None:
        handed.append(fake_time.seconds - start)
    assert handed == pytest.approx([0.0, 0.1, 0.5])
    assert paced.length == 3 and paced.fps == 10.0 and paced.live
    assert paced.description == "list, in real time"


def test_when_late_it_catches_up_without_waiting(fake_time):
    paced = Paced(Listed([0.0, 0.1, 0.2, 0.3, 1.0]), fake_time.clock, fake_time.wait)
    paced.open()
    paced.read()
    fake_time.seconds += 0.35  # a slow reader
    for _ in range(3):
        paced.read()
    assert fake_time.waits == []
    paced.read()
    assert fake_time.waits == pytest.approx([0.65])  # still on the original time line


def test_a_clip_whose_time_does_not_begin_at_nought_starts_at_once(fake_time):
    paced = Paced(Listed([7.0, 7.1]), fake_time.clock, fake_time.wait)
    paced.open()
    assert paced.read().timestamp == 7.0 and fake_time.waits == []
    paced.read()
    assert fake_time.waits == pytest.approx([0.1])


def test_the_end_of_the_run_ends_the_wait():
    source = Listed([0.0, 3600.0])
    reached = threading.Event()
    start = [0.0]

    def clock():
        return start[0]

    paced = Paced(source, clock)
    real_wait = paced._wait

    def wait(seconds):
        reached.set()
        return real_wait(seconds)

    paced._wait = wait
    paced.open()
    paced.read()
    results = []
    reader = threading.Thread(target=lambda: results.append(paced.read()))
    reader.start()
    assert reached.wait(10)
    paced.cancel.set()
    reader.join(10)
    assert results == [None] and not reader.is_alive()
    assert paced.read() is None
