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


def test_no_chain_begins_with_what_it_makes(train_all, write, complaint):
    itself = write("smile", "a", 'initial = "smile/a"')
    with complaint("smile-a from smile-a", "ImageNet"):
        train_all.in_order([itself])
    one = write("emotion", "b", TAUGHT.format(model="emotion/c"))
    two = write("emotion", "c", 'initial = "emotion/b"')
    with complaint("emotion-b from emotion-c from emotion-b"):
        train_all.in_order([one, two])


def test_the_shipped_recipes_are_all_there(train_all):
    recipes = list((configs_folder() / "train").glob("*-*.toml"))
    order = [path.stem for path in train_all.in_order(recipes)]
    assert len(order) == len(recipes)
    assert order.index("emotion-mini-xception") < order.index("gender-mini-xception")
    assert order.index("smile-mini-xception") < order.index("smile-mobilenet-025")


def test_the_shipped_steps_are_listed_with_where_they_begin(train_all, capsys):
    assert train_all.train_all(["--list"]) == 0
    rows = {line.split(" | ")[0].lstrip("| "): line for line in capsys.readouterr().out.splitlines()[2:]}
    assert "| ImageNet |" in rows["emotion-mobilenet-075"] and "random weights" in rows["emotion-mini-xception"]
    assert "smile/mini-xception" in rows["smile-mobilenet-025"]
    assert "emotion/mini-xception" in rows["gender-mini-xception"]


def test_what_is_done_is_not_run_again(train_all, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    called = []

    def main(arguments):
        called.append(Path(arguments[3]).stem)
        return 1 if len(called) == 4 else 0  # interrupted in the fourth recipe

    monkeypatch.setattr(train_all, "main", main)
    assert train_all.train_all([]) == 1
    first = called.copy()
    assert train_all.train_all(["--epochs", "1"]) == 0
    assert called[4] == first[3] and len(set(called[4:])) == len(called[4:])
    done = len(called)
    assert train_all.train_all([]) == 0 and len(called) == done
    assert train_all.train_all(["--again"]) == 0 and called[done:] == [*first[:3], *called[4:done]]


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
