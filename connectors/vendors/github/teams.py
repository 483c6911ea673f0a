"""The teams of a user."""

from __future__ import annotations

from pydantic import Field

from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.vendors.github import queries
from connectors.vendors.github.answers import GitHubLogin
from connectors.vendors.github.settings import GitHubSettings


class _Node(Fields):
    id: int | None = Field(default=None, alias="databaseId")


class _Edge(Fields):
    role: str = ""
    node: _Node


class _Members(Fields):
    edges: list[_Edge | None] | None = None


class Total(Fields):
    """How many a list has."""

    total: int = Field(alias="totalCount")


class Team(Fields):
    """A team that the user is in, itself or by a child team. `members` are the direct ones whose login or name is like
    the user's."""

    id: int = Field(alias="databaseId")
    slug: str = Field(min_length=1)
    members: _Members
    maintainers: Total

    def role_of(self, user: GitHubLogin) -> str:
        """`member` or `maintainer`; empty for a member of a child team only."""
        edges = (edge for edge in self.members.edges or () if edge is not None)
        return next((edge.role.lower() for edge in edges if edge.node.id == user.id), "")

    def has_no_other_maintainer(self, user: GitHubLogin) -> bool:
        return self.role_of(user) == "maintainer" and self.maintainers.total == 1

    def shown(self, user: GitHubLogin) -> dict[str, str | bool]:
        alone = {"only_maintainer": True} if self.has_no_other_maintainer(user) else {}
        return {"id": str(self.id), "name": self.slug, "role": self.role_of(user) or "by a child team", **alone}


class _TeamUser(Fields):
    id: int | None = Field(default=None, alias="databaseId")
    login: str = Field(min_length=1)


class _UserEdge(Fields):
    node: _TeamUser


class _UserEdges(Fields):
    edges: list[_UserEdge | None] | None = None


class _TeamOfUsers(Fields):
    members: _UserEdges


def members_of_teams(settings: GitHubSettings) -> Flow[list[GitHubLogin]]:
    """Some members of the first teams."""
    answer = yield queries.ask(settings, queries.TEAM_MEMBERS)
    teams = [parse(item, _TeamOfUsers) for item in queries.TEAM_PAGES.items(answer)]
    users = [edge.node for team in teams for edge in team.members.edges or () if edge is not None]
    return [GitHubLogin(id=user.id, login=user.login) for user in users if user.id is not None]


def teams_of(settings: GitHubSettings, user: GitHubLogin) -> Flow[list[Team]]:
    found = yield from queries.every(settings, queries.TEAMS, queries.TEAM_PAGES, login=user.login)
    return [parse(item, Team) for item in found]
