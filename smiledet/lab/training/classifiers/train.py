"""Training one network of the zoo from its recipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np

from smiledet.errors import UsageError
from smiledet.lab.extras import require
from smiledet.lab.networks.base import find_architecture
from smiledet.lab.networks.build import build_network
from smiledet.lab.networks.parts import TWO_LABELS, Classes, two_labels
from smiledet.lab.networks.widen import is_wider, widen
from smiledet.lab.training.classifiers.calibration import best_temperature
from smiledet.lab.training.classifiers.distillation import both_views
from smiledet.lab.training.classifiers.fused_normalisation import fused_normalisation
from smiledet.lab.training.classifiers.heads import (
    TaskHead,
    accuracies,
    answers,
    classes_of,
    heads_loss,
    heads_of,
    sizes,
)
from smiledet.lab.training.classifiers.learning_curve import draw_curve
from smiledet.lab.training.classifiers.training_set import (
    DEPLOYED,
    AugmentedChips,
    Preparation,
    TrainingSet,
    class_weights,
    held_views,
    load_training_set,
)
from smiledet.lab.training.faces.augment import centre
from smiledet.lab.training.recipe import ClassifierRecipe, Finish, Schedule
from smiledet.model_index import find_model
from smiledet.system.output_files import write_file
from smiledet.tasks.base import Task, task_names


def compiled(network: keras.Model, heads: Sequence[TaskHead], schedule: Schedule, steps: int) -> keras.Model:
    """The network with its loss, and Adam on a cosine with a linear warm-up."""
    warmup = round(schedule.warmup * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=schedule.learning_rate / 25 if warmup else schedule.learning_rate,
        decay_steps=max(1, schedule.epochs * steps - warmup),
        warmup_target=schedule.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    averaging = schedule.weight_average > 0
    optimiser = keras.optimizers.Adam(rate, use_ema=averaging, ema_momentum=schedule.weight_average or 0.99)
    loss = heads_loss(sizes(heads), schedule.label_smoothing)
    # XLA takes eight times as long over these networks on a processor.
    network.compile(optimizer=optimiser, loss=loss, metrics=accuracies(heads), jit_compile=False)
    # Built now: a phase that a resumed training finds done has no first step to build it on.
    optimiser.build(network.trainable_variables)
    return network


def phases(recipe: ClassifierRecipe) -> list[tuple[int, int, int]]:
    """What the schedule comes to: (side of the chips, first epoch, epoch after the last), the small chips first."""
    schedule = recipe.schedule
    steps = [
        (schedule.small_side, 0, schedule.small_epochs),
        (recipe.input.size, schedule.small_epochs, schedule.epochs),
    ]
    return [step for step in steps if step[1] < step[2]]


def _callbacks(batches: AugmentedChips, schedule: Schedule, backup: Path) -> list[keras.callbacks.Callback]:
    """What goes along with a phase; the order matters."""
    folder = backup.parent
    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _logs: batches.begin(epoch)),
        # Kept when a phase is over: a training that is called again passes over what it has done. Before the swap:
        # weights and running mean have to be found in their own places.
        keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False),
    ]
    if schedule.weight_average > 0:
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks.append(keras.callbacks.CSVLogger(str(folder / "log.csv"), append=True))
    if keras.backend.backend() == "tensorflow" and find_spec("tensorboard") is not None:
        callbacks.append(keras.callbacks.TensorBoard(str(folder / "tensorboard" / backup.name), write_graph=False))
    if schedule.patience > 0:
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=schedule.patience))
    return callbacks


def _fit(
    network: keras.Model, recipe: ClassifierRecipe, training_set: TrainingSet, phase: tuple[int, int, int], backup: Path
) -> dict[str, float]:
    """Train through one phase (side, first epoch, epoch after the last); returns the last epoch's figures."""
    side, first, last = phase
    batches = AugmentedChips(training_set.chips, training_set.targets, side, recipe)
    held = held_views(training_set, recipe.input.size, side)
    # Keras remembers the epoch that a restored network had come to, and would go on there in the next phase as well.
    network._initial_epoch = None
    with fused_normalisation():
        history = network.fit(
            batches,
            shuffle=False,  # Keras' own order of batches depends on all that was drawn before
            initial_epoch=first,
            epochs=last,
            class_weight=class_weights(training_set.targets, recipe.schedule.class_weight_power),
            validation_data=(held, training_set.held_targets) if len(held) else None,
            callbacks=_callbacks(batches, recipe.schedule, backup),
            verbose=1 if sys.stdout.isatty() else 2,
        )
    return {name: float(values[-1]) for name, values in history.history.items() if values}


