"""What every connector over HTTP makes of answers that the company's systems do not give: lists without an end, rate
limits in each vendor's spelling, refused tokens, and packed bodies. Over real sockets."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.people import PeopleSource
from connectors.registry import connector_kinds
from orchestrator.embedded.vendors import bamboohr
from orchestrator.embedded.vendors.bamboohr.described import BambooDescription
from orchestrator.embedded.vendors.github.graphql import schema
from tests.connectors.answering_kinds import (
    ABSENT,
    ACCOUNT,
    AWS_USER,
    BAMBOO_EMPLOYEE,
    CARD,
    CENTER_USER,
    ENTRA_USER,
    GITHUB_IDENTITY,
    GITHUB_MEMBER,
    GOOGLE_USER,
    GOOGLE_USERS,
    KINDS,
    NOTHING,
    OKTA_USER,
    PAGED,
    PERSON,
    SCIM_USER,
    AnsweringKind,
    bamboo_page,
    named,
)
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer
from tests.connectors.vendors.entra.entra_description import GRAPH
from tests.connectors.vendors.github.github_description import GITHUB_REST
from tests.connectors.vendors.google_workspace.google_description import GOOGLE
from tests.connectors.vendors.okta.okta_description import check_answer
from tests.vendors.aws.description import AwsDescription
from tests.vendors.aws.identity_center.model import CenterDescription

BOMB = gzip.compress(b'"' + b" " * 20_000_000 + b'"')
GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_a_packed_answer_is_read(kind: AnsweringKind) -> None:
    def packed(asked: ReceivedRequest) -> ScriptedAnswer:
        assert "gzip" in asked.headers["accept-encoding"]
        answer = kind.answers(asked)
        body = answer.written().partition(b"\r\n\r\n")[2]
        return ScriptedAnswer(answer.status, gzip.compress(body), GZIP)

    async with kind.connected(packed) as (connector, _):
        [account] = await connector.find_accounts([kind.lookup])
    assert account.native_id in ("7", "isa@vendor.example")


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_the_limit_of_an_answer_counts_unpacked_bytes(kind: AnsweringKind) -> None:
    async with kind.connected(lambda asked: ScriptedAnswer(200, BOMB, GZIP), max_answer_bytes="100000") as (
        connector,
        _,
    ):
        with pytest.raises(ActionRequiredError, match="answer_too_large") as raised:
            await connector.find_accounts([kind.lookup])
    assert len(BOMB) < 100_000
    assert raised.value.happened == "no"


@pytest.mark.parametrize("kind", PAGED, ids=named)
async def test_a_list_whose_pages_run_in_a_circle_is_an_error(kind: AnsweringKind) -> None:
    page = kind.page
    assert page is not None
    async with kind.connected(lambda asked: page("/again?cursor=1")) as (connector, server):
        with pytest.raises(ActionRequiredError, match="answer_not_understood") as raised:
            await connector.find_accounts([kind.lookup])
    assert raised.value.happened == "no"
    assert len(server.asked) == 2


async def test_a_list_that_ends_before_its_total_is_an_error() -> None:
    scim = KINDS[0]

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path != "/Users":
            return scim.answers(asked)
        return ScriptedAnswer(
            200, {"totalResults": 3, "Resources": [SCIM_USER] if "startIndex=1&" in asked.target else []}
        )

    async with scim.connected(answer) as (connector, server):
        with pytest.raises(ActionRequiredError, match="answer_not_understood") as raised:
            await connector.find_accounts([scim.lookup])
    assert "3 items" in raised.value.detail
    assert [asked.path for asked in server.asked] == ["/ServiceProviderConfig", "/Users", "/Users"]


@pytest.mark.parametrize("kind", PAGED, ids=named)
async def test_a_next_page_on_another_host_is_never_asked(kind: AnsweringKind) -> None:
    page = kind.page
    assert page is not None
    elsewhere = ScriptedServer(kind.answers)
    async with listening(elsewhere.serve, host="127.0.0.2") as port:
        address = f"http://127.0.0.2:{port}/next"
        async with kind.connected(lambda asked: page(address)) as (connector, server):
            with pytest.raises(ActionRequiredError) as raised:
                await connector.find_accounts([kind.lookup])
    assert elsewhere.asked == []
    # A cursor is never an address: it goes into the query, and comes back again and again.
    assert (raised.value.code, len(server.asked)) == (
        ("host_not_allowed", 1) if kind.name in ("okta", "entra") else ("answer_not_understood", 2)
    )


def test_oktas_answers_are_described_by_okta() -> None:
    for answer in (ScriptedAnswer(200, [OKTA_USER]), NOTHING["okta"]):
        check_answer("GET", "/api/v1/users", answer.status, answer.body)


def test_entras_answers_are_described_by_microsoft() -> None:
    for answer in (ScriptedAnswer(200, {"value": [ENTRA_USER]}), NOTHING["entra"]):
        GRAPH.check_answer("GET", "/v1.0/users", answer.status, answer.body)


def test_googles_answers_are_described_by_google() -> None:
    for answer in (ScriptedAnswer(200, GOOGLE_USERS), NOTHING["google_workspace"]):
        GOOGLE.check_answer("GET", "/admin/directory/v1/users", answer.status, answer.body)


def test_bamboohrs_answers_are_described_by_bamboohr() -> None:
    described = BambooDescription.of(Path(bamboohr.__file__).parent)
    for body in (bamboo_page(BAMBOO_EMPLOYEE), NOTHING["bamboohr"].body):
        assert list(described.faults_of_answer("GET /api/v1/employees", 200, body)) == []


def test_githubs_answers_are_described_by_github() -> None:
    GITHUB_REST.check_answer("GET", "/orgs/vendor/memberships/isa-lund", 200, GITHUB_MEMBER)
    known = schema().types
    assert GITHUB_IDENTITY.keys() <= known["ExternalIdentity"].keys()
    assert GITHUB_IDENTITY["user"].keys() <= known["User"].keys()
    assert GITHUB_IDENTITY["samlIdentity"].keys() <= known["ExternalIdentitySamlAttributes"].keys()


def test_awss_answers_are_described_by_aws() -> None:
    """But for the ID, which is shorter than AWS's."""
    known = {"UserDetailList": [AWS_USER | {"UserId": "AIDAEXAMPLEEXAMPLEEX"}], "IsTruncated": True, "Marker": "1"}
    description = AwsDescription.read()
    for body in (known, description.nothing("GetAccountAuthorizationDetails")):
        assert list(description.faults_of_answer("GetAccountAuthorizationDetails", 200, body)) == []


