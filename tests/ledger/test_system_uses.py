"""How systems answer the calls of runs, as workers write it: two of them, and not at every call."""

from __future__ import annotations

import pytest

from orchestrator.ledger.engine.system_uses import EVERY_SECONDS, SystemUse, SystemUses, last_uses
from tests.ledger.small_office import SmallOffice, small_office

PACKET = "standard-leaver"


class SteadyClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


async def use(here: SmallOffice, system: str = "code") -> SystemUse:
    return (await last_uses(here.database, PACKET))[system]


async def test_a_change_is_written_at_once_and_anything_else_now_and_then(
    database_url: str, clock: SteadyClock
) -> None:
    async with small_office(database_url) as here:
        uses = SystemUses(here.database, clock=clock)
        uses.note(PACKET, "code")
        assert await uses.flush() == 1
        first = await use(here)
        assert first.answered_at and first.failed_at is None and first.failing_since is None and first.code == ""
        for _ in range(100):
            uses.note(PACKET, "code")
        clock.now += EVERY_SECONDS / 2
        assert await uses.flush() == 0
        clock.now += EVERY_SECONDS / 2
        uses.note(PACKET, "code")
        assert await uses.flush() == 1
        second = await use(here)
        assert second.answered_at is not None and first.answered_at < second.answered_at
        assert await uses.flush() == 0, "no call since"

        uses.note(PACKET, "code", "timeout")
        assert await uses.flush() == 1
        failing = await use(here)
        assert failing.failing_since == failing.failed_at and failing.code == "timeout"
        assert failing.answered_at == second.answered_at
        clock.now += 5
        uses.note(PACKET, "code", "timeout")
        uses.note(PACKET, "cards")
        assert await uses.flush() == 1, "cards alone"
        uses.note(PACKET, "code", "unauthorised")
        assert await uses.flush() == 1
        other = await use(here)
        assert (other.code, other.failing_since) == ("unauthorised", failing.failing_since)
        uses.note(PACKET, "code")
        assert await uses.flush() == 1
        again = await use(here)
        assert again.failing_since is None and again.code == "unauthorised" and again.failed_at == other.failed_at
        await uses.aclose()


async def test_of_two_workers_the_last_call_counts_and_a_restart_keeps_since_when(
    database_url: str, clock: SteadyClock
) -> None:
    async with small_office(database_url) as here:
        one, other = SystemUses(here.database, clock=clock), SystemUses(here.database, clock=clock)
        one.note(PACKET, "code", "timeout")
        await one.flush()
        since = (await use(here)).failing_since
        clock.now += 60
        other.note(PACKET, "code", "timeout")
        await other.flush()
        assert (await use(here)).failing_since == since, "it has not responded to either"
        other.note(PACKET, "code")
        await other.flush()
        assert (await use(here)).failing_since is None
        clock.now += 60
        one.note(PACKET, "code", "timeout")
        await one.flush()
        failing = (await use(here)).failing_since
        assert failing is not None and since is not None
        one.note(PACKET, "cards", "timeout")
        await one.aclose()
        assert (await use(here, "cards")).failing_since is not None, "what waits is written at the end"
        await other.aclose()
