"""Kinds of systems over HTTP that are played by a scripted server: how each is connected, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from connectors.abilities import Connector, Lookup
from connectors.registry import connect
from orchestrator.embedded.vendors.keys import private_key
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer
from tests.vendors.aws.description import AwsDescription

TOKEN = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3599}

ACCOUNT = {
    "id": "7",
    "username": "isa",
    "employee_number": "E-1",
    "state": "active",
    "admin": False,
    "repositories": [],
}
CARD = {"id": "7", "employee_number": "E-1", "last4": "4242", "state": "active", "balance_cents": 0}
PERSON = {
    "id": "7", "employee_number": "E-1", "given_name": "Isa", "family_name": "Lund", "display_name": "Isa Lund",
    "email": "isa.lund@vendor.example", "status": "active",
}  # fmt: skip
OKTA_USER = {"id": "7", "status": "ACTIVE", "profile": {"login": "isa.lund@vendor.example", "employeeNumber": "E-1"}}
ENTRA_USER = {"id": "7", "userPrincipalName": "isa.lund@vendor.example", "employeeId": "E-1", "accountEnabled": True}
GITHUB_IDENTITY: dict[str, Any] = {
    "user": {"databaseId": 7, "login": "isa-lund"},
    "samlIdentity": {"nameId": "E-1", "username": None, "emails": [], "attributes": []}, "scimIdentity": None,
}  # fmt: skip
GITHUB_MEMBER = {"state": "active", "role": "member", "user": {"id": 7, "login": "isa-lund", "type": "User"}}
GOOGLE_USER = {
    "kind": "admin#directory#user", "id": "7", "primaryEmail": "isa.lund@vendor.example", "suspended": False,
    "externalIds": [{"value": "E-1", "type": "organization"}],
}  # fmt: skip
GOOGLE_USERS = {"kind": "admin#directory#users", "users": [GOOGLE_USER]}
SLACK_TOKEN = {
    "ok": True, "url": "https://vendor.slack.com/", "team": "Vendor", "user": "owner", "team_id": "T0VENDOR",
    "user_id": "U0OWNER",
}  # fmt: skip
SLACK_USER = {
    "id": "7", "team_id": "T0VENDOR", "name": "isa.lund", "deleted": False, "is_bot": False,
    "profile": {"email": "isa.lund@vendor.example"},
}  # fmt: skip
BAMBOO_EMPLOYEE = {
    "employeeId": "7", "firstName": "Isa", "lastName": "Lund", "preferredName": None, "photoUrl": None,
    "jobTitleName": None, "status": "Active", "_restrictedFields": [], "employeeNumber": "E-1",
    "workEmail": "isa.lund@vendor.example", "country": None, "hireDate": "2020-01-15", "departmentName": None,
    "locationName": None, "reportsToId": None,
}  # fmt: skip
AWS_USER = {
    "UserName": "isa.lund", "UserId": "7", "Path": "/", "Arn": "arn:aws:iam::123456789012:user/isa.lund",
    "CreateDate": "2026-01-05T09:00:00Z", "Tags": [{"Key": "employeeNumber", "Value": "E-1"}],
}  # fmt: skip
CENTER_USER = {
    "IdentityStoreId": "d-1234567890", "UserId": "7", "UserArn": "arn:aws:identitystore:::user/7", "Revision": "1",
    "UserName": "isa.lund", "UserStatus": "ENABLED",
    "Extensions": {"aws:identitystore:enterprise": {"employeeNumber": "E-1"}},
}  # fmt: skip
SCIM_USER = {"id": "7", "userName": "isa.lund@vendor.example", "externalId": "E-1", "active": True}


@dataclass(frozen=True)
class AnsweringKind:
    """One kind of system: the lookup that asks for a list, and the answer that holds one account. `page` makes a page
    that names the given page as the next one; None where the kind reads no list by an address or a cursor."""

    name: str
    lookup: Lookup
    last_page: Any
    page: Callable[[str], ScriptedAnswer] | None = None

    @asynccontextmanager
    async def connected(
        self, answer: Callable[[ReceivedRequest], ScriptedAnswer], **settings: str
    ) -> AsyncIterator[tuple[Connector, ScriptedServer]]:
        server, login = ScriptedServer(answer), ScriptedServer(lambda asked: ScriptedAnswer(200, TOKEN))
        async with listening(server.serve) as port, listening(login.serve) as login_port:
            address = f"http://127.0.0.1:{port}"
            known = {"url": address, "token": "t0ken"}
            if self.name == "mail":
                known = {
                    "smtp_host": "127.0.0.1",
                    "sender": "offboard@vendor.example",
                    "admin_url": address,
                    "admin_token": "t0ken",
                }
            if self.name == "entra":
                known = {
                    "url": address,
                    "login_url": f"http://127.0.0.1:{login_port}",
                    "tenant": "vendor.example",
                    "client_id": "app",
                    "client_secret": "s3cret",
                }
            if self.name == "google_workspace":
                known = {
                    "url": address,
                    "licensing_url": address,
                    "token_url": f"http://127.0.0.1:{login_port}/token",
                    "admin_email": "admin@vendor.example",
                    "service_account_email": "offboard@vendor.example",
                    "private_key": private_key().as_pem(private=True).decode(),
                }
            if self.name == "bamboohr":
                known = {"url": address, "api_key": "k3y", "time_zone": "America/Denver"}
            if self.name == "github":
                known |= {"organization": "vendor"}
            if self.name == "aws_iam":
                known = {
                    "url": address,
                    "sts_url": address,
                    "account_id": "123456789012",
                    "access_key_id": "AKIAEXAMPLE",
                    "secret_access_key": "s3cret",
                }
            if self.name == "aws_identity_center":
                known = {
                    "url": address,
                    "sso_url": address,
                    "sts_url": address,
                    "iam_url": address,
                    "region": "eu-central-1",
                    "instance_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
                    "identity_store_id": "d-1234567890",
                    "access_key_id": "AKIAEXAMPLE",
                    "secret_access_key": "s3cret",
                }
            if self.name == "slack":
                known |= {"scim_url": address, "team_id": "T0VENDOR"}
            connector = connect(self.name, known | settings, allowed_hosts=["127.0.0.1"])
            yield connector, server
            await connector.aclose()

    def answers(self, asked: ReceivedRequest) -> ScriptedAnswer:
        """One account, on one page."""
        if self.name == "scim" and asked.path == "/ServiceProviderConfig":
            return ScriptedAnswer(404)
        if self.name == "github" and asked.path.endswith("/members"):
            return ScriptedAnswer(200, [GITHUB_MEMBER["user"]] if "role=admin" not in asked.target else [])
        if self.name == "github" and asked.path.endswith("/outside_collaborators"):
            return ScriptedAnswer(200, [])
        if self.name == "github" and asked.method == "GET":
            return ScriptedAnswer(200, GITHUB_MEMBER)
        if self.name == "github" and b"query Teams" in asked.body:
            return ScriptedAnswer(200, github_list("teams", []))
        if asked.path == "/api/auth.test":
            return ScriptedAnswer(200, SLACK_TOKEN)
        if asked.path == "/api/users.list":
            return ScriptedAnswer(200, {"ok": True, "members": [SLACK_USER]})
        if asked.path == "/api/users.info":
            return ScriptedAnswer(200, {"ok": True, "user": SLACK_USER})
        if self.name == "slack" and asked.path.startswith("/scim/v2/Users/"):
            return ScriptedAnswer(200, SCIM_USER)
        if self.name == "scim" and asked.path == "/Groups":
            return ScriptedAnswer(200, {"totalResults": 0})
        if self.name == "aws_iam" and (action := aws_action(asked)) != "GetAccountAuthorizationDetails":
            return aws_answer(action)
        if self.name == "aws_identity_center" and center_action(asked) != "ListUsers":
            return ScriptedAnswer(200, center_empty(asked))
        return ScriptedAnswer(200, self.last_page)


def cursor(items: str, item: Mapping[str, Any]) -> Callable[[str], ScriptedAnswer]:
    return lambda following: ScriptedAnswer(200, {items: [item], "next": following})


def bamboo_page(*employees: Any, following: str | None = None) -> dict[str, Any]:
    page = {"limit": 500, "nextCursor": following, "prevCursor": None}
    return {"data": list(employees), "meta": {"total": len(employees), "page": page}, "_links": {}}


def github_list(name: str, nodes: list[Any], following: str | None = None) -> dict[str, Any]:
    found: Any = {"pageInfo": {"hasNextPage": bool(following), "endCursor": following}, "nodes": nodes}
    return {"data": {"organization": {"samlIdentityProvider": {name: found}, name: found}}}


def aws_action(asked: ReceivedRequest) -> str:
    """All requests to AWS have the same path."""
    return parse_qs(asked.target.partition("?")[2] + "&" + asked.body.decode())["Action"][0]


def center_action(asked: ReceivedRequest) -> str:
    """The action of Identity Center, or of STS and IAM beside it."""
    return asked.headers.get("x-amz-target", "").partition(".")[2] or aws_action(asked)


def center_empty(asked: ReceivedRequest) -> Any:
    """An empty list of the action's own, or an object without anything."""
    return {"GroupMemberships": []} if center_action(asked) == "ListGroupMembershipsForMember" else {}


