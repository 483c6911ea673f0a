"""The private key with which the apps of all simulators sign."""

from __future__ import annotations

from functools import cache

from joserfc.jwk import RSAKey


@cache
def private_key() -> RSAKey:
    """Made once in a process: it takes a while."""
    return RSAKey.generate_key(2048, {"kid": "simulated", "use": "sig"})
