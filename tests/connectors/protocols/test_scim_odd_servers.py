"""SCIM servers that leave out, refuse or spell in another way what they may: nothing is done without evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from tests.connectors.protocols.odd_scim_server import OddServer, listed, refused
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer

ACCOUNT = Account("u-1", "nora")
LEAVE = Effect("remove_from_groups", "key", ACCOUNT, deadline=10.0)


def _members_in_single_groups_only(server: OddServer) -> None:
    server.lists_members = False
    server.filter_members = lambda member: 400


def _members_as_numbers(server: OddServer) -> None:
    server.user["id"] = 53
    for group in server.groups.values():
        group["members"] = [{"value": 53}, {"value": 54}]
    server.filter_members = lambda member: 400


def _names_in_another_case(server: OddServer) -> None:
    server.user = {"ID": "u-1", "USERNAME": "Nora@example.org", "Active": True}
    server.groups = {
        id_: {"id": id_, "DisplayName": group["displayName"], "Members": [{"Value": "u-1"}, {"Value": "u-2"}]}
        for id_, group in server.groups.items()
    }
    server.filter_members = lambda member: 400


@pytest.mark.parametrize(
    "odd", [lambda server: None, _members_in_single_groups_only, _members_as_numbers, _names_in_another_case]
)
async def test_memberships_are_seen_however_they_are_written(odd: Callable[[OddServer], None]) -> None:
    server = OddServer()
    odd(server)
    account = Account(str(server.user.get("id", "u-1")), "nora")
    async with server.connected() as scim:
        look = await scim.read_back(Effect("remove_from_groups", "key", account))
        assert (look.outcome, [group["id"] for group in look.evidence["groups"]]) == ("not_done", ["g-1", "g-2"])


async def test_members_that_are_never_shown_prove_nothing() -> None:
    server = OddServer()
    server.filter_members = lambda member: []  # a server that answers unknown filters so
    for group in server.groups.values():
        del group["members"]
    async with server.connected() as scim:
        assert (await scim.read_back(LEAVE)).outcome == "unknown"
        assert (await scim.read_back(Effect("snapshot_access", "key", ACCOUNT))).outcome == "unknown"


async def test_a_filter_that_always_finds_nothing_is_not_believed() -> None:
    server = OddServer()
    server.filter_members = lambda member: []
    async with server.connected() as scim:
        assert (await scim.read_back(LEAVE)).outcome == "not_done"
        await scim.attempt(LEAVE)
        assert (await scim.read_back(LEAVE)).outcome == "done"


async def test_a_filter_that_an_empty_group_breaks_is_replaced_by_the_list() -> None:
    """SCIMMY 1.3 refuses `members.value eq` as soon as a group has no members, such as one that was just left."""
    server = OddServer()
    server.groups["g-1"]["members"] = [{"value": "u-1"}]
    server.filter_members = lambda member: (
        server.by_member(member) if all(group.get("members") for group in server.groups.values()) else 400
    )
    async with server.connected() as scim:
        assert (await scim.read_back(LEAVE)).outcome == "not_done"
        await scim.attempt(LEAVE)
        assert server.groups["g-1"]["members"] == []
        assert (await scim.read_back(LEAVE)).outcome == "done"
        other = Effect("snapshot_access", "key", Account("u-2", "ida"))
        assert [group["id"] for group in (await scim.read_back(other)).evidence["groups"]] == ["g-2"]


async def test_a_group_that_only_the_user_names_is_not_left() -> None:
    server = OddServer()
    server.user["groups"] = [{"value": "g-9", "display": "Hidden"}]
    server.groups = {"g-3": {"id": "g-3", "displayName": "Others", "members": [{"value": "u-2"}]}}
    async with server.connected() as scim:
        look = await scim.read_back(LEAVE)
        assert (look.outcome, look.evidence["groups_on_user_only"]) == ("unknown", [{"id": "g-9", "name": "Hidden"}])


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, RefusedError, "refused"),
        (403, ActionRequiredError, "credential_refused"),
        (409, TryAgainError, "changed_meanwhile"),
    ],
)
async def test_a_group_that_refuses_keeps_the_account_in_no_other(
    status: int, kind: type[ConnectorError], code: str
) -> None:
    server = OddServer()
    server.refuses_changes = {"g-1": status}
    async with server.connected() as scim:
        with pytest.raises(kind, match=code) as raised:
            await scim.attempt(LEAVE)
        assert "Not removed from: Payroll." in raised.value.detail and "Removed from: Staff." in raised.value.detail
        assert raised.value.happened == "unknown"
        look = await scim.read_back(LEAVE)
        assert [group["name"] for group in look.evidence["groups"]] == ["Payroll"]


async def test_a_group_is_named_in_any_case_and_must_exist() -> None:
    server = OddServer()
    effect = Effect("remove_from_groups", "key", ACCOUNT, {"groups": ["payroll", "Payrol"]})
    async with server.connected() as scim:
        with pytest.raises(RefusedError, match="group_not_found") as raised:
            await scim.attempt(effect)
        assert "Not removed from: Payrol." in raised.value.detail
        look = await scim.read_back(effect)
        assert (look.outcome, look.evidence["groups_not_found"]) == ("unknown", ["Payrol"])
        known = Effect("remove_from_groups", "key", ACCOUNT, {"groups": ["payroll"]})
        assert (await scim.read_back(known)).outcome == "done"
    assert len(server.groups["g-2"]["members"]) == 2


async def test_a_large_group_is_left_without_its_members() -> None:
    server = OddServer()
    async with server.connected() as scim:
        await scim.attempt(LEAVE)
    lists = [asked.target for asked in server.asked if asked.path == "/Groups"]
    assert lists and all("excludedAttributes=members" in target for target in lists)
    assert not any(asked.method == "GET" and asked.path.startswith("/Groups/") for asked in server.asked)


def _case_exact(server: OddServer) -> None:
    server.filter_users = lambda attribute, value: [
        user for user in (server.user, server.other) if str(user.get(attribute)) == value
    ]


def _always_empty(server: OddServer) -> None:
    server.filter_users = lambda attribute, value: []


@pytest.mark.parametrize("odd", [_case_exact, _always_empty])
async def test_an_empty_answer_of_a_filter_that_does_not_work_is_not_believed(odd: Callable[[OddServer], None]) -> None:
    server = OddServer()
    odd(server)
    async with server.connected() as scim:
        (account,) = await scim.find_accounts([Lookup("userName", "nora@example.org")])
        assert account.native_id == "u-1"
        assert await scim.find_accounts([Lookup("userName", "eva@example.org")]) == []
    server.lists_users = False
    async with server.connected() as scim:
        with pytest.raises(ActionRequiredError) as raised:
            await scim.find_accounts([Lookup("userName", "eva@example.org")])
        assert raised.value.code in ("search_unproven", "credential_refused")


async def test_an_attribute_that_no_user_has_proves_no_absence() -> None:
    async with OddServer().connected() as scim:
        assert await scim.find_accounts([Lookup("userName", "eva@example.org")]) == []
        with pytest.raises(ActionRequiredError, match="search_unproven") as raised:
            await scim.find_accounts([Lookup("userName", "eva@example.org"), Lookup("externalId", "7")])
        assert "externalId" in raised.value.detail


async def test_a_working_filter_is_proven_once() -> None:
    server = OddServer()
    async with server.connected() as scim:
        await scim.find_accounts([Lookup("userName", "eva@example.org")])
        before = len(server.asked)
        await scim.find_accounts([Lookup("userName", "eva@example.org")])
        assert len(server.asked) == before + 1


async def test_an_odd_record_of_another_person_stops_nothing() -> None:
    server = OddServer()
    odd: Any = "not a resource"
    server.filter_users = lambda attribute, value: [odd, {"id": None}, server.user]
    server.groups["g-0"] = {"id": None, "displayName": "admin"}
    server.groups["g-1"]["members"] = ["u-1", {"$ref": "https://example.org/Users/u-2"}, 7]
    server.groups["g-1"]["displayName"] = "admin"
    async with server.connected() as scim:
        (account,) = await scim.find_accounts([Lookup("userName", "nora@example.org")])
        assert (account.native_id, account.privileged) == ("u-1", True)


@pytest.mark.parametrize("status", [404, 400, 501])
async def test_a_server_without_groups_or_without_or_finds_accounts(status: int) -> None:
    """One that refuses `or` in a filter is asked for one privileged group at a time."""
    server = OddServer()
    server.groups["g-2"]["displayName"] = "Owner"
    answer = server.answer

    def without_groups(asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path == "/Groups" and (status == 404 or "%20or%20" in asked.target):
            return refused(status)
        return answer(asked)

    server.answer = without_groups  # type: ignore[method-assign]
    async with server.connected("admin,owner") as scim:
        (account,) = await scim.find_accounts([Lookup("userName", "nora@example.org")])
        assert account.privileged is (status != 404)


def _users_by_path(server: OddServer, asked: ReceivedRequest) -> ScriptedAnswer | None:
    """Refuses every PATCH with a filter in its path; takes the others."""
    if asked.method != "PATCH" or not asked.path.startswith("/Groups/"):
        return None
    (operation,) = json.loads(asked.body)["Operations"]
    if operation["path"] != "members":
        return refused(501)
    server.groups[asked.path.split("/")[2]]["members"] = operation["value"]
    return ScriptedAnswer(204)


def _users_by_put(server: OddServer, asked: ReceivedRequest) -> ScriptedAnswer | None:
    """Refuses every PATCH of a group."""
    if asked.method == "PUT" and asked.path.startswith("/Groups/"):
        server.groups[asked.path.split("/")[2]] = json.loads(asked.body)
        return ScriptedAnswer(200, json.loads(asked.body))
    return refused(501) if asked.method == "PATCH" else None


@pytest.mark.parametrize("odd", [_users_by_path, _users_by_put])
async def test_a_server_without_filters_in_paths_is_sent_the_remaining_members(
    odd: Callable[[OddServer, ReceivedRequest], ScriptedAnswer | None],
) -> None:
    server = OddServer()
    answer = server.answer
    server.answer = lambda asked: odd(server, asked) or answer(asked)  # type: ignore[method-assign]
    async with server.connected() as scim:
        await scim.attempt(LEAVE)
        assert (await scim.read_back(LEAVE)).outcome == "done"
    assert [group["members"] for group in server.groups.values()] == [[{"value": "u-2"}], [{"value": "u-2"}]]


async def test_a_server_that_ignores_the_members_of_a_put_is_named_at_once() -> None:
    """django-scim2 0.23 refuses both forms of PATCH with 501, and ignores the members of a PUT."""
    server = OddServer()
    answer = server.answer

    def kept(asked: ReceivedRequest) -> ScriptedAnswer | None:
        if asked.method == "PUT":
            return ScriptedAnswer(200, server.groups[asked.path.split("/")[2]])
        return refused(501) if asked.method == "PATCH" else None

    server.answer = lambda asked: kept(asked) or answer(asked)  # type: ignore[method-assign]
    async with server.connected() as scim:
        with pytest.raises(RefusedError, match="group_cannot_be_left") as raised:
            await scim.attempt(LEAVE)
        assert "Payroll, Staff" in raised.value.detail
        assert (await scim.read_back(LEAVE)).outcome == "not_done"


async def test_another_group_than_the_requested_one_is_not_sent_back() -> None:
    server = OddServer()
    answer = server.answer

    def mixed_up(asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path == "/Groups/g-1" and asked.method == "GET":
            server.asked.append(asked)
            return ScriptedAnswer(200, server.groups["g-2"])
        return _users_by_put(server, asked) or answer(asked)

    server.answer = mixed_up  # type: ignore[method-assign]
    async with server.connected() as scim:
        with pytest.raises(ConnectorError):
            await scim.attempt(LEAVE)
        assert (await scim.read_back(LEAVE)).outcome == "not_done"
    assert {"value": "u-1"} in server.groups["g-1"]["members"]
    assert server.groups["g-2"] == {"id": "g-2", "displayName": "Staff", "members": [{"value": "u-2"}]}
    assert [asked.path for asked in server.asked if asked.path == "/Groups/g-1"] == ["/Groups/g-1"]


async def test_a_group_that_is_too_large_to_read_is_left() -> None:
    server = OddServer()
    members = [
        {"value": "u-1"},
        {"value": "u-2"},
        *({"value": f"{n:036d}", "display": "x" * 60} for n in range(12_000)),
    ]
    server.groups = {"g-1": {"id": "g-1", "displayName": "Everyone", "members": members}}
    answer = server.answer

    def without_members(asked: ReceivedRequest) -> ScriptedAnswer:
        answered = answer(asked)
        if "excludedAttributes=members" in asked.target:
            return listed([{"id": "g-1", "displayName": "Everyone"}] * answered.body["totalResults"])  # type: ignore[index]
        return answered

    server.answer = without_members  # type: ignore[method-assign]
    async with server.connected("") as scim:
        assert (await scim.read_back(LEAVE)).outcome == "not_done"
        await scim.attempt(LEAVE)
    async with server.connected("") as scim:  # another worker has learned nothing of the server yet
        assert (await scim.read_back(LEAVE)).outcome == "done"


@pytest.mark.parametrize("active", [True, False])
async def test_a_server_that_takes_a_patch_without_path_deactivates(active: bool) -> None:
    """And one that refuses what changes nothing is read."""
    server = OddServer()
    server.user["active"] = active
    answer = server.answer

    def without_path(asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.method != "PATCH":
            return answer(asked)
        (operation,) = json.loads(asked.body)["Operations"]
        if "path" in operation or not server.user["active"]:
            return refused(400)
        server.user.update(operation["value"])
        return ScriptedAnswer(204)

    server.answer = without_path  # type: ignore[method-assign]
    async with server.connected() as scim:
        reply = await scim.attempt(Effect("disable_account", "key", ACCOUNT))
    assert server.user["active"] is False
    assert reply.detail == {
        **({"active": False} if active else {"active": False, "already": True}),
        "ended": [],
        "not_possible": ["sessions", "refresh_tokens", "access_tokens"],
    }


async def test_no_group_has_to_be_privileged() -> None:
    server = OddServer()
    server.groups["g-1"]["displayName"] = "admin"
    for privileged, expected in (("admin", True), ("", False)):
        async with server.connected(privileged) as scim:
            (account,) = await scim.find_accounts([Lookup("userName", "nora@example.org")])
            assert account.privileged is expected