def test_identity_centers_answers_are_described_by_aws() -> None:
    """But for the ID, which is shorter than AWS's."""
    id = "1234567890-12345678-1234-1234-1234-123456789012"
    user = CENTER_USER | {"UserId": id, "UserArn": f"arn:aws:identitystore:::user/{id}"}
    for body in ({"Users": [user], "NextToken": "1"}, NOTHING["aws_identity_center"].body):
        assert list(CenterDescription.read().faults_of_answer("identitystore:ListUsers", 200, body)) == []


def test_every_kind_over_http_is_here() -> None:
    others = {"ldap", "active_directory", "people_csv", "postgresql"}
    assert {kind.name for kind in KINDS} == connector_kinds().keys() - others


@pytest.mark.parametrize("answers", ["honest", "empty to every condition", "empty", "without the attribute"])
@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_no_account_needs_a_query_that_finds_another_account(kind: AnsweringKind, answers: str) -> None:
    """`ldap` has the same in test_ldap_odd_directories.py."""
    absent = Lookup(kind.lookup.attribute, ABSENT[kind.lookup.value])

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        target = unquote(asked.target) + asked.body.decode()  # a search by POST has its condition in the body
        listed = ScriptedAnswer(200, {"mailboxes": [kind.last_page], "next": None}) if kind.name == "mail" else None
        if asked.path in ("/ServiceProviderConfig", "/Groups", "/api/auth.test"):
            return kind.answers(asked)
        if answers == "empty" or absent.value in target:
            return ScriptedAnswer(200, {"mailboxes": []}) if asked.path == "/mailboxes" else NOTHING[kind.name]
        if kind.lookup.value in target:
            return kind.answers(asked) if answers == "honest" else NOTHING[kind.name]
        body = (listed or kind.answers(asked)).body
        if isinstance(body, bytes):  # XML
            hidden = f">{kind.lookup.value}<".encode() if answers == "without the attribute" else b""
            return ScriptedAnswer(200, body.replace(hidden, b"><") if hidden else body)
        whole = json.dumps(body)
        if answers == "without the attribute":
            whole = whole.replace(json.dumps(kind.lookup.value), '""' if kind.name == "mail" else "null")
        return ScriptedAnswer(200, json.loads(whole))

    async with kind.connected(answer) as (connector, _):
        # SCIM and GitHub compare the whole list where filters do not work; Slack, BambooHR and AWS always by this
        # attribute.
        listing = kind.name in ("scim", "github", "slack", "bamboohr", "aws_iam", "aws_identity_center")
        whole_list = listing and answers == "empty to every condition"
        if answers == "honest" or whole_list:
            assert await connector.find_accounts([absent]) == []
            return
        with pytest.raises(ActionRequiredError) as raised:
            await connector.find_accounts([absent])
    # A mailbox without its address is no mailbox, and a person without a number no person.
    unread = kind.name in ("mail", "hr") and answers == "without the attribute"
    assert raised.value.code == ("answer_not_understood" if unread else "search_unproven")


