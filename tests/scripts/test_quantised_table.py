"""Which models the table of smaller numbers has, and what it refuses."""

from __future__ import annotations

import pytest

from smiledet.errors import UsageError


@pytest.fixture(scope="module")
def script(load_script):
    pytest.importorskip("keras")
    return load_script("quantised_table")


def names(models):
    return [f"{model.task}/{model.name}" for model in models]


def test_every_shipped_classifier_is_in_it(script):
    found = names(script.chosen_models(None))
    assert {name.partition("/")[0] for name in found} == {"smile", "emotion", "emotion8", "gender", "age"}
    assert names(script.chosen_models(["age/mini-xception"])) == ["age/mini-xception"]


def test_a_name_that_is_none_is_refused(script):
    with pytest.raises(UsageError, match="--only 'landmarks/ert68': there are age/mini-xception"):
        script.chosen_models(["landmarks/ert68"])


def test_a_limit_below_one_is_refused(script, monkeypatch):
    monkeypatch.setattr("sys.argv", ["quantised_table", "--data-folder", "nowhere", "--limit", "0"])
    with pytest.raises(UsageError, match="--limit 0: expected at least 1"):
        script.main()
