"""Sessions of faces, their store and the reports of both."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from smiledet.cli import main
from smiledet.cli._store import store_sinks
from smiledet.config import Config
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, Box, Face, FaceReading, Frame, Prediction
from smiledet.sessions.report.gather import MOST_BINS, Curve
from smiledet.sessions.sessions import COUNTS, PEOPLE, PRESENT, SMILES, Seen, Session, Sessions
from smiledet.sessions.sink import StoreSink
from smiledet.sessions.store import DAY, SessionStore, StoreSettings, Sum, period
from smiledet.sources.demo import DemoSource
from smiledet.stage_count import Drop, StageCount
from smiledet.system.redaction import holds_secret
from smiledet.tasks.base import get_task

SMILE, AGE = get_task("smile"), get_task("age")
NOON = 1_790_000_000.0
"""Some time of day, seconds since 1970."""


def seen(track: int = 1, smiling: bool = False) -> Seen:
    return Seen(track, {"smile": "smiling" if smiling else "not smiling"}, {}, 0.9 if smiling else 0.1)


class TestSessions:
    def test_a_stay_with_its_shares(self) -> None:
        sums: dict[tuple[str, str], float] = {}

        def credit(source: str, at: float, task: str, label: str, amount: float) -> None:
            sums[task, label] = sums.get((task, label), 0.0) + amount

        sessions = Sessions(credit)
        for step in range(41):  # ten seconds, four frames each: smiles from 2 to 5 and from 6 to 7
            now = step / 4
            assert sessions.take("0", now, [seen(smiling=2 <= now < 5 or 6 <= now < 7)]) == []
        assert sessions.take("0", 11.9, []) == []
        (stay,) = sessions.take("0", 12.1, [])
        assert (stay.first, stay.last, stay.frames, stay.smiles) == (0, 10, 41, 2)
        assert stay.share("smile", "smiling") == pytest.approx(0.4)
        assert stay.longest_smile == pytest.approx(3.0)
        assert stay.intensity == pytest.approx(0.4 * 0.9 + 0.6 * 0.1)
        assert stay.commonest("smile") == "not smiling"
        smiles = [(span.begin, span.end) for span in stay.spans if span.label == "smiling"]
        assert smiles == [(2, 5), (6, 7)]
        assert sums[COUNTS, PRESENT] == pytest.approx(10)
        assert sums["smile", "smiling"] == pytest.approx(4)
        assert (sums[COUNTS, PEOPLE], sums[COUNTS, SMILES]) == (1, 2)

    def test_time_counts_and_not_frames(self) -> None:
        sessions = Sessions()
        for now, smiling in [(0.0, True), (0.01, True), (0.02, True), (0.03, False), (0.43, False)]:
            sessions.take("0", now, [seen(smiling=smiling)])
        (stay,) = sessions.finish()
        assert stay.share("smile", "smiling") == pytest.approx(0.03 / 0.43)

    def test_a_moment_without_the_face_is_no_time_with_it(self) -> None:
        sessions = Sessions()
        sessions.take("0", 0.0, [seen(smiling=True)])
        sessions.take("0", 1.8, [seen(smiling=True)])
        (stay,) = sessions.finish()
        assert stay.labels["smile"]["smiling"] == pytest.approx(0.5)
        assert (stay.smiles, stay.frames) == (2, 2)

    def test_sources_and_tracks_are_kept_apart(self) -> None:
        sessions = Sessions()
        sessions.take("hall", 0.0, [seen(1), seen(2)])
        sessions.take("door", 50.0, [seen(1)])
        assert len(sessions.going_on) == 3
        assert {(each.source, each.track) for each in sessions.finish()} == {("hall", 1), ("hall", 2), ("door", 1)}


def reading(track: int, smiling: float, age: float = 30) -> FaceReading:
    box = Box(20, 10, 40, 40)
    answers = {
        "smile": SMILE.predict([1 - smiling, smiling]),
        "age": Prediction(f"{age:.0f}", 0.8, {}),
    }
    return FaceReading(Face(box, 1.0, track, box), answers)


class LockedBy:
    """Another program that writes a store."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lock(self) -> None:
        self._connection = sqlite3.connect(self.path, isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")

    def unlock(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def run(
    path: Path,
    moments: Sequence[tuple[float, Sequence[FaceReading]]],
    after_open: Callable[[], None] = lambda: None,
    at: Mapping[int, Callable[[], None]] | None = None,
    **settings: object,
) -> StoreSink:
    """A run in which faces were seen at some seconds of the source's time line; it began at `NOON`.

    Something may be done once the store is open, and before some of the moments.
    """
    sink = StoreSink(StoreSettings(str(path), **settings), "0", [SMILE, AGE], wall=lambda: NOON)  # type: ignore[arg-type]
    sink.count_drops(lambda: (100, {"draw": StageCount(processed=98, dropped=Counter({Drop.OVERTAKEN: 2}))}))
    image = np.full((90, 120, 3), 70, np.uint8)

    with sink:
        after_open()
        for number, (second, faces) in enumerate(moments):
            (at or {}).get(number, lambda: None)()
            frame = Frame(number, time.monotonic_ns(), second, image)
            sink.write(frame, Annotation(image, tuple(faces)))
    return sink


SMILES_AT_LAST = [(step / 10, [reading(1, 0.9 if step > 150 else 0.1)]) for step in range(201)]


class TestStore:
    def test_what_a_run_leaves(self, tmp_path: Path) -> None:
        path = tmp_path / "day.sqlite"
        assert run(path, SMILES_AT_LAST).wrote == path
        with SessionStore(path) as store:
            (stay,) = store.sessions()
            (told,) = store.runs()
            minutes = {(each.task, each.label): each.amount for each in store.sums(60)}
        assert stay.seconds == pytest.approx(20)
        assert stay.first == pytest.approx(NOON, abs=1)
        assert (stay.smiles, stay.picture) == (1, None)
        assert stay.numbers["age"] == pytest.approx((30, 20))
        assert [span.label for span in stay.spans] == ["not smiling", "smiling"]
        assert (told.frames, told.drops) == (100, {"draw": {"overtaken": 2}})
        assert sum(amount for (task, _), amount in minutes.items() if task == "smile") > 19

    def test_a_run_that_is_killed_leaves_what_it_had_written(self, tmp_path: Path) -> None:
        path = tmp_path / "day.sqlite"
        sink = StoreSink(StoreSettings(str(path)), "0", [SMILE], wall=lambda: NOON)
        sink.open()
        image = np.zeros((90, 120, 3), np.uint8)
        for number, (at, faces) in enumerate(SMILES_AT_LAST[:150]):
            sink.write(Frame(number, 0, at, image), Annotation(image, tuple(faces)))
        with SessionStore(path) as store:
            (stay,) = store.sessions()
        assert stay.seconds == pytest.approx(10)
        sink.close()
        with SessionStore(path) as store:
            assert [each.seconds for each in store.sessions()] == [pytest.approx(14.9)]

    def test_what_cannot_be_written_now_is_written_later(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Another program has the file for most of a minute: nothing of it is lost, and it is said once."""
        monkeypatch.setattr("smiledet.sessions.sink.BUSY_FOR", 0.001)
        caplog.set_level("INFO", "smiledet")
        other = LockedBy(tmp_path / "day.sqlite")
        moments = [(at / 4, [reading(1 if at < 60 else 2, 0.1)] if not 60 <= at < 80 else []) for at in range(280)]
        run(other.path, moments, after_open=other.lock, at={200: other.unlock})
        with SessionStore(other.path) as store:
            stays = [(round(each.first - NOON), round(each.last - NOON)) for each in store.sessions()]
            present = sum(each.amount for each in store.sums(DAY) if each.label == PRESENT)
        assert stays == [(0, 15), (20, 70)]
        assert present == pytest.approx(65, abs=1)
        said = [each for each in caplog.messages if "store" in each]
        assert ["database is locked" in each for each in said] == [True, False], said
        assert said[1].endswith("is written again")

    def test_a_store_that_cannot_be_written_at_the_end_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("smiledet.sessions.sink.BUSY_FOR", 0.001)
        other = LockedBy(tmp_path / "day.sqlite")
        with pytest.raises(SmiledetError, match="database is locked"):
            run(other.path, SMILES_AT_LAST, after_open=other.lock)

    def test_runs_add_up(self, tmp_path: Path) -> None:
        for _ in range(2):
            run(tmp_path / "day.sqlite", SMILES_AT_LAST)
        with SessionStore(tmp_path / "day.sqlite") as store:
            assert len(list(store.sessions())) == len(store.runs()) == 2
            days = {(each.task, each.label): each.amount for each in store.sums(DAY)}
        assert days[COUNTS, PRESENT] == pytest.approx(40)
        assert days[COUNTS, PEOPLE] == 2

    def test_a_picture_is_kept_only_where_it_is_asked_for(self, tmp_path: Path) -> None:
        run(tmp_path / "day.sqlite", SMILES_AT_LAST, pictures=True)
        with SessionStore(tmp_path / "day.sqlite") as store:
            (stay,) = store.sessions()
        assert stay.picture is not None
        assert stay.picture.startswith(b"\xff\xd8")

    def test_the_picture_is_of_the_strongest_smile_whole_and_small(self, tmp_path: Path) -> None:
        """What is a little stronger makes no other; faces that leave the picture are cut, those outside have none."""
        path = tmp_path / "day.sqlite"
        sink = StoreSink(StoreSettings(str(path), pictures=True), "0", [SMILE], wall=lambda: NOON)

        def show(at: float, level: int, smiling: float, x: float = 100) -> None:
            image = np.full((480, 640, 3), 9, np.uint8)
            image[100:300, 100:300] = level
            box = Box(x, 100, 200, 200)
            face = FaceReading(Face(box, 1.0, 1, box), {"smile": SMILE.predict([1 - smiling, smiling])})
            sink.write(Frame(round(10 * at), time.monotonic_ns(), at, image), Annotation(image, (face,)))

        with sink:
            for at, (level, smiling, x) in enumerate(
                [(200, 0.9, 900), (50, 0.1, 100), (100, 0.3, 100), (150, 0.32, 100), (250, 0.2, 100)]
            ):
                show(at / 10, level, smiling, x)
        with SessionStore(path) as store:
            (stay,) = store.sessions()
        image = cv2.imdecode(np.frombuffer(stay.picture, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None and image.shape == (160, 160, 3)
        assert image[80, 80].mean() == pytest.approx(100, abs=4) and image[2, 2].mean() == pytest.approx(9, abs=4)

    def test_when_a_run_began_and_how_far_it_came(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By the clock on the wall: when its first picture was taken, two seconds ago, and by the source's line on."""
        monkeypatch.setattr("smiledet.sessions.sink.time.monotonic_ns", lambda: 9 * 10**9)
        path = tmp_path / "day.sqlite"
        sink = StoreSink(StoreSettings(str(path)), "0", [SMILE], wall=lambda: NOON, name="hall")
        image = np.zeros((90, 120, 3), np.uint8)
        with sink:
            for number, (at, track) in enumerate(((500.0, 1), (500.5, 1), (507.25, 2))):
                frame = Frame(number, 7 * 10**9, at, image)
                sink.write(frame, Annotation(image, (reading(track, 0.1),)))
        with SessionStore(path) as store:
            (told,) = store.runs()
            stays = sorted((stay.first - NOON, stay.last - NOON) for stay in store.sessions())
        assert (told.began - NOON, told.ended - NOON) == (-2, 5.25)
        assert stays == [(-2, -1.5), (5.25, 5.25)]
        assert (sink.of_source, sink.uses_drawing, sink.wrote) == ("hall", False, path)

    def test_what_is_old_is_thinned_and_then_gone(self, tmp_path: Path) -> None:
        path = tmp_path / "day.sqlite"
        run(path, SMILES_AT_LAST)

        def left(days: float, keep: float = 365) -> tuple[int, int, list[int]]:
            with SessionStore(path) as store:
                store.thin(NOON + days * DAY, keep)
                stays = list(store.sessions())
                sums = [len({each.start for each in store.sums(width)}) > 0 for width in (60, 3600, DAY)]
                return len(stays), sum(len(stay.spans) for stay in stays), [int(each) for each in sums]

        assert left(6) == (1, 2, [1, 1, 1])
        assert left(8) == (1, 0, [0, 1, 1])
        assert left(91) == (0, 0, [0, 0, 1])
        assert left(364) == (0, 0, [0, 0, 1])
        assert left(367) == (0, 0, [0, 0, 0])
        with SessionStore(path) as store:
            assert store.runs() == []

    def test_what_is_old_is_looked_for_once_an_hour(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        thin, asked = SessionStore.thin, []

        def noted(store: SessionStore, now: float, days: float) -> None:
            asked.append(round(now - NOON))
            thin(store, now, days)

        monkeypatch.setattr(SessionStore, "thin", noted)
        run(tmp_path / "day.sqlite", [(600.0 * step, [reading(1, 0.1)]) for step in range(15)])
        assert asked == [0, 3600, 7200]

    def test_retention_of_a_run(self, tmp_path: Path) -> None:
        path = tmp_path / "day.sqlite"
        with SessionStore(path) as store:
            store.put_session(Session("secret street", 1, NOON - 3 * DAY, NOON - 3 * DAY + 5))
            store.add([Sum(DAY, period(DAY, NOON - 3 * DAY), "secret street", COUNTS, PRESENT, 5)])
        run(path, SMILES_AT_LAST, keep_days=2)
        with SessionStore(path) as store:
            assert [each.source for each in store.sessions()] == ["0"]
        assert b"secret street" not in path.read_bytes(), "deleted rows are overwritten"

    def test_the_store_of_a_stream_with_a_secret_is_for_nobody_else(self, tmp_path: Path) -> None:
        for secret, mode in (("", 0o644), ("me:s3cret@", 0o600)):
            path = tmp_path / f"{mode}.sqlite"
            settings = StoreSettings(str(path))
            (sink,) = store_sinks(
                Config(store=settings), {"": DemoSource()}, private=holds_secret(f"rtsp://{secret}door/x")
            ).values()
            with sink:
                pass
            assert path.stat().st_mode & 0o777 == mode

    def test_another_kind_of_store_is_refused(self, tmp_path: Path) -> None:
        from smiledet.errors import UsageError
        from smiledet.photographs.store import Store

        Store(tmp_path / "photos.sqlite").close()
        with pytest.raises(UsageError, match="no store of sessions"):
            SessionStore(tmp_path / "photos.sqlite")
        SessionStore(tmp_path / "day.sqlite").close()
        with pytest.raises(UsageError, match="no store of photographs"):
            Store(tmp_path / "day.sqlite")


class _Page(HTMLParser):
    """What a page would load, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attributes if name in ("src", "href")]


def assert_alone(page: str) -> None:
    """Nothing is loaded from elsewhere."""
    assert [each for each in _Page(page).loads if not each.startswith("data:")] == []
    assert "default-src 'none'" in page


class TestReport:
    def test_of_events_and_of_a_store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        outputs = ["--events", "demo.jsonl", "--store", "day.sqlite"]
        assert main(["run", "demo", "--no-show", "-q", "--max-frames", "45", *outputs]) == 0
        for name in ("demo.jsonl", "day.sqlite"):
            assert main(["report", name, "-o", "out.html", "-q"]) == 0
            page = Path("out.html").read_text()
            assert_alone(page)
            for told in ("face 1", "face 2", "Smiles over time", "Emotion over time", "Hour by hour", "longest smile"):
                assert told in page, (name, told)
            data = json.loads(re.findall(r'id="data">(.*?)</script>', page)[0])
            assert len(data["x"]) > 0
            assert [plot["title"] for plot in data["plots"]] == ["Smiles", "Emotion"]
            assert 40 < max(value for value in data["plots"][0]["series"][0]["values"] if value is not None) < 60
        assert "No frame was dropped" in page, "a store tells of drops"

    def test_csv_comes_to_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["run", "demo", "--no-show", "-q", "--max-frames", "10", "--events", "demo.csv"]) == 0
        assert main(["report", "demo.csv", "-q"]) == 0
        assert "face 2" in Path("demo.html").read_text()

    ROW: ClassVar[dict[str, Any]] = {
        "source": "0",
        "file": None,
        "frame": 1,
        "timestamp": NOON,
        "time": "2026-09-21T14:13:20.000+00:00",
        "track": 1,
        "x": 1,
        "y": 1,
        "width": 9,
        "height": 9,
        "detection_score": 1.0,
        "smile": "smiling",
        "smile_score": 0.9,
        "smile_intensity": 0.8,
        "age": 31.0,
        "age_score": 0.4,
    }

    def write(self, path: Path, *lines: object) -> Path:
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return path

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("{", "no JSON"),
            ("[1, 2]", "no object"),
            ('{"a": NaN}', "no JSON"),
            ({**ROW, "time": "yesterday"}, "isoformat"),
            ({**ROW, "timestamp": "x"}, "could not convert"),
            ({**ROW, "timestamp": 10**400}, "too large"),
            ({**ROW, "track": 1.5}, "track"),
            ({**ROW, "track": True}, "no number"),
            ({**ROW, "source": 3}, "no text"),
            ({"frame": 1}, "no source"),
            ("[" * 100_000, "no JSON"),
        ],
    )
    def test_damaged_lines_are_counted_and_named(
        self, line: object, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = self.write(tmp_path / "x.jsonl", self.ROW, line, {**self.ROW, "timestamp": NOON + 1})
        assert main(["report", str(path), "-o", str(tmp_path / "x.html")]) == 0
        assert "1 damaged line left out: line 2" in caplog.text
        assert why in caplog.text
        assert "line 2" in (tmp_path / "x.html").read_text()

    def test_damaged_lines_of_csv(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        names = [name for name in self.ROW if name != "file"] + ["file"]
        good = ",".join(str(self.ROW[name] or "") for name in names)
        path = self.write(tmp_path / "x.csv", ",".join(names), good, "1,2,3", good.replace("2026-", "x"))
        assert main(["report", str(path), "-o", str(tmp_path / "x.html")]) == 0
        assert "2 damaged lines left out: line 3 (3 fields instead of" in caplog.text

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("x.jsonl", "", "no faces in it"),
            ("x.jsonl", "nonsense\n", "no faces in it"),
            ("x.csv", "", "no faces in it"),
            ("x.csv", "a,b\n1,2\n", "no table of events"),
            ("x.parquet", "", "JSON lines, CSV or a store"),
        ],
    )
    def test_nothing_to_report_is_told_in_a_line(
        self, name: str, content: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / name
        path.write_text(content)
        assert main(["report", str(path), "-o", str(tmp_path / "x.html"), "-q"]) == 2
        said = capsys.readouterr().err
        assert told in said
        assert said.count("\n") == 1
        assert not (tmp_path / "x.html").exists()

    def test_a_secret_in_events_of_an_earlier_version_is_not_told(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows = [{**self.ROW, "source": "http://me:s3cret@door/x?token=s3cret", "timestamp": NOON + at} for at in (0, 1)]
        path = self.write(tmp_path / "x.jsonl", *rows, {**rows[0], "timestamp": "http://me:s3cret@door"})
        assert main(["report", str(path), "-o", str(tmp_path / "x.html")]) == 0
        page = (tmp_path / "x.html").read_text()
        assert "door" in page and "damaged" in caplog.text
        assert "s3cret" not in page + caplog.text

    def test_names_of_sources_are_no_markup(self, tmp_path: Path) -> None:
        evil = "</script><img src=//evil.example onerror=alert(1)>"
        rows = [{**self.ROW, "source": evil, "timestamp": NOON + at, "smile": evil} for at in (0, 1)]
        path = self.write(tmp_path / "x.jsonl", *rows)
        assert main(["report", str(path), "-o", str(tmp_path / "x.html"), "-q"]) == 0
        assert_alone((tmp_path / "x.html").read_text())

    def test_photographs_are_counted_one_by_one(self, tmp_path: Path) -> None:
        rows = [{**self.ROW, "file": f"{each}.jpg", "timestamp": each, "track": each} for each in range(1, 4)]
        path = self.write(tmp_path / "x.jsonl", *rows, {**self.ROW, "file": "none.jpg", "track": None})
        assert main(["report", str(path), "-o", str(tmp_path / "x.html"), "-q"]) == 0
        page = (tmp_path / "x.html").read_text()
        assert "<b>3</b>" in page
        assert "Person by person" not in page

    def test_an_input_is_not_overwritten(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "x.html", self.ROW)
        assert main(["report", str(path), "-o", str(path)]) == 2

    def test_of_standard_input_and_of_a_pipe_every_row_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows = b"".join(json.dumps({**self.ROW, "timestamp": NOON + at}).encode() + b"\n" for at in (0, 1))
        (tmp_path / "x.jsonl").write_bytes(rows)
        monkeypatch.chdir(tmp_path)
        assert main(["report", "x.jsonl", "-o", "expected.html"]) == 0
        for number, name in enumerate(("-", "/dev/stdin", "/dev/fd/{}")):
            reading, writing = os.pipe()
            os.write(writing, rows)
            os.close(writing)
            kept = os.dup(0)
            os.dup2(reading, 0)
            try:
                assert main(["report", name.format(reading), "-o", f"{number}.html"]) == 0
            finally:
                os.dup2(kept, 0)
                os.close(kept)
                os.close(reading)
        assert "damaged" not in caplog.text
        pages = {path.name: len(path.read_text()) for path in tmp_path.glob("*.html")}
        assert len(pages) == 4 and max(pages.values()) - min(pages.values()) < 50, pages

    def test_a_report_of_what_nobody_else_may_read_is_for_nobody_else(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "x.jsonl", self.ROW, {**self.ROW, "timestamp": NOON + 1})
        for mode in (0o600, 0o644):
            path.chmod(mode)
            assert main(["report", str(path), "-o", str(tmp_path / f"{mode}.html")]) == 0
            assert (tmp_path / f"{mode}.html").stat().st_mode & 0o077 == mode & 0o077

    def test_a_newer_store_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "day.sqlite"
        SessionStore(path).close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        assert main(["report", str(path), "-o", str(tmp_path / "x.html")]) == 2
        assert "install a newer one" in capsys.readouterr().err


def test_a_curve_stays_small_however_long_it_is() -> None:
    curve = Curve()
    for at in range(0, 10 * DAY, 600):
        curve.add(NOON + at, "smile", "smiling", 1.0)
    assert len(curve.bins) <= 2 * MOST_BINS + 1
    assert sum(sums["smile", "smiling"] for sums in curve.bins.values()) == 10 * DAY / 600
