"""What only GitHub's GraphQL interface shows: identities of the identity provider, verified mail addresses, teams of a
user, and which repositories have deploy keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.http.flows import all_pages, unexpected
from connectors.http.pages import MAX_ITEMS
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.vendors.github.settings import GitHubSettings

GRAPHQL = Operation("POST", "/graphql")
_PROVIDER = """
    samlIdentityProvider {
      externalIdentities(first: 100, after: $after, login: $login, userName: $userName) {
        pageInfo { hasNextPage endCursor }
        nodes {
          user { databaseId login }
          samlIdentity { nameId username emails { value } attributes { name value } }
          scimIdentity { username emails { value } }
        }
      }
    }"""
IDENTITIES = f"""
query Identities($org: String!, $after: String, $login: String, $userName: String) {{
  organization(login: $org) {{{_PROVIDER}
  }}
}}"""
ENTERPRISE_IDENTITIES = f"""
query EnterpriseIdentities($enterprise: String!, $after: String, $login: String, $userName: String) {{
  enterprise(slug: $enterprise) {{ ownerInfo {{{_PROVIDER}
  }} }}
}}"""
VERIFIED_EMAILS = """
query VerifiedEmails($org: String!, $after: String) {
  organization(login: $org) {
    membersWithRole(first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { databaseId login organizationVerifiedDomainEmails(login: $org) }
    }
  }
}"""
VERIFIED_EMAILS_OF = """
query VerifiedEmailsOf($org: String!, $login: String!) {
  user(login: $login) { databaseId login organizationVerifiedDomainEmails(login: $org) }
}"""
TEAMS = """
query Teams($org: String!, $login: String!, $after: String) {
  organization(login: $org) {
    teams(first: 100, after: $after, userLogins: [$login]) {
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId
        slug
        members(first: 100, membership: IMMEDIATE, query: $login) { edges { role node { databaseId } } }
        maintainers: members(first: 1, membership: IMMEDIATE, role: MAINTAINER) { totalCount }
      }
    }
  }
}"""
TEAM_MEMBERS = """
query TeamMembers($org: String!) {
  organization(login: $org) {
    teams(first: 20) { nodes { members(first: 5) { edges { node { databaseId login } } } } }
  }
}"""
REPOSITORIES_WITH_KEYS = """
query RepositoriesWithKeys($org: String!, $after: String) {
  organization(login: $org) {
    repositories(first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { name deployKeys(first: 1) { totalCount } }
    }
  }
}"""


def ask(settings: GitHubSettings, query: str, **variables: str) -> Request:
    """The request for a query; `org` is the organisation, `enterprise` the enterprise. It changes nothing, although it
    is a POST."""
    place = {"enterprise": settings.enterprise} if query is ENTERPRISE_IDENTITIES else {"org": settings.organization}
    body = {"query": query, "variables": {**place, **variables}}
    return Request("POST", url=settings.graphql_url, json=body, read_only=True, operation=GRAPHQL)


def data(answer: Answer) -> Mapping[str, Any]:
    """Raises `ActionRequiredError("answer_not_understood")` for an answer without data."""
    found = answer.body.get("data") if isinstance(answer.body, dict) else None
    if not isinstance(found, dict):
        unexpected("The GraphQL answer has no data.")
    return found


@dataclass(frozen=True, slots=True)
class Connection:
    """A list in a GraphQL answer, in pages: `path` leads to it from the data. Where a part of `path` between its first
    and its last name is null, such as the identity provider of an organisation without one, the list is empty."""

    path: tuple[str, ...]
    max_items: int = MAX_ITEMS

    def first(self, request: Request) -> Request:
        return request

    def items(self, answer: Answer) -> list[Any]:
        found = self._in(answer)
        if found is None:
            return []
        nodes = found.get("nodes")
        if not isinstance(nodes, list):
            unexpected(f"The GraphQL answer has no list in {'.'.join(self.path)}.")
        return [node for node in nodes if node is not None]

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        found = self._in(answer)
        if found is None:
            return None
        info = found.get("pageInfo")
        if not isinstance(info, dict) or not isinstance(info.get("hasNextPage"), bool):
            unexpected(f"The GraphQL answer does not say whether {'.'.join(self.path)} has another page.")
        if not info["hasNextPage"]:
            return None
        cursor = info.get("endCursor")
        if not isinstance(cursor, str) or not cursor:
            unexpected(f"The GraphQL answer has no cursor for the next page of {'.'.join(self.path)}.")
        body = {**request.json, "variables": {**request.json["variables"], "after": cursor}}
        return replace(request, json=body)

    def _in(self, answer: Answer) -> Mapping[str, Any] | None:
        place: Any = data(answer)
        for depth, name in enumerate(self.path):
            if not isinstance(place, dict) or name not in place:
                unexpected(f"The GraphQL answer has no {'.'.join(self.path[: depth + 1])}.")
            place = place[name]
            if place is None and 0 < depth < len(self.path) - 1:
                return None
        if not isinstance(place, dict):
            unexpected(f"The GraphQL answer has no {'.'.join(self.path)}.")
        return place


IDENTITY_PAGES = Connection(("organization", "samlIdentityProvider", "externalIdentities"))
ENTERPRISE_IDENTITY_PAGES = Connection(("enterprise", "ownerInfo", "samlIdentityProvider", "externalIdentities"))
MEMBER_PAGES = Connection(("organization", "membersWithRole"))
TEAM_PAGES = Connection(("organization", "teams"))
REPOSITORY_PAGES = Connection(("organization", "repositories"))


def every(settings: GitHubSettings, query: str, pages: Connection, **variables: str) -> Flow[list[Any]]:
    """All items of the list."""
    return (yield from all_pages(ask(settings, query, **variables), pages))
