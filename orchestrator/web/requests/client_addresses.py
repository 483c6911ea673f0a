"""The address of a client, in one form for limits and for the list of trusted proxies."""

from __future__ import annotations

import ipaddress


def plain_address(host: str) -> str:
    """A server that listens on IPv6 and IPv4 together sees IPv4 addresses as `::ffff:192.0.2.1` (RFC 4291 section
    2.5.5.2), which no list of proxies has and which are all in one network. Other texts stay as they are."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    inner = address.ipv4_mapped if address.version == 6 else None
    return host if inner is None else str(inner)
