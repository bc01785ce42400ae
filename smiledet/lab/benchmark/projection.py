"""What a frame would take on a board that is not at hand: a roofline for its GPU, a ratio for its processor.

A projection is no measurement. The roofline (Williams, Waterman and Patterson, "Roofline", 2009) is a lower bound of
the time: no step takes less than its arithmetic at the peak rate, nor less than its bytes at the peak bandwidth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smiledet.errors import SmiledetError


@dataclass(frozen=True, slots=True)
class Board:
    """What a board's maker publishes.

    Attributes:
        name: Its name.
        cores: Multiprocessors' cores of the GPU, each with one multiply-add a tick in single precision.
        clock_ghz: The GPU's highest clock.
        half_rate: Half-precision operations for one in single.
        bus_bits: Width of the memory's bus.
        memory_ghz: The memory's clock; data go twice a tick.
    """

    name: str
    cores: int
    clock_ghz: float
    half_rate: float
    bus_bits: int
    memory_ghz: float

    @property
    def flops(self) -> float:
        """Peak floating-point operations a second in half precision; a multiply-add is two."""
        return self.cores * self.clock_ghz * 1e9 * 2 * self.half_rate

    @property
    def bandwidth(self) -> float:
        """Peak bytes a second of the memory, which the GPU shares with the processor."""
        return self.bus_bits / 8 * self.memory_ghz * 1e9 * 2


TX2 = Board("Jetson TX2 (MAXN)", cores=256, clock_ghz=1.30, half_rate=2, bus_bits=128, memory_ghz=1.866)
"""256 Pascal cores at 1.30 GHz, 128 bits of LPDDR4 at 1866 MHz: 1.33 TFLOPS and 59.7 GB/s, as NVIDIA prints them."""

THESIS_FPS = 27.3
"""The thesis' mean on a TX2 with MobileNet 0.25 and Viola-Jones on every frame; seed `000_*`, conclusion."""


@dataclass(frozen=True, slots=True)
class Network:
    """One network's work for one face.

    Attributes:
        name: TASK/NAME.
        flops: Floating-point operations.
        bytes: Weights and maps, in half precision.
        steps: Layers that are run one after the other.
        milliseconds: Measured here, on the processor.
    """

    name: str
    flops: int
    bytes: int
    steps: int
    milliseconds: float


def roofline_ms(network: Network, board: Board, launch_us: float = 0.0, share: float = 1.0) -> float:
    """The least time for one face on the board's GPU.

    Args:
        network: The work.
        board: Where.
        launch_us: What starting a step is taken to cost; 0 leaves it out.
        share: The share of both peaks that is taken to be reached.
    """
    work = max(network.flops / board.flops, network.bytes / board.bandwidth) / share
    return 1000 * work + launch_us * network.steps / 1000


def bound_by(network: Network, board: Board) -> str:
    """What the roofline is, `arithmetic` or `memory`."""
    return "arithmetic" if network.flops / board.flops > network.bytes / board.bandwidth else "memory"


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame takes.

    Attributes:
        processor_ms: Processor time measured here for all but the networks.
        gpu_ms: The networks' projected time.
    """

    processor_ms: float
    gpu_ms: float

    def in_turn(self, ratio: float) -> float:
        """Frames a second with everything one after the other, on one core that takes `ratio` times as long."""
        return 1000 / (self.processor_ms * ratio + self.gpu_ms)

    def side_by_side(self, ratio: float, cores: int) -> float:
        """Frames a second with the processor's work spread evenly over cores, and the GPU's beside it."""
        return 1000 / max(self.processor_ms * ratio / cores, self.gpu_ms)

    def break_even(self, fps: float) -> float:
        """The ratio at which everything in turn still makes so many frames a second; 0 where none would."""
        return max(0.0, (1000 / fps - self.gpu_ms) / self.processor_ms)


def without_networks(total_ms: float, networks: Sequence[Network], faces: float) -> float:
    """A frame's processor time without the networks, which the board's GPU runs.

    Args:
        total_ms: Measured, networks on the processor.
        networks: Those that were run.
        faces: Faces a frame.

    Raises:
        SmiledetError: The networks alone take longer, so that one of the figures is wrong.
    """
    rest = total_ms - faces * sum(network.milliseconds for network in networks)
    if rest <= 0:
        raise SmiledetError(
            f"{total_ms:.1f} ms a frame are less than its {faces:.1f} faces' networks take alone: "
            "measure on a machine that does nothing else"
        )
    return rest


def marginal_ms(short: tuple[int, float], long: tuple[int, float]) -> float:
    """Milliseconds of one more frame, from two runs (frames, mean milliseconds a frame): what starting took drops out.

    Raises:
        ValueError: The second is not longer.
    """
    (few, mean_few), (many, mean_many) = short, long
    if many <= few:
        raise ValueError(f"{many} frames are no longer run than {few}")
    return (many * mean_many - few * mean_few) / (many - few)
