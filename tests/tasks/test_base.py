"""Tasks: classes, and answers that are numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smiledet.errors import UsageError
from smiledet.tasks.base import Task, get_task, task_names

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
