"""A stand-in for NVIDIA's tensorrt: its names and signatures, without its skill.

Written for Python 3.6, as board_python.py is. FAKE_TENSORRT says which version's names there are;
`test_tensorrt_names.py` holds them against NVIDIA's own bindings. A network is a real ONNX file, run by ONNX Runtime,
or JSON, a linear map and a softmax: `{"input": [1, 8, 8, 1], "classes": 3}`, with `type`, `half`, `quantised` and
`inputs` if they are unusual. FAKE_TENSORRT_TROUBLE is a file with what goes wrong at the next run: `hang` (`hang
with the lock` of Python), `die` or `fail`, ` always` if ever after. FAKE_TENSORRT_RUNS is a file that gets a line for
each run, its profile and its batch.
"""

import base64
import ctypes
import enum
import json
import os
import signal
import weakref
from pathlib import Path

import numpy as np

__version__ = os.environ.get("FAKE_TENSORRT", "10.3.0")
_version = tuple(int(part) for part in __version__.split(".")[:2])
DEVICE = 1 << 62

if os.environ.get("FAKE_TENSORRT_TALK"):
    os.write(1, b"[TRT] native libraries talk on standard output\n")


def _enum(name, *members):
    return enum.IntEnum(name, list(members), start=0)


DataType = _enum("DataType", "FLOAT", "HALF", "INT8", "INT32", "BOOL", *(["UINT8"] if _version >= (8, 5) else []))
float32, float16 = DataType.FLOAT, DataType.HALF
if _version >= (8, 5):
    uint8 = DataType.UINT8
    TensorIOMode = _enum("TensorIOMode", "NONE", "INPUT", "OUTPUT")
if _version >= (8, 4):
    MemoryPoolType = _enum("MemoryPoolType", "WORKSPACE")
LayerType = _enum("LayerType", "CONVOLUTION", "CAST", "QUANTIZE", "DEQUANTIZE")
BuilderFlag = _enum("BuilderFlag", *(["FP16", "INT8"] if _version < (11, 0) else ["TF32"]))
NetworkDefinitionCreationFlag = _enum(
    "NetworkDefinitionCreationFlag", *(["EXPLICIT_BATCH"] if _version < (11, 0) else ["STRONGLY_TYPED"])
)


class ILogger:
    Severity = _enum("Severity", "INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")
    INTERNAL_ERROR, ERROR = Severity.INTERNAL_ERROR, Severity.ERROR

    def __init__(self):
        self._initialised = True

    def log(self, severity, msg):
        raise NotImplementedError


class _Tensor:
    def __init__(self, name, shape, dtype):
        self.name, self.shape, self.dtype = name, tuple(shape), dtype


class _Layer:
    def __init__(self, kind, dtype):
        self.type, self.num_outputs, self._dtype = kind, 1, dtype

    def get_output(self, index):
        return _Tensor("inner", (), self._dtype)


class INetworkDefinition:
    def __init__(self, flags):
        self.flags, self.model, self.num_inputs, self.num_outputs, self.num_layers = flags, None, 0, 0, 0

    def take(self, model):
        assert _version >= (10, 0) or self.flags == 1, "before TensorRT 10 ONNX needs EXPLICIT_BATCH"
        self.model, self.num_outputs, self.num_inputs = model, 1, model.inputs
        self.layers = [_Layer(LayerType.CONVOLUTION, float16 if model.half else float32)]
        self.layers += [_Layer(LayerType.QUANTIZE, DataType.INT8)] if model.quantised else []
        self.num_layers = len(self.layers)

    def get_layer(self, index):
        return self.layers[index]

    def get_input(self, index):
        return _Tensor("pixels", self.model.input, getattr(DataType, self.model.type))

    def get_output(self, index):
        return _Tensor("scores", (self.model.input[0], self.model.classes), float32)


class _Linear:
    """JSON's linear map."""

    def __init__(self, data):
        about = json.loads(data.decode())
        self.input, self.classes = about["input"], about["classes"]
        self.type, self.inputs = about.get("type", "FLOAT"), about.get("inputs", 1)
        self.half, self.quantised = about.get("half", False), about.get("quantised", False)
        self.weights = np.random.RandomState(5).normal(0, 0.003, (int(np.prod(self.input[1:])), self.classes))

    def run(self, chips):
        sums = np.exp(chips.reshape(len(chips), -1).astype(np.float64).dot(self.weights))
        return (sums / sums.sum(axis=1, keepdims=True)).astype(np.float32)


