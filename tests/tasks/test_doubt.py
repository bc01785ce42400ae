"""Answers of which nothing leads clearly, and how much there is of a smile."""

from dataclasses import replace

import pytest

from smiledet.tasks.base import UNSURE, Task, get_task

TASK = Task("mood", ("calm", "cross", "glad"), {}, hysteresis=0.1, unsure_below=0.2)


def shown(scores, before=None, task=TASK):
    return task.settle(dict(zip(task.labels, scores, strict=True)), before).label


def test_a_clear_lead_is_an_answer_and_a_small_one_is_not():
    assert shown([0.5, 0.3, 0.2]) == "calm"
    assert shown([0.45, 0.3, 0.25]) == UNSURE
    assert shown([0.45, 0.3, 0.25], task=replace(TASK, unsure_below=0.0)) == "calm"


def test_a_shown_label_stays_while_its_lead_lasts_and_doubt_until_it_is_clear():
    assert shown([0.45, 0.33, 0.22], "calm") == "calm"  # a lead of 0.12: by less than the hysteresis too small
    assert shown([0.4, 0.35, 0.25], "calm") == UNSURE
    assert shown([0.5, 0.25, 0.25], UNSURE) == UNSURE  # clear, but not by the hysteresis
    assert shown([0.6, 0.25, 0.15], UNSURE) == "calm"


def test_another_label_takes_over_at_once_where_it_leads():
    assert shown([0.1, 0.8, 0.1], "calm") == "cross"


def test_the_score_of_doubt_is_that_of_the_first_label():
    prediction = TASK.settle({"calm": 0.4, "cross": 0.35, "glad": 0.25})
    assert (prediction.label, prediction.score) == (UNSURE, 0.4)


@pytest.mark.parametrize("before", [None, "calm", "cross", "glad", UNSURE])
def test_without_doubt_there_is_always_an_answer(before):
    sure = replace(TASK, unsure_below=0.0)
    assert shown([0.34, 0.33, 0.33], before if before != UNSURE else None, sure) != UNSURE


def test_the_strength_of_a_smile_rises_with_it():
    smile = get_task("smile")
    values = [
        smile.settle({"not smiling": 1 - share, "smiling": share}).intensity for share in (0, 0.1, 0.3, 0.5, 0.9, 1)
    ]
    assert values[0] == 0 and values[3] == 0.5 and values[-1] == 1
    assert values == sorted(values) and len(set(values)) == len(values)
    assert get_task("gender").predict([0.5, 0.5]).intensity is None
