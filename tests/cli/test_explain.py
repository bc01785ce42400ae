"""`smiledet explain` as a user calls it."""

from __future__ import annotations

import cv2
import pytest

from smiledet.cli import main
from smiledet.sources.demo import PORTRAITS


@pytest.fixture
def refused(capsys):
    def run(*arguments: object) -> str:
        assert main(["explain", *map(str, arguments)]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        return line

    return run


PORTRAIT = PORTRAITS[0].path


def test_bad_flags_are_refused_before_keras_is_imported(refused, tmp_path):
    assert "'nothing'" in refused(PORTRAIT, "--model", "nothing")
    assert "'mood'" in refused(PORTRAIT, "--task", "mood")
    assert ".png" in refused(PORTRAIT, "--output", tmp_path / "x.txt")
    assert str(tmp_path / "none") in refused(PORTRAIT, "--output", tmp_path / "none" / "x.png")
    assert "--grid" in refused(PORTRAIT, "--label", "happy", "--grid")
    assert "IMAGE" in refused()
    assert "one of the two" in refused(PORTRAIT, "--data", "folders:x")
    assert "--grid" in refused("--data", "folders:x", "--grid")
    assert "--per-class" in refused("--data", "folders:x", "--per-class", "0")
    assert "--neuron" in refused(PORTRAIT, "--neuron", "class")
    assert "mobilenet-025" in refused(PORTRAIT, "--task", "emotion", "--model", "mobilenet-025")


@pytest.mark.train
@pytest.mark.usefixtures("keras")
class TestPictures:
    def test_a_face_beside_its_explanations(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert main(["explain", str(PORTRAIT), "--model", "mobilenet-075"]) == 0  # a name that only emotion has
        read, written = capsys.readouterr().out.splitlines()[-2:]
        assert read.startswith(f"{PORTRAIT}: happy ") and read.endswith("(emotion/mobilenet-075)")
        assert cv2.imread(str(tmp_path / written)).shape[1] > 900
        assert written == f"{PORTRAIT.stem}-explained.png"

    def test_a_grid_over_classes_and_models(self, tmp_path):
        output = tmp_path / "grid.png"
        assert main(["explain", str(PORTRAIT), "--task", "smile", "--grid", "--output", str(output)]) == 0
        height, width = cv2.imread(str(output)).shape[:2]
        assert 600 < width < 900 and height > 4 * 220  # the face and two classes; two models, two rows each

    @pytest.mark.parametrize("neuron", [(), ("--neuron", "class")])
    def test_faces_of_a_data_set_class_by_class(self, neuron, tmp_path):
        folder = tmp_path / "faces"
        for number, portrait in enumerate((*PORTRAITS, *PORTRAITS)):
            place = folder / ("not smiling", "smiling")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            image = cv2.imread(str(portrait.path))
            cv2.imwrite(str(place / f"{number}.png"), image[number:])
            for more in range(4):  # a fifth is held out
                cv2.imwrite(str(place / f"{number}-{more}.png"), image[number + more + 4 :])
        output = tmp_path / "figure.png"
        names = ("--model", "mini-xception", "--model", "mobilenet-025", "--task", "smile")
        arguments = ["--data", f"folders:{folder}", "--per-class", "1", *names, *neuron, "--output", str(output)]
        assert main(["explain", *arguments]) == 0
        height, width = cv2.imread(str(output)).shape[:2]
        assert width > 3 * 150 and height > 2 * 150  # a face and two models; two classes

    def test_what_cannot_be_explained(self, refused, tmp_path):
        output = tmp_path / "x.png"
        assert "none.jpg" in refused(tmp_path / "none.jpg", "--output", output)
        assert "'bored'" in refused(PORTRAIT, "--label", "bored", "--output", output)
        assert not output.exists()
