"""What runs beside TensorRT: building a plan, running it, and serving it to another process.

JetPack 4 and 5 bind TensorRT to their own Python 3.6 and 3.8 alone. So this is one file in Python 3.6's words that
needs numpy and tensorrt and nothing else; where TensorRT can be imported by smiledet's own Python, it is imported there
too. CUDA's runtime is called through ctypes, which every Python has.

TensorRT 8.2 (JetPack 4.6) to 11 differ in names; what is there is asked of the module, never of its version.
As a program it writes a JSON object a line to standard output:

    board_python.py probe                          what there is
    board_python.py build ONNX PLAN PRECISION      build a plan, with progress
    board_python.py serve                          answer requests on standard input
"""

import ctypes
import fcntl
import hashlib
import json
import mmap
import os
import select
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

Facts = Dict[str, Any]

HOST_TO_DEVICE, DEVICE_TO_HOST = 1, 2  # cudaMemcpyKind
PROCESSORS, MAJOR, MINOR = 16, 75, 76  # cudaDeviceAttr
NON_BLOCKING = 1  # cudaStreamNonBlocking
PROPERTIES_SIZE = 16384
"""Bytes, several times `cudaDeviceProp` of any CUDA; it begins with the name in all of them."""

CUDART_NAMES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so.10.2")

PROFILES = ((1, 1, 1), (2, 4, 4), (5, 8, 16))
"""Batches of a network whose file leaves them free: the smallest, the one that kernels are timed on, the largest.

One face has kernels of its own: it is by far the commonest, and those of a batch of 16 leave it waiting. A few people
before a camera are the next, and a profile that ends at 4 is timed where it ends. More are a crowd, seldom a full one:
it is timed at half of the largest, which is `ROWS`.
"""

ROWS = PROFILES[-1][-1]
"""Chips that go to the GPU with one wait for it; more are split."""

LIFELINE = "SMILEDET_LIFELINE"
"""Environment variable: a file descriptor of a pipe whose other end is open as long as whoever started this."""

WORKSPACE = 256 << 20
"""Bytes that a layer may use while it runs; the default is all of the memory, which a Jetson shares with the CPU."""

HALF_IS_FAST = ((5, 3), (6, 0), (6, 2))
INT8_IS_FAST = ((6, 1),)
"""Compute capabilities below 7.0 (NVIDIA's support matrix, "Hardware and Precision"); from 7.0 on both are."""


class Refused(Exception):  # noqa: N818 - it is told to the user as it stands
    """What was asked for cannot be had; one line that says why."""


class Cuda:
    """The few calls of CUDA's runtime that inference needs, on the first GPU.

    Raises:
        Refused: There is no runtime, or no GPU.
    """

    def __init__(self) -> None:
        problems = []
        for name in cudart_files():
            try:
                self._library = ctypes.CDLL(name)
            except OSError:
                continue
            self._library.cudaGetErrorString.restype = ctypes.c_char_p
            try:
                if self._number("cudaGetDeviceCount") > 0:
                    return
                problems.append("it counts none")
            except Refused as refusal:
                problems.append(str(refusal))
        if problems:
            raise Refused(f"no CUDA GPU here: {problems[0]}")
        raise Refused("no libcudart.so in CUDA_HOME, nvidia's packages, the loader's path or /usr/local/cuda")

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that answers with an error code."""
        code = getattr(self._library, name)(*arguments)
        if code:
            raise Refused(f"{name}: {self._library.cudaGetErrorString(code).decode()}")

    def _number(self, name: str, *arguments: Any) -> int:
        number = ctypes.c_int()
        self.call(name, ctypes.byref(number), *arguments)
        return number.value

    def attribute(self, which: int) -> int:
        """A `cudaDeviceAttr` of the first GPU."""
        return self._number("cudaDeviceGetAttribute", ctypes.c_int(which), ctypes.c_int(0))

    def gpu_name(self) -> str:
        """The GPU's name, as NVIDIA has it."""
        properties = ctypes.create_string_buffer(PROPERTIES_SIZE)
        self.call("cudaGetDeviceProperties", properties, ctypes.c_int(0))
        return properties.value.decode(errors="replace")

    def pointer(self, name: str, *arguments: Any) -> int:
        """Call a function that makes something, and have its address."""
        made = ctypes.c_void_p()
        self.call(name, ctypes.byref(made), *arguments)
        return made.value or 0

    def copy(self, to: int, of: int, size: int, kind: int, stream: int) -> None:
        """Start copying; `wait` for its end."""
        pointers = ctypes.c_void_p(to), ctypes.c_void_p(of)
        self.call("cudaMemcpyAsync", *pointers, ctypes.c_size_t(size), ctypes.c_int(kind), ctypes.c_void_p(stream))

    def wait(self, stream: int) -> None:
        """Wait for all that was started on a stream."""
        self.call("cudaStreamSynchronize", ctypes.c_void_p(stream))


