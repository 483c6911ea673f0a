"""The connector for Slack against the simulator in `embedded/vendors/slack`, over the wire. The simulator was written
from Slack's documents by an author who did not see the connector. Leaving it fails if one request or answer is not as
Slack describes it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from tests.connectors.vendors.slack.connected_slack import ConnectedSlack, connected_slack


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


async def test_an_account_is_activated_by_scim(here: ConnectedSlack) -> None:
    assert await here.outcome("activate_account") == "done"
    await here.do("deactivate_account")
    assert await here.outcome("activate_account") == "not_done"
    assert await here.do("activate_account") == {"activated": True, "before": "deactivated"}
    assert (await here.outcome("activate_account"), await here.outcome("deactivate_account")) == ("done", "not_done")
    assert await here.own_token("E-1") == "token_revoked", "apps need the person again"
    here.slack.forget()
    assert await here.do("activate_account") == {"activated": False, "before": "active"}
    assert here.slack.sent("PATCH") == []


async def test_without_scim_no_account_is_activated(here: ConnectedSlack) -> None:
    web = here.with_scopes("users:read", "users:read.email", "admin.users:read", "admin.users:write")
    await web.attempt(here.effect("deactivate_account"))
    for attempt in (web.attempt, web.read_back):
        with pytest.raises(ActionRequiredError, match="rights_missing"):
            await attempt(here.effect("activate_account"))


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


async def test_the_account_that_the_token_is_of_is_not_changed(here: ConnectedSlack) -> None:
    for ability in here.owner.abilities.keys() - {"snapshot_access"}:
        with pytest.raises(RefusedError, match="own_administrator"):
            await here.do(ability, here.seed.owner)
    assert here.effects() == []


async def test_sessions_end_on_all_devices_and_tokens_of_apps_live_on(here: ConnectedSlack) -> None:
    here.grid.new_session(here.isa, here.seed.workspaces[1], "web")
    here.slack.largest_page = 1
    looked = await here.look("revoke_sessions")
    assert (looked.outcome, len(looked.evidence["sessions"])) == ("not_done", 3)
    reply = await here.do("revoke_sessions")
    assert (reply["revoked"], reply["ended"]) == (["web", "mobile"], ["sessions"])
    assert "access_tokens" in reply["not_possible"]
    assert await here.outcome("revoke_sessions") == "done"
    assert await here.own_token("E-1") == "works"
    assert {one.user for one in here.grid.sessions.values()} == {here.bo.id, here.kim.id}
    here.grid.new_session(here.isa, here.seed.workspaces[1], "mobile")
    assert await here.outcome("revoke_sessions") == "not_done", "signed in again"
    here.grid.deactivate(here.isa)
    assert await here.outcome("revoke_sessions") == "done"
    for workspace in list(here.kim.workspaces):
        here.grid.remove_from_workspace(here.kim, workspace)
    assert await here.outcome("revoke_sessions", here.kim) == "unknown", "in no workspace there is nothing to ask"


async def test_user_groups_are_left_and_their_other_members_stay(here: ConnectedSlack) -> None:
    grid, corp = here.grid, here.seed.workspaces[0]
    elsewhere = grid.new_user_group(here.seed.workspaces[1], "Launch", here.isa, here.kim)
    sales = here.seed.user_groups["department-sales"]
    grid.user_groups = {id: one for id, one in grid.user_groups.items() if len(one.users) > 1}
    everyone = next(one for one in grid.user_groups.values() if one.workspace == corp.id and here.isa.id in one.users)
    assert await here.outcome("remove_from_user_groups") == "not_done"
    assert await here.outcome("remove_from_user_groups", groups=["@LAUNCH"]) == "not_done"
    reply = await here.do("remove_from_user_groups", groups=["@LAUNCH"])
    assert [one["id"] for one in reply["left_groups"]] == [elsewhere.id]
    assert (elsewhere.users, reply["members_before"]) == ([here.kim.id], {elsewhere.id: [here.isa.id, here.kim.id]})
    assert await here.outcome("remove_from_user_groups", groups=["launch"]) == "done"
    await here.do("remove_from_user_groups")
    assert everyone.users == [here.bo.id, here.kim.id] and sales.users == [here.bo.id, here.kim.id]
    looked = await here.look("remove_from_user_groups")
    assert (looked.outcome, looked.evidence["list_proven_by"]) == ("done", "another_account")
    here.slack.forget()
    assert (await here.do("remove_from_user_groups"))["left_groups"] == []
    assert here.slack.sent("POST") == []
    with pytest.raises(RefusedError, match="group_not_found"):
        await here.do("remove_from_user_groups", groups=["nowhere"])
    assert await here.outcome("remove_from_user_groups", groups=["nowhere"]) == "unknown"


async def test_a_member_who_was_added_after_the_first_read_stays(here: ConnectedSlack) -> None:
    group = here.grid.new_user_group(here.seed.workspaces[0], "Night shift", here.isa, here.kim)

    later = [here.bo.id]

    async def pace() -> None:
        if here.slack.sent("GET", "usergroups.list") and later:
            group.users.append(later.pop())

    await here.owner.attempt(here.effect("remove_from_user_groups", groups=["night shift"]), pace=pace)
    assert group.users == [here.kim.id, here.bo.id]


async def test_a_list_that_another_client_wrote_at_the_same_time_is_seen(here: ConnectedSlack) -> None:
    group = here.grid.new_user_group(here.seed.workspaces[0], "Night shift", here.isa, here.kim)

    async def pace() -> None:
        if here.slack.sent("POST", "usergroups.users.update"):
            group.users = [here.bo.id, here.isa.id, here.kim.id]

    with pytest.raises(TryAgainError, match="changed_meanwhile") as raised:
        await here.owner.attempt(here.effect("remove_from_user_groups", groups=["night shift"]), pace=pace)
    assert raised.value.happened == "unknown" and "night-shift" in raised.value.detail
    assert group.users == [here.bo.id, here.isa.id, here.kim.id], "the other client's list stays"
    assert await here.outcome("remove_from_user_groups", groups=["night shift"]) == "not_done"


async def test_the_only_member_of_a_user_group_is_refused_or_the_group_disabled(here: ConnectedSlack) -> None:
    alone = here.grid.new_user_group(here.seed.workspaces[0], "Payroll", here.isa)
    linked = here.grid.new_user_group(here.seed.workspaces[0], "Synced", here.isa, here.kim, linked=True)
    for names, code, remedy in (
        (["payroll"], "last_member", "disable_emptied"),
        (["synced"], "group_filled_elsewhere", "identity provider"),
        (["payroll", "synced"], "groups_not_left", "disable_emptied"),
    ):
        with pytest.raises(RefusedError, match=code) as raised:
            await here.do("remove_from_user_groups", groups=names)
        assert all(name in raised.value.detail for name in names) and remedy in raised.value.remedy
    assert here.effects() == []
    with pytest.raises(RefusedError, match="parameter_invalid"):
        await here.do("remove_from_user_groups", disable_emptied="yes")
    reply = await here.do("remove_from_user_groups", groups=["payroll"], disable_emptied=True)
    assert [one["name"] for one in reply["disabled_groups"]] == ["payroll"]
    assert alone.disabled and here.isa.id in linked.users
    assert await here.outcome("remove_from_user_groups", groups=[alone.id]) == "unknown", "not in Slack's list any more"
    assert [one.kind for one in here.grid.effects] == ["user_group_disabled"]


async def test_without_user_groups_the_scope_is_the_proof(here: ConnectedSlack) -> None:
    here.grid.user_groups.clear()
    looked = await here.look("remove_from_user_groups")
    assert (looked.outcome, looked.evidence["list_proven_by"]) == ("done", "permission")
    here.grid.new_user_group(here.seed.workspaces[0], "Empty")
    assert await here.outcome("remove_from_user_groups") == "unknown", "a list that hides members"


async def test_a_bot_token_leaves_user_groups_of_its_workspace(here: ConnectedSlack) -> None:
    group = here.grid.new_user_group(here.seed.workspaces[0], "Night shift", here.isa, here.kim)
    effect = here.effect("remove_from_user_groups", groups=["night-shift"])
    await here.bot.attempt(effect)
    assert group.users == [here.kim.id]
    assert (await here.bot.read_back(effect)).outcome == "done"
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await here.bot.attempt(here.effect("revoke_sessions"))
    assert "admin.users:write" in raised.value.detail and "user token" in raised.value.detail


async def test_groups_of_the_identity_provider_are_left_by_scim(here: ConnectedSlack) -> None:
    finance = here.seed.groups["department-finance"]
    assert await here.outcome("remove_from_idp_groups") == "not_done"
    reply = await here.do("remove_from_idp_groups", groups=["Department-Finance"])
    assert [one["name"] for one in reply["left_groups"]] == ["department-finance"]
    assert here.isa.id not in finance.members
    assert await here.outcome("remove_from_idp_groups", groups=["department-finance"]) == "done"
    await here.do("remove_from_idp_groups")
    assert await here.outcome("remove_from_idp_groups") == "done"
    assert [one for one in here.grid.idp_groups.values() if here.isa.id in one.members] == []
    assert here.kim.id in here.seed.groups["department-sales"].members
    with pytest.raises(RefusedError, match="group_not_found"):
        await here.do("remove_from_idp_groups", groups=["nowhere"])
    assert await here.outcome("remove_from_idp_groups", groups=["nowhere"]) == "unknown"
    here.grid.idp_groups.clear()
    assert await here.outcome("remove_from_idp_groups") == "done", "Slack says that there is no group"
    here.grid.new_idp_group("Empty")
    assert await here.outcome("remove_from_idp_groups") == "unknown", "no user shows a group"


async def test_roles_are_removed_and_an_administrator_becomes_a_member(here: ConnectedSlack) -> None:
    grid = here.grid
    for number in range(11):
        grid.assign_role("Rl0A", grid.new_channel(here.seed.workspaces[0], f"c-{number}", here.bo).id, here.bo)
    here.bo.workspaces[here.corp] = "admin"
    here.slack.largest_page = 3
    looked = await here.look("remove_admin_roles", here.bo)
    assert (looked.outcome, len(looked.evidence["roles"])) == ("not_done", 14)
    await here.do("remove_admin_roles", here.bo)
    assert (here.bo.role, here.bo.workspaces[here.corp]) == ("member", "member")
    assert [one.user for one in grid.role_assignments] == [here.isa.id]
    assert await here.outcome("remove_admin_roles", here.bo) == "done"
    await here.do("remove_admin_roles")
    assert await here.outcome("remove_admin_roles") == "done"
    assert here.seed.owner.role == "owner"
    with pytest.raises(RefusedError, match="primary_owner"):
        await here.do("remove_admin_roles", here.seed.founder)


async def test_a_guest_is_never_made_a_member(here: ConnectedSlack) -> None:
    guest = here.grid.new_user("gus@other.example", "Gus", "", here.seed.workspaces[0], guest="multi")
    assert await here.outcome("remove_admin_roles", guest) == "done"
    guest.role = "admin"  # which Slack does not let be; regular would be more access
    await here.do("remove_admin_roles", guest)
    assert here.effects() == [] and here.slack.sent("POST", "setRegular") == []
    assert await here.outcome("remove_admin_roles", guest) == "not_done"


async def test_an_account_is_removed_from_workspaces_and_stays_in_the_organisation(here: ConnectedSlack) -> None:
    projects = here.seed.workspaces[1].id
    assert await here.outcome("remove_from_workspaces") == "not_done"
    reply = await here.do("remove_from_workspaces", workspaces=[here.corp])
    assert [one["id"] for one in reply["removed_from"]] == [here.corp]
    assert await here.own_token("E-1") == "token_revoked", "it was of this workspace"
    assert await here.outcome("remove_from_workspaces", workspaces=[here.corp]) == "done"
    assert (await here.look("remove_from_workspaces")).evidence["workspaces"] == [projects]
    await here.do("remove_from_workspaces")
    assert (here.isa.workspaces, here.isa.active) == ({}, True)
    assert await here.outcome("remove_from_workspaces") == "done"
    assert (await here.do("remove_from_workspaces"))["removed_from"] == []
    assert here.effects() == ["removed_from_workspace"] * 2
    assert await here.outcome("deactivate_account") == "not_done"


async def test_a_removal_that_happened_meanwhile_is_done(here: ConnectedSlack) -> None:
    async def pace() -> None:
        if here.slack.sent("GET", "users.info") and here.corp in here.isa.workspaces:
            here.grid.remove_from_workspace(here.isa, here.corp)

    reply = await here.owner.attempt(here.effect("remove_from_workspaces", workspaces=[here.corp]), pace=pace)
    assert [one["id"] for one in reply.detail["removed_from"]] == [here.corp]


async def test_a_snapshot_shows_what_the_account_has_and_is_alone_in(here: ConnectedSlack) -> None:
    here.grid.new_user_group(here.seed.workspaces[0], "Payroll", here.isa)
    plans = here.seed.channels["plans"].id
    evidence = (await here.look("snapshot_access")).evidence
    assert (evidence["active"], evidence["guest"], evidence["admin"], evidence["not_shown"]) == (True, "", False, [])
    assert evidence["workspaces"] == sorted(one.id for one in here.seed.workspaces)
    assert [one["workspace"] for one in evidence["sessions"]] == [here.corp] * 2
    assert {one["name"] for one in evidence["user_groups"]} >= {"payroll", "department-finance"}
    assert {one["name"] for one in evidence["idp_groups"]} >= {"everyone", "department-finance"}
    assert [one["entity"] for one in evidence["roles"]] == [plans]
    assert [one["id"] for one in evidence["managed_channels"]] == [plans]
    assert [(one["name"], one["scopes"]) for one in evidence["apps"]] == [("Calendar", "users:read,channels:read")]
    assert f"only manager of {plans}" in [one["name"] for one in evidence["alone"]]
    assert "only member of payroll" in [one["name"] for one in evidence["alone"]]
    added = next(one for one in here.grid.integration_logs if one["user_id"] == here.isa.id)
    here.grid.integration_logs.append(added | {"change_type": "removed"})
    assert (await here.look("snapshot_access")).evidence["apps"] == []
    here.slack.largest_page = 1
    admin = (await here.look("snapshot_access", here.bo)).evidence
    assert admin["admin"] and [one["name"] for one in admin["apps"]] == ["Helper", "Calendar"]
    seen = (await here.bot.read_back(here.effect("snapshot_access"))).evidence
    assert seen["not_shown"] == ["sessions", "idp_groups", "roles", "managed_channels", "apps"]
    assert seen["user_groups"]
    here.grid.deactivate(here.isa)
    assert (await here.look("snapshot_access")).evidence["active"] is False


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
