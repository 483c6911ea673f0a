"""GitHub's REST API for one organization (GitHub Enterprise Cloud): routes with what each needs, limits, and GitHub's
forms of general failures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.description import Description
from orchestrator.embedded.vendors.github import access, credentials, graphql, members
from orchestrator.embedded.vendors.github.credentials import Need
from orchestrator.embedded.vendors.github.errors import error, not_found
from orchestrator.embedded.vendors.github.organization import GitHubOrganization
from orchestrator.embedded.vendors.simulator import Call, Handler, Simulator

ORG = "/orgs/{org}"
REPO = "/repos/{owner}/{repo}"
TEAM = f"{ORG}/teams/{{team}}"
READ = Need(("read:org",), "members")
WRITE = Need(("admin:org",), "members", "write", owner=True)
TOKENS = "organization_personal_access_tokens"
COPILOT = "organization_copilot_seat_management"
ADMINISTRATION = "organization_administration"
ANY = Need((), "")
PROFILE = Need(("user",), "")
"""Public, although GitHub names a scope: https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps."""
GRAPHQL = "POST /graphql"

TABLE: Mapping[str, tuple[Handler, Need]] = {
    f"GET {ORG}/members": (members.list_members, READ),
    f"GET {ORG}/members/{{user}}": (members.check_member, READ),
    f"DELETE {ORG}/members/{{user}}": (members.remove_member, WRITE),
    f"GET {ORG}/memberships/{{user}}": (members.get_membership, READ),
    f"DELETE {ORG}/memberships/{{user}}": (members.remove_membership, WRITE),
    f"GET {ORG}/invitations": (members.list_invitations, Need(("admin:org",), "members", owner=True)),
    f"DELETE {ORG}/invitations/{{invitation}}": (members.cancel_invitation, WRITE),
    f"GET {ORG}/outside_collaborators": (members.list_outside_collaborators, READ),
    f"DELETE {ORG}/outside_collaborators/{{user}}": (members.remove_outside_collaborator, WRITE),
    f"GET {ORG}/teams": (members.list_teams, READ),
    f"GET {TEAM}/members": (members.list_team_members, READ),
    f"GET {TEAM}/memberships/{{user}}": (members.get_team_membership, READ),
    f"DELETE {TEAM}/memberships/{{user}}": (members.remove_team_membership, WRITE),
    f"GET {ORG}/repos": (members.list_repositories, Need(("repo",), "metadata")),
    f"GET {REPO}/collaborators": (members.list_collaborators, Need(("repo",), "metadata")),
    f"DELETE {REPO}/collaborators/{{user}}": (
        members.remove_collaborator, Need(("repo",), "administration", "write", owner=True),
    ),
    f"GET {ORG}/credential-authorizations": (
        access.list_authorizations, Need(("read:org",), ADMINISTRATION, owner=True),
    ),
    f"DELETE {ORG}/credential-authorizations/{{credential}}": (
        access.remove_authorization, Need(("admin:org",), ADMINISTRATION, "write", owner=True),
    ),
    f"GET {ORG}/personal-access-tokens": (access.list_fine_grained_tokens, Need(None, TOKENS)),
    f"POST {ORG}/personal-access-tokens": (access.revoke_fine_grained_tokens, Need(None, TOKENS, "write")),
    f"POST {ORG}/personal-access-tokens/{{token}}": (access.revoke_fine_grained_token, Need(None, TOKENS, "write")),
    f"GET {ORG}/members/{{user}}/copilot": (
        access.get_seat, Need(("manage_billing:copilot", "read:org"), COPILOT, owner=True),
    ),
    f"DELETE {ORG}/copilot/billing/selected_users": (
        access.cancel_seats, Need(("manage_billing:copilot", "admin:org"), COPILOT, "write", owner=True),
    ),
    f"GET {ORG}/copilot/billing/seats": (
        access.list_seats, Need(("manage_billing:copilot", "read:org"), COPILOT, owner=True),
    ),
    f"GET {ORG}/installations": (access.list_installations, Need(("admin:org",), ADMINISTRATION, owner=True)),
    f"GET {REPO}/keys": (access.list_deploy_keys, Need(("repo",), "administration")),
    f"GET {REPO}": (access.get_repository, ANY),
    "GET /user/{account}": (access.get_user_by_number, PROFILE),
    "GET /users/{user}": (access.get_user, PROFILE),
    "GET /users/{user}/keys": (access.list_keys, ANY),
    "GET /user": (access.own_user, ANY),
    "GET /user/memberships/orgs/{org}": (members.own_membership, ANY),
    GRAPHQL: (graphql.post, ANY),
    "GET /app/installations": (access.list_own_installations, ANY),
    "POST /app/installations/{installation}/access_tokens": (access.issue_installation_token, ANY),
}  # fmt: skip
ROUTES: Mapping[str, Handler] = {name: handler for name, (handler, _) in TABLE.items()}
UNDESCRIBED: Mapping[str, str] = {GRAPHQL: graphql.PAGE}
UNDESCRIBED_FIELDS = {f"GET {ORG}/personal-access-tokens": frozenset({"owner[]"})}
"""Arrays in queries are written with brackets; the description names them without."""
OPERATIONS = sorted(set(ROUTES) - {GRAPHQL})


class GitHubSimulator(Simulator):
    """`state` is the `GitHubOrganization`. `requests_per_hour` is a real limit; each answer says what is left of it.
    `limit_seconds` is for how long a secondary limit lasts."""

    routes = ROUTES
    undescribed = UNDESCRIBED
    undescribed_fields = UNDESCRIBED_FIELDS
    state: GitHubOrganization

    def __init__(self) -> None:
        super().__init__(Description.of(Path(__file__).parent), None)
        self.state = GitHubOrganization(self.now)
        self.requests_per_hour = 5000
        self.limit_seconds = 60
        self._hour, self._used = 0, 0

    def identify(self, call: Call) -> Any:
        if "/app/" in call.operation:
            return credentials.app_of(self, call)
        token = credentials.token_of(self, call)
        if token.kind == "classic":
            call.noted["scopes"] = token.scopes
        return token

    def permit(self, call: Call) -> None:
        need = TABLE[call.operation][1]
        if call.given.get("org", self.state.login) != self.state.login:
            raise not_found()
        if need not in (ANY, PROFILE):
            credentials.permit(self, call, need)

    def over_limit(self, call: Call) -> bool:
        hour = int(self.now().timestamp()) // 3600
        if hour != self._hour:
            self._hour, self._used = hour, 0
        self._used += 1
        return self._used > self.requests_per_hour

    def dressed(self, call: Call, response: Response) -> Response:
        left = max(0, self.requests_per_hour - self._used)
        defaults = {
            "x-ratelimit-limit": str(self.requests_per_hour),
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-used": str(self._used),
            "x-ratelimit-reset": str(self._reset()),
            "x-github-request-id": f"SIMULATED:{len(self.requests)}",
        }
        for name, value in defaults.items():
            response.headers.setdefault(name, value)
        if "scopes" in call.noted:
            response.headers["x-oauth-scopes"] = ", ".join(call.noted["scopes"])
            response.headers["x-accepted-oauth-scopes"] = ", ".join(TABLE[call.operation][1].scopes or ())
        return response

    def unknown_path(self, call: Call) -> Response:
        return error(404, "Not Found")

    def malformed(self, faults: list[str]) -> Response:
        return error(422, "Invalid request. " + " ".join(faults))

    def limited(self) -> Response:
        """The primary limit, with 429."""
        used_up = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(self._reset())}
        return error(429, "API rate limit exceeded for user ID 1.", used_up)

    def limited_as_forbidden(self) -> Response:
        """A secondary limit: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api."""
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        return error(403, message, {"retry-after": str(self.limit_seconds)})

    def broken(self, status: int) -> Response:
        return error(status, "Server Error")

    def expired(self) -> Response:
        return error(401, "Bad credentials")

    def _reset(self) -> int:
        return (int(self.now().timestamp()) // 3600 + 1) * 3600
