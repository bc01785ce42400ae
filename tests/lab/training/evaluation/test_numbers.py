import numpy as np
import pytest

from smiledet.lab.training.evaluation.numbers import band_of, expectation, report_numbers

AGES = np.arange(0, 101, 10, dtype=float)


def scores_for(*rows: dict[int, float]) -> np.ndarray:
    """A row of probabilities each, given by age."""
    scores = np.zeros((len(rows), len(AGES)), np.float32)
    for row, given in zip(scores, rows, strict=True):
        for age, share in given.items():
            row[age // 10] = share
    return scores


def test_the_answer_is_the_expectation_not_the_likeliest():
    assert expectation(AGES, scores_for({20: 0.6, 40: 0.4})) == pytest.approx([28.0])


def test_scores_that_do_not_quite_sum_to_one():
    assert expectation(AGES, scores_for({20: 0.45, 40: 0.45})) == pytest.approx([30.0])


def test_a_report_by_hand():
    scores = scores_for({20: 1}, {20: 0.5, 30: 0.5}, {60: 1})
    result = report_numbers(AGES, np.array([23.0, 25.0, 48.0]), scores)  # answers 20, 25, 60
    assert result["mean_error"] == pytest.approx((3 + 0 + 12) / 3)
    assert result["median_error"] == 3
    assert result["bias"] == pytest.approx((-3 + 0 + 12) / 3)
    assert result["near"] == {"5": pytest.approx(2 / 3, abs=1e-4), "10": pytest.approx(2 / 3, abs=1e-4)}
    assert result["count"] == 3
    assert result["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert result["recall"]["20-29"] == 1 and result["recall"]["40-49"] == 0 and result["recall"]["60-69"] is None
    assert result["mean_error_by_band"]["20-29"] == 1.5 and result["mean_error_by_band"]["40-49"] == 12
    assert result["labels"] == ["20-29", "30-39", "40-49", "50-59", "60-69"]
    row = result["confusion"][result["labels"].index("40-49")]
    assert row.index(1) == result["labels"].index("60-69")


def test_a_truth_beyond_every_class_has_a_band_of_its_own():
    result = report_numbers(AGES, np.array([116.0]), scores_for({100: 1}))
    assert result["labels"][-1] == "110-119"
    assert (result["mean_error"], result["accuracy"]) == (16, 0)


def test_nothing_to_report():
    result = report_numbers(AGES, np.empty(0), np.empty((0, len(AGES)), np.float32))
    assert (result["count"], result["mean_error"], result["bias"], result["median_error"]) == (0, None, None, None)


def test_bands_end_before_the_next_begins():
    assert [band_of(age) for age in (0, 9.9, 10, -1)] == ["0-9", "0-9", "10-19", "-10--1"]
