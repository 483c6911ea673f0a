"""Which connector a system's settings get, and when it is closed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities import connections as module
from activities.connections import UNUSED_TTL_SECONDS, Connections
from orchestrator.domain.packet.packet import SystemSpec


class UnconnectedConnector:
    def __init__(self) -> None:
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _connectors_without_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any, **__: Any) -> UnconnectedConnector:
        return UnconnectedConnector()

    monkeypatch.setattr(module.registry, "connect", connect)


def spec(**connection: str) -> SystemSpec:
    return SystemSpec(
        title="Identity", connector="scim", connection=connection, hosts=("a.example",), deadline=timedelta(seconds=20)
    )


async def test_two_packets_with_one_system_name_have_a_connector_each(tmp_path: Path) -> None:
    connections = Connections({}, secrets_folder=tmp_path)
    one, other = spec(url="https://a.example/1"), spec(url="https://a.example/2")
    first: Any = await connections.to("identity", one)
    second: Any = await connections.to("identity", other)
    assert first is not second
    assert await connections.to("identity", one) is first
    assert await connections.to("identity", other) is second
    assert not first.closed and not second.closed
    await connections.aclose()
    assert first.closed and second.closed


async def test_a_replaced_ca_file_is_read_without_a_restart(tmp_path: Path) -> None:
    connections = Connections({}, secrets_folder=tmp_path)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("one")
    identity = spec(url="https://a.example", ca_file=str(ca_file))
    first = await connections.to("identity", identity)
    assert await connections.to("identity", identity) is first
    ca_file.write_text("two")
    assert await connections.to("identity", identity) is not first


async def test_a_connector_is_closed_only_after_its_last_call_ended(tmp_path: Path) -> None:
    now = 0.0
    connections = Connections({}, secrets_folder=tmp_path, clock=lambda: now)
    first: Any = await connections.to("identity", spec(url="https://a.example/1"))
    now = UNUSED_TTL_SECONDS
    await connections.to("identity", spec(url="https://a.example/2"))
    assert not first.closed
    now = UNUSED_TTL_SECONDS + 41
    await connections.to("identity", spec(url="https://a.example/2"))
    assert first.closed
