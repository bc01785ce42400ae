from pathlib import Path

import numpy as np

from smiledet.lab.datasets.base import Sample
from smiledet.lab.training.evaluation.groups import LARGEST, group_tables

LABELS = ("man", "woman")


def sample(**groups: str) -> Sample:
    return Sample(Path("face.png"), "man", "test", groups=groups)


def test_a_table_by_hand():
    found = [sample(race="black"), sample(race="black"), sample(race="white"), sample()]
    missed = [sample(race="white"), sample(race="Asian")]
    truth, guess = np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1])
    assert group_tables(found, missed, LABELS, truth, guess) == {
        "race": {
            "Asian": {"count": 1, "found": 0, "accuracy": None, "recall": {"man": None, "woman": None}},
            "black": {"count": 2, "found": 2, "accuracy": 0.5, "recall": {"man": 1.0, "woman": 0.0}},
            "white": {"count": 2, "found": 1, "accuracy": 1.0, "recall": {"man": None, "woman": 1.0}},
        }
    }


def test_every_grouping_has_a_table_and_numbers_have_errors():
    found = [sample(race="black", gender="man"), sample(race="black", gender="woman")]
    table = group_tables(found, [], ("0",), np.array([2, 3]), np.array([2, 2]), np.array([4.0, 10.0]))
    assert list(table) == ["gender", "race"]
    assert table["race"]["black"] == {"count": 2, "found": 2, "accuracy": 0.5, "mean_error": 7.0}
    assert table["gender"]["woman"]["mean_error"] == 10.0


def test_a_grouping_with_a_value_a_photograph_is_none():
    found = [sample(number=str(index), side="left") for index in range(LARGEST + 1)]
    answers = np.zeros(len(found), np.int64)
    assert list(group_tables(found, [], LABELS, answers, answers)) == ["side"]


def test_no_groups_no_tables():
    assert group_tables([sample()], [sample()], LABELS, np.array([0]), np.array([0])) == {}
    assert group_tables([], [], LABELS, np.empty(0, np.int64), np.empty(0, np.int64)) == {}
