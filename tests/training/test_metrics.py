import numpy as np
import pytest

from smiledet.training.metrics import area_under_roc, confusion_matrix, report

LABELS = ("not smiling", "smiling")


def test_confusion_has_the_truth_in_rows():
    truth, guess = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 1, 1, 0, 2])
    assert confusion_matrix(truth, guess, 4).tolist() == [[1, 2, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("positive", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], 0.75),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),  # all tied
        ([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.9], 0.875),  # one tie between the classes
        ([0, 1, 1], [0.2, 0.2, 0.2], 0.5),
    ],
)
def test_area_under_roc_by_hand(positive, scores, expected):
    assert area_under_roc(np.array(positive, bool), np.array(scores)) == pytest.approx(expected)


def test_area_under_roc_counts_pairs():
    generator = np.random.default_rng(1)
    positive, scores = generator.random(60) < 0.4, generator.integers(0, 12, 60) / 12
    won = [(above > below) + (above == below) / 2 for above in scores[positive] for below in scores[~positive]]
    assert area_under_roc(positive, scores) == pytest.approx(np.mean(won))


@pytest.mark.parametrize("truth", [[True, True], [False, False], []])
def test_area_under_roc_needs_both_classes(truth):
    assert np.isnan(area_under_roc(np.array(truth, bool), np.linspace(0, 1, len(truth))))


def test_a_report_by_hand():
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9]], np.float32)
    assert report(LABELS, np.array([0, 0, 1, 1, 1]), scores) == {
        "count": 5,
        "accuracy": 0.6,
        "recall": {"not smiling": 0.5, "smiling": 0.6667},
        "labels": ["not smiling", "smiling"],
        "confusion": [[1, 1], [1, 2]],
        "auc": 0.8333,
    }


def test_a_class_that_does_not_occur_has_no_recall():
    result = report(LABELS, np.array([1, 1]), np.array([[0.1, 0.9], [0.8, 0.2]], np.float32))
    assert result["recall"] == {"not smiling": None, "smiling": 0.5}
    assert result["accuracy"] == 0.5 and result["auc"] is None


def test_more_than_two_classes_have_no_area():
    result = report(("a", "b", "c"), np.array([2, 0]), np.eye(3, dtype=np.float32)[[2, 1]])
    assert "auc" not in result
    assert result["confusion"] == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_nothing_to_report():
    result = report(LABELS, np.empty(0, np.int64), np.empty((0, 2), np.float32))
    assert (result["count"], result["accuracy"], result["auc"]) == (0, 0.0, None)
