"""GitHub's GraphQL interface: external identities, verified mail addresses, teams of a user, deploy keys.

Written from GitHub's public schema (`graphql_schema.json`) and its texts: the identity provider is shown to owners, to
their classic tokens with read:org, and to apps with members, and is null for others. A scope or permission that is
missing elsewhere is an error in a 200, as https://docs.github.com/graphql/guides/using-graphql-clients has it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orchestrator.embedded.vendors.github.credentials import held_scopes
from orchestrator.embedded.vendors.github.graphql_language import QueryFault, Schema, read_query
from orchestrator.embedded.vendors.github.organization import GitHubIdentity, GitHubTeam, GitHubUser
from orchestrator.embedded.vendors.simulator import Call, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.github.simulator import GitHubSimulator

PAGE = "https://docs.github.com/en/graphql"
LARGEST_PAGE = 100
GraphqlFields = dict[str, Any]


class GraphError(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@functools.cache
def schema() -> Schema:
    return Schema.read(Path(__file__).parent / "graphql_schema.json")


def post(github: GitHubSimulator, call: Call) -> Response:
    known = schema()
    given = call.body.get("variables") or {}
    try:
        query = read_query(call.body["query"])
        known.check(query, given)
    except QueryFault as fault:
        github.violations.append(f"request: {fault}")
        return answer({"errors": [{"message": str(fault)}]})
    try:
        found = known.carry_out(query, given, _Graph(github, call).root())
    except GraphError as error:
        return answer({"data": None, "errors": [{"type": error.kind, "message": str(error)}]})
    finally:
        github.violations += known.faults
        known.faults.clear()
    return answer({"data": found})


class _Graph:
    def __init__(self, github: GitHubSimulator, call: Call) -> None:
        self._org, self._caller, self._call = github.state, call.caller, call
        self._faults = github.faults

    def root(self) -> GraphqlFields:
        return {"organization": self._organization, "user": self._user_called, "enterprise": self._enterprise}

    def _may(self, scope: str, permission: str, level: str = "read") -> bool:
        if self._caller.kind == "classic":
            return scope in held_scopes(self._caller)
        return self._caller.permissions.get(permission) in (level, "write")

    def _need(self, scope: str, permission: str) -> None:
        if self._may(scope, permission):
            return
        if self._caller.kind == "classic":
            raise GraphError(
                "INSUFFICIENT_SCOPES",
                "Your token has not been granted the required scopes to execute this query. The 'login' field requires "
                f"one of the following scopes: ['{scope}'], but your token has only been granted the: "
                f"{self._caller.scopes} scopes.",
            )
        raise GraphError("FORBIDDEN", "Resource not accessible by integration")

    def _organization(self, login: str) -> GraphqlFields:
        self._need("read:org", "members")
        if login.casefold() != self._org.login:
            raise GraphError("NOT_FOUND", f"Could not resolve to an Organization with the login of '{login}'.")
        org = self._org
        owner = not self._caller.login or org.members.get(self._caller.login) == "admin"
        return {
            "login": org.login,
            "databaseId": org.id,
            "samlIdentityProvider": (
                {"externalIdentities": self._identities} if org.provider and owner and not org.enterprise else None
            ),
            "membersWithRole": self._paged([self._user(org.users[one]) for one in org.members]),
            "teams": self._teams,
            "repositories": self._paged(
                [{"name": one.name, "deployKeys": self._paged(one.deploy_keys)} for one in org.repositories.values()]
            ),
        }

    def _enterprise(self, slug: str) -> GraphqlFields:
        """Its identity provider is shown to classic tokens with read:enterprise; the simulator takes every owner of
        the organization for an owner of the enterprise."""
        if slug != self._org.enterprise:
            raise GraphError("NOT_FOUND", f"Could not resolve to a Business with the URL slug of '{slug}'.")
        shown = self._caller.kind == "classic" and "read:enterprise" in held_scopes(self._caller)
        provider = {"externalIdentities": self._identities}
        return {"ownerInfo": {"samlIdentityProvider": provider} if shown else None}

    def _user_called(self, login: str) -> GraphqlFields:
        for user in self._org.users.values():
            if user.login.casefold() == login.casefold():
                return self._user(user)
        raise GraphError("NOT_FOUND", f"Could not resolve to a User with the login of '{login}'.")

    def _user(self, user: GitHubUser) -> GraphqlFields:
        emails = user.verified_emails if user.login in self._org.members else []
        return {
            "databaseId": user.id,
            "login": user.login,
            "organizationVerifiedDomainEmails": lambda login: emails if login == self._org.login else [],
        }

    def _identities(
        self,
        first: int,
        after: str | None = None,
        login: str | None = None,
        userName: str | None = None,
        membersOnly: bool | None = None,
    ) -> GraphqlFields:
        wanted = [
            self._identity(one)
            for one in self._org.identities
            if (login is None or one.login == login)
            and (userName is None or userName in (one.name_id, one.user_name))
            and (not membersOnly or one.login in self._org.members)
        ]
        return self._paged(wanted)(first=first, after=after)

    def _identity(self, one: GitHubIdentity) -> GraphqlFields:
        emails = [{"value": email} for email in one.emails]
        attributes = [{"name": name, "value": value} for name, value in one.attributes.items()]
        saml = {"nameId": one.name_id, "username": one.name_id, "emails": emails, "attributes": attributes}
        return {
            "guid": f"guid-{one.name_id}",
            "user": self._user(self._org.users[one.login]) if one.login else None,
            "samlIdentity": saml if one.name_id else None,
            "scimIdentity": {"username": one.user_name, "emails": emails} if one.user_name else None,
        }

    def _teams(
        self,
        first: int,
        after: str | None = None,
        userLogins: Sequence[str] | None = None,
    ) -> GraphqlFields:
        found = [
            self._team(team)
            for team in self._org.teams.values()
            if not userLogins or any(login in team.members for login in userLogins)
        ]
        if userLogins and self._faults.hidden(f"{self._call.path}/teams", userLogins):
            found = []
        return self._paged(found)(first=first, after=after)

    def _team(self, team: GitHubTeam) -> GraphqlFields:
        def members(
            first: int, after: str | None = None, membership: str = "ALL", query: str = "", role: str = ""
        ) -> GraphqlFields:
            edges = [
                {"role": held.upper(), "node": self._user(self._org.users[login])}
                for login, held in team.members.items()
                if query.casefold() in login.casefold() and role in ("", held.upper())
            ]
            return {"edges": edges[:first], "totalCount": len(edges)}

        return {"databaseId": team.id, "slug": team.slug, "members": members}

    def _paged(self, items: Sequence[Any]) -> Callable[..., GraphqlFields]:
        """A connection; its cursors are opaque texts."""

        def connection(first: int, after: str | None = None) -> GraphqlFields:
            start = int(after.removeprefix("cursor:")) if after else 0
            end = start + self._call.page_size(min(first, LARGEST_PAGE))
            more = end < len(items)
            return {
                "nodes": list(items[start:end]),
                "totalCount": len(items),
                "pageInfo": {"hasNextPage": more, "endCursor": f"cursor:{end}" if items[start:end] else None},
            }

        return connection