def finishing(recipe: ClassifierRecipe, finish: Finish) -> ClassifierRecipe:
    """The recipe of a further phase on its own.

    Raises:
        UsageError: It names a set that no head of the recipe learns from.
    """
    if recipe.heads and (strange := set(finish.data) - {data for head in recipe.heads for data in head.data}):
        raise UsageError(f"the recipe {recipe.name}: finish.data: no head learns from {min(strange)!r}")
    schedule = replace(
        recipe.schedule,
        epochs=finish.epochs,
        small_epochs=0,
        learning_rate=finish.learning_rate,
        weight_average=finish.weight_average,
    )
    augmentation = finish.augmentation or recipe.augmentation
    # The phase is there for its own data: what only a teacher has labelled stays out of it.
    teacher = replace(recipe.teacher, unlabelled=()) if recipe.teacher else None
    heads = tuple(replace(head, data=tuple(data for data in finish.data if data in head.data)) for head in recipe.heads)
    data = () if heads else finish.data
    return replace(recipe, data=data, heads=heads, schedule=schedule, augmentation=augmentation, teacher=teacher)


def _training_side(recipe: ClassifierRecipe) -> int | None:
    """The side that a network is built for while it learns: any (None), so that the chips may grow, where it can.

    Raises:
        UsageError: The recipe begins with small chips, but the architecture has a dense layer on a flattened map.
    """
    if find_architecture(recipe.architecture).any_side:
        return None
    if recipe.schedule.small_epochs:
        raise UsageError(f"{recipe.architecture} takes one side alone: schedule.small_epochs has to be 0")
    return recipe.input.size


def _begun(recipe: ClassifierRecipe, classes: Classes, data_folder: Path) -> keras.Model:
    """The network as training begins: random, from ImageNet's weights or from another model's."""
    side = _training_side(recipe)
    task, slash, _ = recipe.initial.partition("/")
    if recipe.initial and not (slash and task in task_names()):
        inside = data_folder / recipe.initial
        return _built(recipe, side, classes, str(inside) if inside.is_file() else recipe.initial)
    network = _built(recipe, side, classes)
    if recipe.initial:
        start_from(network, recipe.initial)
    return network


def _built(recipe: ClassifierRecipe, side: int | None, classes: Classes, weights: str | None = None) -> keras.Model:
    """The recipe's architecture for chips of that side (None for any), with random or ImageNet's weights.

    Raises:
        UsageError: See `build_network`; a sigmoid unit is asked for where there are not two labels.
    """
    shape = (side, side, recipe.input.channels)
    if recipe.output == "softmax":
        return build_network(recipe.architecture, shape, classes, weights)
    if classes != 2:
        raise UsageError(f'the recipe {recipe.name}: output = "sigmoid" is for a task of two labels alone')
    return two_labels(build_network(recipe.architecture, shape, 1, weights))


def _copied(network: keras.Model, recipe: ClassifierRecipe, classes: Classes, side: int | None) -> keras.Model:
    """The weights in a fresh network for chips of that side (None for any), without optimiser or history."""
    fresh = _built(recipe, side, classes)
    fresh.set_weights(network.get_weights())
    return fresh


def start_from(network: keras.Model, initial: str) -> None:
    """Take over the weights of a shipped model, layer by layer, but for layers that have another shape.

    Where one of them reads several tasks and the other another number of them, only the trunk is taken over.

    A model that is narrower in all its layers is widened (`smiledet.lab.networks.widen`).

    Args:
        network: Changed in place.
        initial: TASK/NAME, as in `ClassifierRecipe`.

    Raises:
        UsageError: There is no such model, it keeps no Keras file, or it is of another architecture.
    """
    task, _, name = initial.partition("/")
    source = keras.saving.load_model(find_model(task, name).file("keras"), compile=False)
    (ours, our_heads), (theirs, their_heads) = _parts(network), _parts(source)
    if len(our_heads) == len(their_heads) == 1 and is_wider(network, source):
        widen(network, source)
        return
    if [type(layer) for layer in ours] != [type(layer) for layer in theirs]:
        raise UsageError(f"initial: {initial} is of another architecture than {network.name}")
    same_heads = zip(our_heads, their_heads, strict=True) if len(our_heads) == len(their_heads) else ()
    for mine, its in (*zip(ours, theirs, strict=True), *same_heads):
        weights = its.get_weights()
        if [weight.shape for weight in weights] == [weight.shape for weight in mine.get_weights()]:
            mine.set_weights(weights)


