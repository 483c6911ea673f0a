"""Two runs that leave one user group of Slack at the same time: neither adds the account of the other again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.attempts import systems
from activities.attempts.leases import LeaseSeen
from activities.attempts.pacing import SystemPace
from activities.attempts.systems import SystemActivities
from connectors.abilities import Connector, Effect, Pace
from connectors.elapsed import local_seconds
from orchestrator.domain import events as e
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.steps.steps import AttemptResult, Intent
from orchestrator.embedded.vendors.slack.grid import SlackUser
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.schema.database import Database
from tests.connectors.vendors.slack.connected_slack import ConnectedSlack, connected_slack

ABILITY = "remove_from_user_groups"
STEP = PlannedStep(
    step_id="s-1", digest="d", name="leave_user_groups", title="Leave user groups", system="chat", ability=ABILITY,
    account_id="a-1", level=Level.CHANGE,
)  # fmt: skip
STARTED = e.StepStarted(
    step_id="s-1", generation=1, attempt=1, effect_key="k", lease_until=datetime.max.replace(tzinfo=UTC), caused_by=()
)
INTENT = Intent(STARTED, STEP, look_first=False, may_act=True)


class _Held:
    async def check(self, intent: Intent) -> LeaseSeen:
        return LeaseSeen(None, local_seconds())


class _Worker(SystemActivities):
    """The activities of one worker, as far as an attempt needs them. `pace` is awaited before each request."""

    def __init__(self, database: Database, pace: Pace) -> None:
        none = cast(Any, None)
        super().__init__(none, none, none, Rates(database), none)
        self._pace = pace

    async def attempt(self, connector: Connector, effect: Effect) -> dict[str, Any]:
        return dict((await connector.attempt(effect, pace=self._pace)).detail)

    async def leaves(self, here: ConnectedSlack, user: SlackUser) -> AttemptResult:
        turns = systems._Turns(SystemPace(None, "chat", None), STEP)
        return await self._look_and_act(here.owner, here.effect(ABILITY, user), INTENT, cast(Any, _Held()), turns)


@asynccontextmanager
async def two_databases(url: str) -> AsyncIterator[tuple[Database, Database]]:
    one, other = Database(url), Database(url)
    try:
        yield one, other
    finally:
        await one.aclose()
        await other.aclose()


async def test_two_runs_that_leave_a_group_at_once_are_both_out_of_it(database_url: str) -> None:
    async with connected_slack() as here, two_databases(database_url) as (one, other):
        here.grid.user_groups.clear()
        group = here.grid.new_user_group(here.seed.workspaces[0], "Night shift", here.isa, here.kim, here.bo)

        async def until_both_have_read() -> None:
            """The list that is written was read before the other run wrote, if the other run is let in at all."""
            until = asyncio.get_running_loop().time() + 1.0
            while len(here.slack.sent("GET", "usergroups.users.list")) == 1:
                await asyncio.sleep(0.01)
                if asyncio.get_running_loop().time() > until:
                    return

        workers = [_Worker(database, until_both_have_read) for database in (one, other)]
        results = await asyncio.gather(workers[0].leaves(here, here.isa), workers[1].leaves(here, here.kim))
        assert [result.read for result in results] == ["done", "done"]
        assert group.users == [here.bo.id]


async def test_a_change_that_has_to_wait_for_long_is_tried_again_and_did_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systems, "MAX_PACE_WAIT_SECONDS", 0.05)
    async with connected_slack() as here, two_databases(database_url) as (one, other):
        here.grid.user_groups.clear()
        here.grid.new_user_group(here.seed.workspaces[0], "Night shift", here.isa, here.kim, here.bo)

        async def at_once() -> None: ...

        worker = _Worker(one, at_once)
        first = asyncio.Event()
        until = asyncio.Event()

        async def waits_before_it_writes() -> None:
            if here.slack.sent("GET", "usergroups.users.list"):
                first.set()
                await until.wait()

        leaving = asyncio.create_task(_Worker(other, waits_before_it_writes).leaves(here, here.kim))
        await first.wait()
        result = await worker.leaves(here, here.isa)
        assert (result.error, result.happened, result.code) == ("try_again", "no", "change_in_progress")
        assert not here.slack.sent("POST", "usergroups.users.update")
        until.set()
        assert (await leaving).read == "done"
        assert (await worker.leaves(here, here.isa)).read == "done", "the exclusion ended with the block"
