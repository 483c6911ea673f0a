"""What a run removed at Google Workspace is given back, at the simulator in `tests/vendors/google`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from connectors.errors import RefusedError
from tests.connectors.vendors.google_workspace.connected_google import ConnectedGoogle, connected_google


@pytest_asyncio.fixture
async def company() -> AsyncIterator[ConnectedGoogle]:
    async with connected_google() as company:
        yield company


async def test_a_suspension_is_lifted(company: ConnectedGoogle) -> None:
    await company.do("suspend_account")
    assert not await company.refreshes("E-1")
    assert await company.give_back("unsuspend_account") == {"suspended_before": True}
    assert await company.refreshes("E-1") and not company.isa.suspended
    company.google.forget()
    assert await company.do("unsuspend_account") == {"suspended_before": False}
    assert company.google.sent("PUT") == []


async def test_an_archived_account_is_refused(company: ConnectedGoogle) -> None:
    company.isa.suspended = True
    company.isa.fields["archived"] = True
    assert await company.outcome("unsuspend_account") == "not_done"
    with pytest.raises(RefusedError, match="account_archived") as raised:
        await company.do("unsuspend_account")
    assert raised.value.happened == "no" and company.isa.suspended


async def test_groups_are_given_back_with_the_role_in_each(company: ConnectedGoogle) -> None:
    finance, everyone = company.seed.groups["department-finance"], company.seed.groups["everyone"]
    finance.members[company.isa.id] = "MANAGER"
    closed = company.workspace.new_group("closed@corp.example", company.isa)
    before = {group.id: group.members[company.isa.id] for group in company.workspace.groups_of(company.isa.id)}
    left = (await company.do("remove_from_groups"))["left_groups"]
    assert {group["id"]: group["role"] for group in left} == before
    del company.workspace.groups[closed.id]
    everyone.members[company.isa.id] = "MEMBER"
    reply = await company.give_back("add_to_groups", taken=left)
    assert [group["id"] for group in reply["deleted_groups"]] == [closed.id]
    assert everyone.id not in {group["id"] for group in reply["joined_groups"]}
    now = {group.id: group.members[company.isa.id] for group in company.workspace.groups_of(company.isa.id)}
    assert now == {id: role for id, role in before.items() if id != closed.id}


async def test_a_member_with_a_lesser_role_gets_the_former_one_and_one_with_a_greater_keeps_it(
    company: ConnectedGoogle,
) -> None:
    finance, everyone = company.seed.groups["department-finance"], company.seed.groups["everyone"]
    finance.members[company.isa.id], everyone.members[company.isa.id] = "MEMBER", "OWNER"
    taken = [{"id": group.id, "name": group.name, "role": "MANAGER"} for group in (finance, everyone)]
    reply = await company.give_back("add_to_groups", taken=taken)
    assert [group["id"] for group in reply["joined_groups"]] == [finance.id]
    assert (finance.members[company.isa.id], everyone.members[company.isa.id]) == ("MANAGER", "OWNER")


async def test_a_group_without_a_recorded_role_gets_a_member(company: ConnectedGoogle) -> None:
    finance = company.seed.groups["department-finance"]
    del finance.members[company.isa.id]
    await company.give_back("add_to_groups", taken=[{"id": finance.id, "name": finance.name}])
    assert finance.members[company.isa.id] == "MEMBER"


async def test_administrator_roles_are_given_back(company: ConnectedGoogle) -> None:
    company.bo.is_admin = True
    company.workspace.assign_role("3", company.seed.groups["everyone"])
    snapshot = (await company.look("snapshot_access", company.bo)).evidence
    removed = (await company.do("remove_admin_roles", company.bo))["removed_roles"]
    assert {role["id"] for role in removed} == {role["id"] for role in snapshot["removable_roles"]}
    reply = await company.give_back("add_admin_roles", company.bo, removed)
    assert len(reply["added_roles"]) == 2 and company.bo.is_admin
    assert [one.role for one in company.workspace.assignments_of(company.bo, indirect=False)] == ["2"]
    again = replace(company.effect("add_admin_roles", company.bo), taken=removed)
    assert (await company.connector.attempt(again)).detail == {"added_roles": []}


async def test_a_role_is_given_back_with_its_limits(company: ConnectedGoogle) -> None:
    limits = {"orgUnitId": "03ph8a2z1", "condition": "api.getAttribute('x', []).hasAny(['y'])"}
    taken = [{"id": "77", "name": "Help desk", "assigns": {"roleId": "3", "scopeType": "ORG_UNIT", **limits}}]
    await company.connector.attempt(replace(company.effect("add_admin_roles"), taken=taken))
    [sent] = company.google.sent("POST", "/roleassignments$")
    assert sent.body == {"roleId": "3", "scopeType": "ORG_UNIT", "assignedTo": company.isa.id, **limits}


async def test_a_role_that_was_not_recorded_is_named(company: ConnectedGoogle) -> None:
    taken = [{"id": "77", "name": "Help desk"}]
    with pytest.raises(RefusedError, match="role_not_recorded") as raised:
        await company.connector.attempt(replace(company.effect("add_admin_roles"), taken=taken))
    assert "Help desk" in raised.value.detail