def _parts(network: keras.Model) -> tuple[list[keras.layers.Layer], list[keras.layers.Layer]]:
    """The layers with weights: those of the trunk, and the one of each head."""
    weighted = [layer for layer in network.layers if layer.weights and layer.name != TWO_LABELS]
    last = network.layers[-1]
    count = len(last.input) if isinstance(last, keras.layers.Concatenate) else 1
    return weighted[:-count], weighted[-count:]


def temperatures(
    network: keras.Model, heads: Sequence[TaskHead], training_set: TrainingSet, recipe: ClassifierRecipe
) -> dict[str, float]:
    """The temperature of each answer, by TASK/NAME; see `smiledet.lab.training.classifiers.calibration`."""
    if not len(training_set.held_chips):
        return {}
    chips = centre(training_set.held_chips, recipe.input.size)
    said = (
        both_views(network, chips) if recipe.mirror_averaging else network.predict(chips.astype("float32"), verbose=0)
    )
    found = {}
    for answer in answers(heads):
        scores, wanted = said[:, answer.outputs], training_set.held_targets[:, answer.outputs]
        scores, wanted = (rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-7) for rows in (scores, wanted))
        found[f"{answer.task.name}/{answer.name}"] = best_temperature(scores, wanted)
    return found


def train_classifier(
    task: Task,
    recipe: ClassifierRecipe,
    data_folder: Path,
    output: Path,
    preparation: Preparation = DEPLOYED,
    chips: Path | None = None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a network.

    Interrupted training goes on where it stopped when called again with the same `output`.

    Args:
        task: What to learn.
        recipe: How.
        data_folder: What the recipe's data paths are relative to.
        output: Folder for checkpoints, the log (`log.csv`, TensorBoard's in `tensorboard/`), its curve (`curve.png`)
            and the result (`model.keras`).
        preparation: How faces become chips.
        chips: Folder in which chips are kept; that of `output` by default. Trainings that share it cut them once.

    Returns:
        The trained network and what was seen: `samples`, `validation`, `missed`, the last epoch's figures, and
        `temperatures`, by TASK/NAME, that calibrate its answers on the watched photographs.

    Raises:
        UsageError: See `load_training_set`; an unknown architecture; matplotlib is not installed.
    """
    require("a training's curve", "matplotlib", "train")
    keras.utils.set_random_seed(recipe.schedule.seed)
    cache = chips or output / "chips"
    heads = heads_of(recipe, task)
    classes = classes_of(heads)
    training_set = load_training_set(heads, recipe, data_folder, cache, preparation)
    # Cut now: what is wrong with them should not come out after hours of training.
    finishes = [finishing(recipe, finish) for finish in recipe.finish]
    last_sets = [load_training_set(heads_of(last, task), last, data_folder, cache, preparation) for last in finishes]
    seen: dict[str, Any] = {
        "samples": len(training_set.targets),
        "validation": len(training_set.held_targets),
        "missed": training_set.missed,
    }
    network = _begun(recipe, classes, data_folder)
    for layer in network.layers[: recipe.schedule.frozen_layers]:
        layer.trainable = False
    compiled(network, heads, recipe.schedule, len(training_set.targets) // recipe.schedule.batch)
    for phase in phases(recipe):
        seen |= _fit(network, recipe, training_set, phase, output / f"backup-{phase[0]}")
    for number, (last, last_set) in enumerate(zip(finishes, last_sets, strict=True), start=1):
        network = _copied(network, recipe, classes, _training_side(recipe))
        for layer in network.layers[: recipe.finish[number - 1].frozen_layers]:
            layer.trainable = False
        compiled(network, heads, last.schedule, len(last_set.targets) // last.schedule.batch)
        phase = (recipe.input.size, 0, last.schedule.epochs)
        seen |= _fit(network, last, last_set, phase, output / f"backup-finish-{number}")
    # The network that is kept has the one side of its recipe.
    network = _copied(network, recipe, classes, recipe.input.size)
    seen["temperatures"] = temperatures(network, heads, training_set, recipe)
    network.save(output / "model.keras")
    draw_curve(output / "log.csv", output / "curve.png")
    kept = output / "seen.json"
    if kept.is_file():  # where nothing was left to train, the last epoch's figures are those of then
        seen = json.loads(kept.read_text()) | seen
    write_file(kept, (json.dumps(seen, default=float) + "\n").encode())
    return network, seen
