"""Entra: each ability is stepped through with recorded exchanges.

The recordings are written by hand from the schemas of Microsoft's description and from Microsoft's pages, and are not
from a real tenant. `test_entra_description.py` checks them against the description.

Over 400 lines: the abilities of one connector, which share its recordings.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.recordings import read_recording, replay
from connectors.vendors.entra.connector import ENTRA
from connectors.vendors.entra.graph import EntraSettings
from connectors.vendors.entra.permissions import PERMISSIONS, check_permissions, lacking
from tests.connectors.vendors.vendor_description import RECORDINGS

ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
MANAGER = "0b1f0b8e-6f3a-4a57-9d6a-3f0a4f6f1c11"
SUCCESSOR = "c95e3b3a-c33b-48da-a6e9-eb101e8a4205"
SUCCESSOR_ADDRESS = {"to_email": "kim@example.com"}
SETTINGS = EntraSettings.model_validate(
    {"tenant": "example.com", "client_id": "1f0a7b1e-0000-4000-8000-00000000c11d", "client_secret": "s3cret"}
)


def effect(ability: str, **parameters: Any) -> Effect:
    return Effect(ability, "run-1/step-1/1", Account(ID, "isa.lund@example.com"), parameters)


def exchanges(name: str) -> Any:
    return read_recording(RECORDINGS / "entra" / f"{name}.json", base="https://graph.microsoft.com/v1.0")


def do(ability: str, name: str, **parameters: Any) -> Any:
    act = ENTRA.acts.act(ability)
    assert act.do is not None
    return replay(act.do(SETTINGS, effect(ability, **parameters)), exchanges(name), ENTRA.dialect)


def look(ability: str, name: str, **parameters: Any) -> Any:
    act = ENTRA.acts.act(ability)
    assert act.look is not None
    return replay(act.look(SETTINGS, effect(ability, **parameters)), exchanges(name), ENTRA.dialect)


def find(name: str, attribute: str, value: str) -> Any:
    return replay(ENTRA.find(SETTINGS, [Lookup(attribute, value)]), exchanges(name), ENTRA.dialect)


def names(items: Any) -> list[str]:
    return [item["name"] for item in items]


@pytest.mark.parametrize(
    ("name", "attribute", "value", "label", "privileged"),
    [
        ("find_by_id", "id", ID, "isa.lund@example.com", False),
        ("find_by_principal_name", "userPrincipalName", "isa.lund@example.com", "isa.lund@example.com", True),
        ("find_by_mail", "mail", "tom.o'neil@example.com", "tom.o'neil@example.com", True),
        ("find_by_sam_account_name", "onPremisesSamAccountName", "ilund", "isa.lund@example.com", False),
        (
            "find_by_employee_id",
            "employeeId",
            "E-1015",
            "isa_partner.example#EXT#@example.onmicrosoft.com (guest)",
            False,
        ),
    ],
)
def test_an_account_is_found(name: str, attribute: str, value: str, label: str, privileged: bool) -> None:
    """The first role is the account's own, the second one by a group; of the guest, roles may not be read."""
    [account] = find(name, attribute, value)
    assert (account.native_id, account.label, account.privileged) == (ID, label, privileged)
    assert account.attributes["userType"] == ("Guest" if "guest" in label else "Member")


def test_a_principal_name_is_no_id() -> None:
    assert find("find_by_principal_name_as_id", "id", "isa.lund@example.com") == []


def test_only_graphs_own_404_says_that_there_is_no_account() -> None:
    assert find("find_absent_id", "id", ID) == []
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        find("find_by_gateway_404", "id", ID)


def test_an_account_is_enabled() -> None:
    assert do("enable_account", "enable")["enabled_before"] is False
    assert look("enable_account", "enabled").outcome == "done"
    assert look("enable_account", "disabled").outcome == "not_done"
    assert look("enable_account", "status_hidden").outcome == look("enable_account", "gone").outcome == "unknown"


def test_the_groups_that_a_run_left_are_joined_and_deleted_ones_are_named() -> None:
    taken = do("remove_from_groups", "leave_groups")["left_groups"]
    act = ENTRA.acts.act("add_to_groups")
    assert act.do is not None and act.look is not None
    wanted = replace(effect("add_to_groups"), taken=taken)
    reply = replay(act.do(SETTINGS, wanted), exchanges("join_groups"), ENTRA.dialect)
    assert (names(reply["joined_groups"]), names(reply["deleted_groups"])) == (["Engineering"], ["Team X"])
    assert replay(act.look(SETTINGS, wanted), exchanges("groups_joined"), ENTRA.dialect).outcome == "done"
    found = replay(act.look(SETTINGS, wanted), exchanges("groups_not_joined"), ENTRA.dialect)
    assert (found.outcome, names(found.evidence["not_joined"])) == ("not_done", ["Engineering"])


