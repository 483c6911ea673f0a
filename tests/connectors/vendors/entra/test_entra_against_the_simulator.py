"""The connector for Entra against the simulator in `tests/vendors/entra`, over the wire. The simulator was written from
Microsoft's documents by an author who did not see the connector.

The simulator has no eligible roles, no list of an application's owners, and no search by `onPremisesSamAccountName`;
Microsoft's description has all three. Recorded exchanges cover them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.abilities import Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from tests.connectors.vendors.entra.connected_entra import ConnectedEntra, connected_entra
from tests.vendors.entra.seeds import E5, VISIO


@pytest_asyncio.fixture
async def company() -> AsyncIterator[ConnectedEntra]:
    async with connected_entra() as connected:
        yield connected


@pytest.mark.parametrize("page", [0, 1])
async def test_accounts_are_found_by_each_attribute(company: ConnectedEntra, page: int) -> None:
    company.entra.largest_page = page
    for attribute, value in (
        ("id", company.kim.id),
        ("userPrincipalName", "Kim.O'Dahl@corp.example"),
        ("mail", "kim.o'dahl@corp.example"),
        ("employeeId", "E-3"),
    ):
        [found] = await company.connector.find_accounts([Lookup(attribute, value)])
        assert (found.native_id, found.active, found.privileged) == (company.kim.id, True, False), attribute
    assert await company.connector.find_accounts([Lookup("employeeId", "E-9")]) == []
    assert await company.connector.find_accounts([Lookup("id", company.kim.upn)]) == []
    assert await company.connector.find_accounts([Lookup("id", company.seed.service.id)]) == []


async def test_guests_and_administrators_are_shown_as_such(company: ConnectedEntra) -> None:
    guest = company.tenant.new_user("pat_partner.example#EXT#@corp.example", employeeId="X-1")
    [found] = await company.connector.find_accounts([Lookup("employeeId", "X-1")])
    assert (found.native_id, "(guest)" in found.label) == (guest.id, True)
    with pytest.raises(RefusedError, match="signs_in_elsewhere"):
        await company.do("revoke_sessions", guest)
    [bo] = await company.connector.find_accounts([Lookup("employeeId", "E-2")])
    assert bo.privileged
    admins = company.tenant.new_group("Admins", company.isa, role_assignable=True)
    company.tenant.new_role_assignment("Exchange Administrator", admins)
    [isa] = await company.connector.find_accounts([Lookup("employeeId", "E-1")])
    assert isa.privileged


async def test_a_disabled_account_cannot_sign_in_and_its_refresh_token_ends(company: ConnectedEntra) -> None:
    assert (await company.sign_in(company.isa), await company.refresh("E-1")) == (200, 200)
    assert await company.outcome("disable_account") == "not_done"
    for before in (True, False):
        assert (await company.do("disable_account"))["enabled_before"] == before
    assert await company.outcome("disable_account") == "done"
    assert (await company.sign_in(company.isa), await company.refresh("E-1")) == (400, 400)
    assert await company.sign_in(company.kim) == 200
    assert len(company.entra.sent("PATCH")) == 1


async def test_revoked_sessions_end_refresh_tokens(company: ConnectedEntra) -> None:
    company.entra.advance(seconds=2)
    reply = await company.do("revoke_sessions")
    assert reply["sessions_valid_from_before"] < reply["sessions_valid_from"]
    assert (await company.refresh("E-1"), await company.refresh("E-3")) == (400, 200)


async def test_groups_are_left_and_those_that_cannot_be_are_named(company: ConnectedEntra) -> None:
    company.tenant.new_group("Bulletin", company.isa, mail_enabled=True)
    company.tenant.new_group("Project", company.isa, unified=True)
    company.entra.largest_page = 1
    with pytest.raises(RefusedError, match="group_cannot_be_left") as raised:
        await company.do("remove_from_groups")
    kept = {"All of Finance", "Domain Users", "Bulletin"}
    assert all(name in raised.value.detail for name in kept)
    assert {group.name for group in company.tenant.groups_of(company.isa.id)} == kept
    assert await company.outcome("remove_from_groups") == "not_done"
    assert (await company.do("remove_from_groups", keep=sorted(kept)))["left_groups"] == []
    assert await company.outcome("remove_from_groups", keep=sorted(kept)) == "done"
    assert company.isa.deleted is None and company.isa.enabled, "the request without $ref deletes the member"
    with pytest.raises(RefusedError, match="group_not_found"):
        await company.do("remove_from_groups", groups=["No such group"])
    assert await company.outcome("remove_from_groups", groups=["Licensed"]) == "done"


async def test_directory_roles_end(company: ConnectedEntra) -> None:
    """The simulator does not know eligible roles: they are reported, and the assigned ones end."""
    assert await company.outcome("remove_directory_roles", company.bo) == "not_done"
    with pytest.raises(RefusedError) as raised:
        await company.do("remove_directory_roles", company.bo)
    assert "Not removed: eligible roles." in raised.value.detail
    assert "Removed: User Administrator." in raised.value.detail
    assert company.tenant.roles_of(company.bo) == []
    assert await company.outcome("remove_directory_roles", company.bo) == "unknown"


async def test_own_assignments_to_applications_end(company: ConnectedEntra) -> None:
    reply = await company.do("remove_from_apps")
    assert [app["name"] for app in reply["removed_from_apps"]] == ["Expenses"]
    assert [app["name"] for app in reply["assigned_by_group"]] == ["Wiki"]
    assert await company.outcome("remove_from_apps") == "done"
    assert await company.outcome("remove_from_apps", company.kim) == "not_done"


@pytest.mark.parametrize(
    ("ability", "path"), [("remove_from_groups", "/memberOf$"), ("remove_from_apps", "/appRoleAssignments$")]
)
async def test_an_empty_list_proves_something_only_where_others_have_some(
    company: ConnectedEntra, ability: str, path: str
) -> None:
    new = company.tenant.new_user("new.one@corp.example", employeeId="E-90")
    assert await company.outcome(ability, new) == "done", "the same list about other accounts is not empty"
    company.entra.faults.hide_list(path)
    assert await company.outcome(ability, new) == "unknown"
    assert await company.outcome(ability) == "unknown"


async def test_no_authentication_method_at_all_proves_nothing(company: ConnectedEntra) -> None:
    company.entra.faults.hide_list("/authentication/methods$")
    assert await company.outcome("remove_authentication_methods") == "unknown"


async def test_a_search_that_finds_no_one_proves_no_missing_account(company: ConnectedEntra) -> None:
    company.entra.faults.hide_list("/users$", "employeeId eq")
    for number in ("E-1", "E-9"):
        with pytest.raises(ActionRequiredError, match="search_unproven"):
            await company.connector.find_accounts([Lookup("employeeId", number)])


async def test_consents_end(company: ConnectedEntra) -> None:
    assert await company.outcome("revoke_grants") == "not_done"
    assert len((await company.do("revoke_grants"))["revoked_grants"]) == 1
    assert await company.outcome("revoke_grants") == "done"
    assert len(company.tenant.consents) == 2, "those of the others stay"


async def test_own_licences_end_and_those_by_a_group_stay(company: ConnectedEntra) -> None:
    reply = await company.do("remove_licenses")
    assert [item["id"] for item in reply["removed_licenses"]] == [VISIO]
    assert [item["id"] for item in reply["assigned_by_group"]] == [E5]
    assert await company.outcome("remove_licenses") == "done"
    assert company.kim.licences == {VISIO}


async def test_authentication_methods_end_but_the_password(company: ConnectedEntra) -> None:
    kinds = ("email", "microsoftAuthenticator", "softwareOath", "windowsHelloForBusiness", "temporaryAccessPass")
    for kind in kinds:
        company.tenant.new_method(company.isa, f"{kind}AuthenticationMethod")
    reply = await company.do("remove_authentication_methods")
    assert {method["name"] for method in reply["removed_methods"]} == {"phone", "fido2", *kinds}
    left = [method.kind for method in company.tenant.methods.values() if method.user == company.isa.id]
    assert left == ["passwordAuthenticationMethod"]
    assert await company.outcome("remove_authentication_methods") == "done"


async def test_reports_get_the_accounts_manager_or_the_named_one(company: ConnectedEntra) -> None:
    assert await company.outcome("hand_over_reports") == "not_done"
    assert (await company.do("hand_over_reports"))["to"] == company.bo.id
    assert company.kim.manager == company.bo.id
    assert await company.outcome("hand_over_reports") == "done"
    with pytest.raises(RefusedError, match="recipient_not_found"):
        await company.do("hand_over_reports", company.bo)
    with pytest.raises(RefusedError, match="manager_not_set") as raised:  # Kim reports to Bo, but is not Kim's own
        await company.do("hand_over_reports", company.bo, to_email=company.kim.upn)
    assert "Handed over: Isa Lund." in raised.value.detail
    assert company.isa.manager == company.kim.id


async def test_a_group_keeps_an_owner_when_it_is_handed_over(company: ConnectedEntra) -> None:
    """The simulator does not list owners of applications: the application is named, and the group is handed over."""
    group = company.tenant.new_group("Own", owners=[company.isa.id])
    shared = company.tenant.new_group("Shared", owners=[company.isa.id, company.kim.id])
    reply = await company.do("hand_over_ownership", to_email=company.kim.upn)
    assert {item["name"] for item in reply["handed_over"]} == {"Own", "Shared"}
    assert (group.owners, shared.owners) == ([company.kim.id], [company.kim.id])
    assert await company.outcome("hand_over_ownership", to_email=company.kim.upn) == "done"
    app = company.tenant.new_application("Invoices", owners=(company.isa,))
    with pytest.raises(RefusedError) as raised:
        await company.do("hand_over_ownership", to_account=company.kim.id)
    assert "Not handed over: Invoices, Invoices." in raised.value.detail
    assert app.owners == [company.isa.id]
    assert await company.outcome("hand_over_ownership", to_account=company.kim.id) == "not_done"


async def test_a_deleted_account_can_be_restored(company: ConnectedEntra) -> None:
    assert await company.outcome("delete_account") == "not_done"
    for gone in (False, True):
        assert (await company.do("delete_account"))["already_gone"] == gone
    assert await company.outcome("delete_account") == "done"
    assert company.isa.deleted is not None
    assert await company.sign_in(company.isa) == 400
    with pytest.raises(RefusedError, match="account_gone"):
        await company.do("disable_account")


async def test_a_snapshot_shows_all_but_what_the_simulator_lacks(company: ConnectedEntra) -> None:
    evidence = (await company.look("snapshot_access", company.bo)).evidence
    assert evidence["not_shown"] == ["eligible_roles"]
    assert [role["name"] for role in evidence["roles"]] == ["User Administrator"]
    assert {group["name"] for group in evidence["groups_by_groups"]} == {"Everything"}
    assert {"All of Sales", "Domain Users", "Licensed"} <= {group["name"] for group in evidence["groups"]}
    assert [report["name"] for report in evidence["reports"]] == ["Isa Lund"]
    assert {item["id"] for item in evidence["licenses"]} == {E5, VISIO}
    assert (len(evidence["grants"]), len(evidence["methods"]), len(evidence["apps"])) == (1, 3, 2)


async def test_the_check_reads_a_user_and_a_wrong_secret_is_refused(company: ConnectedEntra) -> None:
    assert (await company.connector.check()).reachable
    company.seed.service.secret = "another"
    company.tenant.tickets.clear()
    checked = await company.connector.check()
    assert not checked.reachable and "credential_refused" in checked.detail


@pytest.mark.parametrize(
    ("ability", "lacks"),
    [
        ("disable_account", "User.ReadWrite.All"),
        ("revoke_sessions", "User.RevokeSessions.All"),
        ("remove_from_apps", "AppRoleAssignment.ReadWrite.All"),
        ("revoke_grants", "DelegatedPermissionGrant.ReadWrite.All"),
        ("remove_authentication_methods", "UserAuthenticationMethod.ReadWrite.All"),
    ],
)
async def test_a_missing_permission_needs_a_person(company: ConnectedEntra, ability: str, lacks: str) -> None:
    company.seed.service.permissions.discard(lacks)
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await company.do(ability)


async def test_a_limit_in_the_middle_is_waited_for_and_what_was_done_stays(company: ConnectedEntra) -> None:
    company.entra.faults.limit("DELETE", "/groups/")
    with pytest.raises(TryAgainError, match="too_many_requests") as raised:
        await company.do("remove_from_groups", groups=["Licensed"])
    assert raised.value.retry_after == 2
    assert [
        group["name"] for group in (await company.do("remove_from_groups", groups=["Licensed"]))["left_groups"]
    ] == ["Licensed"]


async def test_a_lost_reply_leaves_the_outcome_to_the_read_back(company: ConnectedEntra) -> None:
    company.entra.faults.lose_reply("PATCH", "/users/")
    with pytest.raises(TryAgainError) as raised:
        await company.do("disable_account")
    assert raised.value.happened == "unknown"
    assert await company.outcome("disable_account") == "done"


async def test_an_administrator_needs_a_role_of_the_app(company: ConnectedEntra) -> None:
    company.tenant.role_assignments = {
        id_: one
        for id_, one in company.tenant.role_assignments.items()
        if one.principal != company.seed.service.principal
    }
    for ability in ("disable_account", "delete_account"):
        with pytest.raises(ActionRequiredError, match="credential_refused"):
            await company.do(ability, company.bo)
    assert company.bo.enabled and company.bo.deleted is None