class _ONNX:
    """A real network."""

    def __init__(self, data):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self.session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        given = self.session.get_inputs()[0]
        self.input = [side if isinstance(side, int) else -1 for side in given.shape]
        self.type = {"tensor(float)": "FLOAT", "tensor(float16)": "HALF"}[given.type]
        self.inputs, self.classes = len(self.session.get_inputs()), self.session.get_outputs()[0].shape[-1]
        self.quantised, self.half = b"QuantizeLinear" in data, b"graph_input_cast" in data

    def run(self, chips):
        return self.session.run(None, {self.session.get_inputs()[0].name: chips})[0]


def _model(data):
    return _Linear(data) if data[:1] == b"{" else _ONNX(data)


class ParserError:
    def __init__(self, text):
        self.text = text

    def desc(self):
        return self.text


class OnnxParser:
    def __init__(self, network, logger):
        self.network, self.errors, self.num_errors = network, [], 0
        assert logger._initialised

    def parse(self, model):
        try:
            self.network.take(_model(model))
        except Exception as problem:
            self.errors, self.num_errors = [ParserError(f"ModelImporter:\n{problem}")], 1
            return False
        self.network.data = model
        return True

    def get_error(self, index):
        return self.errors[index]


class IOptimizationProfile:
    def set_shape(self, input, min, opt, max):  # noqa: A002
        self.limits = tuple(min), tuple(opt), tuple(max)


class IBuilderConfig:
    def __init__(self):
        self.flags, self.profiles, self.limit = [], [], None
        if _version >= (10, 0):
            self.progress_monitor = None

    def set_flag(self, flag):
        self.flags.append(flag.name)

    def add_optimization_profile(self, profile):
        smallest, best, largest = profile.limits
        if not all(0 <= low <= middle <= high for low, middle, high in zip(smallest, best, largest)):
            return -1
        self.profiles.append(profile)
        return len(self.profiles) - 1

    if _version >= (8, 4):

        def set_memory_pool_limit(self, pool, pool_size):
            self.limit = pool_size

    if _version < (10, 0):

        @property
        def max_workspace_size(self):
            return self.limit

        @max_workspace_size.setter
        def max_workspace_size(self, size):
            self.limit = size


class Builder:
    def __init__(self, logger):
        self.logger = logger

    def create_network(self, flags=0):
        return INetworkDefinition(flags)

    def create_builder_config(self):
        return IBuilderConfig()

    def create_optimization_profile(self):
        return IOptimizationProfile()

    def build_serialized_network(self, network, config):
        monitor = getattr(config, "progress_monitor", None)
        if monitor is not None:
            monitor.phase_start("Building", None, 2)
            assert monitor.step_complete("Building", 0) and monitor.step_complete("Building", 1)
            monitor.phase_finish("Building")
        problems = [
            (config.limit is None, "no limit of the workspace"),
            (network.model.input[0] < 0 and not config.profiles, "Network has dynamic inputs, but no profile"),
            (network.model.quantised and _version < (11, 0) and "INT8" not in config.flags, "Q/DQ without INT8"),
            (network.model.half and _version < (11, 0) and "FP16" not in config.flags, "half types without FP16"),
            (os.environ.get("FAKE_TENSORRT_NO_BUILD"), "Could not find\nany implementation for node conv"),
        ]
        for wrong, message in problems:
            if wrong:
                self.logger.log(ILogger.Severity.ERROR, message)
                return None
        if os.environ.get("FAKE_TENSORRT_BUILDS"):
            with Path(os.environ["FAKE_TENSORRT_BUILDS"]).open("a") as file:
                file.write(" ".join([__version__, *config.flags]) + "\n")
        limits = [profile.limits for profile in config.profiles]
        plan = {"version": __version__, "limits": limits, "data": base64.b64encode(network.data).decode()}
        return memoryview(json.dumps(plan).encode())


class Runtime:
    def __init__(self, logger):
        self.logger = logger

    def deserialize_cuda_engine(self, serialized_engine):
        plan = json.loads(bytes(serialized_engine).decode())
        if plan["version"] != __version__:
            self.logger.log(ILogger.Severity.ERROR, "engine plan file is of another version")
            return None
        return ICudaEngine(plan)


