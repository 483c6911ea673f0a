"""Snapshots for a preview: one that fails or takes too long keeps no other from being shown."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from activities.attempts.observation import NO_OBSERVER
from activities.connections import Connections
from activities.inquiries import account_access
from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep

PACKET = starter_packet("standard-leaver")
SYSTEMS = ("identity", "directory", "code", "cards", "mail")


class _OneSystem:
    def __init__(self, system: str) -> None:
        self._system = system

    async def read_back(self, effect: Effect, **_: Any) -> ReadBack:
        assert effect.account is not None and effect.account.native_id == f"native-{self._system}"
        match self._system:
            case "directory":
                raise ActionRequiredError("rights_missing", "The token lacks a scope.", remedy="Grant it.")
            case "code":
                await asyncio.sleep(60)
            case "cards":
                raise KeyError("unexpected")
            case "mail":
                return ReadBack("unknown", {})
        return ReadBack("done", {"owned": [{"name": "Payroll app"}]})


class _Systems:
    observer = NO_OBSERVER

    async def to(self, system: str, spec: object) -> _OneSystem:
        return _OneSystem(system)


def _step(system: str, level: Level = Level.READ) -> PlannedStep:
    return PlannedStep(
        step_id=f"{system}-{level}",
        digest="d",
        name="look",
        title="Look",
        system=system,
        ability="snapshot_access",
        account_id=f"a-{system}",
        level=level,
    )


async def test_a_snapshot_that_fails_or_is_late_keeps_no_other_from_being_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(account_access, "READ_SECONDS", 0.2)
    steps = [*(_step(system) for system in SYSTEMS), _step("identity", Level.CHANGE), _step("hr")]
    accounts = [
        FoundAccount(system=system, account_id=f"a-{system}", native_id=f"native-{system}", label=system, attributes={})
        for system in SYSTEMS
    ]
    began = time.monotonic()
    read = await account_access.read_access(steps, accounts, PACKET, PACKET, cast(Connections, _Systems()), rates=None)
    assert time.monotonic() - began < 10
    by_system = {step.step_id: step.system for step in steps}
    assert {by_system[id_]: shown for id_, shown in read.recorded.items()} == {
        "identity": {"owned": [{"name": "Payroll app"}]}
    }
    troubles = {by_system[id_]: why for id_, why in read.troubles.items()}
    assert troubles.keys() == {"directory", "code", "cards", "mail"}
    assert troubles["directory"] == "The token lacks a scope. Grant it."
    assert troubles["code"] == account_access.NOT_IN_TIME and troubles["mail"] == account_access.NOT_SHOWN
    assert "unexpected" not in troubles["cards"]
