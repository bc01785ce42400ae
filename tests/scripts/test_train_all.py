"""What is trained before what."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from smiledet.errors import UsageError
from smiledet.system.resources import configs_folder

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_all.py"

RECIPE = 'name = "{name}"\narchitecture = "mini-xception"\ndata = ["folders:x"]\n{more}\n[input]\nsize = 32\n'
TAUGHT = '[teacher]\nmodels = ["{model}"]'


@pytest.fixture
def train_all():
    spec = importlib.util.spec_from_file_location("train_all", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def write(tmp_path):
    def recipe(task, name, more=""):
        path = tmp_path / f"{task}-{name}.toml"
        path.write_text(RECIPE.format(name=name, more=more))
        return path

    return recipe


def test_teachers_come_before_their_students(train_all, write):
    student = write("smile", "a", TAUGHT.format(model="smile/b"))
    teacher = write("smile", "b", 'initial = "emotion/c"')
    first = write("emotion", "c")
    other = write("gender", "d", 'initial = "emotion/c"')
    order = train_all.in_order([student, teacher, first, other])
    assert sorted(order) == sorted([student, teacher, first, other])
    assert order.index(first) < order.index(teacher) < order.index(student)
    assert order.index(first) < order.index(other)


def test_a_model_may_go_on_from_itself_and_two_from_each_other(train_all, write):
    itself = write("smile", "a", 'initial = "smile/a"')
    one = write("emotion", "b", TAUGHT.format(model="emotion/c"))
    two = write("emotion", "c", TAUGHT.format(model="emotion/b"))
    assert sorted(train_all.in_order([itself, one, two])) == sorted([itself, one, two])


def test_the_shipped_recipes_are_all_there(train_all):
    recipes = list((configs_folder() / "train").glob("*-*.toml"))
    order = [path.stem for path in train_all.in_order(recipes)]
    assert len(order) == len(recipes)
    assert order.index("emotion-mini-xception") < order.index("gender-mini-xception")
    assert order.index("smile-mini-xception") < order.index("smile-mobilenet-025")


def test_it_stops_at_the_first_that_fails(train_all, monkeypatch, capsys):
    called = []

    def main(arguments):
        called.append(arguments)
        return 2 if len(called) == 2 else 0

    monkeypatch.setattr(train_all, "main", main)
    assert train_all.train_all(["--quick"]) == 2
    assert [arguments[1] for arguments in called] == ["landmarks", "proposals"]
    assert all("--models" in arguments and "--quick" in arguments for arguments in called)


def test_a_broken_recipe_is_named(train_all, tmp_path):
    path = tmp_path / "smile-x.toml"
    path.write_text("name = 3")
    with pytest.raises(UsageError, match="smile-x"):
        train_all.in_order([path])