def limits() -> Mapping[str, tuple[int, dict[str, str]]]:
    reset = int(time.time()) + 600
    return {
        "429, Retry-After": (429, {"Retry-After": "600"}),
        "429, Okta": (429, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(reset)}),
        "403, Retry-After": (403, {"Retry-After": "600"}),
        "403, GitHub": (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}),
        "403, Okta": (403, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(reset)}),
        "403, the IETF draft": (403, {"RateLimit-Remaining": "0", "RateLimit-Reset": "600"}),
    }


@pytest.mark.parametrize("limit", limits())
@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_a_rate_limit_says_when_to_come_back(kind: AnsweringKind, limit: str) -> None:
    status, headers = limits()[limit]
    async with kind.connected(lambda asked: ScriptedAnswer(status, {}, headers)) as (connector, server):
        with pytest.raises(TryAgainError, match="too_many_requests") as raised:
            await connector.find_accounts([kind.lookup])
    assert raised.value.happened == "no"
    assert 500 < (raised.value.retry_after or 0) <= 600
    assert len(server.asked) == 1


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "7"}])
@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_another_403_needs_a_person(kind: AnsweringKind, headers: dict[str, str]) -> None:
    async with kind.connected(lambda asked: ScriptedAnswer(403, {}, headers)) as (connector, _):
        with pytest.raises(ActionRequiredError, match="credential_refused"):
            await connector.find_accounts([kind.lookup])


@pytest.mark.parametrize("kind", KINDS, ids=named)
async def test_a_token_is_renewed_once_at_most(kind: AnsweringKind) -> None:
    """Only `entra` and `google_workspace` ask for their token, and can ask for another."""
    async with kind.connected(lambda asked: ScriptedAnswer(401, {"error": "expired"})) as (connector, server):
        with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
            await connector.find_accounts([kind.lookup])
    assert raised.value.happened == "no"
    assert len(server.asked) == (2 if kind.name in ("entra", "google_workspace") else 1)


def in_pages(name: str, items: list[Any]) -> Callable[[ReceivedRequest], ScriptedAnswer]:
    """The list `name`, one item on each page; below it, the resource itself."""

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        query = parse_qs(asked.target.partition("?")[2])
        number = int(query.get("cursor", ["0"])[0])
        following = str(number + 1) if number + 1 < len(items) else None
        return ScriptedAnswer(200, {name: items[number : number + 1], "next": following})

    return answer


LEFT_AT = "2026-11-30T17:00:00+00:00"


