"""A system that answers every list with an empty one of its own form, and shows nothing but the account itself. No
ability of any kind over HTTP is done because of that: a filter that does not work, a permission that covers nothing and
a replica without data answer so too. The account has all that the abilities remove or hand over and that its own
document shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pytest

from connectors.abilities import Account, Effect
from connectors.errors import ConnectorError
from connectors.registry import connector_kinds
from tests.connectors.answering_kinds import (
    ACCOUNT,
    AWS_USER,
    CARD,
    CENTER_USER,
    ENTRA_USER,
    GOOGLE_USER,
    KINDS,
    NOTHING,
    OKTA_USER,
    PERSON,
    SCIM_USER,
    SLACK_TOKEN,
    SLACK_USER,
    AnsweringKind,
    aws_action,
    aws_answer,
    center_action,
    center_empty,
)
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer

GONE = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
LICENCE = {"skuId": "06ebc4ee", "assignedByGroup": None}
OWN: Mapping[str, tuple[str, Any]] = {
    "scim": ("/Users/7", SCIM_USER),
    "okta": ("/api/v1/users/7", OKTA_USER),
    "code_hosting": ("/accounts/7", ACCOUNT | {"admin": True, "repositories": ["billing"], "sessions": 2, "tokens": 1}),
    "cards": ("/cards/7", CARD),
    "hr": ("/people/7", PERSON),
    "mail": ("/mailboxes/isa@vendor.example", {"address": "isa@vendor.example", "license": True}),
    "entra": ("/users/7", ENTRA_USER | {"licenseAssignmentStates": [LICENCE]}),
    "github": ("/user/7", {"id": 7, "login": "isa-lund", "type": "User"}),
    "google_workspace": ("/admin/directory/v1/users/7", GOOGLE_USER | {"isAdmin": True, "aliases": ["isa@x.example"]}),
    "slack": ("/api/users.info", {"ok": True, "user": SLACK_USER | {"is_admin": True}}),
    "aws_iam": ("GetUser", aws_answer("GetUser", User=AWS_USER).body),
    "aws_identity_center": ("DescribeUser", CENTER_USER),
}
"""The path (for AWS the action) of the account's own document, and the document."""
TAKEN_FROM: Mapping[str, Mapping[str, Any]] = {
    "scim": {"active": False},
    "okta": {"status": "SUSPENDED"},
    "entra": {"accountEnabled": False},
    "google_workspace": {"suspended": True},
    "slack": {"deleted": True},
    "code_hosting": {"state": "suspended", "admin": False},
    "cards": {"state": "frozen"},
    "hr": {"status": "leaving", "leaving_at": "2026-11-30T17:00:00+00:00"},
    "mail": {"forward_to": "bo@vendor.example", "license": False},
}
"""What the account's own document shows once a run has taken its access, for the abilities that restore it."""
TAKEN: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("hr", "withdraw_leaving"): {"id": "leaving_at", "before": None, "after": "2026-11-30T17:00:00+00:00"},
    ("mail", "restore_forwarding"): {"id": "forward_to", "before": None, "after": "bo@vendor.example"},
    ("mail", "assign_license"): {"id": "license", "before": True, "after": False},
}
PARAMETERS = {
    "at": "2026-11-30T17:00:00+00:00", "to_email": "bo@vendor.example", "forward_to": "bo@vendor.example",
    "emails": ["isa@vendor.example"],
}  # fmt: skip
NOT_OVER_HTTP = {"ldap", "active_directory", "postgresql"}


def place_of(kind: str, asked: ReceivedRequest) -> str:
    if kind == "aws_identity_center":
        return center_action(asked)
    return aws_action(asked) if kind == "aws_iam" else unquote(asked.path)


def empty(kind: str, asked: ReceivedRequest) -> ScriptedAnswer:
    if kind == "scim" and asked.path == "/ServiceProviderConfig":
        return ScriptedAnswer(404)
    if kind == "github" and asked.method == "GET":
        if "/memberships/" in asked.path or asked.path.endswith("/copilot"):
            return ScriptedAnswer(404, GONE)
        return ScriptedAnswer(200, {"total_seats": 0, "seats": []} if asked.path.endswith("/seats") else [])
    if kind == "github":
        nothing = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []}
        return ScriptedAnswer(200, {"data": {"organization": {"teams": nothing}}})
    if kind == "slack" and asked.path.startswith("/api/"):
        lists: dict[str, list[object]] = {
            "active_sessions": [],
            "usergroups": [],
            "users": [],
            "role_assignments": [],
            "members": [],
        }
        return ScriptedAnswer(200, SLACK_TOKEN if asked.path == "/api/auth.test" else {"ok": True, **lists})
    if kind == "slack" and asked.path.startswith("/scim/v2/Users/"):
        return ScriptedAnswer(200, SCIM_USER)
    if kind == "aws_iam":
        return aws_answer(aws_action(asked))
    if kind == "aws_identity_center" and "x-amz-target" not in asked.headers:
        return aws_answer(aws_action(asked))
    if kind == "aws_identity_center" and center_action(asked) != "ListUsers":
        return ScriptedAnswer(200, center_empty(asked))
    if kind in ("code_hosting", "hr") and asked.path.count("/") == 3:
        return ScriptedAnswer(200, {asked.path.rpartition("/")[2]: [], "payments": [], "next": None})
    return NOTHING[kind]


def cases() -> list[tuple[AnsweringKind, str]]:
    known = connector_kinds()
    return [
        (kind, ability.name)
        for kind in KINDS
        for ability in known[kind.name].values()
        if ability.read_back and ability.level != "read"
    ]


@pytest.mark.parametrize(("kind", "ability"), cases(), ids=lambda value: getattr(value, "name", value))
async def test_an_empty_answer_alone_makes_nothing_done(kind: AnsweringKind, ability: str) -> None:
    path, document = OWN[kind.name]
    taken: Sequence[Mapping[str, Any]] = ()
    gives_access = connector_kinds()[kind.name][ability].gives_access
    if gives_access:
        if kind.name in TAKEN_FROM:
            document = document | TAKEN_FROM[kind.name]
        taken = [TAKEN.get((kind.name, ability), {"id": "a-group", "name": "A group"})]

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        is_own = place_of(kind.name, asked) == path
        if gives_access and kind.name == "slack" and asked.path.startswith("/scim/v2/Users/"):
            return ScriptedAnswer(200, SCIM_USER | {"active": False})
        return ScriptedAnswer(200, document) if is_own else empty(kind.name, asked)

    native_id = "isa@vendor.example" if kind.name == "mail" else "7"
    name = "isa.lund" if kind.name == "aws_iam" else "isa"
    effect = Effect(ability, "key", Account(native_id, name), PARAMETERS, taken=taken)
    async with kind.connected(answer) as (connector, server):
        try:
            outcome = (await connector.read_back(effect)).outcome
        except ConnectorError as error:
            outcome = error.code
    assert outcome != "done"
    assert path in [place_of(kind.name, asked) for asked in server.asked] or outcome == "rights_missing"
    # The system was understood: what it answers is of its own form.
    assert outcome in ("not_done", "unknown", "rights_missing", "recipient_not_found", "answer_not_understood")


def test_each_kind_with_abilities_is_tried_or_has_no_lists_over_http() -> None:
    acting = {name for name, abilities in connector_kinds().items() if abilities}
    assert acting - {kind.name for kind in KINDS} == NOT_OVER_HTTP
