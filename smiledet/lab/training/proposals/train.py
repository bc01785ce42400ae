"""Training the tiny network that proposes where faces may be (`smiledet.detection.scheduling.proposal_network`).

Fully convolutional; trained on small scenes with the focal loss (T.-Y. Lin et al., ICCV 2017, equation 5), since of a
hundred cells one is a face.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt

from smiledet.detection.scheduling.proposal_network import CELL, ProposalNetwork
from smiledet.errors import UsageError
from smiledet.lab.training.export.conversion import OPSET
from smiledet.lab.training.proposals.pictures import FacePicture
from smiledet.lab.training.proposals.scenes import compose
from smiledet.lab.training.recipe import ProposalRecipe
from smiledet.model_index import Model, ModelFile, sha256, write_row
from smiledet.system.output_files import write_file


class Scenes(keras.utils.PyDataset):  # type: ignore[misc]
    """Scenes as they are composed, batch by batch, none twice.

    Args:
        pictures: See `smiledet.lab.training.proposals.pictures`.
        recipe: See `ProposalRecipe`.
    """

    def __init__(self, pictures: Sequence[FacePicture], recipe: ProposalRecipe) -> None:
        super().__init__()
        self._pictures = pictures
        self._recipe = recipe
        self._epoch = 0

    def __len__(self) -> int:
        """Batches an epoch."""
        return self._recipe.steps

    def __getitem__(self, number: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Pixels (batch, SIDE, SIDE, 1) and labels (batch, rows, columns, 1)."""
        generator = np.random.default_rng((self._recipe.seed, self._epoch, number))
        drawn = [compose(self._pictures, generator) for _ in range(self._recipe.batch)]
        pixels = np.stack([scene for scene, _ in drawn])[..., None].astype(np.float32)
        return pixels, np.stack([labels for _, labels in drawn])[..., None]

    def on_epoch_end(self) -> None:
        """Draw others."""
        self._epoch += 1


def build(channels: Sequence[int], side: int | None = None) -> keras.Model:
    """The network, from pixels 0 … 255 (n, side, side, 1) to one probability a cell of CELL x CELL pixels.

    The first convolution sees a cell and the cells about it and goes from cell to cell; the others stay on that grid.

    Args:
        channels: Of each convolution.
        side: Of the pictures, a multiple of CELL; None for any.
    """
    layers = keras.layers
    pixels = keras.Input((side, side, 1))
    seen = layers.Rescaling(1 / 127.5, -1)(pixels)
    for number, count in enumerate(channels):
        window, stride = (3, 1) if number else (3 * CELL, CELL)
        seen = layers.Conv2D(count, window, strides=stride, padding="same", use_bias=False)(seen)
        seen = layers.ReLU()(layers.BatchNormalization()(seen))
    rare = keras.initializers.Constant(-4.0)  # a face is rare: else the first steps are lost on learning that
    return keras.Model(pixels, layers.Conv2D(1, 1, bias_initializer=rare, activation="sigmoid")(seen))


def focal_loss(labels: Any, found: Any) -> Any:
    """The focal loss with gamma 2, a face's cell counting five times, over the cells that are to be learnt."""
    found = keras.ops.clip(found, 1e-6, 1 - 1e-6)
    face = keras.ops.cast(labels > 0.5, "float32")
    none = keras.ops.cast(keras.ops.abs(labels) < 0.5, "float32")
    loss = -5 * face * (1 - found) ** 2 * keras.ops.log(found) - none * found**2 * keras.ops.log(1 - found)
    return keras.ops.sum(loss) / (1 + keras.ops.sum(face))


def train_proposals(pictures: Sequence[FacePicture], recipe: ProposalRecipe) -> keras.Model:
    """Train the network.

    Raises:
        UsageError: There are fewer than two pictures, or no channels.
    """
    if not recipe.channels or min(recipe.channels) < 1:
        raise UsageError(f"channels are {list(recipe.channels)}: expected the channels of each convolution, at least 1")
    if len(pictures) < 2:
        raise UsageError(f"{len(pictures)} photographs with a sure face are too few to learn from")
    keras.utils.set_random_seed(recipe.seed)
    network = build(recipe.channels)
    steps = recipe.epochs * recipe.steps
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 25, max(1, steps - recipe.steps // 2), warmup_target=recipe.learning_rate,
        warmup_steps=max(1, recipe.steps // 2),
    )  # fmt: skip
    optimiser = keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.99)
    network.compile(optimizer=optimiser, loss=focal_loss, jit_compile=False)
    network.fit(Scenes(pictures, recipe), shuffle=False, epochs=recipe.epochs, verbose=1 if sys.stdout.isatty() else 2)
    optimiser.finalize_variable_values(network.trainable_variables)
    return network


