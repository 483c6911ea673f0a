"""A keyed hash of the client's address, for requests without a session or token."""

from __future__ import annotations

import ipaddress

from fastapi import Request

from orchestrator.web.requests.client_addresses import plain_address
from orchestrator.web.state import state_of

SUBSCRIBER_PREFIX_BITS = 64
"""Bits of an IPv6 address that are one subscriber's network (RFC 6177); the subscriber chooses the rest."""


def source_of(request: Request) -> bytes:
    """A keyed hash of the address, as the server has it: that which the proxy names, where uvicorn trusts the proxy
    (`FORWARDED_ALLOW_IPS`)."""
    host = plain_address(request.client.host if request.client is not None else "")
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        named = host
    else:
        named = str(
            ipaddress.ip_network((address, SUBSCRIBER_PREFIX_BITS), strict=False) if address.version == 6 else address
        )
    return state_of(request).services.keyring.lookup_tag("address", named)