def test_a_condition_cannot_be_injected() -> None:
    request = next(ENTRA.find(SETTINGS, [Lookup("mail", "a' or accountEnabled eq true or mail eq '")]))
    assert request.params["$filter"] == "mail eq 'a'' or accountEnabled eq true or mail eq '''"
    assert "ConsistencyLevel" not in request.headers


def test_a_name_from_on_premises_is_searched_with_the_header_that_such_a_search_needs() -> None:
    request = next(ENTRA.find(SETTINGS, [Lookup("onPremisesSamAccountName", "ilund")]))
    assert (request.headers, request.params["$count"]) == ({"ConsistencyLevel": "eventual"}, "true")


@pytest.mark.parametrize("attribute", ["displayName", "", "mail eq 'a' or mail"])
def test_another_attribute_is_refused(attribute: str) -> None:
    with pytest.raises(RefusedError, match="unknown_attribute"):
        find("find_by_id", attribute, "a")


def test_an_account_is_disabled_once() -> None:
    assert do("disable_account", "disable") == {"enabled_before": True, "synchronised_from_premises": True}
    assert do("disable_account", "disable_again") == {"enabled_before": False, "synchronised_from_premises": False}
    disabled = look("disable_account", "disabled")
    assert (disabled.outcome, disabled.evidence["synchronised_from_premises"]) == ("done", True)
    assert look("disable_account", "enabled").outcome == "not_done"
    assert look("disable_account", "status_hidden").outcome == "unknown"
    assert look("disable_account", "gone").outcome == "unknown"
    with pytest.raises(RefusedError, match="account_gone"):
        do("disable_account", "gone")
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        do("disable_account", "disable_refused")


def test_sessions_are_revoked_and_the_reply_has_the_instants() -> None:
    assert do("revoke_sessions", "revoke_sessions") == {
        "sessions_valid_from_before": "2026-03-02T08:00:00Z",
        "sessions_valid_from": "2026-11-29T12:00:00Z",
    }
    with pytest.raises(RefusedError, match="not_revoked"):
        do("revoke_sessions", "revoke_sessions_not_done")
    with pytest.raises(RefusedError, match="signs_in_elsewhere"):
        do("revoke_sessions", "revoke_sessions_of_a_guest")


def test_groups_are_left_on_every_page_and_roles_and_units_are_not_groups() -> None:
    assert names(do("remove_from_groups", "leave_groups")["left_groups"]) == ["Engineering", "Team X"]
    assert names(do("remove_from_groups", "leave_groups_again")["left_groups"]) == ["Engineering"]
    assert look("remove_from_groups", "groups_left").outcome == "done"
    with pytest.raises(ActionRequiredError) as raised:
        do("remove_from_groups", "leave_groups_one_refused")
    assert "Engineering" in raised.value.detail and "Removed from: Team X." in raised.value.detail


def test_groups_that_cannot_be_left_here_are_named_and_never_count_as_done() -> None:
    with pytest.raises(RefusedError, match="group_cannot_be_left") as raised:
        do("remove_from_groups", "leave_groups_that_cannot_be_left")
    for name in ("All staff (a rule", "VPN users (it is synchronised", "News list (it is a mail group"):
        assert name in raised.value.detail
    assert "Removed from: Engineering." in raised.value.detail
    found = look("remove_from_groups", "groups_not_left")
    assert found.outcome == "not_done"
    assert [bool(group.get("kept_because")) for group in found.evidence["groups"]] == [True, True, True, False]
    assert look("remove_from_groups", "groups_kept").outcome == "not_done"


def test_a_step_names_the_groups_to_keep() -> None:
    assert names(do("remove_from_groups", "leave_groups_but_kept", keep=["all staff"])["left_groups"]) == [
        "Engineering"
    ]
    assert look("remove_from_groups", "groups_kept", keep=["All staff"]).outcome == "done"