@pytest.mark.parametrize(
    ("kind", "ability", "shown"),
    [
        (KINDS[0], "disable_account", SCIM_USER | {"active": False}),
        (KINDS[1], "suspend_account", OKTA_USER | {"status": "SUSPENDED"}),
        (KINDS[1], "deactivate_account", OKTA_USER | {"status": "DEPROVISIONED"}),
        (KINDS[2], "suspend_account", ACCOUNT | {"state": "suspended"}),
        (KINDS[3], "freeze_card", CARD | {"state": "frozen"}),
        (KINDS[4], "record_leaving", PERSON | {"status": "leaving", "leaving_at": LEFT_AT}),
        (KINDS[5], "release_license", {"address": "isa@vendor.example", "license": False}),
        (KINDS[6], "disable_account", ENTRA_USER | {"accountEnabled": False}),
        (KINDS[8], "suspend_account", GOOGLE_USER | {"suspended": True}),
        (KINDS[9], "deactivate_account", SCIM_USER | {"active": False}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_another_accounts_state_proves_nothing(kind: AnsweringKind, ability: str, shown: dict[str, Any]) -> None:
    """A cache, a proxy or a merge can answer with another account's document. It is neither read back nor sent back."""
    place = "address" if kind.name == "mail" else "id"
    effect = Effect(ability, "key", Account(shown[place], "isa"), parameters={"at": LEFT_AT})
    body = shown

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        known = ("/ServiceProviderConfig", "/api/auth.test", "/api/users.info")
        return kind.answers(asked) if asked.path in known else ScriptedAnswer(200, body)

    async with kind.connected(answer) as (connector, server):
        assert (await connector.read_back(effect)).outcome == "done"
        body = shown | {place: "8@vendor.example"}
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            await connector.read_back(effect)
        if kind.name in (
            "scim",
            "okta",
            "mail",
            "entra",
            "google_workspace",
            "slack",
        ):  # these read the account before they change it
            with pytest.raises(ActionRequiredError, match="answer_not_understood"):
                await connector.attempt(effect)
            assert {asked.method for asked in server.asked} == {"GET"}


async def test_every_manager_is_read() -> None:
    line = [PERSON | {"id": str(number)} for number in range(3)]
    async with KINDS[4].connected(in_pages("people", line)) as (connector, _):
        assert isinstance(connector, PeopleSource)
        assert [person.id for person in await connector.managers("7")] == ["0", "1", "2"]
    async with KINDS[4].connected(lambda asked: ScriptedAnswer(404, {"error": "unknown"})) as (connector, _):
        assert isinstance(connector, PeopleSource)
        with pytest.raises(RefusedError, match="not_found"):
            await connector.managers("7")


async def test_another_persons_record_is_not_the_person() -> None:
    async with KINDS[4].connected(lambda asked: ScriptedAnswer(200, PERSON)) as (connector, _):
        assert isinstance(connector, PeopleSource)
        assert (await connector.person("7")) is not None
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            await connector.person("8")


@pytest.mark.parametrize(
    ("kind", "ability", "resource", "name", "read"),
    [
        (KINDS[2], "revoke_sessions", ACCOUNT, "sessions", lambda evidence: len(evidence["sessions"])),
        (KINDS[2], "revoke_tokens", ACCOUNT, "tokens", lambda evidence: len(evidence["tokens"])),
        (KINDS[4], "schedule_final_pay", PERSON, "payments", lambda evidence: evidence["other_payments"]),
    ],
)
async def test_every_page_of_a_list_of_a_resource_is_read(
    kind: AnsweringKind, ability: str, resource: Any, name: str, read: Callable[[Mapping[str, Any]], int]
) -> None:
    listed = in_pages(name, [{"id": str(number), "at": "2026-11-29T12:00:00Z"} for number in range(3)])

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        return listed(asked) if asked.path.count("/") == 3 else ScriptedAnswer(200, resource)

    async with kind.connected(answer) as (connector, _):
        look = await connector.read_back(Effect(ability, "key", Account("7", "isa")))
    assert read(look.evidence) == 3
