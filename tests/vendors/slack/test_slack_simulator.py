"""The simulator of Slack behaves as Slack's documents say. Its description checks every answer that it describes."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from orchestrator.embedded.vendors.simulator import VendorEffect, client_of
from orchestrator.embedded.vendors.slack.seeds import CHANNEL_MANAGER, seed_slack
from orchestrator.embedded.vendors.slack.simulator import SlackSimulator
from tests.vendors.slack.conftest import PEOPLE, SlackFromOutside


async def test_a_deactivated_user_loses_sessions_and_tokens_once(here: SlackFromOutside) -> None:
    assert await here.own_token("E-1") == here.isa.id
    off = {"op": "replace", "path": "active", "value": False}
    assert (await here.patch(f"Users/{here.isa.id}", off)).json()["active"] is False
    assert await here.own_token("E-1") == "token_revoked"
    assert await here.error("admin.users.session.list", user_id=here.isa.id, team_id=here.corp) == "no_active_sessions"
    assert (await here.client.delete(f"/scim/v2/Users/{here.isa.id}")).status_code == 204
    assert await here.error("admin.users.deactivate", user_id=here.isa.id) == ""
    assert here.slack.state.effects == [VendorEffect("deactivated", here.isa.id)]
    shown = (await here.client.get(f"/scim/v2/Users/{here.isa.id}")).json()
    assert (shown["active"], shown["groups"][0]["display"]) == (False, "everyone")
    on = {"op": "replace", "path": "active", "value": True}
    assert (await here.patch(f"Users/{here.isa.id}", on)).json()["active"] is True
    assert await here.own_token("E-1") == "token_revoked"


async def test_a_deactivated_user_is_not_looked_up_and_is_listed(here: SlackFromOutside) -> None:
    wanted = {"email": "Isa.Lund@corp.example"}
    assert (await here.call("users.lookupByEmail", **wanted))["user"]["id"] == here.isa.id
    here.slack.state.deactivate(here.isa)
    assert await here.error("users.lookupByEmail", **wanted) == "users_not_found"
    assert (await here.call("users.info", user=here.isa.id))["user"]["deleted"] is True
    listed = await here.all("users.list", "members", team_id=here.corp, limit="2")
    assert {one["id"]: one["deleted"] for one in listed}[here.isa.id] is True
    assert here.isa.id not in [one["id"] for one in await here.all("admin.users.list", "users")]
    gone = await here.all("admin.users.list", "users", is_active="false")
    assert [(one["id"], one["is_active"], one["workspaces"]) for one in gone] == [(here.isa.id, False, [])]
    old = {"is_active": "false", "include_deactivated_user_workspaces": "true"}
    assert (await here.all("admin.users.list", "users", **old))[0]["workspaces"] == sorted(here.isa.workspaces)


async def test_removal_from_one_workspace_leaves_the_others(here: SlackFromOutside) -> None:
    projects = here.seed.workspaces[1].id
    wanted = {"user_id": here.isa.id, "team_id": here.corp}
    assert await here.error("admin.users.remove", **wanted) == ""
    assert await here.own_token("E-1") == "token_revoked"
    assert (list(here.isa.workspaces), here.isa.active) == ([projects], True)
    assert await here.error("admin.users.remove", **wanted) == "user_already_deleted"
    assert await here.error("admin.users.remove", user_id=here.isa.id, team_id="T0SIM99999") == "team_not_found"
    assert await here.error("admin.users.remove", user_id="U0SIM99999", team_id=here.corp) == "user_not_found"
    founder = {"user_id": here.seed.founder.id, "team_id": here.corp}
    assert await here.error("admin.users.remove", **founder) == "cannot_modify_primary_owner"
    assert [one.kind for one in here.slack.state.effects] == ["removed_from_workspace"]


async def test_sessions_end_by_kind_one_by_one_and_in_a_job(here: SlackFromOutside) -> None:
    assert await here.error("admin.users.session.list", user_id=here.isa.id) == "missing_team"
    assert await here.error("admin.users.session.list", team_id=here.corp) == "missing_user"
    assert await here.error("admin.users.session.reset", user_id=here.isa.id, mobile_only="true") == ""
    assert await here.sessions() == ["macOS"]
    (session,) = (one for one in here.slack.state.sessions.values() if one.user == here.isa.id)
    wanted = {"user_id": here.isa.id, "session_id": str(session.id)}
    assert await here.error("admin.users.session.invalidate", **wanted) == ""
    assert await here.error("admin.users.session.invalidate", **wanted) == "session_not_found"
    for kind in ("web", "mobile"):
        here.slack.state.new_session(here.isa, here.seed.workspaces[0], kind)
    bulk = {"user_ids": [here.isa.id, here.kim.id]}
    assert (await here.client.post("/api/admin.users.session.resetBulk", json=bulk)).json() == {"ok": True}
    assert [len(await here.sessions()) for _ in range(2)] == [2, 0]
    assert [(one.kind, one.subject) for one in here.slack.state.effects] == [
        ("sessions_reset", here.isa.id),
        ("session_ended", here.isa.id),
        ("sessions_reset", here.isa.id),
        ("sessions_reset", here.kim.id),
    ]
    founder = here.seed.founder.id
    assert await here.error("admin.users.session.reset", user_id=founder) == "cannot_reset_primary_owner"
    assert await here.own_token("E-1") == here.isa.id


async def test_a_user_group_cannot_be_empty_and_a_linked_one_is_not_changed(here: SlackFromOutside) -> None:
    sales = here.seed.user_groups["department-sales"]
    where = {"team_id": here.corp, "usergroup": sales.id}
    assert (await here.call("usergroups.users.list", **where))["users"] == [here.bo.id, here.kim.id]
    body = await here.call("usergroups.users.update", **where, users=here.bo.id)
    assert body["usergroup"]["users"] == [here.bo.id]
    assert await here.error("usergroups.users.update", **where, users="U0SIM99999") == "invalid_users"
    assert await here.error("usergroups.users.update", **where, users="") == "no_users_provided"
    assert (await here.call("usergroups.disable", **where))["usergroup"]["date_delete"] > 0
    assert await here.error("usergroups.users.list", **where) == "no_such_subteam"
    listed = await here.call("usergroups.list", team_id=here.corp, include_users="true")
    assert sales.id not in [one["id"] for one in listed["usergroups"]]
    linked = here.slack.state.new_user_group(here.seed.workspaces[0], "Linked", here.isa, here.kim, linked=True)
    wanted = {"team_id": here.corp, "usergroup": linked.id, "users": here.kim.id}
    assert await here.error("usergroups.users.update", **wanted) == "permission_denied"
    assert [one.kind for one in here.slack.state.effects] == ["removed_from_user_group", "user_group_disabled"]


async def test_roles_and_administrators(here: SlackFromOutside) -> None:
    assigned = await here.all("admin.roles.listAssignments", "role_assignments", limit="1")
    assert {one["user_id"] for one in assigned} == {here.isa.id, here.bo.id}
    plans = here.seed.channels["plans"].id
    gone = {"role_id": CHANNEL_MANAGER, "user_ids": here.isa.id, "entity_ids": plans}
    assert await here.error("admin.roles.removeAssignments", **gone) == ""
    left = await here.all("admin.roles.listAssignments", "role_assignments")
    assert [one["user_id"] for one in left] == [here.bo.id]
    assert await here.error("admin.roles.removeAssignments", **gone) == "invalid_role_id"
    admins = await here.all("admin.users.list", "users", include_admins="true", limit="1")
    assert [one["id"] for one in admins] == [here.bo.id]
    both = await here.all("admin.users.list", "users", include_admins="true", include_owners="true")
    assert {one["is_owner"] for one in both} == {True, False}
    assert len(both) == 3
    for _ in range(2):
        assert await here.error("admin.users.setRegular", user_id=here.bo.id, team_id=here.org) == ""
    assert here.bo.role == "member"
    assert [one.kind for one in here.slack.state.effects] == ["role_removed", "made_regular"]


async def test_channels_of_a_leaver(here: SlackFromOutside) -> None:
    for number in range(25):
        here.slack.state.new_channel(here.seed.workspaces[0], f"more-{number}", here.kim)
    found = await here.all("admin.conversations.search", "conversations", limit="20")
    assert len(found) == 28
    (plans,) = (one for one in found if one["creator_id"] == here.isa.id)
    assert (plans["is_private"], plans["channel_manager_count"]) == (True, 1)
    assert (await here.call("admin.conversations.getTeams", channel_id=plans["id"]))["team_ids"] == [here.corp]
    seen = {"channel": plans["id"]}
    assert await here.error("conversations.members", **seen) == "channel_not_found"
    assert await here.error("admin.conversations.invite", channel_id=plans["id"], user_ids=here.seed.owner.id) == ""
    assert await here.all("conversations.members", "members", **seen, limit="2") == [
        here.isa.id,
        here.bo.id,
        here.seed.owner.id,
    ]
    assert await here.error("conversations.members", here.seed.bot, **seen) == "missing_scope"
    assert await here.error("conversations.kick", **seen, user=here.isa.id) == ""
    assert await here.error("conversations.kick", **seen, user=here.isa.id) == "not_in_channel"
    assert await here.error("conversations.kick", **seen, user=here.seed.owner.id) == "cant_kick_self"
    general = next(one["id"] for one in found if one["is_general"])
    assert await here.error("conversations.kick", channel=general, user=here.kim.id) == "cant_kick_from_general"
    assert await here.error("admin.conversations.archive", channel_id=plans["id"]) == ""
    assert await here.error("admin.conversations.archive", channel_id=plans["id"]) == "already_archived"


async def test_apps_that_a_person_installed(here: SlackFromOutside) -> None:
    logs = await here.call("team.integrationLogs", team_id=here.corp, user=here.bo.id)
    assert [one["app_type"] for one in logs["logs"]] == ["Helper", "Calendar"]
    assert (await here.call("team.integrationLogs", team_id=here.corp, user="U0SIM99999"))["logs"] == []
    helper = logs["logs"][0]["app_id"]
    (bot,) = (one for one in here.slack.state.tokens.values() if one.app == helper)
    here.slack.state.deactivate(here.bo)
    assert (await here.call("auth.test", bot.value))["bot_id"].startswith("B")
    assert await here.error("admin.apps.uninstall", app_id=helper) == "specify_enterprise_or_teams"
    here.slack.advance(minutes=1)
    assert await here.error("admin.apps.uninstall", app_id=helper, team_ids=here.corp) == ""
    assert await here.error("auth.test", bot.value) == "account_inactive"
    assert len(await here.all("admin.apps.approved.list", "approved_apps")) == 3
    own = here.seed.tokens["E-3"].value
    assert (await here.call("auth.revoke", own, test="1"))["revoked"] is False
    assert (await here.call("auth.revoke", own))["revoked"] is True
    assert await here.own_token("E-3") == "token_revoked"


async def test_a_token_is_held_to_its_kind_scopes_and_workspace(here: SlackFromOutside) -> None:
    grid, app = here.slack.state, here.seed.calendar
    me = await here.call("auth.test")
    assert (me["team_id"], me["enterprise_id"], me["is_enterprise_install"]) == (here.org, here.org, True)
    assert await here.error("admin.users.list", here.seed.bot) == "not_allowed_token_type"
    narrow = grid.install(app, here.seed.owner, here.org, "users:read").value
    refused = await here.client.post(
        "/api/admin.users.session.reset", data={"user_id": here.isa.id}, headers={"Authorization": f"Bearer {narrow}"}
    )
    assert refused.json() == {
        "ok": False,
        "error": "missing_scope",
        "needed": "admin.users:write",
        "provided": "users:read",
    }
    assert refused.headers["x-oauth-scopes"] == "users:read"
    assert refused.headers["x-accepted-oauth-scopes"] == "admin.users:write"
    assert "email" not in (await here.call("users.info", narrow, user=here.isa.id))["user"]["profile"]
    member = grid.install(app, here.kim, here.org, "admin.users:read", "admin").value
    assert await here.error("admin.users.list", member) == "not_an_admin"
    local = grid.install(app, here.seed.owner, here.corp, "admin.users:read", "admin").value
    assert await here.error("admin.users.list", local) == "feature_not_enabled"
    assert await here.error("users.list") == "missing_argument"
    ending = grid.install(app, here.seed.owner, here.org, "admin", expires=here.slack.now() + timedelta(hours=12)).value
    assert (await here.call("auth.test", ending))["ok"]
    here.slack.advance(hours=12)
    assert await here.error("auth.test", ending) == "token_expired"
    assert await here.error("auth.test", "xoxp-wrong") == "invalid_auth"
    for token, code in (
        (member, "invalid_authentication"),
        (local, "non_org_teams_only"),
        ("x", "invalid_authentication"),
    ):
        headers = {"Authorization": f"Bearer {token}"}
        assert (await here.client.get("/scim/v2/Users", headers=headers)).json()["detail"] == code
    async with client_of(here.slack) as nameless:
        assert (await nameless.get("/api/auth.test")).json()["error"] == "not_authed"
        assert (await nameless.post("/api/auth.test", data={"token": here.seed.bot})).json()["ok"]
        assert (await nameless.get("/scim/v2/Users")).json()["detail"] == "missing_authentication"


async def test_faults_have_slacks_forms(here: SlackFromOutside) -> None:
    reset, faults = {"user_id": here.isa.id}, here.slack.faults
    user = f"/scim/v2/Users/{here.isa.id}"
    faults.limit("POST", "session.reset")
    limited = await here.client.post("/api/admin.users.session.reset", data=reset)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "30")
    assert limited.json() == {"ok": False, "error": "ratelimited"}
    faults.limit("DELETE", "/Users/")
    limited = await here.client.delete(user)
    assert (limited.status_code, limited.json()["detail"]) == (429, "too_many_requests")
    faults.break_down("POST", status=200)
    assert await here.error("admin.users.session.reset", **reset) == "internal_error"
    faults.break_down("POST", status=503)
    assert (await here.client.post("/api/admin.users.session.reset", data=reset)).status_code == 503
    faults.expire("POST")
    assert await here.error("admin.users.session.reset", **reset) == "token_expired"
    faults.expire("DELETE")
    assert (await here.client.delete(user)).status_code == 401
    assert here.slack.state.effects == []
    faults.lose_reply("DELETE")
    with pytest.raises(httpx.RemoteProtocolError):
        await here.client.delete(user)
    assert [one.kind for one in here.slack.state.effects] == ["deactivated"]
    faults.stay_stale("/Users/", reads=1)
    await here.patch(f"Users/{here.isa.id}", {"op": "replace", "path": "active", "value": True})
    assert [(await here.client.get(user)).json()["active"] for _ in range(2)] == [False, True]
    faults.hide_list("usergroups.list")
    assert (await here.call("usergroups.list", team_id=here.corp))["usergroups"] == []


async def test_limits_by_tier_and_by_endpoint(here: SlackFromOutside) -> None:
    here.slack.advance(seconds=60 - here.slack.now().timestamp() % 60)
    answers = [(await here.client.get("/api/usergroups.list", params={"team_id": here.corp})) for _ in range(21)]
    assert [one.status_code for one in answers] == [200] * 20 + [429]
    again = here.slack.state.new_app("Another")
    other = here.slack.state.install(again, here.seed.owner, here.corp, "usergroups:read").value
    assert (await here.call("usergroups.list", other))["ok"]
    assert (await here.client.get("/api/auth.test")).status_code == 200
    here.slack.per_minute["GET user"] = 1
    path = f"/scim/v2/Users/{here.isa.id}"
    assert [(await here.client.get(path)).status_code for _ in range(2)] == [200, 429]
    here.slack.advance(minutes=1)
    assert (await here.client.get(path)).status_code == 200


async def test_a_request_that_slack_does_not_describe_is_a_violation(here: SlackFromOutside) -> None:
    assert await here.error("users.info", user=here.isa.id, verbose="1") == "invalid_arguments"
    read_by_json = await here.client.post("/api/users.lookupByEmail", json={"email": here.isa.email})
    assert read_by_json.json()["error"] == "invalid_arguments"
    assert await here.error("users.delete") == "unknown_method"
    assert await here.error("users.list", team_id=here.corp, cursor="wrong") == "invalid_cursor"
    assert len(here.slack.violations) == 2
    here.slack.violations.clear()


async def test_business_plus_has_scim_and_no_administration() -> None:
    async with SlackSimulator("business_plus").start() as slack:
        seed = seed_slack(slack, PEOPLE)
        async with client_of(slack, {"Authorization": f"Bearer {seed.token}"}) as client:
            isa = seed.user("E-1")
            listed = (await client.post("/api/admin.users.list")).json()
            assert listed["error"] == "feature_not_enabled"
            me = (await client.get("/api/auth.test")).json()
            assert (me["team_id"], "enterprise_id" in me) == (seed.workspaces[0].id, False)
            assert len((await client.get("/api/users.list")).json()["members"]) == 5
            assert (await client.delete(f"/scim/v2/Users/{isa.id}")).status_code == 204
            shown = (await client.get("/api/users.info", params={"user": isa.id})).json()["user"]
            assert (shown["deleted"], "enterprise_user" in shown) == (True, False)


async def test_the_whole_company_can_be_seeded_in_slack() -> None:
    async with SlackSimulator().start() as slack:
        seed = seed_slack(slack)
        assert {one.id for one in seed.users.values()} < slack.state.users.keys()
