"""Trusted certificates, and the check that credentials cross a network encrypted only."""

from __future__ import annotations

import ipaddress
import ssl
from functools import lru_cache
from pathlib import Path

import httpx

from connectors.errors import ActionRequiredError


def trust(ca_file: str) -> ssl.SSLContext:
    """Verifying TLS settings: the given certificates (PEM), or the public ones. Connections share them while the
    file has the same content, since reading the public certificates takes about 20 ms. Raises `ActionRequiredError`."""
    try:
        return _trusting(ca_file, Path(ca_file).read_bytes()) if ca_file else _trusting_public()
    except OSError:  # ssl.SSLError, for a file without certificates, is an OSError too
        raise ActionRequiredError(
            "setting_invalid",
            "The file in the setting ca_file has no readable certificates.",
            remedy="Set ca_file to a readable PEM file.",
            happened="no",
        ) from None


@lru_cache(maxsize=32)
def _trusting(ca_file: str, content: bytes) -> ssl.SSLContext:
    """`content` is what the file holds, so that a replaced file is read again."""
    return ssl.create_default_context(cafile=ca_file)


@lru_cache(maxsize=1)
def _trusting_public() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine, so that what is sent cannot be read on a network."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_private(host: str, *, encrypted: bool, setting: str) -> None:
    """Raises `ActionRequiredError("not_encrypted")` where a credential would cross a network unencrypted."""
    if encrypted or is_loopback(host):
        return
    raise ActionRequiredError(
        "not_encrypted",
        f"The setting {setting} points at {host} without TLS; the network could read our credential.",
        remedy=f"Use an encrypted connection in {setting}; without TLS only this machine itself is accepted.",
        happened="no",
    )
