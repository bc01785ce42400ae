"""Damaged landmark models: dlib's trees, and templates of any content."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.template import load_template
from smiledet.frame import Box
from smiledet.model_index import find_model

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def model() -> Any:
    return find_model("landmarks", "ert68")


@given(draw=st.data())
@settings(max_examples=25)
def test_damaged_trees(
    draw: st.DataObject, damaged: Any, scratch: Callable[[str, bytes], Path], refused_in_one_line: Any, model: Any
) -> None:
    """Those that load all the same place points; native code does not fall over them."""
    path = scratch("own.dat", draw.draw(damaged([model.file("dlib").read_bytes()])))

    def place() -> None:
        found = LandmarkPredictor(path).predict(np.full((90, 120), 80, np.uint8), Box(20, 10, 60, 60))
        assert np.isfinite(found).all()

    refused_in_one_line(place)


@given(draw=st.data())
def test_templates_of_any_content(
    draw: st.DataObject, damaged: Any, scratch: Callable[[str, bytes], Path], refused_in_one_line: Any, model: Any
) -> None:
    whole = model.file("template").read_bytes()
    odd = json.loads(whole)
    odd["points"][draw.draw(st.integers(0, 67))][draw.draw(st.integers(0, 1))] = draw.draw(JSON)
    others = JSON.map(lambda value: json.dumps({"points": value}).encode())
    data = draw.draw(st.one_of(st.just(json.dumps(odd).encode()), damaged([whole]), others))
    refused_in_one_line(lambda: _check(load_template(scratch("own.json", data))))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"points": ' + "[" * 100_000, "null", '{"points": 1e999}', ""])
def test_templates_that_are_none(text: str, scratch: Callable[[str, bytes], Path], complaint: Any) -> None:
    with complaint("landmark template"):
        load_template(scratch("own.json", text.encode()))


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, "1", True, None, [1]])
def test_a_template_with_a_point_that_is_none(
    value: Any, scratch: Callable[[str, bytes], Path], complaint: Any, model: Any
) -> None:
    odd = json.loads(model.file("template").read_bytes())
    odd["points"][3][1] = value
    path = scratch("own.json", json.dumps(odd).encode())
    if value in ("1", True):  # NumPy takes them for numbers
        _check(load_template(path))
    else:
        with complaint("landmark template"):
            load_template(path)


def _check(points: Any) -> None:
    assert points.shape == (68, 2) and np.isfinite(points).all()