def test_named_groups_must_exist() -> None:
    engineering = "1a000000-0000-4000-8000-000000000001"
    assert look("remove_from_groups", "groups_named", groups=["Engineering"]).outcome == "done"
    assert look("remove_from_groups", "groups_named_by_id", groups=[engineering]).outcome == "done"
    wrong = look("remove_from_groups", "groups_named_wrongly", groups=["Enginering"])
    assert (wrong.outcome, wrong.evidence["groups_not_found"]) == ("unknown", ["Enginering"])


def test_assigned_and_eligible_roles_end_and_those_by_a_group_are_not_done() -> None:
    reply = do("remove_directory_roles", "remove_roles")
    assert names(reply["removed_roles"]) == ["Helpdesk Administrator", "Global Administrator"]
    assert names(reply["by_group"]) == ["User Administrator", "Global Reader"]
    assert look("remove_directory_roles", "roles_gone").outcome == "done"
    by_group = look("remove_directory_roles", "roles_by_group")
    assert (by_group.outcome, names(by_group.evidence["roles"])) == ("not_done", ["User Administrator"])
    assert look("remove_directory_roles", "roles_eligible").outcome == "not_done"
    with pytest.raises(ActionRequiredError) as raised:
        do("remove_directory_roles", "remove_roles_one_refused")
    assert "Not removed: Global Administrator." in raised.value.detail
    assert "Removed: Helpdesk Administrator." in raised.value.detail


def test_no_role_proves_nothing_where_the_same_query_finds_none_of_an_administrator() -> None:
    assert look("remove_directory_roles", "roles_unproven").outcome == "unknown"


def test_eligible_roles_need_a_licence_and_are_unknown_where_they_may_not_be_read() -> None:
    assert names(do("remove_directory_roles", "remove_roles_without_licence")["removed_roles"]) == [
        "Helpdesk Administrator"
    ]
    assert look("remove_directory_roles", "roles_gone_without_licence").outcome == "done"
    hidden = look("remove_directory_roles", "roles_eligible_hidden")
    assert (hidden.outcome, hidden.evidence["eligible_roles_shown"]) == ("unknown", False)
    with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
        do("remove_directory_roles", "remove_roles_eligible_hidden")
    assert "Not removed: eligible roles." in raised.value.detail


def test_own_assignments_to_applications_end_and_those_by_a_group_are_named() -> None:
    reply = do("remove_from_apps", "remove_from_apps")
    assert names(reply["removed_from_apps"]) == ["Payroll", "Old Helpdesk"]
    assert names(reply["assigned_by_group"]) == ["Wiki"]
    assert look("remove_from_apps", "apps_left").outcome == "done"
    assert look("remove_from_apps", "apps_not_left").outcome == "not_done"
    with pytest.raises(ActionRequiredError) as raised:
        do("remove_from_apps", "remove_from_apps_one_refused")
    assert "Not removed: Payroll." in raised.value.detail and "Removed: Old Helpdesk." in raised.value.detail


def test_an_assignment_whose_type_is_not_shown_is_not_taken_for_a_groups() -> None:
    *before, last = exchanges("apps_left")
    [wiki] = last.answer.body["value"]
    body = {"value": [{name: wiki[name] for name in wiki if name != "principalType"}]}
    shown = [*before, replace(last, answer=replace(last.answer, body=body))]
    flow = ENTRA.acts.act("remove_from_apps").look
    assert flow is not None
    assert replay(flow(SETTINGS, effect("remove_from_apps")), shown, ENTRA.dialect).outcome == "not_done"


def test_consents_are_revoked() -> None:
    assert [grant["id"] for grant in do("revoke_grants", "revoke_grants")["revoked_grants"]] == ["gr1", "gr2"]
    assert look("revoke_grants", "grants_gone").outcome == "done"
    assert look("revoke_grants", "grants_there").outcome == "not_done"
    with pytest.raises(ActionRequiredError) as raised:
        do("revoke_grants", "revoke_grants_one_refused")
    assert raised.value.happened == "unknown"


def test_own_licences_are_removed_and_those_by_a_group_are_named() -> None:
    reply = do("remove_licenses", "remove_licenses")
    assert len(reply["removed_licenses"]) == 2 and len(reply["assigned_by_group"]) == 1
    assert look("remove_licenses", "licenses_gone").outcome == "done"
    assert look("remove_licenses", "licenses_there").outcome == "not_done"
    assert look("remove_licenses", "licenses_hidden").outcome == "unknown"
    with pytest.raises(RefusedError, match="refused") as raised:
        do("remove_licenses", "remove_licenses_one_refused")
    assert "Removed: 66b55226" in raised.value.detail


