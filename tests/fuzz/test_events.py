"""Events files, as JSON lines and CSV, cut and damaged anywhere, and with any value in any column."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smiledet.cli import main
from smiledet.errors import UsageError

FACE = {
    "schema": 3, "source": "demo", "frame": 1, "file": None, "timestamp": 0.04, "time": "2026-11-30T18:00:00.000+00:00",
    "track": 1, "x": 10, "y": 20, "width": 30, "height": 40, "detection_score": 0.9, "smile": "smiling",
    "smile_score": 0.8, "smile_scores": {"not smiling": 0.2, "smiling": 0.8}, "smile_intensity": 0.7,
    "age": "31", "age_score": 1.0,
}  # fmt: skip
"""A row of a video; photographs have a `file`, frames without a face no `track`."""

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            *(0, -1, 1e9, 1e11, 1e12, -1e12, 1.7e9, 2**63, 10**400, "1e999", "nan", "NaN", "inf", "-0", ""),
            *("0001-01-01T00:00:00", "9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59-14:00", "2026-11-30"),
            *("1969-12-31T23:00:00", "2026-11-30T18:00:00Z", "<script>", "</script><b>", "a\nb", "\x1b[31m", "\ud800"),
            *([], {}, [1], {"a": 1}, {"smiling": "x"}, {"smiling": None}, {"": float("inf")}),
        ]
    ),
)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few rows of a table, with some values that nobody writes."""
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        row = {
            **FACE,
            "frame": number,
            "timestamp": 0.04 * number,
            "file": draw(st.sampled_from([None, None, "a.jpg"])),
        }
        for column in draw(st.lists(st.sampled_from(sorted(FACE)), max_size=2)):
            row[column] = draw(VALUES)
        for column in draw(st.lists(st.sampled_from(sorted(FACE)), max_size=1)):
            row.pop(column, None)
        found.append(row)
    return found


def as_json(table: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in table)


def as_csv(table: list[dict[str, Any]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(FACE), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(table)
    return stream.getvalue().encode("utf-8", "replace")


class Page(HTMLParser):
    """Collects what a browser would run, and the page's data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.data = ""
        self._kind: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "script":
            self._kind = dict(attrs).get("type")
            self.scripts.append(str(self._kind))

    def handle_data(self, data: str) -> None:
        if self._kind == "application/json":
            self.data += data

    def handle_endtag(self, tag: str) -> None:
        self._kind = None


def report(path: Path, data: bytes, capsys: pytest.CaptureFixture[str]) -> int:
    """Make a report of it: a page that runs nothing of what it was made from, or one line; the exit code."""
    page = path.with_name("report.html")
    page.unlink(missing_ok=True)
    capsys.readouterr()
    code = main(["report", str(path), "-o", str(page)])
    said = capsys.readouterr().err
    assert "Traceback" not in said and "\x1b" not in said
    assert path.read_bytes() == data
    assert code in (0, 2) and page.exists() == (code == 0)
    if code:
        assert len([line for line in said.splitlines() if "left out" not in line]) == 1, said
    else:
        text = page.read_text(encoding="utf-8")
        shown = Page(text)
        assert shown.scripts == ["application/json", "module"]
        json.loads(shown.data, parse_constant=pytest.fail)
        assert not re.search(r'="[^"]*\b(nan|inf)\b[^"]*"', text), "no number"
    return code


@given(table=rows(), form=st.sampled_from([(".jsonl", as_json), (".csv", as_csv)]))
def test_any_value_in_any_column(
    table: list[dict[str, Any]],
    form: tuple[str, Callable[[list[dict[str, Any]]], bytes]],
    scratch: Callable[[str, bytes], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    suffix, write = form
    data = write(table)
    report(scratch(f"events{suffix}", data), data, capsys)


@given(draw=st.data())
def test_damaged_events(
    draw: st.DataObject, damaged: Any, scratch: Callable[[str, bytes], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [{**FACE, "frame": number, "timestamp": 0.04 * number} for number in range(4)]
    suffix, seed = draw.draw(st.sampled_from([(".jsonl", as_json(whole)), (".csv", as_csv(whole))]))
    data = draw.draw(st.one_of(damaged([seed]), st.binary(max_size=80)))
    report(scratch(f"events{suffix}", data), data, capsys)


def test_events_that_once_failed(
    corpus: Any, scratch: Callable[[str, bytes], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for data in corpus("events"):
        for suffix in (".jsonl", ".csv"):
            report(scratch(f"events{suffix}", data), data, capsys)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_line_without_an_end_takes_no_memory(suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A hole of 200 MB in the middle of a table; the rows before and behind it are read."""
    path = tmp_path / f"events{suffix}"
    write = as_json if suffix == ".jsonl" else as_csv
    rows = [{**FACE, "frame": number, "timestamp": 0.04 * number} for number in range(4)]
    with path.open("wb") as file:
        file.write(write(rows[:2]))
        file.seek(60_000_000, 1)
        file.write(b"\n" + write(rows[2:]).split(b"\r\n", 1)[-1])
    tracemalloc.start()
    assert main(["report", str(path), "-o", str(tmp_path / "page.html")]) == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
    assert "1 damaged line left out: line" in caplog.text


@pytest.fixture(scope="module")
def pages() -> Any:
    return pytest.importorskip("fastapi.testclient")


@given(table=rows(), draw=st.data())
def test_a_review_of_any_events(
    table: list[dict[str, Any]],
    draw: st.DataObject,
    damaged: Any,
    pages: Any,
    scratch: Callable[[str, bytes], Path],
) -> None:
    data = draw.draw(st.one_of(st.just(as_json(table)), damaged([as_json(table)])))
    review(scratch("events.jsonl", data), pages)


def test_reviews_of_events_that_once_failed(corpus: Any, pages: Any, scratch: Callable[[str, bytes], Path]) -> None:
    for data in corpus("events"):
        review(scratch("events.jsonl", data), pages)


def review(path: Path, pages: Any) -> None:
    """The page's state is JSON that a browser reads, or the file is refused in one line."""
    from smiledet.web.review.app import make_app
    from smiledet.web.review.corrections import Corrections
    from smiledet.web.review.readings import read_clip_events

    try:
        readings = read_clip_events(path)
    except UsageError as problem:
        assert "\n" not in str(problem)
        return
    told = str(readings.damaged)
    assert "\n" not in told and "\x1b" not in told
    app = make_app(path, readings, None, Corrections(path.with_name("none.json")))  # type: ignore[arg-type]
    answer = pages.TestClient(app).get("/api/state")
    assert answer.status_code == 200
    state: Mapping[str, Any] = json.loads(answer.content, parse_constant=pytest.fail)
    for track in state["tracks"]:
        curves = [each["values"] for each in track["curves"]]
        assert {len(values) for values in (*curves, *track["labels"].values())} <= {len(track["times"])}


@given(draw=st.data())
def test_damaged_corrections(
    draw: st.DataObject, damaged: Any, scratch: Callable[[str, bytes], Path], refused_in_one_line: Any
) -> None:
    from smiledet.web.review.corrections import Corrections

    one = {"track": 1, "task": "smile", "label": "smiling", "begin": 0.0, "end": 1.0}
    one |= draw.draw(st.dictionaries(st.sampled_from(sorted(one)), VALUES, max_size=2))
    data = draw.draw(st.one_of(st.just(json.dumps([one]).encode()), damaged([json.dumps([one]).encode()])))
    path = scratch("corrections.json", data)
    refused_in_one_line(lambda: Corrections(path).all())
    assert path.read_bytes() == data
