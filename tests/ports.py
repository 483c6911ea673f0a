"""Ports for servers whose address is a setting."""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 20_000, 30_000


def unused_port() -> int:
    """A port of 127.0.0.1 on which nothing listens. It is below those that Linux gives to outgoing connections and to
    servers that ask for any port, so that no process of another test takes it before it is used."""
    for port in random.sample(range(LOWEST, HIGHEST), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of 100 ports from {LOWEST} to {HIGHEST} is free")
