"""The list of allowed hosts, and the redaction of secrets in responses.

An allow-list entry is `host` (any port) or `host:port`, compared without case. An empty list allows nothing, so that a
wrong or forged setting cannot send a credential to a host that no operator named.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import httpx

from connectors.errors import ActionRequiredError

_ENTRY = re.compile(r"(\[[^\]]+\]|[^:]+)(?::(\d+))?")
_MAX_PORT = 65_535


def _parse(entry: str) -> tuple[str, int | None]:
    if entry.count(":") > 1 and not entry.startswith("["):  # a bare IPv6 address has no port
        return entry.lower(), None
    match = _ENTRY.fullmatch(entry.strip())
    if match is None:
        return entry.lower(), None
    host, port = match.groups()
    return host.strip("[]").lower(), int(port) if port else None


def require_allowed(host: str, port: int, allowed_hosts: Collection[str]) -> None:
    """Raises `ActionRequiredError("host_not_allowed")` unless host and port are on the list."""
    name = host.strip("[]").lower()
    for entry in allowed_hosts:
        allowed_host, allowed_port = _parse(entry)
        if name == allowed_host and allowed_port in (None, port):
            return
    raise ActionRequiredError(
        "host_not_allowed",
        f"The host {name}:{port} is not on the list of allowed hosts.",
        remedy=f"If this is the address of the system, add {name} (or {name}:{port}) to the allowed hosts.",
        happened="no",
    )


def read_url(text: str, base: httpx.URL | None = None) -> httpx.URL | None:
    """An address over HTTP or HTTPS, relative to `base` if that is given. None for anything else, for a host name that
    is not valid, and for an address with a user name."""
    try:
        url = httpx.URL(text) if base is None else base.join(text)
        # Reading `host` decodes an internationalised name (IDNA), which is a `ValueError` where it is not one.
        usable = url.scheme in ("http", "https") and bool(url.host) and not url.userinfo
    except (httpx.InvalidURL, ValueError):
        return None
    return url if usable and 0 < port_of(url) <= _MAX_PORT else None


def base_url(text: str) -> httpx.URL:
    """The base address of a system. Raises `ActionRequiredError("setting_invalid")`."""
    url = read_url(text)
    if url is None or url.query:
        raise ActionRequiredError(
            "setting_invalid",
            "The setting url is not an address of the form https://host/path.",
            remedy="Set url without user name, password or query.",
            happened="no",
        )
    return url


def port_of(url: httpx.URL) -> int:
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


class Redaction:
    """Removes our own secrets from text that a system sent back, since some systems echo credentials in messages."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def __repr__(self) -> str:
        return f"Redaction({len(self._secrets)} secrets)"
