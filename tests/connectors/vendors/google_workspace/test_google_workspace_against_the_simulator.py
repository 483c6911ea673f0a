"""The connector for Google Workspace against the simulator in `tests/vendors/google`, over the wire. The simulator was
written from Google's documents by an author who did not see the connector, and checks every request and every answer
against Google's discovery documents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.errors import RefusedError, TryAgainError
from connectors.vendors.google_workspace.check import NEEDED
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import MatchKey
from orchestrator.domain.planning.matching import FoundAccount, match_accounts
from tests.connectors.vendors.google_workspace.connected_google import ConnectedGoogle, connected_google


@pytest_asyncio.fixture
async def company() -> AsyncIterator[ConnectedGoogle]:
    async with connected_google() as company:
        yield company


@pytest.mark.parametrize("page", [0, 1])
async def test_accounts_are_found_by_each_attribute(company: ConnectedGoogle, page: int) -> None:
    company.google.largest_page = page
    for attribute, value in (
        ("id", company.kim.id),
        ("primaryEmail", "Kim.O'Dahl@corp.example"),
        ("email", "kim.o'dahl@corp.example"),
        ("email", "E-3@corp.example"),
        ("externalId", "e-3"),
    ):
        [found] = await company.find(attribute, value)
        assert (found.native_id, found.label, found.active) == (company.kim.id, company.kim.email, True), attribute
        assert found.attributes[attribute].casefold() == value.casefold()
    assert await company.find("externalId", "E-9") == []
    assert await company.find("email", "nobody@corp.example") == []


async def test_an_alias_is_neither_an_id_nor_a_primary_address(company: ConnectedGoogle) -> None:
    assert await company.find("primaryEmail", "e-3@corp.example") == []
    assert await company.find("id", "e-3@corp.example") == []
    assert await company.find("id", company.kim.email) == []
    assert await company.find("id", "999") == []


async def test_a_leavers_address_that_is_an_alias_of_another_account_is_asked_about(company: ConnectedGoogle) -> None:
    """The leaver's account is gone, and mail goes to the manager."""
    company.kim.aliases.append("gone@corp.example")
    [found] = await company.find("email", "Gone@corp.example")
    assert (found.native_id, found.secondary) == (company.kim.id, {"email"})
    key = MatchKey(key="email", attribute="email")
    for address, outcome in (("gone@corp.example", "weak"), (company.kim.email, "matched")):
        person = PersonFacts(hr_id="1", employee_number="", email=address)
        [found] = await company.find("email", address)
        account = FoundAccount(
            system="google",
            account_id="a",
            native_id=found.native_id,
            attributes=dict(found.attributes),
            secondary=tuple(found.secondary),
        )
        assert match_accounts(person, [key], [account]).outcome == outcome


async def test_administrators_are_privileged(company: ConnectedGoogle) -> None:
    [bo], [isa] = await company.find("externalId", "E-2"), await company.find("externalId", "E-1")
    [admin] = await company.find("primaryEmail", company.seed.admin.email)
    assert (bo.privileged, isa.privileged, admin.privileged) == (True, False, True)


async def test_a_suspended_account_gets_no_token_for_an_app(company: ConnectedGoogle) -> None:
    assert await company.refreshes("E-1")
    assert await company.outcome("suspend_account") == "not_done"
    assert await company.do("suspend_account") == {"suspended_before": False, "archived_before": False}
    assert await company.do("suspend_account") == {"suspended_before": True, "archived_before": False}
    assert await company.outcome("suspend_account") == "done"
    assert (await company.refreshes("E-1"), await company.refreshes("E-3")) == (False, True)
    assert len(company.google.sent("PUT")) == 1
    [found] = await company.find("externalId", "E-1")
    assert found.active is False


async def test_signing_out_ends_sessions_and_not_the_tokens_of_apps(company: ConnectedGoogle) -> None:
    await company.do("revoke_sessions")
    assert (company.isa.sessions, company.kim.sessions) == (0, 1)
    assert await company.refreshes("E-1")


async def test_the_tokens_of_apps_end(company: ConnectedGoogle) -> None:
    assert await company.outcome("revoke_grants") == "not_done"
    reply = await company.do("revoke_grants")
    assert [grant["name"] for grant in reply["revoked_grants"]] == ["Mail on a phone"]
    assert await company.outcome("revoke_grants") == "done"
    assert (await company.lives("E-1"), await company.refreshes("E-1"), await company.lives("E-3")) == (
        False,
        False,
        True,
    )
    assert (await company.do("revoke_grants"))["revoked_grants"] == []


