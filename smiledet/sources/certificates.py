"""Whether the other end of an encrypted address is who it says it is.

Python's ssl looks at the certificate before FFmpeg connects: it knows what is wrong with one, where FFmpeg says
"Input/output error", and FFmpeg's own check does not reach `rtsps://`. FFmpeg is told to check all the same, since it
connects once more.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from smiledet.errors import SourceError

PORTS = {"https": 443, "rtsps": 322, "rtmps": 443}
"""Encrypted protocols, and the ports that they use where an address names none."""

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the certificates of the authorities that they trust."""

OTHER_NAME = (62, 64)
"""OpenSSL's codes for a certificate of another host name, or of another IP address."""


def tls_options(address: str, ca_file: str, timeout: float) -> dict[str, str]:
    """Check the certificate of an encrypted address; nothing for others.

    Args:
        address: Where to connect to.
        ca_file: PEM file with the certificates to trust: of authorities, or the very one of a camera, which then need
            not bear the camera's name. Empty for the authorities that the system trusts.
        timeout: Seconds that a connection may take.

    Returns:
        FFmpeg's options that make it check in the same way.

    Raises:
        SourceError: The certificate is not to be trusted, or there is no such file; the message says why. Where nobody
            answers nothing is raised: whoever connects next will say so.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:  # no address at all; FFmpeg will say so
        return {}
    if parts.scheme.lower() not in PORTS or not host:
        return {}
    trusted = _trusted(ca_file)
    options = {"tls_verify": "1", "ca_file": str(trusted)}
    name = _check(host, port or PORTS[parts.scheme.lower()], trusted, bool(ca_file), timeout)
    return options | ({"verifyhost": name} if name else {})


def _trusted(ca_file: str) -> Path:
    import ssl

    if ca_file:
        given = Path(ca_file).expanduser()
        if not given.is_file():
            raise SourceError(f"source.ca_file {ca_file}: no such file")
        return given
    found = ssl.get_default_verify_paths().cafile
    for path in [found, *BUNDLES] if found else BUNDLES:
        if Path(path).is_file():
            return Path(path)
    raise SourceError(
        "this system has no certificates of authorities (package ca-certificates); install them, or let source.ca_file "
        "of the configuration name a PEM file to trust"
    )


def _check(host: str, port: int, trusted: Path, given: bool, timeout: float) -> str | None:
    """Connect once; another name that FFmpeg shall accept, or None for the host's own."""
    import ssl

    try:
        context = ssl.create_default_context(cafile=str(trusted))
    except (OSError, ssl.SSLError) as problem:
        raise SourceError(f"{trusted} is no PEM file of certificates: {problem}") from problem
    try:
        _certificate(host, port, context, timeout)
    except ssl.SSLCertVerificationError as problem:
        name = None
        if given and problem.verify_code in OTHER_NAME:
            context.check_hostname = False
            name = _name_of_known(host, port, context, trusted, timeout)
        if name is None:
            raise SourceError(
                f"the certificate of {host}:{port} is not trusted: {problem.verify_message}; if it is the camera's "
                "own, save it as a PEM file and let source.ca_file of the configuration name that"
            ) from problem
        return name
    except (OSError, ValueError):
        return None
    return None


def _certificate(host: str, port: int, context: Any, timeout: float) -> tuple[dict[str, Any], bytes]:
    with (
        socket.create_connection((host, port), timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as encrypted,
    ):
        return encrypted.getpeercert(), encrypted.getpeercert(binary_form=True)


def _name_of_known(host: str, port: int, context: Any, trusted: Path, timeout: float) -> str | None:
    """The name in a certificate that stands in the trusted file itself; None if it does not."""
    import ssl

    try:
        described, found = _certificate(host, port, context, timeout)
    except (OSError, ValueError):
        return None
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", trusted.read_text(), re.DOTALL)
    if found not in map(ssl.PEM_cert_to_DER_cert, blocks):
        return None
    names = [value for kind, value in described.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    names += [value for part in described.get("subject", ()) for kind, value in part if kind == "commonName"]
    return names[0] if names else None