def test_authentication_methods_are_deleted_the_default_one_last_and_the_password_stays() -> None:
    reply = do("remove_authentication_methods", "remove_methods")
    assert names(reply["removed_methods"]) == ["phone", "fido2", "microsoftAuthenticator"]
    assert reply["kept"] == ["password"]
    others = do("remove_authentication_methods", "remove_methods_of_other_kinds")["removed_methods"]
    assert names(others) == ["email", "softwareOath", "temporaryAccessPass", "windowsHelloForBusiness"]
    assert look("remove_authentication_methods", "methods_gone").outcome == "done"
    there = look("remove_authentication_methods", "methods_there")
    assert there.outcome == "not_done"
    assert "+49" not in json.dumps(there.evidence)
    with pytest.raises(ActionRequiredError) as raised:
        do("remove_authentication_methods", "remove_methods_one_refused")
    assert "Not removed: phone." in raised.value.detail and "Removed: fido2." in raised.value.detail


def test_a_kind_of_method_that_graph_does_not_delete_is_named() -> None:
    recorded = exchanges("methods_there")[1:]
    recorded[0].answer.body["value"][1]["@odata.type"] = "#microsoft.graph.qrCodePinAuthenticationMethod"
    act = ENTRA.acts.act("remove_authentication_methods")
    assert act.do is not None
    with pytest.raises(RefusedError, match="method_unknown") as raised:
        replay(act.do(SETTINGS, effect("remove_authentication_methods")), recorded, ENTRA.dialect)
    assert "qrCodePin" in raised.value.detail


def test_direct_reports_get_the_accounts_own_manager_or_the_named_one() -> None:
    reply = do("hand_over_reports", "hand_over_reports")
    assert (names(reply["reports"]), reply["to"]) == (["Li Ek", "Bo Dahl"], MANAGER)
    assert do("hand_over_reports", "hand_over_reports_none") == {"reports": []}
    assert look("hand_over_reports", "reports_gone").outcome == "done"
    assert look("hand_over_reports", "reports_there").outcome == "not_done"
    with pytest.raises(RefusedError, match="recipient_not_found"):
        do("hand_over_reports", "hand_over_reports_without_manager")
    with pytest.raises(RefusedError, match="manager_not_set") as raised:
        do("hand_over_reports", "hand_over_reports_to_a_report", to_account=SUCCESSOR)
    assert "Agency, Kim Sand" in raised.value.detail and "Li Ek" in raised.value.detail
    with pytest.raises(ActionRequiredError) as refused:
        do("hand_over_reports", "hand_over_reports_one_refused")
    assert "Not handed over: Li Ek." in refused.value.detail and "Handed over: Bo Dahl." in refused.value.detail


def test_what_the_account_owns_gets_the_successor_as_owner_first() -> None:
    reply = do("hand_over_ownership", "hand_over_ownership", **SUCCESSOR_ADDRESS)
    assert [item["type"] for item in reply["handed_over"]] == ["group", "application", "servicePrincipal"]
    assert reply["to"] == SUCCESSOR
    gone = look("hand_over_ownership", "ownership_gone")
    assert (gone.outcome, names(gone.evidence["not_handed_over"])) == ("done", ["LAPTOP-7"])
    assert look("hand_over_ownership", "ownership_left").outcome == "not_done"
    with pytest.raises(ActionRequiredError) as raised:  # and the account stays the owner of that group
        do("hand_over_ownership", "hand_over_ownership_one_refused", **SUCCESSOR_ADDRESS)
    assert "Not handed over: Engineering." in raised.value.detail and "Handed over: Invoices." in raised.value.detail


@pytest.mark.parametrize(
    ("name", "parameters", "code"),
    [
        ("recipient_absent", SUCCESSOR_ADDRESS, "recipient_not_found"),
        ("recipient_twice", SUCCESSOR_ADDRESS, "recipient_ambiguous"),
        ("recipient_disabled", SUCCESSOR_ADDRESS, "recipient_not_usable"),
        ("recipient_is_the_account", {"to_account": ID}, "recipient_not_usable"),
    ],
)
def test_the_successor_is_one_other_enabled_account(name: str, parameters: dict[str, str], code: str) -> None:
    with pytest.raises(RefusedError, match=code) as raised:
        do("hand_over_ownership", name, **parameters)
    assert raised.value.happened == "no"