async def test_app_passwords_end(company: ConnectedGoogle) -> None:
    company.isa.app_passwords[7] = "Calendar"
    assert await company.outcome("delete_app_passwords") == "not_done"
    assert len((await company.do("delete_app_passwords"))["deleted_app_passwords"]) == 2
    assert (company.isa.app_passwords, await company.outcome("delete_app_passwords")) == ({}, "done")
    assert company.kim.app_passwords


async def test_backup_codes_end_and_are_never_shown(company: ConnectedGoogle) -> None:
    there = await company.look("invalidate_backup_codes")
    assert (there.outcome, there.evidence["backup_codes"]) == ("not_done", 10)
    assert company.isa.backup_codes[7] not in json.dumps(there.evidence)
    assert await company.do("invalidate_backup_codes") == {"backup_codes_before": 10}
    assert (company.isa.backup_codes, await company.outcome("invalidate_backup_codes")) == ([], "done")


async def test_groups_are_left_on_every_page(company: ConnectedGoogle) -> None:
    company.google.largest_page = 2
    assert await company.outcome("remove_from_groups") == "not_done"
    left = (await company.do("remove_from_groups"))["left_groups"]
    assert {"everyone", "department-finance"} < {group["name"] for group in left}
    assert company.workspace.groups_of(company.isa.id) == []
    found = await company.look("remove_from_groups")
    assert (found.outcome, found.evidence["search_proven"]) == ("done", True)
    assert company.workspace.groups_of(company.kim.id)


@pytest.mark.parametrize(
    ("path", "ability"), [("/groups$", "remove_from_groups"), ("/roleassignments$", "remove_admin_roles")]
)
async def test_an_empty_list_counts_only_where_the_query_finds_something_for_another_account(
    company: ConnectedGoogle, path: str, ability: str
) -> None:
    company.bo.is_admin = False
    company.google.faults.hide_list(path)
    company.workspace.role_assignments = {}
    found = await company.look(ability, company.kim)
    assert found.outcome == "unknown"


async def test_named_groups_are_left_and_others_kept(company: ConnectedGoogle) -> None:
    assert await company.outcome("remove_from_groups", groups=["department-finance"]) == "not_done"
    reply = await company.do("remove_from_groups", groups=["DEPARTMENT-FINANCE@corp.example"])
    assert [group["name"] for group in reply["left_groups"]] == ["department-finance"]
    assert await company.outcome("remove_from_groups", groups=["department-finance"]) == "done"
    await company.do("remove_from_groups", keep=["everyone"])
    assert [group.name for group in company.workspace.groups_of(company.isa.id)] == ["everyone"]
    assert await company.outcome("remove_from_groups", keep=["everyone"]) == "done"
    assert await company.outcome("remove_from_groups") == "not_done"
    for parameter in ("groups", "keep"):
        with pytest.raises(RefusedError, match="group_not_found") as raised:
            await company.do("remove_from_groups", **{parameter: ["No such group", "everyone"]})
        assert "No such group" in raised.value.detail
        assert await company.outcome("remove_from_groups", **{parameter: ["No such group"]}) != "done"


async def test_a_group_by_another_group_is_named(company: ConnectedGoogle) -> None:
    finance = company.seed.groups["department-finance"]
    office = company.workspace.new_group("office@corp.example")
    office.members[finance.id] = "MEMBER"
    with pytest.raises(RefusedError, match="member_by_group") as raised:
        await company.do("remove_from_groups", groups=["office"])
    assert "office" in raised.value.detail and raised.value.happened == "no"
    assert await company.outcome("remove_from_groups", groups=["office"]) == "not_done"
    kept = await company.look("remove_from_groups", keep=["department-finance"])
    assert [group["name"] for group in kept.evidence["groups_by_kept_groups"]] == ["office"]
    await company.do("remove_from_groups", groups=["department-finance", "office"])
    assert await company.outcome("remove_from_groups", groups=["department-finance", "office"]) == "done"


async def test_a_group_by_one_of_many_groups_is_unknown(company: ConnectedGoogle) -> None:
    for number in range(40):
        company.workspace.new_group(f"group-{number}@corp.example", company.isa)
    company.workspace.new_group("office@corp.example")
    assert await company.outcome("remove_from_groups", groups=["office"]) == "unknown"
    found = await company.look("snapshot_access")
    assert {"groups_by_groups", "owned_groups"} <= set(found.evidence["not_shown"])
    await company.do("remove_from_groups")
    assert await company.outcome("remove_from_groups", groups=["office"]) == "done"


