"""Configurations, rules, model files and their indexes, cut and damaged anywhere."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smiledet.config import Config, load_config
from smiledet.engines.keras_files import check_keras_file
from smiledet.errors import UsageError
from smiledet.model_files import read_card
from smiledet.model_index import find_model, read_index
from smiledet.rules.actions import actions_of
from smiledet.scope import own_scope
from smiledet.system.resources import configs_folder, models_folder


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What a configuration brings is gone after the test."""
    monkeypatch.chdir(tmp_path)
    with own_scope():
        yield


def keys_of(kind: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted name of a configuration."""
    hints = get_type_hints(kind)
    for each in dataclasses.fields(kind):
        hint = hints[each.name]
        yield prefix + each.name
        if dataclasses.is_dataclass(hint):
            yield from keys_of(hint, f"{prefix}{each.name}.")


KEYS = [*keys_of(Config), "task.smile.model", "task.own.labels", "task.own", "worker.locate.nice", "rule", "nothing"]

VALUES = st.sampled_from(
    [
        *("1", "-1", "0", "0.5", "-0.0", "1e400", "nan", "inf", "-inf", "0x10", "99999999999999999999999999"),
        *("true", "false", '""', '"x"', '"smile"', '"/"', '"~"', '"\\u0000"', '"a\\nb"'),
        *("[]", "[1]", '["smile"]', '["",""]', "[[]]", "[{}]", "{}", "{a=1}", "{x={y={}}}"),
        *("1979-05-27", "07:32:00", "1979-05-27T07:32:00Z"),
    ]
)


@given(st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=4))
def test_any_value_of_any_setting(refused_in_one_line: Any, pairs: list[tuple[str, str]]) -> None:
    path = Path("mine.toml")
    path.write_text("".join(f"{key} = {value}\n" for key, value in pairs))
    refused_in_one_line(lambda: load_config("desktop-cpu", path))


@given(draw=st.data())
def test_damaged_configurations(draw: st.DataObject, damaged: Any, scratch: Any, refused_in_one_line: Any) -> None:
    seeds = [path.read_bytes() for path in sorted(configs_folder().glob("*.toml"))]
    path = scratch("mine.toml", draw.draw(st.one_of(damaged(seeds), st.binary(max_size=60))))
    refused_in_one_line(lambda: load_config("desktop-cpu", path))


def test_configurations_that_once_failed(corpus: Any, scratch: Any, refused_in_one_line: Any) -> None:
    for data in corpus("configurations"):
        path = scratch("mine.toml", data)
        refused_in_one_line(partial(load_config, "desktop-cpu", path))


@given(address=st.one_of(st.text(), st.text(max_size=20).map(lambda text: f"http://{text}")))
def test_any_address_of_a_rule(refused_in_one_line: Any, address: str) -> None:
    from smiledet.rules.settings import RuleSettings

    refused_in_one_line(lambda: actions_of(RuleSettings("face", post=address)))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@given(draw=st.data())
def test_damaged_indexes_and_cards(draw: st.DataObject, damaged: Any, refused_in_one_line: Any) -> None:
    index = models_folder() / "index.json"
    rows = json.loads(index.read_bytes())["models"]
    row = dict(draw.draw(st.sampled_from(rows)))
    row[draw.draw(st.sampled_from(sorted(row)))] = draw.draw(JSON)
    changed = json.dumps({"models": [row]}).encode()
    Path("index.json").write_bytes(draw.draw(st.one_of(st.just(changed), damaged([index.read_bytes()]))))
    refused_in_one_line(lambda: [model.files for model in read_index(Path())])
    Path("own.tflite.json").write_bytes(draw.draw(st.one_of(JSON.map(lambda value: json.dumps(value).encode()))))
    refused_in_one_line(lambda: read_card(Path("own.tflite")))


@given(draw=st.data())
def test_damaged_keras_files(draw: st.DataObject, damaged: Any, scratch: Any, refused_in_one_line: Any) -> None:
    """Of any layers, and as a damaged archive; Keras is not let at them."""
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        archive.writestr("config.json", json.dumps(draw.draw(JSON)))
        archive.writestr("model.weights.h5", b"")
    whole = stream.getvalue()
    data = draw.draw(st.one_of(st.just(whole), damaged([whole])))
    refused_in_one_line(lambda: check_keras_file(scratch("own.keras", data)))


@pytest.mark.parametrize("engine", ["litert", "onnx"])
@given(draw=st.data())
def test_damaged_networks(
    draw: st.DataObject, damaged: Any, scratch: Any, refused_in_one_line: Any, engine: str, small: Mapping[str, bytes]
) -> None:
    """A network that loads all the same says something; native code does not fall over it."""
    from smiledet.engines.base import load_engine

    suffix = {"litert": ".tflite", "onnx": ".onnx"}[engine]
    path = scratch(f"own{suffix}", draw.draw(damaged([small[engine]])))
    refused_in_one_line(lambda: load_engine(engine, path).close())


@pytest.fixture(scope="module")
def small() -> dict[str, bytes]:
    """A small network of each format."""
    pytest.importorskip("onnxruntime")
    return {
        "litert": find_model("smile", "mini-xception").file("litert").read_bytes(),
        "onnx": find_model("smile", "mini-xception").file("onnx").read_bytes(),
    }


def test_a_swapped_or_cut_file_of_a_models_folder_is_refused(tmp_path: Path) -> None:
    """Every file of the shipped models, in the place of which there is another one: its sha256 is not the index's."""
    folder = tmp_path / "models"
    shutil.copytree(models_folder(), folder)
    for model in read_index(folder):
        for key, file in model.files.items():
            place = folder / file.path
            whole = place.read_bytes()
            for data in (whole[:-1], whole[::-1]):
                place.write_bytes(data)
                with pytest.raises(UsageError, match="damaged"):
                    model.file(key)
            place.write_bytes(whole)
