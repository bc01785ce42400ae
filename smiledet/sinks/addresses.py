"""Sinks by the scheme of an address: `--events mqtt://…`, `osc://…`, and those of other packages.

A package brings one as an entry point of the group `smiledet.sinks`: its name is the scheme, its value a callable that
is given the address, what is watched, the tasks and the source's name, and makes a `Sink`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from smiledet.errors import OutputError, SmiledetError
from smiledet.sinks.base import Sink
from smiledet.system.redaction import shown_source
from smiledet.tasks.base import Task

OWN = {"mqtt": "mqtt:MqttSink", "mqtts": "mqtt:MqttSink", "osc": "osc:OscSink"}
"""Module and class of this package's."""

ENTRY_POINTS = "smiledet.sinks"


def is_address(output: str) -> bool:
    """Whether an output is an address instead of a file.

    >>> is_address("mqtt://host/faces"), is_address("mqtt.csv"), is_address("-")
    (True, False, False)
    """
    return "://" in output


def address_sink(address: str, source: str, tasks: Sequence[Task], name: str = "") -> Sink:
    """The sink of an address.

    Args:
        address: `SCHEME://…`.
        source: What is watched.
        tasks: What is read.
        name: The name of the source whose frames it takes, in a run of several; empty in a run of one.

    Raises:
        OutputError: No sink has that scheme, or the address is wrong.
    """
    make = _maker(address)
    made = make(address, source, tasks, name)
    if not isinstance(made, Sink):
        raise OutputError(f"what the package behind {shown_source(address)} made is no smiledet.Sink")
    return made


def _maker(address: str) -> Callable[..., Any]:
    scheme = address.partition("://")[0].lower()
    if scheme in OWN:
        module, _, kind = OWN[scheme].partition(":")
        own: Callable[..., Any] = getattr(import_module(f"smiledet.sinks.{module}"), kind)
        return own
    found = _entry_points().get(scheme)
    if found is None:
        known = ", ".join(f"{each}://" for each in sorted({*OWN, *_entry_points()}))
        raise OutputError(f"--events {shown_source(address)}: nothing takes events there; known are files and {known}")
    try:
        brought: Callable[..., Any] = found.load()
    except SmiledetError:
        raise
    except Exception as problem:  # whatever somebody else's module raises
        raise OutputError(f"{scheme}:// of the package {found.value}: {problem!r}") from problem
    return brought


@cache
def _entry_points() -> Mapping[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=ENTRY_POINTS)}