def aws_answer(action: str, **fields: Any) -> ScriptedAnswer:
    """In XML as AWS writes it, with these fields; lists that are not among them are empty."""
    description = AwsDescription.read()
    body = description.nothing(action) | fields
    return ScriptedAnswer(200, description.written(action, body, "request-1").encode())


def aws_users(following: str = "") -> ScriptedAnswer:
    more = {"IsTruncated": True, "Marker": following} if following else {}
    return aws_answer("GetAccountAuthorizationDetails", UserDetailList=[AWS_USER], **more)


KINDS = (
    AnsweringKind("scim", Lookup("externalId", "E-1"), {"totalResults": 1, "Resources": [SCIM_USER]}),
    AnsweringKind(
        "okta",
        Lookup("employeeNumber", "E-1"),
        [OKTA_USER],
        lambda following: ScriptedAnswer(200, [OKTA_USER], {"Link": f'<{following}>; rel="next"'}),
    ),
    AnsweringKind(
        "code_hosting", Lookup("employee_number", "E-1"), {"accounts": [ACCOUNT]}, cursor("accounts", ACCOUNT)
    ),
    AnsweringKind("cards", Lookup("employee_number", "E-1"), {"cards": [CARD]}, cursor("cards", CARD)),
    AnsweringKind("hr", Lookup("employee_number", "E-1"), {"people": [PERSON]}, cursor("people", PERSON)),
    AnsweringKind("mail", Lookup("address", "isa@vendor.example"), {"address": "isa@vendor.example"}),
    AnsweringKind(
        "entra",
        Lookup("employeeId", "E-1"),
        {"value": [ENTRA_USER]},
        lambda following: ScriptedAnswer(200, {"value": [ENTRA_USER], "@odata.nextLink": following}),
    ),
    AnsweringKind(
        "github",
        Lookup("samlNameId", "E-1"),
        github_list("externalIdentities", [GITHUB_IDENTITY]),
        lambda following: ScriptedAnswer(200, github_list("externalIdentities", [GITHUB_IDENTITY], following)),
    ),
    AnsweringKind(
        "google_workspace",
        Lookup("externalId", "E-1"),
        GOOGLE_USERS,
        lambda following: ScriptedAnswer(200, GOOGLE_USERS | {"nextPageToken": following}),
    ),
    AnsweringKind("slack", Lookup("externalId", "E-1"), {"totalResults": 1, "Resources": [SCIM_USER]}),
    AnsweringKind(
        "bamboohr",
        Lookup("employeeNumber", "E-1"),
        bamboo_page(BAMBOO_EMPLOYEE),
        lambda following: ScriptedAnswer(200, bamboo_page(BAMBOO_EMPLOYEE, following=following)),
    ),
    AnsweringKind("aws_iam", Lookup("tag:employeeNumber", "E-1"), aws_users().body, aws_users),
    AnsweringKind(
        "aws_identity_center",
        Lookup("employeeNumber", "E-1"),
        {"Users": [CENTER_USER]},
        lambda following: ScriptedAnswer(200, {"Users": [CENTER_USER], "NextToken": following}),
    ),
)
PAGED = tuple(kind for kind in KINDS if kind.page is not None)


def named(kind: AnsweringKind) -> str:
    return kind.name


NOTHING: Mapping[str, ScriptedAnswer] = {
    "scim": ScriptedAnswer(200, {"totalResults": 0}),
    "okta": ScriptedAnswer(200, []),
    "code_hosting": ScriptedAnswer(200, {"accounts": [], "next": None}),
    "cards": ScriptedAnswer(200, {"cards": [], "next": None}),
    "hr": ScriptedAnswer(200, {"people": [], "next": None}),
    "mail": ScriptedAnswer(404, {"error": "not_found"}),
    "entra": ScriptedAnswer(200, {"value": []}),
    "github": ScriptedAnswer(200, github_list("externalIdentities", [])),
    "google_workspace": ScriptedAnswer(200, {"kind": "admin#directory#users"}),
    "slack": ScriptedAnswer(200, {"totalResults": 0, "Resources": []}),
    "bamboohr": ScriptedAnswer(200, bamboo_page()),
    "aws_iam": aws_answer("GetAccountAuthorizationDetails"),
    "aws_identity_center": ScriptedAnswer(200, {"Users": []}),
}
ABSENT = {"E-1": "E-9", "isa@vendor.example": "eva@vendor.example"}