async def test_administrator_roles_end_and_those_by_a_group_are_not_done(company: ConnectedGoogle) -> None:
    company.bo.is_admin = True
    company.workspace.assign_role("3", company.seed.groups["everyone"])
    assert await company.outcome("remove_admin_roles", company.bo) == "not_done"
    reply = await company.do("remove_admin_roles", company.bo)
    assert [role["name"] for role in reply["removed_roles"]] == ["super administrator", "_USER_MANAGEMENT_ADMIN_ROLE"]
    assert [role["name"] for role in reply["by_group"]] == ["_GROUPS_ADMIN_ROLE"]
    assert not company.bo.is_admin
    by_group = await company.look("remove_admin_roles", company.bo)
    assert (by_group.outcome, len(by_group.evidence["roles"])) == ("not_done", 1)
    await company.do("remove_from_groups", company.bo)
    assert await company.outcome("remove_admin_roles", company.bo) == "done"


async def test_aliases_end_but_those_that_are_kept(company: ConnectedGoogle) -> None:
    company.isa.aliases.append("invoices@corp.example")
    reply = await company.do("remove_aliases", keep=["Invoices@corp.example"])
    assert [alias["name"] for alias in reply["removed_aliases"]] == ["e-1@corp.example"]
    assert await company.outcome("remove_aliases", keep=["invoices@corp.example"]) == "done"
    assert await company.outcome("remove_aliases") == "not_done"
    await company.do("remove_aliases")
    assert (company.isa.aliases, await company.outcome("remove_aliases")) == ([], "done")


async def test_data_go_to_the_manager_and_a_transfer_is_not_started_twice(company: ConnectedGoogle) -> None:
    assert await company.outcome("transfer_data") == "not_done"
    reply = await company.do("transfer_data")
    assert (reply["to"], reply["started"]) == (company.bo.id, ["drive", "calendar"])
    assert await company.outcome("transfer_data") == "not_done", "Google has not completed it"
    with pytest.raises(TryAgainError, match="transfer_in_progress") as raised:
        await company.do("transfer_data")
    assert (raised.value.happened, raised.value.retry_after) == ("no", 300)
    complete(company)
    assert await company.outcome("transfer_data") == "done"
    again = await company.do("transfer_data")
    assert (again["started"], again["already_transferred"]) == ([], ["drive", "calendar"])
    [transfer] = company.workspace.transfers.values()
    assert (transfer.old_owner, transfer.new_owner) == (company.isa.id, company.bo.id)


def complete(company: ConnectedGoogle) -> None:
    for transfer in company.workspace.transfers.values():
        transfer.reads = 0


async def test_a_transfer_before_the_last_sign_in_does_not_count(company: ConnectedGoogle) -> None:
    await company.do("transfer_data", applications=["drive"])
    complete(company)
    assert await company.outcome("transfer_data", applications=["drive"]) == "done"
    assert await company.outcome("transfer_data") == "not_done", "the calendar was not transferred"
    company.google.advance(minutes=5)
    company.isa.created = company.google.now()  # the simulator shows it as the last sign-in
    assert await company.outcome("transfer_data", applications=["drive"]) == "not_done"
    assert (await company.do("transfer_data", applications=["drive"]))["started"] == ["drive"]


async def test_the_recipient_of_data_is_one_other_active_account(company: ConnectedGoogle) -> None:
    for parameters in ({"to_email": "e-3@corp.example"}, {"to_account": company.kim.id}):
        company.workspace.transfers.clear()
        assert (await company.do("transfer_data", **parameters))["to"] == company.kim.id
    company.workspace.transfers.clear()
    company.kim.suspended = True
    for parameters, code in (
        ({"to_email": company.kim.email}, "recipient_not_usable"),
        ({"to_account": company.isa.id}, "recipient_not_usable"),
        ({"to_email": "none@corp.example"}, "recipient_not_found"),
        ({"to_account": company.kim.email}, "recipient_not_found"),
        ({"applications": ["gmail"]}, "parameter_invalid"),
    ):
        with pytest.raises(RefusedError, match=code) as raised:
            await company.do("transfer_data", **parameters)
        assert raised.value.happened == "no"
    with pytest.raises(RefusedError, match="recipient_not_found"):
        await company.do("transfer_data", company.bo)  # without a manager in Google
    assert company.workspace.transfers == {}


