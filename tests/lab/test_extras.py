"""What a plain installation lacks is said before anything is measured."""

import pytest

from smiledet.cli import main
from smiledet.lab import extras


@pytest.fixture
def without_matplotlib(monkeypatch):
    find_spec = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "matplotlib" else find_spec(name))


@pytest.mark.usefixtures("without_matplotlib")
@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["bench", "pipeline", "--plots", "out"], "bench"),
        (["bench", "detectors", "--plot", "out.png"], "bench"),
        (["evaluate", "smile", "--data", "folders:photos", "--report", "out"], "evaluate"),
    ],
)
def test_plots_name_the_extra_that_draws_them(words, extra, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if words[0] == "evaluate":
        pytest.importorskip("sklearn")
    assert main(words) == 2
    shown = capsys.readouterr()
    assert f"needs matplotlib: pip install 'smiledet[{extra}]'" in shown.err and shown.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_package_has_its_name_on_pypi(complaint, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with complaint("a report needs scikit-learn: pip install 'smiledet[evaluate]'"):
        extras.require("a report", "sklearn", "evaluate")
