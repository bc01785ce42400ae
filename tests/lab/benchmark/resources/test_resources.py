"""What a process takes of the machine, and the summary of several."""

from __future__ import annotations

import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from smiledet.engines.files import model_file
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.benchmark.resources import measure as resources
from smiledet.lab.benchmark.resources import usage_process
from smiledet.lab.benchmark.resources.measure import Watched
from smiledet.lab.benchmark.resources.usage_process import Usage, watch
from smiledet.model_index import find_model

psutil = pytest.importorskip("psutil")


def occupied(cpu, megabytes=100.0):
    return Usage(cpu, cpu, 0.0, cpu, 0.0, 1.0, megabytes, 30.0)


def test_work_and_idleness_are_told_apart(monkeypatch):
    """By the test's own clock: of each half second the work takes 0.25 s in user space and 0.05 s in the kernel."""
    now, user, system = 100.0, 7.0, 3.0

    def work():
        nonlocal now, user, system
        now, user, system = now + 0.5, user + 0.25, system + 0.05
        return 3

    times = SimpleNamespace(
        cpu_times=lambda: SimpleNamespace(user=user, system=system), memory_info=lambda: SimpleNamespace(rss=64_000_000)
    )
    monkeypatch.setattr(psutil, "Process", lambda: times)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(user=2 * user, nice=0.0, system=2 * system))
    monkeypatch.setattr(usage_process.time, "perf_counter", lambda: now)
    seen = watch(work, 2.0)
    assert (seen.cpu_user, seen.cpu_system, seen.cpu) == pytest.approx((25.0, 5.0, 30.0))
    assert (seen.user, seen.system) == pytest.approx((50.0, 10.0))
    assert (seen.faces, seen.megabytes) == pytest.approx((6.0, 64.0))


def test_this_process_is_what_is_watched():
    def burn():
        start = time.process_time()
        while time.process_time() - start < 0.1:
            pass
        return 1

    busy = watch(burn, 0.2)
    assert busy.cpu > 0
    assert busy.cpu == pytest.approx(busy.cpu_user + busy.cpu_system)
    assert 0 < busy.memory < 100 and busy.megabytes > 5


def test_a_camera_gives_so_many_faces_and_no_more():
    model = find_model("smile")
    shape = (model.input.size, model.input.size, model.input.channels)
    paced = watch(usage_process.testing(model_file(model, "litert"), shape, 20.0), 0.3)
    assert paced.faces <= 25  # one more than there is room for, where the one before was late; thousands without a pace


def words_of(model):
    shape = [str(side) for side in (model.input.size, model.input.size, model.input.channels)]
    return ["testing", str(model_file(model, "litert")), "--shape", *shape, "--pace", "0"]


def test_a_process_measures_as_often_as_it_is_asked():
    with closing(Watched(words_of(find_model("smile")), "testing smile")) as watched:
        measured = [watched.measure(0.05) for _ in range(2)]
    assert min(each.faces for each in measured) > 0
    assert watched._process.returncode is not None  # ended with it


def test_a_process_that_fails_says_why(tmp_path):
    (tmp_path / "no.tflite").write_bytes(b"no")
    with pytest.raises(SmiledetError, match=r"testing x: .*no\.tflite is no LiteRT model"):
        Watched(["testing", str(tmp_path / "no.tflite"), "--shape", "8", "8", "1"], "testing x")


def test_a_process_that_ends_midway_says_how():
    with closing(Watched(words_of(find_model("smile")), "testing smile")) as watched:
        watched._process.kill()
        watched._process.wait()
        with pytest.raises(SmiledetError, match="testing smile: "):
            watched.measure(0.05)


def test_networks_take_turns_in_a_process_each(monkeypatch):
    """A few at a time, and no process outlives its group."""
    told, alive, most = [], set(), 0

    class Fake:
        def __init__(self, words, what):
            nonlocal most
            self.name = words[1]
            alive.add(self)
            most = max(most, len(alive))

        def measure(self, seconds):
            told.append(self.name)
            return occupied(10.0 * len(told))

        def close(self):
            alive.remove(self)

    names = ["a", "b", "c", "d", "e"]
    monkeypatch.setattr(resources, "Watched", Fake)
    monkeypatch.setattr(resources, "together", lambda names: [[SimpleNamespace(name=name) for name in names]])
    rows = resources.measure_resources(names, ["training"], 1.0, 30.0, 2, None)
    assert told == [*"abcd", *"abcd", "e", "e"]
    assert most == resources.AT_ONCE and not alive
    assert [(row.network, row.median.cpu) for row in rows] == [
        ("a", 30.0),
        ("b", 40.0),
        ("c", 50.0),
        ("d", 60.0),
        ("e", 95.0),
    ]


def test_summary():
    summary = resources._summary("x", "testing", [occupied(10), occupied(30, 120.0), occupied(20)])
    assert summary.median.cpu == 20 and summary.quartiles == (15, 25) and summary.peak == 120
    assert resources._summary("x", "testing", [occupied(10)]).quartiles == (10, 10)


def test_the_papers_figures_are_of_its_four_networks():
    """Its Tables 4 and 5, as sums of what is printed, against slips of the pen."""
    for stage, total in (("training", (68.84, 86.52, 15.03, 27.3)), ("testing", (99.61, 114.58, 28.23, 21.2))):
        assert tuple(resources.PAPER[stage]) == resources.PAPER_NETWORKS
        assert [sum(column) for column in zip(*resources.PAPER[stage].values(), strict=True)] == pytest.approx(total)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"psutil: pip install 'smiledet\[bench,train\]'"):
        resources.check_architectures([])
