"""Packages that only some commands need: asked for before anything is measured or trained."""

from __future__ import annotations

from importlib.util import find_spec

from smiledet.errors import UsageError

NAMES_ON_PYPI = {"sklearn": "scikit-learn"}


def require(what: str, package: str, extra: str) -> None:
    """See that a package is installed, without importing it.

    Args:
        what: What needs it, as the message begins.
        package: Its import name.
        extra: The extra of smiledet that installs it.

    Raises:
        UsageError: It is not installed.
    """
    if find_spec(package) is None:
        name = NAMES_ON_PYPI.get(package, package)
        raise UsageError(f"{what} needs {name}: pip install 'smiledet[{extra}]'")
