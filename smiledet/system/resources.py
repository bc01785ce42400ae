"""Where the models and configurations that ship with smiledet lie.

In the repository they stand at its top; the wheel carries them inside the package.
"""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def resource_root() -> Path:
    """The folder that holds `models/` and `configs/`."""
    installed = _PACKAGE / "_resources"
    return installed if installed.is_dir() else _PACKAGE.parent


def models_folder() -> Path:
    """The shipped models, with `index.json`."""
    return resource_root() / "models"


def configs_folder() -> Path:
    """The shipped configurations, one TOML a platform; training recipes under `train/`."""
    return resource_root() / "configs"


def cache_folder() -> Path:
    """Where this user's own derived files go: exported models, say. It may not be there yet."""
    return _own_folder("XDG_CACHE_HOME", ".cache")


def data_folder() -> Path:
    """Where what this user has made is kept: the store of photographs. It may not be there yet."""
    return _own_folder("XDG_DATA_HOME", ".local/share")


def _own_folder(variable: str, usual: str) -> Path:
    given = os.environ.get(variable, "")
    # Relative ones are to be ignored (XDG Base Directory Specification, "Basics").
    return (Path(given) if Path(given).is_absolute() else Path.home() / usual) / "smiledet"