async def test_a_completed_transfer_counts_when_its_recipient_is_suspended_later(company: ConnectedGoogle) -> None:
    await company.do("transfer_data")
    complete(company)
    company.bo.suspended = True
    assert await company.outcome("transfer_data") == "done"
    assert await company.outcome("transfer_data", to_email="none@corp.example") == "unknown"


async def test_a_group_keeps_an_owner_when_it_is_handed_over(company: ConnectedGoogle) -> None:
    own = company.workspace.new_group("own@corp.example", owner=company.isa)
    shared = company.workspace.new_group("shared@corp.example", company.bo, owner=company.isa)
    both = company.workspace.new_group("both@corp.example", owner=company.isa)
    both.members[company.bo.id] = "OWNER"
    assert await company.outcome("hand_over_ownership") == "not_done"
    reply = await company.do("hand_over_ownership")
    assert {group["name"] for group in reply["handed_over"]} == {"own", "shared", "both"}
    for group in (own, shared, both):
        assert group.members == {company.isa.id: "MEMBER", company.bo.id: "OWNER"}
    assert await company.outcome("hand_over_ownership") == "done"
    assert await company.do("hand_over_ownership") == {"handed_over": []}
    assert (await company.do("hand_over_ownership", company.bo, to_email=company.kim.email))["to"] == company.kim.id
    assert own.members[company.kim.id] == "OWNER"


async def test_licences_end(company: ConnectedGoogle) -> None:
    company.google.largest_page = 2
    assert await company.outcome("remove_licenses") == "not_done"
    assert len((await company.do("remove_licenses"))["removed_licenses"]) == 1
    assert (company.isa.licences, await company.outcome("remove_licenses")) == (set(), "done")
    assert company.kim.licences
    company.kim.licences.clear()
    company.bo.licences.clear()
    assert await company.outcome("remove_licenses") == "unknown", "Google shows no licence of anyone"


async def test_a_deleted_account_can_be_restored(company: ConnectedGoogle) -> None:
    assert await company.outcome("delete_account") == "not_done"
    for gone in (False, True):
        assert await company.do("delete_account") == {"deleted": True, "already_gone": gone}
    assert await company.outcome("delete_account") == "done"
    assert company.isa.deleted is not None and not await company.refreshes("E-1")
    with pytest.raises(RefusedError, match="account_gone"):
        await company.do("suspend_account")
    assert await company.outcome("suspend_account") == "unknown"


async def test_the_administrator_for_whom_offboard_acts_is_never_changed(company: ConnectedGoogle) -> None:
    admin = company.seed.admin
    for ability in sorted(NEEDED.keys() - {"snapshot_access", "remove_from_groups"}):
        with pytest.raises(RefusedError, match="own_administrator") as raised:
            await company.do(ability, admin)
        assert raised.value.happened == "no"
    assert not admin.suspended and admin.is_admin and admin.deleted is None and admin.sessions == 1


async def test_a_snapshot_shows_what_the_account_has(company: ConnectedGoogle) -> None:
    sales = company.seed.groups["department-sales"]
    company.workspace.new_group("office@corp.example").members[sales.id] = "MEMBER"
    found = await company.look("snapshot_access", company.bo)
    evidence = found.evidence
    assert (found.outcome, evidence["not_shown"]) == ("done", [])
    assert {"everyone", "department-sales"} <= {group["name"] for group in evidence["groups"]}
    assert [group["name"] for group in evidence["groups_by_groups"]] == ["office"]
    assert "everyone" in {group["name"] for group in evidence["owned_groups"]}
    assert [role["name"] for role in evidence["roles"]] == ["_USER_MANAGEMENT_ADMIN_ROLE"]
    assert [grant["name"] for grant in evidence["grants"]] == ["Mail on a phone"]
    assert (len(evidence["app_passwords"]), evidence["backup_codes"], len(evidence["licenses"])) == (1, 10, 1)
    assert evidence["aliases"] == ["e-2@corp.example"] and evidence["delegated_administrator"]
    assert evidence["two_step_verification"] == {"enrolled": True, "enforced": True}
    assert (evidence["org_unit"], evidence["suspended"]) == ("/", False)
    assert not any(code in json.dumps(evidence) for code in company.bo.backup_codes)