def cudart_files() -> Iterator[str]:
    """Where CUDA's runtime may be, the likeliest first."""
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(variable):
            yield from sorted(map(str, Path(os.environ[variable], "lib64").glob("libcudart.so*")))
    for folder in sys.path:
        yield from sorted(map(str, Path(folder, "nvidia").glob("*/lib/libcudart.so*")))
    yield from CUDART_NAMES
    yield from sorted(map(str, Path("/usr/local").glob("cuda*/lib64/libcudart.so*")))


_logs = []  # type: List[Any]
_first = threading.Lock()


def _log(trt: Any) -> Any:
    """The one logger of this process (TensorRT takes the first for all); it keeps the last error."""
    with _first:
        if not _logs:

            class Log(trt.ILogger):  # type: ignore[misc]
                def __init__(self) -> None:
                    trt.ILogger.__init__(self)
                    self.last = ""

                def log(self, severity: Any, msg: str) -> None:
                    if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                        self.last = " ".join(msg.split())

            _logs.append(Log())
    return _logs[0]


def identity() -> Facts:
    """TensorRT, the GPU and the batches: all that a plan depends on beside its network.

    Raises:
        ImportError: TensorRT, or a library of its, is not installed.
        Refused: There is no GPU.
    """
    import tensorrt as trt

    cuda = Cuda()
    return {
        "tensorrt": trt.__version__,
        "gpu": cuda.gpu_name(),
        "compute": [cuda.attribute(MAJOR), cuda.attribute(MINOR)],
        "processors": cuda.attribute(PROCESSORS),
        "strongly_typed": not hasattr(trt.BuilderFlag, "FP16"),
        "profiles": [list(batches) for batches in PROFILES],
    }


