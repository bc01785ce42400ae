"""HOST:PORT, as the command line takes it."""

from __future__ import annotations

from smiledet.errors import UsageError

LOOPBACK = "127.0.0.1"


def split_address(given: str, port: int) -> tuple[str, int]:
    """Host and port.

    Args:
        given: `HOST:PORT`, `HOST`, `:PORT` or `PORT`; an IPv6 address with a port stands in brackets.
        port: Where none is given.

    Raises:
        UsageError: It is none of these.

    >>> split_address("0.0.0.0:80", 8600), split_address("9000", 8600), split_address("[::1]:90", 8600)
    (('0.0.0.0', 80), ('127.0.0.1', 9000), ('::1', 90))
    """
    host, colon, number = given.rpartition(":")
    if given.startswith("["):
        host, _, number = given[1:].partition("]")
        number = number.removeprefix(":")
    elif given.count(":") > 1 or (not colon and not given.isdecimal()):  # an IPv6 address without a port
        host, number = given, ""
    if number and not (number.isascii() and number.isdecimal() and int(number) <= 65535):
        raise UsageError(f"address {given!r}: expected HOST:PORT with a port from 0 to 65535")
    return host or LOOPBACK, int(number) if number else port
