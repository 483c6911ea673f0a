"""Google Workspace: the service account's key and its assertions, errors, and answers that the simulator does not
give."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs

import httpx
import pytest
from joserfc import jwt

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.http.judging import judge
from connectors.http.requests import Answer, Flow, Outgoing, Request
from connectors.registry import connect
from connectors.vendors.google_workspace.access import DelegatedTokens
from connectors.vendors.google_workspace.admin_sdk import DIALECT, USERS, USERS_READ, GoogleWorkspaceSettings
from connectors.vendors.google_workspace.connector import GOOGLE_WORKSPACE
from orchestrator.embedded.vendors.keys import private_key
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer
from tests.connectors.vendors.google_workspace.google_description import GOOGLE

ID = "103000000000000000001"
NOW = 1_750_000_000.0
PEM = private_key().as_pem(private=True).decode()
FILE = {
    "type": "service_account", "project_id": "offboard-1", "private_key_id": "key-7", "private_key": PEM,
    "client_email": "offboard@offboard-1.iam.gserviceaccount.com", "client_id": "1000",
}  # fmt: skip
USER = {
    "kind": "admin#directory#user", "id": ID, "primaryEmail": "isa.lund@example.com", "suspended": False,
    "isAdmin": False, "isDelegatedAdmin": False, "customerId": "C01abc234",
}  # fmt: skip
Answers = Callable[[Request], tuple[int, Any]]


def settings(key: str = json.dumps(FILE), **changed: str) -> GoogleWorkspaceSettings:
    return GoogleWorkspaceSettings.model_validate({"admin_email": "admin@example.com", "private_key": key, **changed})


def error(status: int, reason: str, domain: str = "global") -> tuple[int, Any]:
    inner = {"message": "no", "domain": domain, "reason": reason}
    return status, {"error": {"code": status, "message": "no", "errors": [inner]}}


def run(flow: Flow[Any], answers: Answers, *, described: bool = True) -> Any:
    """The flow's result where Google answers so. Requests, and answers if `described`, are checked against Google's
    description."""
    request = next(flow)
    try:
        while True:
            status, body = answers(request)
            path = httpx.URL(request.url).path if request.url else "/" + "/".join(request.path)
            GOOGLE.check_request(request.method, path, request.params)
            if described:
                GOOGLE.check_answer(request.method, path, status, body)
            answer = Answer(status, body, {}, f"https://admin.googleapis.com{path}")
            try:
                answer = judge(
                    request, answer, DIALECT, excerpt=lambda body=body: json.dumps(body), allowed=lambda _: True
                )
            except ConnectorError as problem:
                request = flow.throw(problem)
            else:
                request = flow.send(answer)
    except StopIteration as done:
        return done.value


def effect(ability: str, **parameters: Any) -> Effect:
    return Effect(ability, "run-1/step-1/1", Account(ID, "isa.lund@example.com"), parameters)


def do(ability: str, answers: Answers, **parameters: Any) -> Any:
    act = GOOGLE_WORKSPACE.acts.act(ability)
    assert act.do is not None
    return run(act.do(settings(), effect(ability, **parameters)), answers)


def look(ability: str, answers: Answers, *, described: bool = True, **parameters: Any) -> Any:
    act = GOOGLE_WORKSPACE.acts.act(ability)
    assert act.look is not None
    return run(act.look(settings(), effect(ability, **parameters)), answers, described=described)


def outgoing(scope: str) -> Outgoing:
    return Outgoing("GET", httpx.URL("https://admin.googleapis.com/x"), {}, b"", scope)


def token(auth: DelegatedTokens, scope: str, now: float) -> tuple[Request | None, Mapping[str, str]]:
    """The token request, None where a token is there, and the headers."""
    flow = auth.headers(outgoing(scope), now)
    try:
        request = next(flow)
    except StopIteration as known:
        return None, known.value
    try:
        body = {"access_token": f"ya29.{scope[-8:]}-{now}", "expires_in": 3599, "token_type": "Bearer"}
        flow.send(Answer(200, body))
    except StopIteration as done:
        return request, done.value
    raise AssertionError("a second token request")


def claims_of(request: Request | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    assert request is not None and request.form is not None
    signed = jwt.decode(request.form["assertion"], private_key(), algorithms=["RS256"])
    return signed.header, signed.claims


@pytest.mark.parametrize(
    ("key", "address", "key_id"),
    [
        (json.dumps(FILE), FILE["client_email"], "key-7"),
        ("\n" + json.dumps(FILE, indent=2), FILE["client_email"], "key-7"),
        (PEM, "app@example.com", None),
    ],
)
def test_the_assertion_names_the_service_account_the_administrator_and_one_scope(
    key: str, address: str, key_id: str | None
) -> None:
    given = {} if key.lstrip().startswith("{") else {"service_account_email": "app@example.com"}
    request, headers = token(DelegatedTokens(settings(key, **given)), USERS_READ, NOW)
    header, claims = claims_of(request)
    assert (header["alg"], header.get("kid")) == ("RS256", key_id)
    assert claims == {
        "iss": address,
        "sub": "admin@example.com",
        "scope": USERS_READ,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": int(NOW) - 60,
        "exp": int(NOW) + 300,
    }
    assert request is not None and request.url == "https://oauth2.googleapis.com/token" and not request.authenticated
    assert headers["Authorization"].startswith("Bearer ya29.")


def test_a_token_serves_one_scope_until_shortly_before_its_end() -> None:
    auth = DelegatedTokens(settings())
    _, first = token(auth, USERS_READ, NOW)
    assert token(auth, USERS_READ, NOW + 3500) == (None, first)
    request, other = token(auth, USERS, NOW + 1)
    assert claims_of(request)[1]["scope"] == USERS and other != first
    request, renewed = token(auth, USERS_READ, NOW + 3545)
    assert request is not None and renewed != first


def test_a_token_that_was_refused_is_replaced_and_that_of_another_scope_stays() -> None:
    auth = DelegatedTokens(settings())
    _, first = token(auth, USERS_READ, NOW)
    _, other = token(auth, USERS, NOW)
    assert auth.refused(first)
    assert token(auth, USERS, NOW + 1) == (None, other)
    assert token(auth, USERS_READ, NOW + 1)[0] is not None
    assert {value["Authorization"].removeprefix("Bearer ") for value in (first, other)} <= set(auth.secrets())


@pytest.mark.parametrize(
    "key",
    [
        "{not json",
        json.dumps({"type": "authorized_user", "refresh_token": "1//s3cret"}),
        json.dumps(FILE | {"private_key": 7}),
        json.dumps({**FILE, "type": "external_account"}),
        json.dumps({**FILE, "private_key": "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----"}),
        "s3cret",
    ],
)
def test_another_key_is_refused_without_showing_it(key: str) -> None:
    given = {"admin_email": "admin@example.com", "private_key": key, "service_account_email": "app@example.com"}
    with pytest.raises(ActionRequiredError, match="setting_invalid") as raised:
        connect("google_workspace", given, allowed_hosts=["admin.googleapis.com"])
    said = json.dumps([raised.value.detail, raised.value.remedy, repr(raised.value)])
    assert "s3cret" not in said and "BEGIN" not in said
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_a_pem_key_needs_the_address_of_its_service_account() -> None:
    with pytest.raises(ActionRequiredError, match="setting_missing") as raised:
        DelegatedTokens(settings(PEM))
    assert "service_account_email" in raised.value.remedy and "BEGIN" not in raised.value.detail


@pytest.mark.parametrize(
    ("status", "code", "expected", "words"),
    [
        (401, "unauthorized_client", "rights_missing", USERS),
        (400, "invalid_grant", "credential_refused", "clock"),
        (401, "invalid_client", "credential_refused", "admin_email"),
    ],
)
def test_a_refused_token_request_says_what_to_do(status: int, code: str, expected: str, words: str) -> None:
    auth = DelegatedTokens(settings())
    flow = auth.headers(outgoing(USERS), NOW)
    request = next(flow)
    body = {"error": code, "error_description": "no"}
    answer = Answer(status, body, {}, "https://oauth2.googleapis.com/token")
    with pytest.raises(ConnectorError) as judged:
        judge(request, answer, DIALECT, excerpt=lambda: json.dumps(body), allowed=lambda _: True)
    with pytest.raises(ActionRequiredError, match=expected) as raised:
        flow.throw(judged.value)
    assert words in raised.value.remedy and raised.value.happened == "no"
    assert cast("Mapping[str, str]", request.form)["assertion"] not in raised.value.detail


async def test_what_a_token_endpoint_repeats_is_not_in_the_error() -> None:
    asked: list[str] = []

    def answer(received: ReceivedRequest) -> ScriptedAnswer:
        asked.append(parse_qs(received.body.decode())["assertion"][0])
        return ScriptedAnswer(400, {"error": "invalid_grant", "error_description": f"Invalid JWT: {asked[-1]}"})

    async with listening(ScriptedServer(answer).serve) as port:
        given = {
            "admin_email": "admin@example.com",
            "private_key": json.dumps(FILE),
            "url": f"http://127.0.0.1:{port}",
            "token_url": f"http://127.0.0.1:{port}/token",
        }
        connector = connect("google_workspace", given, allowed_hosts=["127.0.0.1"])
        with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
            await connector.read_back(effect("suspend_account"))
        await connector.aclose()
    assert asked and "[secret]" in raised.value.detail and asked[0] not in raised.value.detail


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (error(403, "quotaExceeded", "usageLimits"), TryAgainError, "too_many_requests"),
        (error(403, "rateLimitExceeded", "usageLimits"), TryAgainError, "too_many_requests"),
        (error(403, "userRateLimitExceeded", "usageLimits"), TryAgainError, "too_many_requests"),
        (error(429, "rateLimitExceeded", "usageLimits"), TryAgainError, "too_many_requests"),
        (error(403, "forbidden"), ActionRequiredError, "credential_refused"),
        (error(403, "insufficientPermissions"), ActionRequiredError, "credential_refused"),
        (error(412, "conditionNotMet"), TryAgainError, "changed_meanwhile"),
        (error(409, "conflict"), RefusedError, "refused"),
        (error(400, "invalid"), RefusedError, "refused"),
        (error(503, "backendError"), TryAgainError, "system_failed"),
        (error(500, "backendError"), TryAgainError, "system_failed"),
        (error(401, "authError"), ActionRequiredError, "credential_refused"),
    ],
)
def test_googles_errors_have_their_meaning(answer: Any, kind: type[ConnectorError], code: str) -> None:
    with pytest.raises(kind, match=code):
        look("suspend_account", lambda request: answer)


def test_an_error_inside_a_200_is_an_error() -> None:
    with pytest.raises(RefusedError, match="error_in_answer"):
        look("suspend_account", lambda request: (200, error(403, "forbidden")[1]), described=False)


GATEWAY = (404, {"fault": "no route"})
GONE = error(404, "notFound")


def test_only_googles_own_404_says_that_there_is_no_account() -> None:
    assert look("delete_account", lambda request: GONE).outcome == "done"
    assert look("delete_account", lambda request: GATEWAY, described=False).outcome == "unknown"
    assert run(GOOGLE_WORKSPACE.find(settings(), [Lookup("id", ID)]), lambda request: GONE) == []
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        run(GOOGLE_WORKSPACE.find(settings(), [Lookup("id", ID)]), lambda request: GATEWAY, described=False)
    act = GOOGLE_WORKSPACE.acts.act("delete_account")
    assert act.do is not None
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        run(act.do(settings(), effect("delete_account")), lambda request: GATEWAY, described=False)


@pytest.mark.parametrize("status", [{"suspended": True}, {"archived": True}])
def test_neither_a_suspended_nor_an_archived_account_signs_in(status: dict[str, bool]) -> None:
    assert look("suspend_account", lambda request: (200, USER | status)).outcome == "done"
    [account] = run(GOOGLE_WORKSPACE.find(settings(), [Lookup("id", ID)]), lambda request: (200, USER | status))
    assert account.active is False

    def answers(request: Request) -> tuple[int, Any]:
        assert request.method == "GET", "it is not suspended a second time"
        return 200, USER | status

    do("suspend_account", answers)


def test_a_status_that_is_not_shown_is_unknown() -> None:
    hidden = {name: value for name, value in USER.items() if name not in ("suspended", "isAdmin", "isDelegatedAdmin")}
    assert look("suspend_account", lambda request: (200, hidden)).outcome == "unknown"

    def answers(request: Request) -> tuple[int, Any]:
        return 200, hidden if "users" in request.path else {"kind": "admin#directory#roleAssignments"}

    assert look("remove_admin_roles", answers).outcome == "unknown"


@pytest.mark.parametrize(
    "ability", ["revoke_grants", "delete_app_passwords", "invalidate_backup_codes", "remove_aliases"]
)
def test_an_answer_that_is_no_list_of_google_proves_nothing(ability: str) -> None:
    def answers(request: Request) -> tuple[int, Any]:
        return 200, USER if request.path[-1] == ID else {}

    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        look(ability, answers)


def test_a_condition_cannot_be_injected() -> None:
    request = next(GOOGLE_WORKSPACE.find(settings(), [Lookup("externalId", "E' isAdmin=true \\")]))
    assert request.params["query"] == "externalId='E\\' isAdmin=true \\\\'"


@pytest.mark.parametrize("attribute", ["name", "", "email=a or email"])
def test_another_attribute_is_refused(attribute: str) -> None:
    with pytest.raises(RefusedError, match="unknown_attribute"):
        next(GOOGLE_WORKSPACE.find(settings(), [Lookup(attribute, "a")]))


def test_one_refused_app_does_not_keep_the_others() -> None:
    tokens = [{"clientId": f"{name}.apps.example", "displayText": name} for name in ("Mail", "Notes", "Sync")]

    def answers(request: Request) -> tuple[int, Any]:
        if request.method == "DELETE":
            return error(400, "invalid") if request.path[-1].startswith("Notes") else (204, None)
        return 200, USER if request.path[-1] == ID else {"kind": "admin#directory#tokenList", "items": tokens}

    with pytest.raises(RefusedError, match="refused") as raised:
        do("revoke_grants", answers)
    assert "Not revoked: Notes." in raised.value.detail and "Revoked: Mail, Sync." in raised.value.detail


@pytest.mark.parametrize(
    "refusal", [error(403, "forbidden"), error(400, "invalid"), error(404, "notFound"), (404, {"fault": "no route"})]
)
def test_a_group_that_google_does_not_know_is_named(refusal: Any) -> None:
    def answers(request: Request) -> tuple[int, Any]:
        return refusal if request.path[-1] != "groups" else (200, {"kind": "admin#directory#groups"})

    act = GOOGLE_WORKSPACE.acts.act("remove_from_groups")
    assert act.do is not None
    for name in ("team@partner.example", "Team7", "Team 7"):
        with pytest.raises(RefusedError, match="group_not_found") as raised:
            run(act.do(settings(), effect("remove_from_groups", groups=[name])), answers, described=False)
        assert name in raised.value.detail


def test_a_failed_transfer_is_started_again_and_one_to_another_person_is_waited_for() -> None:
    recipient = {**USER, "id": "9", "primaryEmail": "bo@example.com"}
    started: list[Any] = []
    transfer = {
        "id": "t1",
        "oldOwnerUserId": ID,
        "newOwnerUserId": "9",
        "requestTime": "2026-11-30T10:00:00.000Z",
        "overallTransferStatusCode": "failed",
        "applicationDataTransfers": [{"applicationId": "55656082996", "applicationTransferStatus": "failed"}],
    }

    def answers(request: Request) -> tuple[int, Any]:
        if request.method == "POST":
            started.append(request.json)
            return 200, transfer | {"overallTransferStatusCode": "inProgress"}
        if request.path[-1] == "transfers":
            return 200, {"kind": "admin#datatransfer#dataTransfersList", "dataTransfers": [transfer]}
        if request.path[-1] == "applications":
            drive = {"id": "55656082996", "name": "Drive and Docs"}
            return 200, {"kind": "admin#datatransfer#applicationsList", "applications": [drive]}
        return 200, recipient if request.path[-1] == "9" else USER

    assert look("transfer_data", answers, to_account="9", applications=["drive"]).outcome == "not_done"
    assert do("transfer_data", answers, to_account="9", applications=["drive"])["started"] == ["drive"]
    [body] = started
    [part] = body["applicationDataTransfers"]
    assert part["applicationTransferParams"] == [{"key": "PRIVACY_LEVEL", "value": ["PRIVATE", "SHARED"]}]
    with pytest.raises(RefusedError, match="application_missing"):
        do("transfer_data", answers, to_account="9", applications=["calendar"])
    transfer |= {"overallTransferStatusCode": "inProgress", "newOwnerUserId": "8"}
    with pytest.raises(TryAgainError, match="transfer_in_progress"):
        do("transfer_data", answers, to_account="9")
    assert len(started) == 1


def test_licences_are_read_at_the_address_of_the_licensing_api() -> None:
    asked = []

    def answers(request: Request) -> tuple[int, Any]:
        asked.append(request.url)
        other = {"userId": "kim@example.com", "productId": "Google-Apps", "skuId": "1010020020"}
        return 200, USER if not request.url else {"kind": "licensing#licenseAssignmentList", "items": [other]}

    assert look("remove_licenses", answers).outcome == "done"
    assert asked[1] == "https://licensing.googleapis.com/apps/licensing/v1/product/Google-Apps/users"
