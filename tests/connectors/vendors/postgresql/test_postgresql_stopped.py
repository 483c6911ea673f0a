"""A change of an account is not committed once its time is over, also by a process that was stopped and continues."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from connectors.abilities import Connector, Effect
from connectors.errors import TryAgainError
from connectors.vendors.postgresql import roles
from connectors.vendors.postgresql.server import Conversation
from tests.connectors.clocks import JumpingClock
from tests.connectors.vendors.postgresql.accounts import MakeRole, found

DEADLINE_SECONDS = 4.0


@pytest.mark.parametrize("clock_counts", [True, False], ids=["stopped_process", "paused_machine"])
async def test_a_change_is_not_committed_after_its_time(
    monkeypatch: pytest.MonkeyPatch, make: MakeRole, connector: Connector, clock_counts: bool
) -> None:
    """Stopped between the statement and the commit. The server counts the time if this machine cannot."""
    account = await found(connector, role := await make())
    clock, checks, require_same = JumpingClock(monkeypatch), 0, roles.require_same

    async def stopped_at_the_second(talk: Conversation, names: Mapping[int, str], database: str = "") -> None:
        nonlocal checks
        checks += 1
        await require_same(talk, names, database)
        if checks == 2:
            if not clock_counts:
                clock.stands_still()
            time.sleep(DEADLINE_SECONDS + 0.5)

    monkeypatch.setattr(roles, "require_same", stopped_at_the_second)
    with pytest.raises(TryAgainError, match="deadline_over") as raised:
        await connector.attempt(Effect("disable_account", "run-1/disable/1", account, deadline=DEADLINE_SECONDS))
    assert (checks, raised.value.happened) == (2, "no" if clock_counts else "unknown")
    assert (await found(connector, role)).active is True
