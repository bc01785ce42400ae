"""Rules on the command line: `--on`."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smiledet.errors import ConfigError, UsageError
from smiledet.system.redaction import host_of

if TYPE_CHECKING:
    from smiledet.config import Config
    from smiledet.sinks.base import Sink
    from smiledet.sources.base import Source

ACTIONS = ("save", "clip", "run", "post", "publish")


def add_rules(group: argparse._ActionsContainer) -> None:
    """Declare `--on`."""
    group.add_argument(
        "--on",
        action="append",
        default=[],
        metavar="CONDITION:ACTION",
        help="when something is seen, do something. Conditions: face, no-face, smile, everyone-smiles, TASK=LABEL; "
        "actions: save=FOLDER, clip=FOLDER, run=PROGRAM, post=ADDRESS, publish=mqtt://HOST/TOPIC. More in the "
        "configuration, [[rule]]",
    )


def rule_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """The rules by the name of the configuration.

    Raises:
        UsageError: One is not of its form.
    """
    rules = [_rule(given) for given in arguments.on]
    return {"rule": rules} if rules else {}


def check_rules(config: Config, sources: Mapping[str, Source]) -> None:
    """See before anything is opened that the conditions can be watched for.

    Raises:
        ConfigError: A rule names a source that is not in the run, or what nobody reads.
    """
    if not config.rule:
        return
    from smiledet.model_plan import configured_tasks
    from smiledet.rules.conditions import condition

    tasks = configured_tasks(config)
    for rule in config.rule:
        if rule.source and rule.source not in sources:
            raise ConfigError(f"rule {rule.when!r}: there is no source {rule.source!r} in this run")
        condition(rule.when, tasks)


def rule_sinks(config: Config, sources: Mapping[str, Source]) -> list[Sink]:
    """What watches each source for the rules; nothing where there are none.

    Raises:
        ConfigError: A rule cannot be followed.
    """
    if not config.rule:
        return []
    from smiledet.model_plan import configured_tasks
    from smiledet.rules.sink import RuleSink

    tasks = configured_tasks(config)
    sinks: list[Sink] = []
    for name, source in sources.items():
        rules = [rule for rule in config.rule if rule.source in ("", name)]
        if rules:
            sinks.append(RuleSink(rules, tasks, name or source.description, name=name))
    return sinks


def _rule(given: str) -> dict[str, Any]:
    when, colon, action = given.partition(":")
    name, equals, value = action.partition("=")
    if not colon or not equals or not value or name not in ACTIONS:
        expected = "smile:save=FOLDER, emotion=happy:run=PROGRAM or face:post=ADDRESS say"
        raise UsageError(f"--on {_shown(given)!r}: expected CONDITION:ACTION, {expected}")
    try:
        return {"when": when, name: shlex.split(value) if name == "run" else value}
    except ValueError as problem:
        raise UsageError(f"--on {_shown(given)!r}: {problem}") from problem


def _shown(given: str) -> str:
    """A rule as it may be shown: what follows `=` and `://` may be secret, as the address of a webhook is."""
    address = re.search(r"\w+://", given)
    return given if address is None else given[: address.start()] + host_of(given[address.start() :]) + "/…"
