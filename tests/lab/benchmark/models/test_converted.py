"""Where converted networks are kept, and what makes that another place."""

from __future__ import annotations

import pytest

from smiledet.errors import UsageError
from smiledet.lab.benchmark.models import converted, networks
from smiledet.lab.benchmark.models.converted import Counts, keep_counts, kept_file, kept_folder, read_counts
from smiledet.lab.benchmark.models.converting import Converted, Job
from smiledet.lab.benchmark.models.networks import Network


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_other_facts_versions_or_code_are_another_folder(monkeypatch):
    first = kept_folder("smile/a", {"classes": 7})
    assert first == kept_folder("smile/a", {"classes": 7}) and first.is_dir() and first.name.startswith("smile-a-")
    assert kept_folder("smile/a", {"classes": 1}) != first
    with monkeypatch.context() as other:
        other.setattr(converted, "installed", lambda package: "99.0")
        assert kept_folder("smile/a", {"classes": 7}) != first
    monkeypatch.setattr(converted, "_code", lambda: "another")
    assert kept_folder("smile/a", {"classes": 7}) != first


def test_counts_are_read_as_written_and_damaged_ones_are_none():
    folder = kept_folder("a", {})
    assert read_counts(folder) is None
    keep_counts(folder, Counts(3, 4))
    assert read_counts(folder) == Counts(3, 4)
    (folder / "counts.json").write_text("[1")
    assert read_counts(folder) is None


def test_a_cache_that_cannot_be_made_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot keep converted networks in "):
        kept_folder("a", {})


@pytest.fixture
def converter(monkeypatch):
    """Writes every file but ONNX, and remembers what it was asked for."""
    asked = []

    def convert(jobs):
        for job in jobs:
            asked.append(sorted(job.files))
            for each, path in job.files.items():
                if each != "onnx":
                    converted.Path(path).write_text(each)
            yield Converted(58, 10, {"onnx": "no such operation"} if "onnx" in job.files else {})

    monkeypatch.setattr(networks, "convert", convert)
    return asked


def test_what_is_there_is_not_converted_again_and_what_failed_is(converter):
    bare = Network("a", (4, 4, 1), {}, None, None, {"litert": "", "onnx": ""}, {})
    folder = kept_folder("a", {})
    (first,) = networks._filled([bare], [Job(architecture="a")], [folder])
    assert (first.parameters, first.multiply_adds) == (58, 10)
    assert dict(first.files) == {"litert": kept_file(folder, "litert")}
    assert first.missing == {"onnx": "no such operation"}
    (second,) = networks._filled([bare], [Job(architecture="a")], [folder])
    assert second == first and converter == [["litert", "onnx"], ["onnx"]]


def test_nothing_is_converted_where_all_is_there(converter):
    bare = Network("a", (4, 4, 1), {}, None, None, {"litert": ""}, {})
    folder = kept_folder("a", {})
    list(networks._filled([bare], [Job(architecture="a")], [folder]))
    (again,) = networks._filled([bare], [Job(architecture="a")], [folder])
    assert converter == [["litert"]] and again.missing == {} and again.parameters == 58