def test_a_successor_must_be_named() -> None:
    act = ENTRA.acts.act("hand_over_ownership")
    assert act.do is not None
    with pytest.raises(RefusedError, match="parameter_missing"):
        next(act.do(SETTINGS, effect("hand_over_ownership")))


def test_an_account_is_deleted_for_now() -> None:
    assert do("delete_account", "delete") == {"deleted": True, "already_gone": False}
    assert do("delete_account", "delete_meanwhile_gone") == {"deleted": True, "already_gone": False}
    assert do("delete_account", "gone") == {"deleted": True, "already_gone": True}
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        do("delete_account", "gateway_404")
    assert look("delete_account", "gone").outcome == "done"
    assert look("delete_account", "gateway_404").outcome == "unknown"
    assert look("delete_account", "disabled").outcome == "not_done"
    ability = ENTRA.acts.abilities["delete_account"]
    assert ability.destroys and ability.reversible_for is not None and ability.reversible_for.days == 30


def test_a_snapshot_holds_what_the_account_can_reach_and_owns() -> None:
    evidence = look("snapshot_access", "snapshot").evidence
    assert names(evidence["groups"]) == ["Engineering", "All staff"]
    assert names(evidence["groups_by_groups"]) == ["Team X"]
    assert names(evidence["roles"]) == names(evidence["roles_and_units"]) == ["Helpdesk Administrator"]
    assert names(evidence["apps"]) == ["Payroll", "Wiki"]
    assert [bool(item["assigned_by_group"]) for item in evidence["licenses"]] == [False, True]
    assert names(evidence["methods"]) == ["password", "phone"]
    assert (names(evidence["owned"]), names(evidence["reports"])) == (["Invoices"], ["Li Ek"])
    assert (len(evidence["grants"]), evidence["not_shown"]) == (1, [])


def test_a_snapshot_names_what_the_app_may_not_read() -> None:
    evidence = look("snapshot_access", "snapshot_hidden").evidence
    assert evidence["not_shown"] == ["licenses", "roles", "apps", "grants", "methods"]
    assert evidence["groups"][0]["name"] == "1a000000-0000-4000-8000-000000000001", "Graph shows no more than the id"
    assert evidence["eligible_roles"] == [], "the tenant has none without the licence"


def test_the_check_names_what_the_app_may_not_do() -> None:
    said = replay(check_permissions(SETTINGS), exchanges("check"), ENTRA.dialect).said
    assert "permissions: Application.Read.All, GroupMember.ReadWrite.All, User.EnableDisableAccount.All" in said
    missing = said.partition("not allowed by them: ")[2]
    assert "disable_account" not in missing and "remove_from_groups" not in missing
    assert "revoke_sessions (User.RevokeSessions.All)" in missing
    assert "delete_account (User.ReadWrite.All)" in missing
    hidden = replay(ENTRA.check(SETTINGS), exchanges("check_permissions_hidden"), ENTRA.dialect)
    assert "cannot read its own permissions" in str(hidden)
    with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
        replay(ENTRA.check(SETTINGS), exchanges("check_forbidden"), ENTRA.dialect)
    assert "User.Read.All" in raised.value.remedy


def test_each_ability_has_its_permissions_and_the_least_of_them_suffice() -> None:
    assert set(PERMISSIONS) == set(ENTRA.acts.abilities)
    assert lacking(sorted({group[0] for groups in PERMISSIONS.values() for group in groups})) == []
    assert len(lacking([])) == len(PERMISSIONS)


def test_the_documentation_has_the_least_permissions_of_each_ability() -> None:
    page = (Path(__file__).parents[4] / "docs" / "connectors" / "entra.md").read_text()
    permissions = page.partition("## The credential")[2].partition("## Abilities")[0].splitlines()
    for ability, groups in PERMISSIONS.items():
        [row] = [line for line in permissions if line.startswith(f"| `{ability}` |")]
        assert all(f"`{group[0]}`" in row for group in groups), ability


@pytest.mark.parametrize(
    ("name", "code", "seconds"), [("rate_limited", "too_many_requests", 600), ("unavailable", "system_failed", 120)]
)
def test_graph_says_when_to_come_back(name: str, code: str, seconds: float) -> None:
    with pytest.raises(TryAgainError, match=code) as raised:
        look("disable_account", name)
    assert (raised.value.retry_after, raised.value.happened) == (seconds, "no")


def test_a_concurrent_change_is_tried_again() -> None:
    with pytest.raises(TryAgainError, match="system_failed") as raised:
        do("disable_account", "concurrent_change")
    assert raised.value.happened == "no"