def to_onnx(network: keras.Model) -> bytes:
    """The network as ONNX, from cells (1, CELL * CELL, rows, columns), pixels 0 … 255, to scores (1, 1, rows, columns).

    Of any size, and batch norm folded. It takes the pixels of a cell as channels (see
    `as_cells`), so that the first convolution is one of 3 x 3 like the others, which
    OpenCV computes several times faster. Written layer by layer: a converter would leave transpositions, and fix the
    size.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes: list[Any] = []
    arrays: list[Any] = []
    last = "cells"

    def add(kind: str, values: Sequence[npt.NDArray[Any]] = (), **settings: Any) -> None:
        nonlocal last
        names = [f"values{len(arrays) + number}" for number in range(len(values))]
        arrays.extend(
            numpy_helper.from_array(np.array(each, np.float32, order="C"), name)
            for each, name in zip(values, names, strict=True)
        )
        given, last = last, f"{kind.lower()}{len(nodes)}"
        nodes.append(helper.make_node(kind, [given, *names], [last], **settings))

    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    # Scaled as a layer of its own: folded into the first kernel it would change what the padding means.
    add("Mul", [np.array(1 / 127.5)])
    add("Add", [np.array(-1.0)])
    for stage, layer in enumerate(convolutions):
        kernel = np.asarray(layer.kernel)
        if stage == 0:
            out = kernel.shape[-1]
            kernel = kernel.reshape(3, CELL, 3, CELL, out).transpose(0, 2, 1, 3, 4).reshape(3, 3, CELL * CELL, out)
        kernel = kernel.transpose(3, 2, 0, 1)
        if stage < len(norms):
            gamma, beta, mean, variance = (np.asarray(values) for values in norms[stage].weights)
            factor = gamma / np.sqrt(variance + norms[stage].epsilon)
            kernel, bias = kernel * factor[:, None, None, None], beta - mean * factor
        else:
            bias = np.asarray(layer.bias)
        window = kernel.shape[-1]
        add("Conv", [kernel, bias], kernel_shape=[window, window], pads=[window // 2] * 4)
        add("Relu" if stage < len(norms) else "Sigmoid")
    given = helper.make_tensor_value_info("cells", TensorProto.FLOAT, [1, CELL * CELL, "rows", "columns"])
    result = helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, 1, "rows", "columns"])
    graph = helper.make_graph(nodes, "proposals", [given], [result], arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model)
    packed: bytes = model.SerializeToString()
    return packed


def ship_proposals(
    pictures: Sequence[FacePicture], held_out: Sequence[FacePicture], recipe: ProposalRecipe, models: Path
) -> Model:
    """Train into a models folder and write the row of the index; returns the row.

    Args:
        pictures: To learn from.
        held_out: To measure on.
        recipe: Settings.
        models: The models folder.
    """
    network = train_proposals(pictures, recipe)
    path = models / "proposals" / f"{recipe.name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, to_onnx(network))
    model = Model(
        task="proposals",
        name=recipe.name,
        architecture="convolutions on cells, " + "-".join(map(str, recipe.channels)),
        labels=(),
        input=None,
        preprocessing="a canvas of shrunk grey pictures, see smiledet.detection.scheduling.proposal_network",
        files={"onnx": ModelFile(f"proposals/{recipe.name}.onnx", sha256(path))},
        figures={"photographs": len(pictures), "parameters": network.count_params(), **measure(path, held_out)},
        card=f"proposals/{recipe.name}.md",
        folder=models,
    )
    write_row(model)
    return model


def measure(path: Path, pictures: Sequence[FacePicture]) -> dict[str, float]:
    """What a network is worth on whole photographs, each shrunk so that its first face is 12 to 18 pixels wide.

    Args:
        path: The ONNX file.
        pictures: The photographs.

    Returns:
        `recall` (share of the sought faces at whose middle the network is hotter than its threshold), `elsewhere`
        (cells of a thousand, away from every face and what might be one, where it is hotter), and `milliseconds` a
        look at 192 x 236 pixels on one thread; nothing where there is no photograph.
    """
    network = ProposalNetwork(path)
    generator = np.random.default_rng(1)
    hit = sought = hot = cells = 0
    for picture in pictures:
        scale = float(generator.uniform(12, 18)) / picture.faces[0].width
        size = max(8, round(picture.grey.shape[1] * scale)), max(8, round(picture.grey.shape[0] * scale))
        scores = network.scores(np.asarray(cv2.resize(picture.grey, size, interpolation=cv2.INTER_AREA)))
        clear = np.ones(scores.shape, bool)
        for number, box in enumerate((*picture.faces, *picture.doubtful)):
            x, y, reach = (value * scale / CELL for value in (*box.centre, box.width * 0.6))
            area = slice(max(0, int(y - reach)), int(y + reach) + 2), slice(max(0, int(x - reach)), int(x + reach) + 2)
            clear[area] = False
            if number == 0:
                close = max(1.0, reach / 2)
                rows = slice(max(0, round(y - close)), round(y + close) + 1)
                columns = slice(max(0, round(x - close)), round(x + close) + 1)
                hit += bool((scores[rows, columns] >= network.threshold).any())
                sought += 1
        hot += int((scores[clear] >= network.threshold).sum())
        cells += int(clear.sum())
    if not sought:
        return {}
    blank = np.full((236, 192), 127, np.uint8)
    network.scores(blank)
    start = time.thread_time()
    for _ in range(50):
        network.scores(blank)
    spent = (time.thread_time() - start) * 20
    figures = {"recall": hit / sought, "elsewhere": 1000 * hot / max(1, cells), "milliseconds": spent}
    return {name: round(value, 4) for name, value in figures.items()}
