"""Where webhooks may go: to hosts that the installation lists, over https, and never into its own network unasked.

A list's entry is a host name (`hooks.example.com`), every name below one (`*.example.com`, not `example.com` itself) or
an address (`10.1.2.3`). Addresses that are not public are refused unless the very address is listed, whatever name led
there: a name says nothing about where it leads tomorrow. Plain http goes to this machine only, where `localhost` or
the loopback address itself is listed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.domain.errors import Invalid, NotAllowed

MAX_URL_CHARACTERS = 2000
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_WITHIN = tuple(
    ipaddress.ip_network(net)
    for net in (
        "192.0.0.0/24",  # RFC 6890: protocol assignments
        "::/96",  # RFC 4291 section 2.5.5.1, deprecated: an IPv4 address with nothing before it
        "::ffff:0:0:0/96",  # RFC 2765: the same for translators
        "64:ff9b:1::/48",  # RFC 8215: a network's own translation
        "fec0::/10",  # RFC 3879: a site's own, deprecated
        "5f00::/16",  # RFC 9602: segment routing
    )
)
"""What Python's `is_global` calls public, in this version or the one before."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1: the last 32 bits are an IPv4 address

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook's URL, taken apart. `host` is in lower case; an IPv6 address is there without its brackets.
    `path` begins with a slash and has the query."""

    encrypted: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says (RFC 9110 section 7.2): the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.encrypted else 80) else f"{host}:{self.port}"


def parse_hosts(written: str) -> tuple[str, ...]:
    """The entries of a list with commas, in lower case. Raises `ValueError` for what is neither name nor address."""
    entries = tuple(entry for part in written.split(",") if (entry := part.strip().lower()))
    for entry in entries:
        name = entry.removeprefix("*.")
        if _address(name) is None and (not _NAME.fullmatch(name) or (entry != name and "." not in name)):
            raise ValueError("an entry is not a host name, *.NAME or an address")
    return entries


def target_of(url: str, hosts: Sequence[str]) -> Target:
    """The target of the URL, if webhooks may use it as far as the URL alone shows. Raises `Invalid` if it is not a
    webhook URL, and `NotAllowed` if its host is not on the list."""
    target = _parsed(url)
    if not any(_fits(target.host, entry) for entry in hosts):
        raise NotAllowed("host_not_allowed", "The host of this URL is not on the list of allowed webhook hosts.")
    if not target.encrypted and not (_is_this_machine(target.host) and target.host in hosts):
        raise Invalid("not_encrypted", "Webhook URLs must use https.")
    if (address := _address(target.host)) is not None:
        require_reachable(target, address, hosts)
    return target


def require_reachable(target: Target, address: Address, hosts: Sequence[str]) -> None:
    """Raises `NotAllowed` unless webhooks may go to this address, to which the target's host leads."""
    listed = any(_address(entry) == address for entry in hosts) or (
        target.host == "localhost" and "localhost" in hosts and address.is_loopback
    )
    if not listed and not _is_public(address):
        raise NotAllowed("address_not_allowed", "The host of this URL resolves to an address that is not public.")


def _parsed(url: str) -> Target:
    wrong = Invalid("url_not_understood", "This URL can't be used for a webhook.")
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("https", "http") or "@" in parts.netloc or parts.fragment or "\\" in url:
        raise wrong
    if _address(host) is None and not _NAME.fullmatch(host):
        raise wrong
    if _address(host) is None and host.rpartition(".")[2].isdigit():  # 127.1, 2130706433: addresses in disguise
        raise wrong
    encrypted = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(encrypted, host, port or (443 if encrypted else 80), path)


def _fits(host: str, entry: str) -> bool:
    return host.endswith(entry[1:]) if entry.startswith("*.") else host == entry


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_public(address: Address) -> bool:
    """Also of an IPv4 address that an IPv6 one carries inside."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast and not any(address in net for net in _WITHIN)
