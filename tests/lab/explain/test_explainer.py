"""What the shipped networks look at in a real face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.model_index import find_model
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.demo import PORTRAITS

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]


@pytest.fixture(scope="module")
def explainer(keras):
    from smiledet.lab.explain.explainer import Explainer

    return Explainer(find_model("emotion", "mini-xception"))


@pytest.fixture(scope="module")
def smiling(explainer):
    """Eileen Collins' face, as the model sees it and as a person does."""
    from smiledet.lab.explain.explainer import cut_face, display_spec

    chips = cut_face(PORTRAITS[0].path, [explainer.spec, display_spec(explainer.spec)], shipped_aligner())
    return chips[explainer.spec], chips[display_spec(explainer.spec)]


def test_a_smile_is_read_from_mouth_and_eyes(explainer, smiling):
    (explanation,) = explainer.explain(smiling[0])
    assert explanation.label == "happy" and explanation.probability > 0.5
    strength = np.abs(explanation.guided)
    assert strength.shape == (64, 64)
    mouth, eyes, forehead = strength[40:56, 18:46], strength[20:32, 12:52], strength[0:12, 12:52]
    corners = strength[:12, :12], strength[:12, -12:], strength[-8:, :12]
    assert mouth.mean() > 2 * strength.mean() > 2 * forehead.mean()
    assert eyes.mean() > strength.mean()
    assert mouth.mean() > 3 * max(corner.mean() for corner in corners)


def test_each_class_has_its_own_reasons(explainer, smiling):
    labels = ["angry", "happy"]
    angry, happy = explainer.explain(smiling[0], labels)
    assert [angry.label, happy.label] == labels
    assert angry.probability < happy.probability
    assert not np.allclose(angry.guided, happy.guided)
    assert happy.cam.min() >= 0 and happy.cam.max() > 0


def test_an_unknown_class_is_refused(explainer, smiling, complaint):
    with complaint("'bored'", "angry"):
        explainer.explain(smiling[0], ["bored"])


def test_landmarks_cannot_explain_themselves(keras, complaint):
    from smiledet.lab.explain.explainer import Explainer

    with complaint("landmarks/ert68 takes no chips"):
        Explainer(find_model("landmarks", "ert68"))


def test_pictures_show_what_was_found(explainer, smiling):
    from smiledet.lab.explain.sheet import ExplainedFace, grid, guided_picture, heat_picture, side_by_side

    one = explainer.explain(smiling[0])
    drawn = guided_picture(one[0].guided, 128)
    assert drawn.shape == (128, 128, 3) and abs(float(drawn.mean()) - 127.5) < 12
    hot = heat_picture(smiling[1], np.eye(4, dtype=np.float32), 1.0)
    assert int(hot[0, 0, 2]) - int(hot[0, 0, 0]) > 0 > int(hot[0, -1, 2]) - int(hot[0, -1, 0])  # red, and blue
    row = side_by_side([ExplainedFace("a.png", smiling[1], one)])
    every = grid([ExplainedFace("mini", smiling[1], explainer.explain(smiling[0], explainer.model.labels))])
    assert row.shape[1] > 3 * 300 and every.shape[1] > 8 * 220 and every.shape[0] > 2 * 220


def test_a_blank_map_is_drawn_all_the_same(smiling):
    from smiledet.lab.explain.sheet import guided_picture, heat_picture

    assert np.ptp(guided_picture(np.zeros((8, 8), np.float32), 16)) == 0
    assert heat_picture(smiling[1], np.zeros((4, 4), np.float32), 0.0).shape == smiling[1].shape


def test_faces_are_cut_or_taken_whole(explainer, tmp_path, complaint):
    from smiledet.lab.explain.explainer import cut_face

    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((90, 90), 128, np.uint8))
    with complaint(str(blank), "--crop"):
        cut_face(blank, [explainer.spec], shipped_aligner())
    assert cut_face(blank, [explainer.spec], shipped_aligner(), whole=True)[explainer.spec].shape[:2] == (64, 64)
    for path in (tmp_path / "none.png", tmp_path):
        with complaint("cannot read the photograph", str(path)):
            cut_face(path, [explainer.spec], shipped_aligner())
