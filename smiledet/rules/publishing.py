"""A rule's message to an MQTT broker: connected for one message, which the broker acknowledges."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from smiledet.errors import ConfigError, OutputError
from smiledet.sinks.mqtt import client_of, parse_broker
from smiledet.system.redaction import host_of

if TYPE_CHECKING:
    from smiledet.rules.actions import Action, Event

WITHIN = 10.0
"""Seconds for the connection, and again for the broker's acknowledgement."""


def publish_to(address: str) -> Action:
    """Publishes what was seen under a topic of a broker, as JSON (quality of service 1, not retained).

    Of the address no more than scheme and host are shown.

    Args:
        address: `mqtt[s]://[USER:PASSWORD@]HOST[:PORT]/TOPIC`.

    Raises:
        ConfigError: It is none, or paho-mqtt is not installed.
    """
    shown = host_of(address)
    try:
        broker = parse_broker(address)
    except OutputError as problem:
        raise ConfigError(f"a rule cannot publish: {problem}") from None
    if "?" in address:
        raise ConfigError(f"a rule cannot publish to {shown}: expected mqtt://HOST/TOPIC, without settings behind it")
    try:
        client_of(broker)
    except OutputError as problem:
        raise ConfigError(f"a rule cannot publish to {shown}: {problem}") from problem

    def publish(event: Event) -> None:
        answered = threading.Event()
        refused: list[Any] = []

        def answer(_client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
            if reason.is_failure:
                refused.append(reason)
            answered.set()

        client = client_of(broker)
        client.on_connect = answer
        client.connect_timeout = WITHIN
        try:
            client.connect(broker.host, broker.port)
            client.loop_start()
            if not answered.wait(WITHIN) or refused:
                raise OSError(str(refused[0]) if refused else f"no answer within {WITHIN:g} s")
            message = client.publish(broker.topic, event.body, qos=1)
            message.wait_for_publish(WITHIN)
            if not message.is_published():
                raise OSError(f"not acknowledged within {WITHIN:g} s")
        except (OSError, RuntimeError, ValueError) as problem:
            raise OSError(f"{shown}: {problem}") from None
        finally:
            client.disconnect()
            client.loop_stop()

    return publish