def build(onnx: str, plan: str, precision: str, tell: Callable[[Facts], None]) -> None:
    """Build a network for this very board and write its plan.

    A fixed batch stays as it is. TensorRT lets the application set the shape of an input (`ITensor.shape`), its first
    side to -1 too; but the shipped networks begin with a Reshape to (1, 1, height, width), which holds one chip.

    Args:
        onnx: Its file; one input and one output, a fixed batch or a free one, which gets `PROFILES`.
        plan: The file to write.
        precision: `float32`, `float16`, `int8`, or `auto` for what the file and the GPU are good for.
        tell: Told of progress: `progress` (a phase), `step` and `steps`; TensorRT below 10 tells nothing.

    Raises:
        Refused: TensorRT cannot build it, or not so.
    """
    import tensorrt as trt

    facts = identity()
    log = _log(trt)
    builder = trt.Builder(log)
    data = Path(onnx).read_bytes()
    explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)  # always so from 10 on
    network = builder.create_network(0 if explicit is None else 1 << int(explicit))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(data):
        why = parser.get_error(0).desc() if parser.num_errors else log.last
        raise Refused("no ONNX model that TensorRT {} reads: {}".format(facts["tensorrt"], " ".join(why.split())))
    if (network.num_inputs, network.num_outputs) != (1, 1):
        raise Refused(f"a network of {network.num_inputs} inputs and {network.num_outputs} outputs")
    config = builder.create_builder_config()
    if hasattr(trt, "MemoryPoolType"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    else:  # before 8.4
        config.max_workspace_size = WORKSPACE
    numbers = _set_numbers(trt, config, network, precision, tuple(facts["compute"]))
    _set_batches(builder, config, network.get_input(0))
    if hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _monitor(trt, tell)
    built = builder.build_serialized_network(network, config)
    if built is None:
        raise Refused("TensorRT {} cannot build it: {}".format(facts["tensorrt"], log.last or "it does not say why"))
    facts.update(onnx=hashlib.sha256(data).hexdigest(), precision=precision, numbers=numbers)
    write_plan(plan, facts, bytes(built))


def _set_batches(builder: Any, config: Any, given: Any) -> None:
    """Add the profiles, if the batch is free."""
    batch, *chip = given.shape
    for batches in PROFILES if batch < 0 else ():
        profile = builder.create_optimization_profile()
        profile.set_shape(given.name, *((each, *chip) for each in batches))
        if config.add_optimization_profile(profile) < 0:
            raise Refused(f"TensorRT takes no batch of {batches[0]} to {batches[-1]} of it")


def _set_numbers(trt: Any, config: Any, network: Any, wanted: str, compute: Tuple[int, ...]) -> str:
    """Choose the numbers to compute in.

    Below TensorRT 11 flags allow the smaller ones; from then on every tensor has the type that the file gives it
    (`strongly_typed`).
    """
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    quantised = any(layer.type == trt.LayerType.QUANTIZE for layer in layers)
    outputs = (layer.get_output(index) for layer in layers for index in range(layer.num_outputs))
    halved = any(tensor.dtype == trt.float16 for tensor in outputs)
    of_file = "int8" if quantised else "float16" if halved else "float32"
    if wanted == "int8" and not quantised:
        raise Refused("int8 needs a file with Q/DQ nodes: smiledet export --to onnx --precision int8")
    if quantised and compute < (7, 0) and compute not in INT8_IS_FAST:
        raise Refused("a GPU of compute capability {}.{} has no int8; take float16".format(*compute))
    if not hasattr(trt.BuilderFlag, "FP16"):
        if wanted not in ("auto", of_file):
            message = "TensorRT {} computes in the numbers of the file, here {}; to make another: smiledet export {}"
            raise Refused(message.format(trt.__version__, of_file, f"--to onnx --precision {wanted}"))
        return of_file
    numbers = of_file if quantised or halved else wanted
    if numbers == "auto":
        numbers = "float16" if compute >= (7, 0) or compute in HALF_IS_FAST else "float32"
    if numbers != "float32":
        config.set_flag(trt.BuilderFlag.FP16)  # beside int8 for the layers that are not quantised
    if quantised:
        config.set_flag(trt.BuilderFlag.INT8)
    return numbers


def _monitor(trt: Any, tell: Callable[[Facts], None]) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps = {}  # type: Dict[str, int]

        def phase_start(self, phase_name: str, parent_phase: Optional[str], num_steps: int) -> None:  # noqa: ARG002
            self.steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            tell({"progress": phase_name, "step": step + 1, "steps": self.steps.get(phase_name, 0)})
            return True  # go on

        def phase_finish(self, phase_name: str) -> None:
            self.steps.pop(phase_name, None)

    return Monitor()


def write_plan(path: str, facts: Facts, plan: bytes) -> None:
    """Write a plan behind one line of JSON that says what it is for, and its sha256."""
    with Path(path).open("wb") as file:
        file.write(json.dumps(dict(facts, sha256=hashlib.sha256(plan).hexdigest())).encode() + b"\n" + plan)
        file.flush()
        os.fsync(file.fileno())


def read_plan(path: str) -> Tuple[Facts, bytes]:
    """What a plan is for, and the plan.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged.
    """
    with Path(path).open("rb") as file:
        facts, plan = json.loads(file.readline().decode()), file.read()
    if not isinstance(facts, dict) or facts.pop("sha256", None) != hashlib.sha256(plan).hexdigest():
        raise ValueError(f"{path} is damaged")
    return facts, plan


class Tensor(NamedTuple):
    name: str
    given: bool
    shape: Tuple[int, ...]
    type: Any


def _tensors(trt: Any, engine: Any) -> List[Tensor]:
    """Inputs and outputs in the order of their bindings, by the interface of 8.5 and later or the older one.

    The older one has all of them once a profile; the first are those of the first.
    """
    if hasattr(engine, "num_io_tensors"):
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        given = [engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT for name in names]
        shapes, types = map(engine.get_tensor_shape, names), map(engine.get_tensor_dtype, names)
    else:
        every = range(engine.num_bindings // engine.num_optimization_profiles)
        names, given = [engine.get_binding_name(at) for at in every], [engine.binding_is_input(at) for at in every]
        shapes, types = map(engine.get_binding_shape, every), map(engine.get_binding_dtype, every)
    numpy_types = {trt.float32: np.float32, trt.float16: np.float16}  # type: Dict[Any, Any]
    if hasattr(trt, "uint8"):
        numpy_types[trt.uint8] = np.uint8
    found = []
    for name, is_input, shape, kind in zip(names, given, shapes, types):
        if kind not in numpy_types:
            raise Refused(f"{name} is {kind}, expected float32, float16 or uint8")
        found.append(Tensor(name, is_input, tuple(shape), np.dtype(numpy_types[kind])))
    return found


class Network:
    """A plan on the GPU, with pinned memory on this side and memory on that side, both used again for every run.

    Each profile has a context of its own, since one that goes over to another profile has to copy and wait. That costs
    each memory of the GPU for what passes between layers, of the shipped networks a few megabytes. Every one runs once
    here: the first run loads kernels, and may take seconds.

    Args:
        plan: As `build_serialized_network` made it.

    Attributes:
        shape: (height, width, channels) of a chip.
        type: Numpy's name of the type that it takes.
        classes: Scores a chip.
        rows: Chips that `run` takes at most.

    Raises:
        Refused: TensorRT does not take or run the plan, or CUDA has no memory left.
    """

    def __init__(self, plan: bytes) -> None:
        import tensorrt as trt

        self._cuda, self._log = Cuda(), _log(trt)
        self._runtime = trt.Runtime(self._log)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise Refused(f"TensorRT {trt.__version__} does not take the plan: {self._log.last}")
        self._contexts = []  # type: List[Any]
        self._tensors = _tensors(trt, self._engine)
        ((self._at, given),) = [each for each in enumerate(self._tensors) if each[1].given]
        (result,) = [each for each in self._tensors if not each.given]
        self._name, self.shape, self.type = given.name, given.shape[1:], given.type.name
        self.classes = int(result.shape[-1])
        self._free = given.shape[0] < 0
        self._batch = ROWS if self._free else given.shape[0]
        self.rows = self._batch * max(1, ROWS // self._batch)
        self._freeing = []  # type: List[Tuple[str, int]]
        try:
            self._allocate(given, result)
            self._make_contexts()
            for _, _, batch in PROFILES if self._free else ((0, 0, self._batch),):
                self.run(self._chips[:batch], self._scores[:batch])
        except Refused:
            self.close()
            raise

    def _allocate(self, given: Tensor, result: Tensor) -> None:
        self._stream = self._make("cudaStreamDestroy", "cudaStreamCreateWithFlags", ctypes.c_uint(NON_BLOCKING))
        self._chips, self._scores = self._pinned(given, self.shape), self._pinned(result, (self.classes,))
        self._addresses = [self._on_device(self._chips if each.given else self._scores) for each in self._tensors]

    def _make_contexts(self) -> None:
        """One for each profile; a fixed batch has one."""
        for profile in range(self._engine.num_optimization_profiles):
            context = self._engine.create_execution_context()
            # The first has its profile already.
            if context is None or (profile and not context.set_optimization_profile_async(profile, self._stream)):
                raise Refused(f"TensorRT cannot get ready for the plan: {self._log.last or 'it does not say why'}")
            self._contexts.append(context)
            if hasattr(context, "execute_async_v3"):
                for tensor, address in zip(self._tensors, self._addresses):
                    context.set_tensor_address(tensor.name, address)
        self._cuda.wait(self._stream)  # for what the profiles have to copy

    def _make(self, freed_by: str, name: str, *arguments: Any) -> int:
        made = self._cuda.pointer(name, *arguments)
        self._freeing.append((freed_by, made))
        return made

    def _pinned(self, tensor: Tensor, shape: Tuple[int, ...]) -> Any:
        size = self.rows * int(np.prod(shape)) * tensor.type.itemsize
        address = self._make("cudaFreeHost", "cudaHostAlloc", ctypes.c_size_t(size), ctypes.c_uint(0))
        memory = np.frombuffer((ctypes.c_char * size).from_address(address), tensor.type).reshape((self.rows, *shape))
        memory[:] = 0
        return memory

    def _on_device(self, pinned: Any) -> int:
        return self._make("cudaFree", "cudaMalloc", ctypes.c_size_t(pinned[: self._batch].nbytes))

    def run(self, chips: Any, scores: Any) -> None:
        """Classify chips.

        Args:
            chips: (n, height, width, channels), n at most `rows`.
            scores: float32 (n, classes), written.

        Raises:
            Refused: The GPU or TensorRT failed.
        """
        count, copy = len(chips), self._cuda.copy
        self._chips[:count] = chips
        there, back = self._addresses[self._at], self._addresses[1 - self._at]
        for start in range(0, count, self._batch):
            size = min(self._batch, count - start) if self._free else self._batch
            given, found = self._chips[start : start + size], self._scores[start : start + size]
            copy(there, given.ctypes.data, given.nbytes, HOST_TO_DEVICE, self._stream)
            if not self._execute(size):
                raise Refused("TensorRT failed to run: {}".format(self._log.last or "it does not say why"))
            copy(found.ctypes.data, back, found.nbytes, DEVICE_TO_HOST, self._stream)
        self._cuda.wait(self._stream)
        scores[:] = self._scores[:count]

    def _execute(self, batch: int) -> bool:
        """Run a batch in the context of the first profile that it fits."""
        profile = next(at for at, (_, _, most) in enumerate(PROFILES) if batch <= most) if self._free else 0
        context, shape = self._contexts[profile], (batch, *self.shape)
        if hasattr(context, "execute_async_v3"):
            if self._free:
                context.set_input_shape(self._name, shape)
            return bool(context.execute_async_v3(self._stream))
        if self._free:  # each profile has bindings of its own, behind those of the profiles before it
            context.set_binding_shape(profile * len(self._tensors) + self._at, shape)
        return bool(context.execute_async_v2(self._addresses * len(self._contexts), self._stream))

    def close(self) -> None:
        """Free everything; closing twice does no harm."""
        self._contexts = []
        self._engine = self._runtime = None
        self._chips = self._scores = None
        while self._freeing:
            name, made = self._freeing.pop()
            self._cuda.call(name, ctypes.c_void_p(made))


class Shared:
    """Memory that two processes map: chips (rows, height, width, channels), behind them scores (rows, classes).

    Args:
        path: The file; written to the length that is needed if it is empty.
        facts: `rows`, `shape`, `type` and `classes` of a `Network`.
    """

    def __init__(self, path: str, facts: Facts) -> None:
        rows, kind = facts["rows"], np.dtype(facts["type"])
        chips = rows * int(np.prod(facts["shape"])) * kind.itemsize
        self.offset = -(-chips // 64) * 64
        size = self.offset + 4 * rows * facts["classes"]
        with Path(path).open("r+b") as file:
            if os.fstat(file.fileno()).st_size == 0:
                os.posix_fallocate(file.fileno(), 0, size)  # a full disk is found out now, not when it is written to
            memory = mmap.mmap(file.fileno(), size)
        self.chips = np.frombuffer(memory, kind, chips // kind.itemsize).reshape([rows, *facts["shape"]])
        scores = np.frombuffer(memory, np.float32, rows * facts["classes"], self.offset)
        self.scores = scores.reshape(rows, facts["classes"])


def serve(requests: Iterator[str], tell: Callable[[Facts], None]) -> None:
    """Answer requests, a JSON object a line, each with one object, until there are no more.

    `load` (id, plan, shared) tells a network's shape, type, classes and rows; `run` (id, count) classifies the first
    chips that are shared; `unload` (id) frees a network.
    """
    networks = {}  # type: Dict[int, Tuple[Network, Shared]]
    for line in requests:
        request = json.loads(line)
        number = request["id"]
        try:
            if request["do"] == "load":
                network = Network(read_plan(request["plan"])[1])
                facts = {name: getattr(network, name) for name in ("shape", "type", "classes", "rows")}
                shared = Shared(request["shared"], facts)
                networks[number] = network, shared
                tell(facts)
            elif request["do"] == "run":
                network, shared = networks[number]
                network.run(shared.chips[: request["count"]], shared.scores[: request["count"]])
                tell({"done": number})
            else:
                networks.pop(number)[0].close()
                tell({"done": number})
        except Refused as refusal:
            tell({"refused": str(refusal)})


def _die_with_parent() -> None:
    """End when whoever started this does, however it ends.

    The kernel sends SIGIO when the other end of the pipe is closed, and that ends a process in whatever it hangs, even
    in native code that keeps Python's lock, where no thread of ours could run. Not PR_SET_PDEATHSIG: it is sent when
    the *thread* ends that started this.
    """
    if LIFELINE not in os.environ:  # started by hand
        return
    lifeline = int(os.environ[LIFELINE])
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it was closed before the kernel was asked to tell
        os._exit(1)


def main(arguments: List[str]) -> int:
    """Do what the command line says; see the top of the file."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # native libraries print there as well
    writing = threading.Lock()

    def tell(message: Facts) -> None:
        with writing:
            channel.write(json.dumps(message) + "\n")
            channel.flush()

    _die_with_parent()
    try:
        if arguments[0] == "probe":
            tell(identity())
        elif arguments[0] == "build":
            build(arguments[1], arguments[2], arguments[3], tell)
            tell({"done": arguments[2]})
        else:
            tell(identity())
            serve(iter(sys.stdin.readline, ""), tell)
    except Refused as refusal:
        tell({"refused": str(refusal)})
        return 1
    except Exception as problem:
        tell({"error": " ".join(f"{type(problem).__name__}: {problem}".split())})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
