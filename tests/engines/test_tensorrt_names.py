"""The stand-in for TensorRT has NVIDIA's own names and signatures.

They are held against the bindings that NVIDIA publishes (`tensorrt-bindings` 8.6, `tensorrt-cu12-bindings` 10,
`tensorrt-cu13-bindings` 11), which import with stubs for the libraries. SMILEDET_TENSORRT_WHEELS names a folder of such
wheels for this Python; a package that is installed is taken as well.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.engines.conftest import FAKES

LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser", "nvparsers")
FUNCTIONS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
    "_ZN14nvcaffeparser117createCaffeParserEv",
    "_ZN14nvcaffeparser123shutdownProtobufLibraryEv",
    "_ZN11nvuffparser15createUffParserEv",
    "_ZN11nvuffparser8FieldMapC1EPKcPKvNS_9FieldTypeEi",
)
"""What the bindings of any version want of the libraries, as they are loaded."""

REAL = """
import json, sys, tensorrt_bindings as trt
found = {"__version__": trt.__version__}
for dotted in json.loads(sys.argv[1]):
    place = trt
    for name in dotted.split("."):
        place = getattr(place, name, None)
    if place is not None:
        found[dotted] = (getattr(place, "__doc__", "") or "") if callable(place) else ""
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with libraries of TensorRT's names that hold nothing."""
    if not shutil.which("gcc"):
        pytest.skip("gcc, which makes stubs for TensorRT's libraries, is not installed")
    folder = tmp_path_factory.mktemp("stubs")
    source = "".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", folder / "stub.so"], input=source, text=True, check=True
    )
    for library in LIBRARIES:
        for major in (8, 10, 11):
            (folder / f"lib{library}.so.{major}").symlink_to("stub.so")
    return folder


def wheels() -> list[Path]:
    """Wheels of bindings for this Python."""
    folder = os.environ.get("SMILEDET_TENSORRT_WHEELS")
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-"
    return sorted(each for each in Path(folder).glob("tensorrt*bindings-*.whl") if tag in each.name) if folder else []


def installed() -> list[Path]:
    """The folder of bindings that are installed, if any."""
    spec = find_spec("tensorrt_bindings")
    return [Path(spec.origin).parents[1]] if spec is not None and spec.origin else []


PLACES = [*wheels(), *installed()]


@pytest.fixture(params=PLACES or [None], ids=lambda place: "none" if place is None else place.name.partition("-cp")[0])
def bindings(request: pytest.FixtureRequest, tmp_path: Path, stubs: Path) -> dict[str, str]:
    """NVIDIA's names, with the documentation of what is callable."""
    place = request.param
    if place is None:
        pytest.skip(
            "no tensorrt bindings: none is installed, and SMILEDET_TENSORRT_WHEELS names no folder with a wheel"
        )
    if place.is_file():
        with zipfile.ZipFile(place) as wheel:
            wheel.extractall(tmp_path)
        place = tmp_path
    names = json.dumps(
        sorted({name for version in ("8.2.1", "8.6.1", "10.3.0", "11.4.0") for name in listing(version)})
    )
    environment = {**os.environ, "PYTHONPATH": str(place), "LD_LIBRARY_PATH": str(stubs)}
    done = subprocess.run(
        [sys.executable, "-c", REAL, names], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def listing(version: str) -> dict[str, list[str] | None]:
    """Public names of the stand-in in a version, with the parameters of what is a method."""
    program = (
        "import enum, inspect, json, tensorrt\n"
        "found = {}\n"
        "for name, thing in vars(tensorrt).items():\n"
        "    if name[0] == '_' or inspect.ismodule(thing) or name in ('DEVICE', 'Path'): continue\n"
        "    found[name] = None\n"
        "    if not inspect.isclass(thing): continue\n"
        "    if issubclass(thing, enum.Enum):\n"
        "        found.update(('%s.%s' % (name, each.name), None) for each in thing)\n"
        "        continue\n"
        "    for inner, value in vars(thing).items():\n"
        "        if inspect.isfunction(value) and (inner[0] != '_' or inner == '__init__'):\n"
        "            found['%s.%s' % (name, inner)] = list(inspect.signature(value).parameters)\n"
        "        elif isinstance(value, property):\n"
        "            found['%s.%s' % (name, inner)] = None\n"
        "print(json.dumps(found))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(FAKES), "FAKE_TENSORRT": version}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str] | None] = json.loads(done.stdout)
    return found


OURS = {"INetworkDefinition.take", "INetworkDefinition.__init__", "IBuilderConfig.__init__", "ICudaEngine.__init__"}
OURS |= {"IExecutionContext.__init__", "ParserError.__init__"}
"""Of the stand-in's own making; board_python.py calls none of them."""


@pytest.mark.slow
def test_every_name_and_signature_is_nvidias(bindings: dict[str, str]) -> None:
    version = bindings["__version__"]
    checked = 0
    for name, parameters in listing(version).items():
        if name in OURS:
            continue
        assert name in bindings, f"TensorRT {version} has no {name}"
        if parameters is None:
            continue
        method = name.rpartition(".")[2]
        signatures = re.findall(rf"^(?:\d+\. )?{method}\((.*)\) ->", bindings[name], re.MULTILINE)
        assert any(takes(signature, parameters) for signature in signatures), (name, parameters, signatures)
        checked += 1
    assert checked > 20


@pytest.mark.slow
def test_what_a_version_lacks_is_lacking(bindings: dict[str, str]) -> None:
    """The interfaces that board_python.py asks for before it uses them."""
    ours = listing(bindings["__version__"])
    asked = ["MemoryPoolType", "IProgressMonitor", "uint8", "BuilderFlag.FP16", "ICudaEngine.num_io_tensors"]
    asked += ["NetworkDefinitionCreationFlag.EXPLICIT_BATCH", "IExecutionContext.execute_async_v3"]
    asked += ["ICudaEngine.num_optimization_profiles", "IExecutionContext.set_optimization_profile_async"]
    for name in [*asked, "ICudaEngine.num_bindings", "IExecutionContext.execute_async_v2"]:
        assert (name in ours) == (name in bindings), name


def takes(signature: str, parameters: list[str]) -> bool:
    """Whether a signature of pybind11's takes what board_python.py gives by position: the first are named alike.

    Those behind have defaults.
    """
    theirs = [part.partition(":")[0].strip() for part in re.split(r", (?=\w+: )", signature)]
    rest = re.split(r", (?=\w+: )", signature)[len(parameters) :]
    return theirs[: len(parameters)] == parameters and all("=" in part for part in rest)


def test_the_check_sees_differences() -> None:
    signature = "self: trt.OnnxParser, model: buffer, path: str = None"
    assert takes(signature, ["self", "model"])
    assert not takes(signature, ["self", "data"])
    assert not takes(signature, ["self"])
    assert not takes(signature, ["self", "model", "path", "more"])


def test_stand_ins_of_old_versions_have_old_names_alone() -> None:
    """As NVIDIA documents 8.2, whose bindings are not at hand."""
    old = set(listing("8.2.1.8"))
    assert {
        "ICudaEngine.num_bindings",
        "IExecutionContext.execute_async_v2",
        "IBuilderConfig.max_workspace_size",
    } <= old
    assert not {"MemoryPoolType", "TensorIOMode", "uint8", "IExecutionContext.execute_async_v3"} & old
