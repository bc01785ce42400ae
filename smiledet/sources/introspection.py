"""GStreamer's own Python bindings: Debian's python3-gi, which belong to the system's Python."""

from __future__ import annotations

import sys
import sysconfig
from contextlib import suppress
from ctypes import CDLL, RTLD_GLOBAL
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from smiledet.errors import SourceError
from smiledet.system.text import unwrapped

DEBIAN = Path("/usr/lib/python3/dist-packages")
"""Where Debian, and with it JetPack, puts what belongs to its Python."""

PACKAGES = (
    "python3-gi gir1.2-gst-plugins-base-1.0 "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
)
"""What apt has to install; the last three hold videoconvert, v4l2src and h264parse."""


@dataclass(frozen=True, slots=True)
class GStreamer:
    """The bindings, initialised.

    Attributes:
        gst: The namespace `Gst`.
        app: The namespace `GstApp`; without it an appsink has no methods.
        error: `GLib.Error`, which a pipeline that cannot be parsed raises.
    """

    gst: Any
    app: Any
    error: type[Exception]


def load_gstreamer(folder: Path = DEBIAN) -> GStreamer:
    """Import the bindings.

    They are imported as any package is, which works under the system's Python and in an environment made with
    `--system-site-packages`. In another environment of the very same Python the one package is taken out of `folder`,
    and nothing else there.

    Args:
        folder: Debian's packages; tests bring their own.

    Raises:
        SourceError: They are not installed, or for another Python; the message says what to do.
    """
    _keep_the_unwinder()
    if find_spec("gi") is None:
        _take_from(folder)
    try:
        gi = import_module("gi")
        for namespace in ("Gst", "GstApp"):
            gi.require_version(namespace, "1.0")
        gst, app, glib = (import_module(f"gi.repository.{name}") for name in ("Gst", "GstApp", "GLib"))
    except (ImportError, ValueError) as problem:  # ValueError: the namespace is not installed
        raise SourceError(
            f"python3-gi does not work here ({unwrapped(problem)}): sudo apt install {PACKAGES}"
        ) from problem
    try:
        gst.init_check(None)
    except glib.Error as problem:
        raise SourceError(f"GStreamer does not start: {unwrapped(problem)}") from problem
    return GStreamer(gst, app, glib.Error)


def _keep_the_unwinder() -> None:
    """See that C++ libraries that are loaded later find GCC's unwinder first.

    Debian's GStreamer brings libunwind into the process for everybody, under the names of GCC's: without this the first
    exception inside dlib, or any other library loaded after it, ends the process.
    """
    with suppress(OSError):  # not on glibc: nothing to keep
        CDLL("libgcc_s.so.1", mode=RTLD_GLOBAL)


def _take_from(folder: Path) -> None:
    """Import the package `gi` from a folder that is not on the path, if it was made for this very Python.

    Raises:
        SourceError: It is not there, or for another one.
    """
    place = folder / "gi"
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not (place / "__init__.py").is_file():
        raise SourceError(f"python3-gi is not installed: sudo apt install {PACKAGES}")
    if not (place / f"_gi{sysconfig.get_config_var('EXT_SUFFIX')}").is_file():
        raise SourceError(
            f"python3-gi is for the system's Python, and this is another ({mine}): make the environment with "
            "/usr/bin/python3 -m venv --system-site-packages"
        )
    spec = spec_from_file_location("gi", place / "__init__.py", submodule_search_locations=[str(place)])
    assert spec is not None and spec.loader is not None  # the file is there
    sys.modules["gi"] = module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules["gi"])
    except Exception as problem:
        for name in [name for name in sys.modules if name == "gi" or name.startswith("gi.")]:
            del sys.modules[name]
        raise SourceError(f"python3-gi does not work here ({unwrapped(problem)})") from problem
