"""Tasks: classes, and answers that are numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smiledet.errors import UsageError
from smiledet.tasks.base import PALETTE, Task, define_task, get_task, task_names

AGE = Task(
    "years", tuple(str(age) for age in range(0, 60, 10)), {}, numbers=tuple(map(float, range(0, 60, 10))), unit="years"
)
CLASSES = Task("mood", ("bad", "good"), {}, hysteresis=0.2)


def named(*scores):
    return dict(zip(AGE.labels, scores, strict=True))


def test_every_task_has_a_file():
    assert {"smile", "emotion", "gender", "age"} <= set(task_names())
    for name in task_names():
        task = get_task(name)
        assert task.name == name and len(set(task.labels)) == len(task.labels) > 1
        assert task.numbers is None or len(task.numbers) == len(task.labels)


def test_an_unknown_task_is_named():
    with pytest.raises(UsageError, match="no task 'mood'; there are age, "):
        get_task("mood")


def test_of_classes_the_most_probable_is_the_answer():
    prediction = CLASSES.predict([0.25, 0.75])
    assert (prediction.label, prediction.score) == ("good", 0.75)


@pytest.mark.parametrize(
    ("good", "shown", "label"),
    [(0.55, None, "good"), (0.55, "bad", "bad"), (0.59, "bad", "bad"), (0.61, "bad", "good"), (0.45, "good", "good")],
)
def test_a_class_stays_until_another_leads(good, shown, label):
    prediction = CLASSES.settle({"bad": 1 - good, "good": good}, shown)
    assert prediction.label == label
    assert prediction.score == pytest.approx(good if label == "good" else 1 - good)


def test_of_numbers_the_mean_is_the_answer():
    prediction = AGE.predict([0, 0, 0.5, 0.5, 0, 0])
    assert prediction.label == "25"
    assert prediction.score == pytest.approx(1.0)  # 20 and 30 are both within five years
    spread = AGE.predict([0.25, 0, 0.25, 0.25, 0.25, 0])
    assert spread.label == "22" and spread.score == pytest.approx(0.25)


def test_scores_that_do_not_sum_to_one_are_weighed():
    assert AGE.predict([0, 0, 0.25, 0.25, 0, 0]).label == "25"
    assert AGE.predict([0] * 6).label == "0"


@pytest.mark.parametrize(("share", "label"), [(0.05, "20"), (0.15, "20"), (0.25, "22")])
def test_a_number_stays_until_the_mean_has_moved(share, label):
    steady = replace(AGE, hysteresis=2)
    assert steady.settle(named(0, 0, 1 - share, share, 0, 0), "20").label == label


def test_as_many_scores_as_labels():
    with pytest.raises(ValueError):
        CLASSES.predict([1.0])


def test_a_number_is_read_with_its_unit():
    assert AGE.text("25") == "25 years"
    assert CLASSES.text("good") == "good"


@pytest.mark.parametrize(("label", "said"), [("1", "0 to 2 years"), ("9", "3 to 9 years"), ("16", "16 years")])
def test_a_number_in_a_band_is_read_as_the_band(label, said):
    assert get_task("age").text(label) == said


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"labels": "no"}, "two or more texts"),
        ({"labels": ("no",)}, "two or more texts"),
        ({"labels": ("", "yes")}, "two or more texts"),
        ({"labels": (1, 2)}, "two or more texts"),
        ({"labels": ("no", "yes", "no")}, "stands twice"),
        ({"colours": {"maybe": (1, 2, 3)}}, "none of its labels"),
        ({"colours": {"yes": (1, 2)}}, "expected three of 0 to 255"),
        ({"colours": {"yes": (1, 2, 256)}}, "expected three of 0 to 255"),
        ({"colours": {"yes": (-1, 2, 3)}}, "expected three of 0 to 255"),
        ({"colours": {"yes": (1.5, 2, 3)}}, "expected three of 0 to 255"),
        ({"smoothing": -0.1}, "expected 0 or more"),
        ({"smoothing": float("nan")}, "expected 0 or more"),
        ({"hysteresis": -0.1}, "0 to 1"),
        ({"hysteresis": 1.1}, "0 to 1"),
        ({"name": "class"}, "no Python word"),
        ({"name": "_own"}, "a letter first"),
        ({"name": "two words"}, "a letter first"),
        ({"name": 7}, "a letter first"),
        ({"name": "track"}, "taken by a stage of the pipeline or a column"),
        ({"name": "smile_score"}, "taken by a column of the task 'smile'"),
        ({"name": "smile"}, "is there already, with the labels not smiling, smiling"),
    ],
)
def test_a_task_that_cannot_be_is_told(given, told):
    with pytest.raises(UsageError, match=told):
        define_task(**{"name": "hat", "labels": ("no", "yes"), **given})


def test_a_task_at_the_limits():
    task = define_task("hat", ["no", "yes"], {"yes": [0, 255, 7]}, smoothing=0, hysteresis=1)
    assert (task.name, task.labels, task.smoothing, task.hysteresis) == ("hat", ("no", "yes"), 0.0, 1.0)
    assert task.colours == {"no": PALETTE[0], "yes": (0, 255, 7)}
    assert define_task("hat", ("no", "yes"), hysteresis=0).hysteresis == 0.0
    many = define_task("hat", [str(number) for number in range(10)])
    assert many.colours["8"] == PALETTE[0] and many.colours["9"] == PALETTE[1]
    assert define_task("smile_size", ("no", "yes")).name == "smile_size"
