"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "opencv-python",
    "dlib-bin",
    "ai-edge-litert",
    "onnxruntime",
    "onnxruntime-gpu",
    "tensorflow",
    "tensorrt",
    "openvino",
)
"""What figures depend on, by the names of their packages; those that are not installed go without saying."""


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe_machine() -> str:
    """Processor, cores, Python and the versions that matter, in one line."""
    versions = [f"{name} {found}" for name in PACKAGES if (found := installed(name))]
    return f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {', '.join(versions)}"


def installed(package: str) -> str | None:
    """The version of a package, if it is there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
