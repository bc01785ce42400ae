"""Project a frame's time on a Jetson TX2, which is not at hand: a lower bound and assumptions, never a measurement.

Counted: the networks' operations and bytes, from the Keras files that ship. Measured here: the processor's time for a
frame without the networks, and for a Viola-Jones scan of a whole picture. Assumed: the board's published peaks, and how
many times as long one of its cores takes as one of these. No published benchmark with both processors was found, so
several ratios are shown.

Example:
  python scripts/tx2_projection.py
  python scripts/tx2_projection.py --cpu-ratio 5 --share 0.2 --launch-us 10
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from smiledet.config import Config
from smiledet.engines.base import load_engine
from smiledet.engines.files import model_file
from smiledet.errors import SmiledetError, UsageError
from smiledet.lab.backend import prepare
from smiledet.lab.benchmark.pipeline.measure import measure_run
from smiledet.lab.benchmark.projection import (
    THESIS_FPS,
    TX2,
    Frame,
    Network,
    bound_by,
    marginal_ms,
    roofline_ms,
    without_networks,
)
from smiledet.model_index import Model, find_model, read_index
from smiledet.report import table

HALF = 2
"""Bytes of a number in half precision, which TensorRT runs on a TX2."""

RATIOS = (3.0, 5.0, 8.0)
"""What a core is taken to be slower by where --cpu-ratio says nothing else."""

CORES = 4
"""Cortex-A57 cores; the two Denver cores are left out."""

SHORT, LONG = 60, 300
"""Frames of the two runs whose difference is a frame's processor time."""

SCANS = 15

ROUNDS, INFERENCES = 7, 50

SMALLEST = ("smile", "mobilenet-025")
"""The network of the frame that is laid out as the thesis' is: its text names none for its 27.3 FPS."""


def counted(models: Sequence[Model]) -> list[Network]:
    """The networks' work and their time here."""
    prepare()
    from smiledet.lab.networks.flops import count_flops
    from smiledet.lab.networks.traffic import count_traffic
    from smiledet.lab.training.export.export import load_network

    found = []
    for model in models:
        network = load_network(model)
        traffic = count_traffic(network)
        work = count_flops(network)
        here = inference_ms(model)
        found.append(Network(f"{model.task}/{model.name}", work.flops, traffic.bytes(HALF), traffic.steps, here))
    return found


def inference_ms(model: Model) -> float:
    """Processor time of one inference here, by LiteRT on one thread."""
    engine = load_engine("litert", model_file(model, "litert"), 1)
    side, channels = model.input.size, model.input.channels
    chip = np.random.default_rng(1).integers(0, 256, (1, side, side, channels), dtype=np.uint8)

    def infer() -> None:
        for _ in range(INFERENCES):
            engine.predict(chip)

    return processor_ms([infer] * ROUNDS) / INFERENCES


def processor_ms(steps: Sequence[Callable[[], object]]) -> float:
    """Median processor time of some steps, the first of them run once before: other programs do not count."""
    steps[0]()
    taken = []
    for step in steps:
        start = time.process_time()
        step()
        taken.append(time.process_time() - start)
    return 1000 * statistics.median(taken)


def scan_ms() -> float:
    """Processor time of a Viola-Jones scan of the demo's whole picture, 640x480, as `smiledet run` would have it."""
    import cv2

    from smiledet.detection.detectors.haar import HaarDetector
    from smiledet.sources.demo import scene
    from smiledet.system.opencv import import_opencv

    import_opencv()
    detector = HaarDetector()
    grey = [cv2.cvtColor(scene(index), cv2.COLOR_BGR2GRAY) for index in range(SCANS)]
    smallest = round(Config().locator.min_face * min(grey[0].shape))
    return processor_ms([partial(detector.detect, picture, smallest) for picture in grey])


def frames(networks: dict[tuple[str, str], Network], launch_us: float, share: float) -> dict[str, Frame]:
    """What is projected: the thesis' way and smiledet's."""
    own = [networks[task, find_model(task).name] for task in Config().tasks]
    short, long = (measure_run("demo", max_frames=count) for count in (SHORT, LONG))
    total = marginal_ms((short.frames, short.cpu_ms), (long.frames, long.cpu_ms))
    faces = (long.faces - short.faces) / (long.frames - short.frames)
    gpu = faces * sum(roofline_ms(network, TX2, launch_us, share) for network in own)
    smallest = networks[SMALLEST]
    names = " and ".join(network.name for network in own)
    return {
        f"the thesis' way: a scan of each picture, one face, {smallest.name}": Frame(
            scan_ms(), roofline_ms(smallest, TX2, launch_us, share)
        ),
        f"smiledet: the demo, {faces:.1f} faces a frame, {names}, drawn": Frame(
            without_networks(total, own, faces), gpu
        ),
    }


