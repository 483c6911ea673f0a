"""The connector for Slack against the simulator in `tests/vendors/slack`, over the wire. The simulator was written from
Slack's documents by an author who did not see the connector. Leaving it fails if one request or answer is not as Slack
describes it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from tests.connectors.vendors.connected_slack import ConnectedSlack, connected_slack


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedSlack]:
    async with connected_slack() as connected:
        yield connected


async def test_a_deactivated_account_loses_its_sessions_and_the_tokens_of_its_apps(here: ConnectedSlack) -> None:
    assert (await here.own_token("E-1"), await here.outcome("deactivate_account")) == ("works", "not_done")
    reply = await here.do("deactivate_account")
    assert (reply["deactivated"], reply["before"], reply["by"]) == (True, "active", "SCIM")
    assert await here.own_token("E-1") == "token_revoked"
    assert not [one for one in here.grid.sessions.values() if one.user == here.isa.id]
    looked = await here.look("deactivate_account")
    assert (looked.outcome, looked.evidence["active"]) == ("done", False)
    here.slack.forget()
    assert (await here.do("deactivate_account"))["deactivated"] is False
    assert here.slack.sent("DELETE") == []
    assert await here.own_token("E-3") == "works"


async def test_without_scim_an_organization_deactivates_by_the_web_api(here: ConnectedSlack) -> None:
    web = here.with_scopes("users:read", "users:read.email", "admin.users:read", "admin.users:write")
    here.slack.largest_page = 1
    assert (await web.read_back(here.effect("deactivate_account"))).outcome == "not_done"
    assert (await web.attempt(here.effect("deactivate_account"))).detail["by"] == "admin.users.deactivate"
    assert (await web.read_back(here.effect("deactivate_account"))).outcome == "done"
    assert (await web.attempt(here.effect("deactivate_account"))).detail["deactivated"] is False
    for workspace in list(here.kim.workspaces):
        here.grid.remove_from_workspace(here.kim, workspace)
    assert (await web.read_back(here.effect("deactivate_account", here.kim))).outcome == "unknown", "in no workspace"
    assert here.effects().count("deactivated") == 1


async def test_a_workspace_on_business_plus_deactivates_by_scim() -> None:
    async with connected_slack("business_plus") as here:
        assert (await here.owner.check()).reachable
        (found,) = await here.find("email", here.isa.email)
        assert found.native_id == here.isa.id
        assert (await here.do("deactivate_account"))["by"] == "SCIM"
        assert await here.outcome("deactivate_account") == "done"
        assert await here.own_token("E-1") == "token_revoked"


async def test_a_primary_owner_is_refused_in_words(here: ConnectedSlack) -> None:
    with pytest.raises(RefusedError, match="primary_owner") as raised:
        await here.do("deactivate_account", here.seed.founder)
    assert "transfer the ownership" in raised.value.remedy
    here.grid.users[here.kim.id].workspaces[here.corp] = "primary_owner"
    here.slack.forget()
    with pytest.raises(RefusedError, match="primary_owner"):
        await here.do("deactivate_account", here.kim)
    assert here.slack.sent("DELETE") == [], "Slack shows it in a workspace"


async def test_an_account_that_is_not_there_is_no_evidence(here: ConnectedSlack) -> None:
    del here.grid.users[here.isa.id]
    for ability in here.owner.abilities:
        assert await here.outcome(ability) == "unknown", ability
        if ability != "snapshot_access":
            with pytest.raises(RefusedError, match="account_gone"):
                await here.do(ability)


# Limits and faults.


async def test_limits_say_when_to_come_back(here: ConnectedSlack) -> None:
    await here.owner.check()
    here.slack.faults.limit("DELETE", "/Users/")
    with pytest.raises(TryAgainError, match="too_many_requests") as scim:
        await here.do("deactivate_account")
    assert (scim.value.retry_after, scim.value.happened) == (30, "no")
    here.slack.per_minute["users.info"] = 0
    with pytest.raises(TryAgainError, match="too_many_requests") as tier:
        await here.do("deactivate_account")
    assert (tier.value.retry_after, tier.value.happened) == (30, "no")


async def test_an_error_within_a_success_is_an_error(here: ConnectedSlack) -> None:
    web = here.with_scopes("users:read", "admin.users:read", "admin.users:write")
    here.slack.faults.break_down("POST", "deactivate", status=200)
    with pytest.raises(TryAgainError, match="system_failed") as failed:
        await web.attempt(here.effect("deactivate_account"))
    assert failed.value.happened == "unknown"
    here.slack.faults.expire("POST")
    with pytest.raises(ActionRequiredError, match="credential_refused") as expired:
        await web.attempt(here.effect("deactivate_account"))
    assert "token_expired" in expired.value.detail
    assert here.effects() == []


async def test_a_lost_reply_leaves_the_outcome_to_the_read_back(here: ConnectedSlack) -> None:
    here.slack.faults.lose_reply("DELETE")
    with pytest.raises(TryAgainError) as lost:
        await here.do("deactivate_account")
    assert lost.value.happened == "unknown"
    assert await here.outcome("deactivate_account") == "done"


async def test_a_state_that_is_still_the_old_one_is_not_done(here: ConnectedSlack) -> None:
    here.slack.faults.stay_stale("/scim/v2/Users/")
    await here.do("deactivate_account")
    assert await here.outcome("deactivate_account") == "not_done"
    assert await here.outcome("deactivate_account") == "done"


async def test_each_request_waits_for_the_pace(here: ConnectedSlack) -> None:
    paced = 0

    async def pace() -> None:
        nonlocal paced
        paced += 1

    here.slack.forget()
    await here.owner.attempt(here.effect("deactivate_account"), pace=pace)
    assert paced == len(here.slack.requests)
