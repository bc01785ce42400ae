"""Training recipes: TOML read into typed dataclasses, `configs/train/*.toml`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from smiledet.detection.detectors.choose import DETECTORS
from smiledet.frame import ChipSpec
from smiledet.schema import between, one_of


@dataclass(frozen=True, slots=True)
class LandmarkNetworkRecipe:
    """How a network is trained that places landmarks; see `smiledet.lab.training.landmarks.network`.

    Attributes:
        initial: TASK/NAME of a shipped MobileNet that reads grey faces, whose weights it starts from.
        fine: Channels kept of the network's last maps at a sixteenth of its input's side.
        coarse: And of those at a thirty-second.
        frozen: Whether the first layers stay as they are, and the statistics of all normalisations.
        dropout: Share of what was kept that is dropped in training.
        annotated: Share of the views that show annotated faces, where there are faces that a teacher has labelled.
        steps: Of the training.
        batch: Views a step.
        learning_rate: Peak of the cosine.
        weight_average: Decay of the running mean of the weights that is kept.
    """

    initial: str
    fine: int = field(default=64, metadata=between(1, 4096))
    coarse: int = field(default=128, metadata=between(1, 4096))
    frozen: bool = False
    dropout: float = field(default=0.0, metadata=between(0, 0.9))
    annotated: float = field(default=0.35, metadata=between(0, 1))
    steps: int = field(default=4000, metadata=between(1, 1_000_000))
    batch: int = field(default=32, metadata=between(1, 100_000))
    learning_rate: float = field(default=1e-3, metadata=between(0, 1))
    weight_average: float = field(default=0.998, metadata=between(0, 0.99999))


@dataclass(frozen=True, slots=True)
class LandmarkTeacherRecipe:
    """The network that names the points of unlabelled faces; see `smiledet.lab.training.landmarks.teacher`.

    Attributes:
        network: How it is trained, on the annotated faces alone.
        unlabelled: Data sets, each LAYOUT:PATH with the path under the data folder; their training splits are taken.
        faces: Photographs taken of each at most, evenly spread over it; 0 for all.
        doubt: Faces of which the teacher is less sure are left out: by how much its answers may lie apart, in distances
            between the eyes' outer corners.
        looks: How often it looks at a face, each time where it has placed it.
    """

    network: LandmarkNetworkRecipe
    unlabelled: tuple[str, ...]
    faces: int = field(default=0, metadata=between(0, 1_000_000_000))
    doubt: float = field(default=0.05, metadata=between(0, 1))
    looks: int = field(default=3, metadata=between(1, 10))


@dataclass(frozen=True, slots=True)
class LandmarkRecipe:
    """How the landmark trees are grown, dlib's own names where it has them, and the network behind them is trained.

    Attributes:
        cascade_depth: Regressors in a row.
        trees_per_level: Trees in each; the file grows with cascade_depth x trees_per_level x 2 ** tree_depth.
        tree_depth: Splits from root to leaf.
        nu: Shrinkage, above 0 to 1; smaller regularises more.
        oversampling: Start shapes drawn for each training picture.
        feature_pool_size: Pixels that a level may compare.
        test_splits: Random splits of which the best is taken.
        jitter_copies: Boxes drawn for each face beside Viola-Jones' own, which lie as those of other faces do.
        held_out: Every n-th face is kept back to measure the error.
        seed: Of every random draw.
        data: The annotated photographs, a path under the data folder.
        network: The network of `smiledet.alignment.landmark_refiner`; None to leave it at the trees.
        teacher: Who names the points of further faces for that network; None for the annotated ones alone.
    """

    cascade_depth: int = 12
    trees_per_level: int = 60
    tree_depth: int = 4
    nu: float = field(default=0.1, metadata=between(0.001, 1))
    oversampling: int = 5
    feature_pool_size: int = 500
    test_splits: int = 60
    jitter_copies: int = 2
    held_out: int = field(default=10, metadata=between(2, 1_000_000))
    seed: int = 1
    data: str = "landmarks68.tar.gz"
    network: LandmarkNetworkRecipe | None = None
    teacher: LandmarkTeacherRecipe | None = None


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """How the face detector is trained; see `smiledet.lab.training.detector.train`. Paths are under the data folder.

    Attributes:
        name: What the trained model will be called.
        channels: Of the network's maps at a half and a quarter of the side, and of the smaller ones.
        blocks: Separable convolutions at a quarter, an eighth, a sixteenth and a thirty-second.
        teacher: YuNet's file.
        photographs: Sets of whole photographs, each LAYOUT:PATH; the test splits are measured on.
        annotated: Photographs with 68 points, of which each third is measured on; empty for none.
        crops: Archives or folders of crops of one face each.
        clips: Videos, of which frames are taken.
        frames: Of each at most.
        faceless: Archives or folders of pictures that show nobody.
        count: Pictures taken of each set at most, evenly spread over it; 0 for all.
        sides: Sides in pixels of the scenes, one a step in turn.
        pixels: Pixels a step, about: it tells how many scenes of a side a step takes.
        epochs: How often so many steps are taken.
        steps: Steps an epoch.
        learning_rate: Its peak; it falls over the last 30 % of the steps.
        weight_average: Decay of the running mean of the weights that is kept.
        seed: Of every random draw.
    """

    name: str = "fcos"
    channels: tuple[int, ...] = (16, 24, 64)
    blocks: tuple[int, ...] = (1, 2, 3, 3)
    teacher: str = "teachers/face_detection_yunet_2026may.onnx"
    photographs: tuple[str, ...] = ("genki4k:genki4k.tar.gz",)
    annotated: str = "landmarks68.tar.gz"
    crops: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    frames: int = field(default=12, metadata=between(1, 100_000))
    faceless: tuple[str, ...] = ()
    count: int = field(default=0, metadata=between(0, 1_000_000_000))
    sides: tuple[int, ...] = (192, 256, 192, 320)
    pixels: int = field(default=600_000, metadata=between(1024, 1_000_000_000))
    epochs: int = field(default=80, metadata=between(1, 100_000))
    steps: int = field(default=200, metadata=between(1, 1_000_000))
    learning_rate: float = field(default=2e-3, metadata=between(0, 1))
    weight_average: float = field(default=0.998, metadata=between(0, 0.99999))
    seed: int = 1


@dataclass(frozen=True, slots=True)
class ProposalRecipe:
    """How the network is trained that proposes where faces may be; see `smiledet.lab.training.proposals.train`.

    Attributes:
        name: What the trained model will be called.
        channels: Of each convolution.
        photographs: Sets of whole photographs, each LAYOUT:PATH with the path under the data folder.
        annotated: Photographs with 68 points, a path under the data folder; empty for none.
        crops: Sets of crops of one face each, as `photographs`.
        count: Photographs taken of each set at most, evenly spread over it.
        measured: Photographs of the test splits that the network is measured on at most.
        epochs: How often so many steps are taken.
        steps: Steps an epoch.
        batch: Scenes a step.
        learning_rate: Peak of the cosine.
        seed: Of every random draw.
    """

    name: str = "proposal-network"
    channels: tuple[int, ...] = (24, 24, 32)
    photographs: tuple[str, ...] = ("genki4k:genki4k.tar.gz",)
    annotated: str = "landmarks68.tar.gz"
    crops: tuple[str, ...] = ()
    count: int = field(default=1600, metadata=between(2, 1_000_000_000))
    measured: int = field(default=300, metadata=between(0, 1_000_000_000))
    epochs: int = field(default=10, metadata=between(1, 1_000_000))
    steps: int = field(default=150, metadata=between(1, 1_000_000))
    batch: int = field(default=64, metadata=between(1, 100_000))
    learning_rate: float = 4e-3
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a training chip may be changed; 0 switches a change off.

    Attributes:
        rotation: Degrees either way.
        zoom: Share either way.
        shift: Share of the chip's side either way; what the jitter of boxes leaves after alignment.
        shear: Share either way.
        flip: Whether to mirror half of the chips; sound because the template is symmetric.
        brightness: Share of full scale added or taken.
        contrast: Share either way.
        blur: Probability of a slight Gaussian blur.
        occlusion: Probability that a random rectangle is covered.
        glasses: Probability that a face is given glasses; see `smiledet.lab.training.faces.glasses`.
        hard: Probability that a view is made one of the hard pictures of `smiledet.lab.training.faces.hard`.
        box_jitter: Further cuts of each face, from boxes spread as Viola-Jones' are; a view shows one of the cuts.
    """

    rotation: float = 10.0
    zoom: float = 0.1
    shift: float = 0.05
    shear: float = 0.05
    flip: bool = True
    brightness: float = 0.15
    contrast: float = 0.3
    blur: float = field(default=0.15, metadata=between(0, 1))
    occlusion: float = field(default=0.1, metadata=between(0, 1))
    glasses: float = field(default=0.0, metadata=between(0, 1))
    hard: float = field(default=0.0, metadata=between(0, 1))
    box_jitter: int = field(default=0, metadata=between(0, 8))


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        epochs: Passes over the training chips, the small ones included.
        small_epochs: Passes at the start on shrunken chips (progressive resizing): the networks pool globally, so their
            weights fit any size, and cost falls with the square of the side.
        small_side: Side of the shrunken chips.
        batch: Chips a step.
        learning_rate: Peak of the cosine.
        warmup: Epochs of linear rise before it.
        label_smoothing: Share of the probability spread over all classes.
        weight_average: Decay of the running mean of the weights that is kept as the model; 0 keeps the last weights.
        validation: Share of the training samples held back to watch the training; never the test split.
        class_weight_power: How far rare classes count for more: 0 not at all, 1 so that all classes weigh the same.
        patience: Epochs without a lower loss on the watched samples after which a phase ends; 0 for never.
        faces: Photographs taken of each data set at most, evenly spread over it; 0 for all.
        frozen_layers: Layers at the front that stay as `initial` has them, the statistics of their normalisations too:
            an epoch costs less, and what they have learnt on other faces is kept.
        seed: Of initial weights, order and augmentation.
    """

    epochs: int = field(default=40, metadata=between(1, 1_000_000))
    small_epochs: int = 0
    small_side: int = 40
    batch: int = field(default=64, metadata=between(1, 1_000_000))
    learning_rate: float = 2e-3
    warmup: float = 1.0
    label_smoothing: float = field(default=0.1, metadata=between(0, 0.5))
    weight_average: float = field(default=0.999, metadata=between(0, 0.99999))
    validation: float = field(default=0.05, metadata=between(0, 0.5))
    class_weight_power: float = field(default=0.0, metadata=between(0, 1))
    patience: int = field(default=0, metadata=between(0, 1000))
    faces: int = field(default=0, metadata=between(0, 1_000_000_000))
    frozen_layers: int = field(default=0, metadata=between(0, 1000))
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Finish:
    """A further phase at the full size of the chips, on the best-labelled of the sets alone, say.

    Attributes:
        data: Training sets, as in `ClassifierRecipe`. Where there are heads, each learns from those of its sets that
            stand here, as often as they do.
        epochs: Passes over them.
        learning_rate: Peak of its cosine.
        weight_average: As in `Schedule`; the phase is short, so the mean has to be as well.
        frozen_layers: Layers at the front that stay as they are: the cost of an epoch is there, the weights are not.
        augmentation: Another than the recipe's; None keeps that.
    """

    data: tuple[str, ...]
    epochs: int = field(metadata=between(1, 1_000_000))
    learning_rate: float = 5e-4
    weight_average: float = field(default=0.98, metadata=between(0, 0.99999))
    frozen_layers: int = field(default=0, metadata=between(0, 1000))
    augmentation: Augmentation | None = None


@dataclass(frozen=True, slots=True)
class TeacherRecipe:
    """Whom a small network learns from beside the labels; see `smiledet.lab.training.classifiers.distillation`.

    Attributes:
        models: Shipped models, each TASK/NAME; their mean answer counts.
        weight: What that weighs in the targets; the labels weigh the rest.
        unlabelled: Further data sets, as in `ClassifierRecipe`, whose faces are learnt from the teacher alone.
    """

    models: tuple[str, ...]
    weight: float = field(default=0.5, metadata=between(0, 1))
    unlabelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """One of several tasks that a network reads at once, each with the last layers of its own.

    Attributes:
        task: What it reads.
        data: Training sets, as in `ClassifierRecipe`. A photograph that several heads name is shown once, with all
            answers.
        name: What the trained model will be called for this task; the recipe's name by default.
        also: Further tasks that the head answers, whose labels are some of its own: `emotion` by a head of `emotion8`.
        weight: Of its loss among those of the heads.
    """

    task: str
    data: tuple[str, ...]
    name: str = ""
    also: tuple[str, ...] = ()
    weight: float = field(default=1.0, metadata=between(0, 1000))


@dataclass(frozen=True, slots=True)
class ClassifierRecipe:
    """How one network of the zoo is trained.

    Attributes:
        name: What the trained model will be called; `--model TASK=NAME` names it so.
        architecture: One of `smiledet.lab.networks`.
        data: Training sets, each LAYOUT:PATH with the path under the data folder; with `heads` those of the first.
        input: Geometry of the chips.
        output: What the network ends in: "softmax" has an output a label; "sigmoid" is one unit, for a task of two
            labels, as the thesis has it (seed `000_*`, section 4.2).
        apart_from: Data sets, as in `data`, whose test splits are measured on: photographs that are there as well, by
            content or by look, are not learnt from, whichever set they came with.
        heads: What the network reads, where it reads several tasks; empty for one.
        augmentation: See `Augmentation`.
        schedule: See `Schedule`.
        finish: What follows the schedule; see `Finish`.
        initial: TASK/NAME of a shipped model of the same architecture to start from: all of its weights but those of
            layers that have another shape here (the head, where the classes differ); a MobileNet of a smaller alpha is
            widened. Or ImageNet's weights: "imagenet", which Keras downloads, or a `*_notop.h5` file, a path under the
            data folder or any other. Empty for random weights.
        detector: Who finds the faces of whole photographs. The better one teaches more of them; alignment makes its
            chips like those of Viola-Jones, which finds them at deployment (seed thesis, section 3.2).
        teacher: See `TeacherRecipe`; None to learn from the labels alone.
        mirror_averaging: Whether the trained model is shown a face's mirror image as well (`mirror_averaging`): decided
            on photographs that it was validated on.
        expected: What the held-out faces gave when it was run, or a like chain, in words; empty where nobody knows.
        hours: About how long it takes on two cores; 0 where nobody knows.
        ran: Whether what ships is what the recipe gave as it is written, with all recipes that it starts from or learns
            from. Where it is not, its opening comment says how what ships came about.
        stored: In which numbers the files that ship keep the weights, for large networks: float16 halves them; int8
            makes the LiteRT file one of integers throughout, calibrated on faces of the first data set, and has float16
            in the others.
    """

    name: str
    architecture: str
    data: tuple[str, ...]
    input: ChipSpec
    output: str = field(default="softmax", metadata=one_of("softmax", "sigmoid"))
    apart_from: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()
    augmentation: Augmentation = field(default_factory=Augmentation)
    schedule: Schedule = field(default_factory=Schedule)
    finish: tuple[Finish, ...] = ()
    initial: str = ""
    detector: str = field(default="haar", metadata=one_of(*DETECTORS))
    teacher: TeacherRecipe | None = None
    mirror_averaging: bool = False
    expected: str = ""
    hours: float = field(default=0.0, metadata=between(0, 10_000))
    ran: bool = False
    stored: str = field(default="float32", metadata=one_of("float32", "float16", "int8"))


def makes(recipe: ClassifierRecipe, task: str) -> list[str]:
    """The models that a recipe makes, each TASK/NAME.

    Args:
        recipe: The recipe.
        task: What it is trained for, where it has no heads.
    """
    if not recipe.heads:
        return [f"{task}/{recipe.name}"]
    return [f"{name}/{head.name or recipe.name}" for head in recipe.heads for name in (head.task, *head.also)]


QUICK_FACES = 320
"""Photographs of each data set in a trial of a recipe."""


def quick_landmarks(recipe: LandmarkRecipe) -> LandmarkRecipe:
    """The recipe as a trial: seconds instead of minutes, to see that it still works."""
    teacher = recipe.teacher and replace(recipe.teacher, network=_few(recipe.teacher.network), faces=12, doubt=1.0)
    network = recipe.network and _few(recipe.network)
    trees = replace(recipe, cascade_depth=2, trees_per_level=5, jitter_copies=1, oversampling=1, test_splits=5)
    return replace(trees, network=network, teacher=teacher)


def _few(network: LandmarkNetworkRecipe) -> LandmarkNetworkRecipe:
    return replace(network, steps=3, batch=8)


def quick_proposals(recipe: ProposalRecipe) -> ProposalRecipe:
    """The recipe as a trial: a few steps on a few photographs, to see that it still works."""
    return replace(recipe, count=40, epochs=1, steps=4, batch=16)


def quick_detector(recipe: DetectorRecipe) -> DetectorRecipe:
    """The recipe as a trial: a few steps on a few pictures, to see that it still works."""
    return replace(recipe, count=40, frames=2, epochs=1, steps=4, pixels=4 * min(recipe.sides) ** 2)


def quick_classifier(recipe: ClassifierRecipe) -> ClassifierRecipe:
    """The recipe as a trial: an epoch of each phase on a few photographs, to see that it still works."""
    small = min(1, recipe.schedule.small_epochs)
    full = min(1, recipe.schedule.epochs - recipe.schedule.small_epochs)
    schedule = replace(recipe.schedule, epochs=small + full, small_epochs=small, faces=QUICK_FACES)
    return replace(recipe, schedule=schedule, finish=tuple(replace(last, epochs=1) for last in recipe.finish))