def network_table(networks: Sequence[Network], launch_us: float, share: float) -> str:
    """A row a network."""
    rows = [
        (
            network.name,
            f"{network.flops / 1e6:.1f}",
            f"{network.bytes / 1e6:.2f}",
            str(network.steps),
            f"{network.milliseconds:.2f}",
            f"{roofline_ms(network, TX2):.4f}",
            bound_by(network, TX2),
            f"{roofline_ms(network, TX2, launch_us, share):.3f}",
        )
        for network in networks
    ]
    header = ("network", "MFLOP", "MB in fp16", "steps", "ms here, CPU", "ms bound", "bound by", "ms as assumed")
    return table(header, rows)


def frame_table(projected: dict[str, Frame], ratios: Sequence[float]) -> str:
    """A row a way and a ratio."""
    rows = [
        (
            what if ratio == ratios[0] else "",
            f"{ratio:g}",
            f"{frame.processor_ms * ratio:.1f}",
            f"{frame.gpu_ms:.2f}",
            f"{frame.in_turn(ratio):.1f}",
            f"{frame.side_by_side(ratio, CORES):.1f}",
        )
        for what, frame in projected.items()
        for ratio in ratios
    ]
    header = (
        "projected frame",
        "CPU ratio",
        "ms on CPU",
        "ms on GPU",
        "FPS in turn",
        f"FPS, {CORES} cores abreast",
    )
    return table(header, rows)


def assumptions(launch_us: float, share: float) -> str:
    """Everything that is not counted or measured."""
    return "\n".join(
        f"- {line}"
        for line in (
            f"{TX2.name}: {TX2.flops / 1e12:.2f} TFLOPS in half precision ({TX2.cores} cores x {TX2.clock_ghz} GHz x 2 "
            f"x {TX2.half_rate:g}), {TX2.bandwidth / 1e9:.1f} GB/s ({TX2.bus_bits} bits x {TX2.memory_ghz} GHz x 2): "
            "published peaks, which no program reaches",
            f"'ms bound' is at those peaks; 'ms as assumed' takes {share:g} of them and {launch_us:g} us to start each "
            "step, figures that nobody has measured here",
            "the GPU has the memory to itself, a weight is read once a face, maps go to memory and back at each step",
            "processor times scale by the ratio alone, whatever the cache and the vector width; ratios are assumed",
            f"'abreast' spreads the processor's work evenly over {CORES} Cortex-A57 cores, as threads never quite do",
            "left out: reading a camera, copies to and from the GPU, heat, the power mode; a 30 FPS camera ends at 30",
        )
    )


def main() -> int:
    """Count, measure, project and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cpu-ratio",
        type=float,
        action="append",
        metavar="R",
        help=f"how many times as long one of its cores takes (several times; default: {RATIOS})",
    )
    parser.add_argument(
        "--share", type=float, default=0.1, metavar="S", help="share of the peaks reached (default: 0.1)"
    )
    parser.add_argument(
        "--launch-us", type=float, default=10.0, metavar="T", help="microseconds to start a step (default: 10)"
    )
    arguments = parser.parse_args()
    ratios: list[float] = arguments.cpu_ratio or list(RATIOS)
    if not all(0 < ratio < 1000 for ratio in ratios):
        raise UsageError(f"--cpu-ratio {ratios}: expected numbers above 0")
    if not 0 < arguments.share <= 1:
        raise UsageError(f"--share {arguments.share}: expected a number above 0, at most 1")
    if not 0 <= arguments.launch_us < 1e6:
        raise UsageError(f"--launch-us {arguments.launch_us}: expected a number of microseconds, 0 or more")
    models = [model for model in read_index() if "keras" in model.files and model.input is not None]
    networks = counted(models)
    by_name = {(model.task, model.name): network for model, network in zip(models, networks, strict=True)}
    projected = frames(by_name, arguments.launch_us, arguments.share)
    print("PROJECTION for a Jetson TX2. Nothing here was measured on one.\n")
    print(network_table(networks, arguments.launch_us, arguments.share), "\n")
    print(frame_table(projected, ratios), "\n")
    print(f"The thesis measured {THESIS_FPS} FPS on a TX2 (mean of its own pipeline; its text names no network).")
    for what, frame in projected.items():
        print(f"- as many, all in turn, up to a CPU ratio of {frame.break_even(THESIS_FPS):.1f}: {what}")
    print("\nassumptions\n" + assumptions(arguments.launch_us, arguments.share))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"tx2_projection: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
