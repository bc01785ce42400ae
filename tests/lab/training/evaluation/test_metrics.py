import numpy as np
import pytest

from smiledet.lab.training.evaluation.metrics import (
    area_under_roc,
    confusion_matrix,
    reliability,
    report,
    wilson_interval,
)

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
        "accuracy_interval": [0.2307, 0.8824],
        "recall": {"not smiling": 0.5, "smiling": 0.6667},
        "labels": ["not smiling", "smiling"],
        "confusion": [[1, 1], [1, 2]],
        "auc": 0.8333,
        "calibration_error": 0.34,
    }


def test_a_class_that_does_not_occur_has_no_recall():
    result = report(LABELS, np.array([1, 1]), np.array([[0.1, 0.9], [0.8, 0.2]], np.float32))
    assert result["recall"] == {"not smiling": None, "smiling": 0.5}
    assert result["accuracy"] == 0.5 and result["auc"] is None


def test_more_than_two_classes_have_a_mean_area():
    result = report(("a", "b", "c"), np.array([2, 0]), np.eye(3, dtype=np.float32)[[2, 1]])
    assert "auc" not in result
    assert result["auc_macro"] is None  # nobody is "b"
    assert result["confusion"] == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_nothing_to_report():
    result = report(LABELS, np.empty(0, np.int64), np.empty((0, 2), np.float32))
    assert (result["count"], result["accuracy"], result["auc"]) == (0, 0.0, None)


@pytest.fixture
def answers():
    """Three hundred answers over four classes, right more often than not."""
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 4, 300)
    raw = generator.random((300, 4)) + 0.6 * np.eye(4)[truth]
    return truth, (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


def test_a_report_agrees_with_sklearn(answers):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, scores = answers
    result = report(("a", "b", "c", "d"), truth, scores)
    guess = scores.argmax(axis=1)
    assert result["confusion"] == metrics.confusion_matrix(truth, guess).tolist()
    assert result["accuracy"] == pytest.approx(metrics.accuracy_score(truth, guess), abs=1e-4)
    assert list(result["recall"].values()) == pytest.approx(metrics.recall_score(truth, guess, average=None), abs=1e-4)
    # sklearn wants rows that sum to 1 more exactly than float32 does
    exact = scores.astype(float) / scores.astype(float).sum(axis=1, keepdims=True)
    expected = metrics.roc_auc_score(truth, exact, multi_class="ovr", average="macro")
    assert result["auc_macro"] == pytest.approx(expected, abs=1e-4)


def test_wilson_interval_by_hand():
    # 8 of 10: (0.8 + 0.19207 ± 1.96 * sqrt(0.016 + 0.0096037)) / 1.38415
    assert wilson_interval(8, 10) == pytest.approx((0.49016, 0.94332), abs=1e-4)
    assert wilson_interval(0, 10)[0] == pytest.approx(0, abs=1e-12)
    assert wilson_interval(10, 10)[1] == pytest.approx(1)
    assert wilson_interval(0, 0) == (0, 1)


def test_reliability_by_hand():
    truth = np.array([0, 0, 1, 1])
    scores = np.array([[0.95, 0.05], [0.91, 0.09], [0.42, 0.58], [0.55, 0.45]], np.float32)
    found = reliability(truth, scores)
    assert found.confidence == pytest.approx([0.565, 0.93])
    assert found.accuracy.tolist() == [0.5, 1.0]
    assert found.count.tolist() == [2, 2]
    assert found.error == pytest.approx((0.065 + 0.07) / 2)


def test_a_confidence_on_a_bin_edge_belongs_to_the_bin_below():
    found = reliability(np.array([0, 0, 0]), np.array([[0.5, 0.5], [1.0, 0.0], [0.75, 0.25]], np.float32), bins=4)
    assert found.count.tolist() == [1, 1, 1]
    assert found.confidence.tolist() == [0.5, 0.75, 1.0]


def test_reliability_of_nothing():
    found = reliability(np.empty(0, np.int64), np.empty((0, 3), np.float32))
    assert (found.error, len(found.count)) == (0.0, 0)
