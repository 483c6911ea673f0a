"""Tries a connection to a system in steps: the name, the port, and the certificate, with the cause and the remedy of
the step that fails. Nothing is sent but what TLS needs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from connectors.errors import ConnectorError
from connectors.network.tls import trust

_DEFAULT_PORTS = {"https": 443, "http": 80, "ldaps": 636, "ldap": 389}
_TLS_SCHEMES = frozenset({"https", "ldaps"})
# X509_V_ERR_… of OpenSSL
_CERTIFICATE: dict[int, tuple[str, str]] = {
    9: ("The certificate is not valid yet.", "Check the clock of this machine and of the system."),
    10: ("The certificate has expired.", "Renew the certificate of the system."),
    18: ("The certificate is self-signed.", "Set ca_file to this certificate, or give the system another one."),
    19: ("The certificate's authority is not trusted.", "Set ca_file to the certificates of this authority (PEM)."),
    20: ("The certificate's authority is not trusted.", "Set ca_file to the certificates of this authority (PEM)."),
    62: ("The certificate is for another name.", "Use the name that the certificate has in the settings."),
    64: ("The certificate is for another name.", "Use the name that the certificate has in the settings."),
}
_NOT_TLS = "WRONG_VERSION_NUMBER"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a connector connects to first. `tls`: the connection begins with TLS; without it the protocol may begin TLS
    later, or use none on this machine."""

    host: str
    port: int
    tls: bool
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionStep:
    """One step of a connection. `seconds` is how long it took."""

    name: Literal["dns", "tcp", "tls"]
    passed: bool
    said: str
    remedy: str
    seconds: float


def endpoint_by_url(settings: object) -> Endpoint | None:
    """The endpoint of settings with `url`; None for settings without one, and where it is no address."""
    try:
        parts = urlsplit(str(getattr(settings, "url", "")))
        host, port = parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not host or port is None:
        return None
    return Endpoint(host, port, parts.scheme in _TLS_SCHEMES, str(getattr(settings, "ca_file", "")))


async def try_connection(
    endpoint: Endpoint, *, deadline: float, done: Callable[[ConnectionStep], object] = lambda step: None
) -> bool:
    """Takes the steps until one fails, all within `deadline` seconds. `done` is called with each. Returns whether all
    passed."""
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline
    for name, step in (("dns", _resolve), ("tcp", _connect), ("tls", _encrypt)):
        if name == "tls" and not endpoint.tls:
            continue
        began = loop.time()
        try:
            async with asyncio.timeout_at(until):
                passed, said, remedy = await step(endpoint)
        except TimeoutError:
            passed, said = False, f"There was no response from {endpoint.host}:{endpoint.port} in time."
            remedy = "Check that a firewall lets this worker connect to the system."
        done(ConnectionStep(name, passed, said, remedy, loop.time() - began))  # type: ignore[arg-type]  # one of the three
        if not passed:
            return False
    return True


async def _resolve(endpoint: Endpoint) -> tuple[bool, str, str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return (
            False,
            f"The name {endpoint.host} is not known.",
            "Correct the host in the settings, or the name service (DNS) of this machine.",
        )
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    known = "is an address" if endpoint.host in addresses else f"is {addresses[0]}{more}"
    return True, f"{endpoint.host} {known}", ""


async def _connect(endpoint: Endpoint) -> tuple[bool, str, str]:
    try:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except ConnectionRefusedError:
        return (
            False,
            f"Nothing accepts connections at port {endpoint.port}.",
            "Check the port in the settings, and that the system is running.",
        )
    except OSError as error:
        return (
            False,
            f"No connection to port {endpoint.port}: {error.strerror or type(error).__name__}.",
            "Check that this worker can reach the network of the system.",
        )
    await _close(writer)
    return True, f"port {endpoint.port} accepts connections", ""


async def _encrypt(endpoint: Endpoint) -> tuple[bool, str, str]:
    try:
        context = trust(endpoint.ca_file)
    except ConnectorError as error:
        return False, error.detail, error.remedy
    try:
        _, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        unknown = (
            f"The certificate is refused: {error.verify_message}",
            "Give the system a certificate that is valid.",
        )
        return False, *_CERTIFICATE.get(error.verify_code, unknown)
    except ssl.SSLError as error:
        if _NOT_TLS in str(error):
            return False, f"Port {endpoint.port} does not speak TLS.", "Check the port and the scheme in the settings."
        return False, f"TLS failed: {error.reason or type(error).__name__}.", "Check the TLS settings of the system."
    except OSError:
        return False, "The connection was closed before TLS began.", "Check the port in the settings."
    version = writer.get_extra_info("ssl_object").version()
    await _close(writer)
    return True, f"{version}, the certificate is valid", ""


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
