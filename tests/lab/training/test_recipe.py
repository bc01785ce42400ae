import pytest

from smiledet.lab.training.recipe import (
    ClassifierRecipe,
    DetectorRecipe,
    LandmarkNetworkRecipe,
    LandmarkRecipe,
    LandmarkTeacherRecipe,
    ProposalRecipe,
    quick_classifier,
    quick_detector,
    quick_landmarks,
    quick_proposals,
)
from smiledet.schema import read_dataclass
from smiledet.system.resources import configs_folder
from smiledet.tasks.base import task_names

RECIPES = sorted((configs_folder() / "train").glob("*.toml"))
CLASSIFIERS = [path for path in RECIPES if path.stem not in ("detector", "landmarks", "proposals")]
MINIMAL = """
name = "tiny"
architecture = "mini-xception"
data = ["genki4k:genki4k"]
[input]
size = 32
"""


def test_the_landmark_recipe_reads():
    recipe = read_dataclass(LandmarkRecipe, configs_folder() / "train" / "landmarks.toml")
    trees = recipe.cascade_depth * recipe.trees_per_level
    assert trees * 2**recipe.tree_depth < 20_000  # the file stays below ten megabytes
    assert (
        recipe.network is not None
        and recipe.teacher is not None
        and all(":" in source for source in recipe.teacher.unlabelled)
    )


def test_the_proposals_recipe_reads():
    recipe = read_dataclass(ProposalRecipe, configs_folder() / "train" / "proposals.toml")
    assert all(":" in source for source in (*recipe.photographs, *recipe.crops))
    quick = quick_proposals(recipe)
    assert quick.epochs * quick.steps * quick.batch < 100
    assert quick.channels == recipe.channels


@pytest.mark.parametrize("line", ["channels = 3", 'channels = ["a"]', "epochs = 0", "count = 1", "colour = 1"])
def test_a_wrong_proposals_recipe_is_one_line(line, tmp_path, complaint):
    path = tmp_path / "proposals.toml"
    path.write_text(line)
    with complaint("proposals.toml", line.split()[0]):
        read_dataclass(ProposalRecipe, path)


def test_the_detector_recipe_reads():
    recipe = read_dataclass(DetectorRecipe, configs_folder() / "train" / "detector.toml")
    assert all(":" in source for source in recipe.photographs)
    assert all(side % 32 == 0 for side in recipe.sides)
    quick = quick_detector(recipe)
    assert quick.epochs * quick.steps <= 4 and quick.count and quick.channels == recipe.channels


@pytest.mark.parametrize("line", ["channels = 3", 'sides = ["a"]', "epochs = 0", "count = -1", "colour = 1"])
def test_a_wrong_detector_recipe_is_one_line(line, tmp_path, complaint):
    path = tmp_path / "detector.toml"
    path.write_text(line)
    with complaint("detector.toml", line.split()[0]):
        read_dataclass(DetectorRecipe, path)


@pytest.mark.parametrize("path", CLASSIFIERS, ids=lambda path: path.stem)
def test_every_shipped_recipe_reads(path):
    recipe = read_dataclass(ClassifierRecipe, path)
    task, _, name = path.stem.partition("-")
    assert task in task_names() and recipe.name == name
    sources = [*recipe.data, *(source for head in recipe.heads for source in head.data)]
    assert all(":" in source for source in sources) and sources
    assert recipe.schedule.small_epochs <= recipe.schedule.epochs
    assert recipe.schedule.small_side <= recipe.input.size


def test_there_are_recipes_of_every_task():
    assert {path.stem.partition("-")[0] for path in CLASSIFIERS} <= set(task_names())
    assert {"smile", "emotion"} <= {path.stem.partition("-")[0] for path in CLASSIFIERS}