class ICudaEngine:
    def __init__(self, plan):
        self.model, self.limits = _model(base64.b64decode(plan["data"])), plan["limits"]
        pixels = _Tensor("pixels", self.model.input, getattr(DataType, self.model.type))
        scores = _Tensor("scores", (self.model.input[0], self.model.classes), float32)
        # Which comes first is TensorRT's affair.
        self.tensors = [scores, pixels] if os.environ.get("FAKE_TENSORRT_BACKWARDS") else [pixels, scores]
        self.contexts = weakref.WeakSet()

    def create_execution_context(self):
        if os.environ.get("FAKE_TENSORRT_NO_CONTEXT") == str(len(self.contexts)):
            return None
        return IExecutionContext(self)

    @property
    def num_optimization_profiles(self):
        return max(1, len(self.limits))

    if _version >= (8, 5):

        @property
        def num_io_tensors(self):
            return 2

        def get_tensor_name(self, index):
            return self.tensors[index].name

        def _named(self, name):
            return next(tensor for tensor in self.tensors if tensor.name == name)

        def get_tensor_shape(self, name):
            return self._named(name).shape

        def get_tensor_dtype(self, name):
            return self._named(name).dtype

        def get_tensor_mode(self, name):
            return TensorIOMode.INPUT if name == "pixels" else TensorIOMode.OUTPUT

    if _version < (10, 0):

        @property
        def num_bindings(self):
            return 2 * self.num_optimization_profiles

        def get_binding_name(self, index):
            return self._bound(index).name + (f" [profile {index // 2}]" if index > 1 else "")

        def get_binding_shape(self, index):
            return self._bound(index).shape

        def get_binding_dtype(self, index):
            return self._bound(index).dtype

        def binding_is_input(self, index):
            return self._bound(index).name == "pixels"

        def _bound(self, index):
            assert 0 <= index < self.num_bindings
            return self.tensors[index % 2]


class IExecutionContext:
    def __init__(self, engine):
        self._engine, self._addresses, self._shape = engine, {}, engine.model.input
        self._profile = -1 if engine.contexts else 0  # the first context has the first profile by itself
        engine.contexts.add(self)

    def set_optimization_profile_async(self, profile_index, stream_handle):
        assert type(profile_index) is int and type(stream_handle) is int and stream_handle
        taken = any(each._profile == profile_index for each in self._engine.contexts if each is not self)
        if taken or not 0 <= profile_index < self._engine.num_optimization_profiles:
            return False
        self._profile, self._shape = profile_index, self._engine.model.input
        return True

    def _execute(self, addresses, stream):
        _trouble()
        model, limits = self._engine.model, self._engine.limits
        if self._profile < 0 or -1 in self._shape:
            return False
        if limits and not limits[self._profile][0][0] <= self._shape[0] <= limits[self._profile][2][0]:
            return False
        if os.environ.get("FAKE_TENSORRT_RUNS"):
            with Path(os.environ["FAKE_TENSORRT_RUNS"]).open("a") as file:
                file.write(f"{self._profile} {self._shape[0]}\n")
        kind = {float32: np.float32, float16: np.float16}[getattr(DataType, model.type)]
        chips = _memory(addresses["pixels"], self._shape, kind)
        _memory(addresses["scores"], (self._shape[0], model.classes), np.float32)[:] = model.run(chips)
        return bool(stream) and not _failing

    if _version >= (8, 5):

        def set_input_shape(self, name, shape):
            assert name == "pixels" and type(shape) is tuple
            self._shape = shape
            return True

        def set_tensor_address(self, name, memory):
            assert type(memory) is int
            self._addresses[name] = memory
            return True

        def execute_async_v3(self, stream_handle):
            return self._execute(self._addresses, stream_handle)

    if _version < (10, 0):

        def set_binding_shape(self, binding, shape):
            assert self._engine.binding_is_input(binding)
            if binding // 2 != self._profile:
                return False
            self._shape = shape
            return True

        def execute_async_v2(self, bindings, stream_handle):
            assert type(bindings) is list and len(bindings) == self._engine.num_bindings
            names = [tensor.name for tensor in self._engine.tensors]
            return self._execute(dict(zip(names, bindings[2 * self._profile :])), stream_handle)


if _version >= (10, 0):

    class IProgressMonitor:
        def __init__(self):
            self._initialised = True

        def phase_start(self, phase_name, parent_phase, num_steps):
            raise NotImplementedError

        def step_complete(self, phase_name, step):
            raise NotImplementedError

        def phase_finish(self, phase_name):
            raise NotImplementedError


def _memory(address, shape, kind):
    """Device memory, seen from this side; other addresses are no use to a GPU."""
    assert address & DEVICE and not address & 7
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address & ~DEVICE), kind).reshape(shape)


_failing = []


def _trouble():
    path = Path(os.environ.get("FAKE_TENSORRT_TROUBLE", "nothing"))
    del _failing[:]
    if not path.exists():
        return
    what = path.read_text()
    if "always" not in what:
        path.unlink()
    if "hang" in what:
        (ctypes.PyDLL if "lock" in what else ctypes.CDLL)(None).pause()
    elif "die" in what:
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        _failing.append(what)
