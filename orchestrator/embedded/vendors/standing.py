"""What a person can use at a vendor at one moment, read from the state of its simulator.

A list for each kind of access, empty where it is gone. It says what works, and not what is on record: a token of a
suspended user, or of a former member of an organisation, opens nothing. What only expires counts, so that time alone
changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.embedded.vendors.github.organization import GitHubOrganization
from orchestrator.embedded.vendors.okta.organisation import OktaOrganisation, OktaUser
from orchestrator.embedded.vendors.slack.grid import SlackGrid, SlackUser

Standing = Mapping[str, Sequence[str]]


def okta_standing(org: OktaOrganisation, user: OktaUser) -> Standing:
    """Groups are those of Okta itself: an account leaves others in the application that fills them."""
    return {
        "accounts": [user.login] if user.status == "ACTIVE" else [],
        "sessions": [one.id for one in org.sessions.values() if one.user == user.id],
        "tokens": [
            *(one.id for one in org.tokens.values() if one.user == user.id and not one.revoked),
            *(one.id for one in org.api_tokens.values() if one.user == user.id and user.status == "ACTIVE"),
        ],
        "groups": [one.name for one in org.groups_of(user) if one.type == "OKTA_GROUP"],
        "roles": [role.type for role, _ in org.roles_of(user)],
        "applications": [one.label for one in org.apps.values() if org.assignment(one, user)],
    }


def github_standing(org: GitHubOrganization, logins: Sequence[str]) -> Standing:
    """Of all accounts of the person. A classic token reaches what its owner reaches."""
    reached = {login: _reached(org, login) for login in logins}
    return {
        "accounts": [f"{login} ({org.members[login]})" for login in logins if login in org.members],
        "tokens": [
            str(one.id) for one in org.tokens.values() if one.login in logins and one.granted and reached[one.login]
        ],
        "teams": [f"{login}: {team.slug}" for login in logins for team in org.teams.values() if login in team.members],
        "repositories": [f"{login}: {name}" for login in logins for name in reached[login]],
        "seats": [login for login in logins if login in org.seats and not org.seats[login].pending],
    }


def _reached(org: GitHubOrganization, login: str) -> list[str]:
    return [one.name for one in org.repositories.values() if org.permission(login, one) != "none"]


def slack_standing(grid: SlackGrid, user: SlackUser) -> Standing:
    return {
        "accounts": [user.email] if user.active else [],
        "sessions": [str(one.id) for one in grid.sessions.values() if one.user == user.id],
        "tokens": [
            one.value for one in grid.tokens.values() if one.user == user.id and one.kind == "user" and not one.revoked
        ],
        "groups": [one.handle for one in grid.user_groups.values() if user.id in one.users and not one.disabled],
        "roles": [f"{one.role} {one.entity}" for one in grid.role_assignments if one.user == user.id and user.active],
    }