def test_what_a_recipe_leaves_out_keeps_its_default(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(MINIMAL + "[schedule]\nepochs = 3\n")
    recipe = read_dataclass(ClassifierRecipe, path)
    assert (recipe.input.size, recipe.input.channels, recipe.schedule.epochs) == (32, 1, 3)
    assert recipe.augmentation == ClassifierRecipe("", "", (), recipe.input).augmentation


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[schedule]\nepoch = 3\n", ("unknown key schedule.epoch", "epochs")),
        ("[augmentation]\nblur = 2\n", ("augmentation.blur", "2", "0 to 1")),
        ("[augmentation]\nflip = 1\n", ("augmentation.flip", "true or false")),
        ("[schedule]\nepochs = 2.5\n", ("schedule.epochs", "2.5", "whole number")),
        ("[schedule]\nepochs = 0\n", ("schedule.epochs", "0", "1 to")),
        ("[schedule]\nbatch = 0\n", ("schedule.batch", "0", "1 to")),
        ("[schedule]\nlabel_smoothing = 0.9\n", ("schedule.label_smoothing", "0.9")),
        ("channels = 'grey'\n", ("input.channels", "'grey'", "whole number")),
    ],
)
def test_a_mistake_is_told_on_one_line(more, words, tmp_path, complaint):
    path = tmp_path / "tiny.toml"
    path.write_text(MINIMAL + more)
    with complaint(str(path), *words):
        read_dataclass(ClassifierRecipe, path)


def test_a_recipe_may_name_a_detector(tmp_path, complaint):
    path = tmp_path / "tiny.toml"
    path.write_text("detector = 'hog'\n" + MINIMAL)
    assert read_dataclass(ClassifierRecipe, path).detector == "hog"
    path.write_text(MINIMAL)
    assert read_dataclass(ClassifierRecipe, path).detector == "haar"
    path.write_text("detector = 'eyes'\n" + MINIMAL)
    with complaint(str(path), "detector", "'eyes'", "haar, hog, mmod, mtcnn"):
        read_dataclass(ClassifierRecipe, path)


@pytest.mark.parametrize("missing", ["name", "architecture", "data"])
def test_a_missing_key_is_named(missing, tmp_path, complaint):
    path = tmp_path / "tiny.toml"
    path.write_text("\n".join(line for line in MINIMAL.splitlines() if not line.startswith(missing)))
    with complaint(str(path), missing):
        read_dataclass(ClassifierRecipe, path)


@pytest.mark.parametrize("value", [0, 1])
def test_landmarks_cannot_hold_out_every_face(value, tmp_path, complaint):
    path = tmp_path / "landmarks.toml"
    path.write_text(f"held_out = {value}\n")
    with complaint(str(path), "held_out", str(value)):
        read_dataclass(LandmarkRecipe, path)


@pytest.mark.parametrize("path", CLASSIFIERS, ids=lambda path: path.stem)
def test_a_trial_has_an_epoch_of_each_phase(path):
    recipe = read_dataclass(ClassifierRecipe, path)
    quick = quick_classifier(recipe)
    small, full = recipe.schedule.small_epochs, recipe.schedule.epochs - recipe.schedule.small_epochs
    assert quick.schedule.small_epochs == (small > 0)
    assert quick.schedule.epochs - quick.schedule.small_epochs == (full > 0)
    assert [finish.epochs for finish in quick.finish] == [1] * len(recipe.finish)
    assert quick.schedule.faces > recipe.schedule.batch
    assert (quick.architecture, quick.teacher, quick.initial) == (recipe.architecture, recipe.teacher, recipe.initial)


def test_a_trial_of_the_trees_is_small():
    quick = quick_landmarks(LandmarkRecipe())
    assert quick.cascade_depth * quick.trees_per_level < 20
    assert quick.network is None and quick.teacher is None
    network = LandmarkNetworkRecipe("emotion/mobilenet-075", frozen=True)
    taught = LandmarkRecipe(network=network, teacher=LandmarkTeacherRecipe(network, ("genki4k:genki4k",)))
    trial = quick_landmarks(taught)
    for each in (trial.network, trial.teacher.network):
        assert each.steps * each.batch < 100 and each.frozen and each.initial == network.initial
    assert 0 < trial.teacher.faces < 100 and trial.teacher.unlabelled == taught.teacher.unlabelled
