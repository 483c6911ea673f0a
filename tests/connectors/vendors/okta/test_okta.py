"""Okta: each request and answer is one of Okta's own description, and each ability is stepped through with recorded
exchanges.

The recordings are written by hand from the description's schemas and examples, and are not from a real organisation.

Over 400 lines: the abilities of one connector, which share its recordings.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.http.requests import Operation
from connectors.recordings import read_recording, replay
from connectors.registry import connect
from connectors.vendors import okta
from connectors.vendors.okta.check import check_credential
from connectors.vendors.okta.connector import OKTA
from connectors.vendors.okta.organisation import MORE_SCOPES, SCOPES, OktaSettings
from tests.connectors.raw_servers import http_answer, listening
from tests.connectors.vendors.okta.okta_description import OPERATIONS, RECORDINGS, SCHEMAS, check_answer, check_request
from tests.connectors.vendors.package_contents import models_of, operations_of

ID = "00ub0oNGTSWTBKOLGLNR"
SETTINGS = OktaSettings.model_validate({"url": "https://example.okta.com", "token": "t0ken"})
APP = OktaSettings.model_validate({"url": "https://example.okta.com", "client_id": "0oa1", "private_key": "k"})
USED = operations_of(okta)
RECORDED = sorted((RECORDINGS / "okta").glob("*.json"))
NOT_OKTAS = "gateway_404.json"  # the answer of a gateway in front of Okta
READ = {
    "UserRecord": "User", "_Profile": "UserProfile", "_Factor": "UserFactor", "_Role": "StandardRole",
    "_Group": "Group", "_GroupProfile": "OktaUserGroupProfile", "_App": "Application", "_AppUser": "AppUser",
    "_AppUsers": "AppUsers", "_RoleAssignedUser": "RoleAssignedUser", "_Grant": "OAuth2ScopeConsentGrant",
    "_ApiToken": "ApiToken",
}  # fmt: skip


def effect(ability: str, **parameters: Any) -> Effect:
    return Effect(ability, "run-1/step-1/1", Account(ID, "isa.lund@example.com"), parameters)


def exchanges(name: str) -> Any:
    return read_recording(RECORDINGS / "okta" / f"{name}.json", base="https://example.okta.com")


def do(ability: str, name: str, **parameters: Any) -> Any:
    act = OKTA.acts.act(ability)
    assert act.do is not None
    return replay(act.do(SETTINGS, effect(ability, **parameters)), exchanges(name), OKTA.dialect)


def look(ability: str, name: str, **parameters: Any) -> Any:
    act = OKTA.acts.act(ability)
    assert act.look is not None
    return replay(act.look(SETTINGS, effect(ability, **parameters)), exchanges(name), OKTA.dialect)


def find(name: str, attribute: str, value: str, settings: OktaSettings = SETTINGS) -> list[tuple[str, bool]]:
    """The id of each account, and whether it is privileged."""
    found = replay(OKTA.find(settings, [Lookup(attribute, value)]), exchanges(name), OKTA.dialect)
    return [(account.native_id, account.privileged) for account in found]


@pytest.mark.parametrize("operation", USED, ids=lambda operation: operation.operation_id)
def test_each_operation_is_described_by_okta(operation: Operation) -> None:
    described = OPERATIONS[operation.operation_id]
    assert (operation.method, operation.path) == (described["method"], described["path"])


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_each_recorded_exchange_is_described_by_okta(path: Path) -> None:
    for exchange in json.loads(path.read_text()):
        request, answer = exchange["request"], exchange["answer"]
        address = urlsplit(request["path"])  # a next page has the whole address that the answer before named
        check_request(request["method"], address.path, request.get("params", {}))
        if path.name != NOT_OKTAS:
            check_answer(request["method"], address.path, answer["status"], answer.get("body"))


def test_each_field_that_the_connector_reads_is_described_by_okta() -> None:
    models = models_of(okta)
    assert set(models) == set(READ)
    for name, model in models.items():
        read = {field.alias or field_name for field_name, field in model.model_fields.items()}
        assert read <= set(SCHEMAS[READ[name]]["properties"]), name


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"id": ID, "status": "SLEEPING"}),
        (200, {"id": 7}),
        (200, {"identifier": ID}),
        (200, []),
        (202, {"id": ID}),
        (404, {"error": "not_found"}),
        (503, {"error": "unavailable"}),
    ],
)
def test_an_answer_that_okta_does_not_describe_is_found(status: int, body: Any) -> None:
    with pytest.raises(AssertionError):
        check_answer("GET", f"/api/v1/users/{ID}", status, body)


def test_the_scopes_are_the_least_that_the_abilities_need() -> None:
    needed = {scope for each in OPERATIONS.values() for scope in each["scopes"]}
    every = [SCOPES, *MORE_SCOPES.values()]
    assert needed == {scope for scopes in every for scope in scopes.split()}


@pytest.mark.parametrize(
    ("name", "attribute", "value", "privileged"),
    [
        ("find_by_id", "id", ID, True),  # has a role by a group
        ("find_by_login", "login", "isa.lund@example.com", False),
        ("find_by_employee_number", "employeeNumber", "E-1015", False),  # Okta does not show the roles
    ],
)
def test_an_account_is_found(name: str, attribute: str, value: str, privileged: bool) -> None:
    assert find(name, attribute, value) == [(ID, privileged)]


def test_a_service_app_without_the_scope_reads_no_roles() -> None:
    reads_roles = APP.model_copy(update={"scopes": "okta.users.read okta.roles.read"})
    assert find("find_by_id", "id", ID, reads_roles) == [(ID, True)]
    user = exchanges("find_by_id")[:1]
    (account,) = replay(OKTA.find(APP, [Lookup("id", ID)]), user, OKTA.dialect)
    assert not account.privileged


@pytest.mark.parametrize(("status", "body"), [(200, {}), (200, [7]), (404, {"errorCode": "E0000007"})])
def test_an_account_is_not_unprivileged_because_its_roles_cannot_be_read(status: int, body: Any) -> None:
    """An approval can depend on it. Only a credential that may not read roles shows none."""
    user, roles = exchanges("find_by_id")
    lies = replace(roles, answer=replace(roles.answer, status=status, body=body))
    with pytest.raises((ActionRequiredError, RefusedError)):
        replay(OKTA.find(SETTINGS, [Lookup("id", ID)]), [user, lies], OKTA.dialect)


def test_a_login_or_me_is_no_id() -> None:
    assert find("find_by_login_as_id", "id", "me") == []


@pytest.mark.parametrize("attribute", ["profile.login", "q", "", 'login eq "a" or login'])
def test_another_attribute_is_refused(attribute: str) -> None:
    with pytest.raises(RefusedError, match="unknown_attribute"):
        find("find_by_login", attribute, "a")


def test_a_condition_cannot_be_injected() -> None:
    flow = OKTA.find(SETTINGS, [Lookup("login", 'a" or profile.login pr or profile.login eq "')])
    request = next(flow)
    assert request.params["filter"] == 'profile.login eq "a\\" or profile.login pr or profile.login eq \\""'


def test_an_account_is_suspended_once() -> None:
    assert do("suspend_account", "suspend") == {"before": "ACTIVE"}
    assert do("suspend_account", "suspend_again") == {"before": "SUSPENDED"}
    assert look("suspend_account", "suspended").outcome == "done"
    assert look("suspend_account", "deactivated").outcome == "done"
    assert look("suspend_account", "active").outcome == "not_done"
    assert look("suspend_account", "gone").outcome == "unknown"
    with pytest.raises(RefusedError, match="account_gone"):
        do("suspend_account", "gone")


def test_an_account_is_deactivated_once() -> None:
    assert do("deactivate_account", "deactivate") == {"before": "SUSPENDED"}
    assert do("deactivate_account", "deactivation_under_way") == {"before": "SUSPENDED"}
    assert look("deactivate_account", "deactivation_under_way").outcome == "not_done"
    assert look("deactivate_account", "deactivated").outcome == "done"


def test_a_suspension_is_lifted_and_a_deactivated_account_is_refused() -> None:
    assert do("unsuspend_account", "unsuspend") == {"before": "SUSPENDED"}
    assert do("unsuspend_account", "active") == {"before": "ACTIVE"}
    with pytest.raises(RefusedError, match="account_deactivated"):
        do("unsuspend_account", "unsuspend_deactivated")
    assert look("unsuspend_account", "active").outcome == "done"
    assert look("unsuspend_account", "suspended").outcome == "not_done"
    assert look("unsuspend_account", "deactivated").outcome == "not_done"
    assert look("unsuspend_account", "gone").outcome == "unknown"


def test_the_groups_that_a_run_left_are_joined_and_deleted_ones_are_named() -> None:
    taken = do("remove_from_groups", "leave_groups")["left_groups"]
    act = OKTA.acts.act("add_to_groups")
    assert act.do is not None and act.look is not None
    wanted = replace(effect("add_to_groups"), taken=taken)
    joined = replay(act.do(SETTINGS, wanted), exchanges("join_groups"), OKTA.dialect)
    assert [one["id"] for one in joined["joined_groups"]] == [one["id"] for one in taken]
    nothing = replay(act.do(SETTINGS, wanted), exchanges("groups_deleted")[1:], OKTA.dialect)
    assert (nothing["joined_groups"], nothing["deleted_groups"]) == ([], [dict(one) for one in taken])
    assert replay(act.look(SETTINGS, wanted), exchanges("groups_joined"), OKTA.dialect).outcome == "done"
    gone = replay(act.look(SETTINGS, wanted), exchanges("groups_deleted"), OKTA.dialect)
    assert gone.outcome == "done" and len(gone.evidence["deleted_groups"]) == len(taken)


@pytest.mark.parametrize("name", ["suspend", "deactivate", "remove_admin_roles", "revoke_api_tokens"])
def test_the_administrator_to_whom_the_api_token_belongs_is_not_changed(name: str) -> None:
    recorded = exchanges(name)
    at = next(at for at, each in enumerate(recorded) if each.place == "/api/v1/users/me")
    own = replace(recorded[at], answer=replace(recorded[at].answer, body={**recorded[at].answer.body, "id": ID}))
    ability = name if "_" in name else f"{name}_account"
    act = OKTA.acts.act(ability).do
    assert act is not None
    with pytest.raises(RefusedError, match="own_account"):
        replay(act(SETTINGS, effect(ability)), [*recorded[:at], own], OKTA.dialect)
    app = APP.model_copy(update={"scopes": " ".join([SCOPES, *MORE_SCOPES.values()])})
    replay(act(app, effect(ability)), [*recorded[:at], *recorded[at + 1 :]], OKTA.dialect)


def test_only_a_deactivated_account_is_deleted() -> None:
    assert do("delete_account", "delete") == {"deleted": True, "already_gone": False}
    assert do("delete_account", "gone") == {"deleted": True, "already_gone": True}
    with pytest.raises(RefusedError, match="not_deactivated"):
        do("delete_account", "delete_suspended")
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        do("delete_account", "gateway_404")
    assert look("delete_account", "gone").outcome == "done"
    assert look("delete_account", "gateway_404").outcome == "unknown"
    assert look("delete_account", "deactivated").outcome == "not_done"


def test_sessions_and_tokens_are_revoked_together() -> None:
    assert "oauth_tokens" in do("revoke_sessions", "revoke_sessions")["revoked"]


def test_groups_of_oktas_own_are_left_on_every_page() -> None:
    left = do("remove_from_groups", "leave_groups")["left_groups"]
    assert [group["name"] for group in left] == ["Engineering", "VPN"]
    assert look("remove_from_groups", "groups_left").outcome == "done"
    assert look("remove_from_groups", "groups_not_left").outcome == "not_done"
    assert look("remove_from_groups", "groups_named", groups=["Sales"]).outcome == "done"
    assert look("remove_from_groups", "groups_left", groups=["ldap Staff"]).outcome == "not_done"
    wrong = look("remove_from_groups", "groups_named_wrongly", groups=["Salse"])
    assert (wrong.outcome, wrong.evidence["groups_not_found"]) == ("unknown", ["Salse"])


def test_factors_are_reset() -> None:
    assert [factor["type"] for factor in do("reset_factors", "reset_factors")["factors"]] == ["push", "sms"]
    assert look("reset_factors", "factors_gone").outcome == "done"
    assert look("reset_factors", "factors_unproven").outcome == "unknown", "no factor of another user is shown"
    assert look("reset_factors", "factors_there").outcome == "not_done"


def test_a_snapshot_holds_groups_and_factors() -> None:
    evidence = look("snapshot_access", "snapshot").evidence
    assert len(evidence["groups"]) == 4
    assert len(evidence["factors"]) == 2
    assert [app["name"] for app in evidence["apps"]] == ["Payroll", "Wiki"]
    assert [role["type"] for role in evidence["roles"]] == ["HELP_DESK_ADMIN"]
    assert len(evidence["grants"]) == 1
    assert "api_tokens" not in evidence and evidence["not_shown"] == ["api_tokens"]


def test_a_snapshot_names_what_the_scopes_of_a_service_app_do_not_show() -> None:
    act = OKTA.acts.act("snapshot_access")
    assert act.look is not None
    evidence = replay(act.look(APP, effect("snapshot_access")), exchanges("snapshot_of_an_app"), OKTA.dialect).evidence
    assert evidence["not_shown"] == ["apps", "roles", "api_tokens"]


@pytest.mark.parametrize("ability", MORE_SCOPES)
def test_a_service_app_without_the_scope_sends_no_request(ability: str) -> None:
    act = OKTA.acts.act(ability)
    assert act.do is not None and act.look is not None
    for flow in (act.do(APP, effect(ability)), act.look(APP, effect(ability))):
        with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
            next(flow)
        assert MORE_SCOPES[ability] in raised.value.remedy
    scopes = f"{SCOPES} {MORE_SCOPES[ability]}"
    assert APP.model_copy(update={"scopes": scopes}).lacks_scope_for(ability) is None
    assert SETTINGS.lacks_scope_for(ability) is None


def test_own_assignments_to_applications_end_and_those_by_a_group_are_named() -> None:
    reply = do("remove_from_apps", "remove_from_apps")
    assert [app["name"] for app in reply["removed_from_apps"]] == ["Payroll", "Old Helpdesk"]
    assert [app["name"] for app in reply["assigned_by_group"]] == ["Wiki"]
    assert look("remove_from_apps", "apps_left").outcome == "done"
    assert look("remove_from_apps", "apps_not_left").outcome == "not_done"
    with pytest.raises(ActionRequiredError) as raised:  # and the other application was left
        do("remove_from_apps", "remove_from_apps_one_refused")
    assert "Not removed: Payroll." in raised.value.detail and "Removed: Old Helpdesk." in raised.value.detail


def test_administrator_roles_end_and_one_by_a_group_is_not_done() -> None:
    reply = do("remove_admin_roles", "remove_admin_roles")
    assert [role["type"] for role in reply["removed_roles"]] == ["HELP_DESK_ADMIN"]
    assert [role["type"] for role in reply["assigned_by_group"]] == ["APP_ADMIN"]
    assert look("remove_admin_roles", "admin_roles_gone").outcome == "done"
    assert look("remove_admin_roles", "admin_roles_unproven").outcome == "unknown", "not even those of administrators"
    assert look("remove_admin_roles", "admin_roles_by_group").outcome == "not_done"


def test_api_tokens_of_the_account_are_revoked_and_no_others() -> None:
    revoked = do("revoke_api_tokens", "revoke_api_tokens")["revoked_api_tokens"]
    assert [token["name"] for token in revoked] == ["deploy script"]
    assert look("revoke_api_tokens", "api_tokens_gone").outcome == "done"
    assert look("revoke_api_tokens", "api_tokens_there").outcome == "not_done"
    assert look("revoke_api_tokens", "api_tokens_not_shown").outcome == "unknown", "not even its own token was shown"


def test_grants_are_revoked_once() -> None:
    assert [grant["scope"] for grant in do("revoke_grants", "revoke_grants")["grants"]] == ["okta.users.read"]
    assert do("revoke_grants", "revoke_grants_again") == {"grants": []}
    assert look("revoke_grants", "grants_there").outcome == "not_done"


@pytest.mark.parametrize(
    ("settings", "recording", "outcome", "proven_by"),
    [
        (SETTINGS, "grants_gone", "done", "another_account"),
        (SETTINGS, "grants_none_anywhere", "done", "permission"),
        (SETTINGS, "grants_unproven", "unknown", ""),
        (APP, "grants_none_anywhere_as_an_app", "done", "permission"),
        (APP.model_copy(update={"scopes": "okta.users.manage"}), "grants_none_anywhere_as_an_app", "unknown", ""),
    ],
)
def test_an_empty_list_of_grants_is_done_only_with_evidence(
    settings: OktaSettings, recording: str, outcome: str, proven_by: str
) -> None:
    """That no user has any grant counts with the role of a super administrator, or the scope of a service app."""
    act = OKTA.acts.act("revoke_grants")
    assert act.look is not None
    found = replay(act.look(settings, effect("revoke_grants")), exchanges(recording), OKTA.dialect)
    assert (found.outcome, found.evidence["list_proven_by"]) == (outcome, proven_by)


def test_the_grants_that_the_attempt_revoked_prove_the_list() -> None:
    act = OKTA.acts.act("revoke_grants")
    assert act.look is not None
    asked = replace(effect("revoke_grants"), replied={"grants": [{"client": "0oa2", "scope": "openid"}]})
    found = replay(act.look(SETTINGS, asked), exchanges("grants_gone")[:2], OKTA.dialect)
    assert (found.outcome, found.evidence["list_proven_by"]) == ("done", "this_account")


def test_the_check_names_what_the_token_may_not_do() -> None:
    checked = replay(check_credential(SETTINGS), exchanges("check_token"), OKTA.dialect)
    assert "USER_ADMIN" in checked.said
    assert checked.lacking == (
        "remove_from_apps (APP_ADMIN)",
        "remove_admin_roles (SUPER_ADMIN)",
        "revoke_api_tokens (SUPER_ADMIN)",
    )
    assert all(one in checked.said for one in checked.lacking)
    hidden = replay(check_credential(SETTINGS), exchanges("check_token_roles_hidden"), OKTA.dialect)
    assert "does not show" in hidden.said
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        replay(OKTA.check(SETTINGS), exchanges("check_token_without_role"), OKTA.dialect)
    assert "READ_ONLY_ADMIN" in raised.value.detail
    with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
        replay(OKTA.check(APP), exchanges("check_forbidden"), OKTA.dialect)
    assert "okta.users.manage" in raised.value.remedy


def test_the_check_names_each_scope_that_an_ability_lacks() -> None:
    [listing, *_] = exchanges("check_token")
    for scopes, ability in ((SCOPES, "suspend_account"), ("okta.users.read okta.groups.read", "snapshot_access")):
        checked = replay(check_credential(APP.model_copy(update={"scopes": scopes})), [listing], OKTA.dialect)
        assert not any(one.startswith(ability) for one in checked.lacking)
    assert "suspend_account (okta.users.manage)" in checked.lacking
    assert "remove_from_groups (okta.users.manage okta.groups.manage)" in checked.lacking
    assert "revoke_api_tokens (okta.users.manage okta.apiTokens.read okta.apiTokens.manage)" in checked.lacking


def test_a_rate_limit_says_when_to_come_back() -> None:
    with pytest.raises(TryAgainError, match="too_many_requests") as raised:
        look("suspend_account", "rate_limited")
    assert raised.value.retry_after == 86_400


async def test_over_the_wire_with_an_api_token() -> None:
    answer = json.dumps(exchanges("find_by_id")[0].answer.body).encode()
    seen = bytearray()

    async def serve(reader: Any, writer: Any) -> None:
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + answer)
        await writer.drain()

    async with listening(serve) as port:
        settings = {"url": f"http://127.0.0.1:{port}", "token": "t0ken"}
        connector = connect("okta", settings, allowed_hosts=["127.0.0.1"])
        assert (await connector.read_back(effect("suspend_account"))).outcome == "not_done"
        await connector.aclose()
    assert b"authorization: ssws t0ken" in bytes(seen).lower()
    assert b"effect-key" not in bytes(seen).lower()


async def test_a_refused_token_needs_a_person() -> None:
    body = b'{"errorCode":"E0000011","errorSummary":"Invalid token provided"}'
    check_answer("GET", "/api/v1/users", 401, json.loads(body))
    async with listening(http_answer("401 Unauthorized", body)) as port:
        connector = connect("okta", {"url": f"http://127.0.0.1:{port}", "token": "t"}, allowed_hosts=["127.0.0.1"])
        checked = await connector.check()
        await connector.aclose()
    assert not checked.reachable
    assert "credential_refused" in checked.detail


@pytest.mark.parametrize("settings", [{}, {"client_id": "a"}, {"private_key": "k"}, {"token": "t", "client_id": "a"}])
def test_one_whole_credential_is_needed(settings: dict[str, str]) -> None:
    with pytest.raises(ActionRequiredError, match="setting_missing"):
        connect("okta", {"url": "https://example.okta.com", **settings}, allowed_hosts=["example.okta.com"])


async def test_a_service_app_connects_with_its_key() -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    settings = {"url": "https://example.okta.com", "client_id": "0oa1", "private_key": key.decode(), "key_id": "k1"}
    connector = connect("okta", settings, allowed_hosts=["example.okta.com"])
    await connector.aclose()
