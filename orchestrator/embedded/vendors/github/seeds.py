"""The people of the embedded company as members of a GitHub organization, with what members have there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joserfc import jwt
from joserfc.jwk import RSAKey

from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.vendors.github.organization import (
    GitHubIdentity,
    GitHubOrganization,
    GitHubRepository,
    GitHubTeam,
    GitHubToken,
    GitHubUser,
    InstalledApp,
)
from orchestrator.embedded.vendors.github.simulator import GitHubSimulator
from orchestrator.embedded.vendors.keys import private_key

PERMISSIONS = {
    "members": "write", "organization_administration": "write", "organization_personal_access_tokens": "write",
    "organization_copilot_seat_management": "write", "administration": "write", "metadata": "read",
}  # fmt: skip


@dataclass
class GitHubSeed:
    """`app` is a GitHub App with all permissions above, whose private key is `key`; `token` a classic token of the
    owner `root`. `tokens` are the classic tokens of the people, authorized for single sign-on, `fine_grained` their
    others."""

    users: Mapping[str, GitHubUser]
    teams: Mapping[str, GitHubTeam]
    repositories: Mapping[str, GitHubRepository]
    app: InstalledApp
    key: RSAKey
    token: str
    tokens: Mapping[str, GitHubToken]
    fine_grained: Mapping[str, GitHubToken]

    def user(self, employee_number: str) -> GitHubUser:
        return self.users[employee_number]


def seed_github(github: GitHubSimulator, people: Sequence[Employee] | None = None) -> GitHubSeed:
    """Each person is a member with a login of their address, in the team of their department and in `synced`, with a
    Copilot seat. The identity provider knows them by their address, with the employee number. An administrator among
    them is an owner. `handbook` belongs to all teams, `billing` was given to each
    person directly."""
    org = github.state
    chosen = default_people() if people is None else list(people)
    root = org.new_user("root", "admin")
    users = {
        one.employee_number: org.new_user(
            _login(org, one), "admin" if "admin" in one.traits else "member", name=one.name, email=one.email
        )
        for one in chosen
    }
    for person in chosen:
        user = users[person.employee_number]
        user.verified_emails = [person.email]
        org.identities.append(GitHubIdentity(
            user.login, person.email, person.email, [person.email], {"employeeNumber": person.employee_number}
        ))  # fmt: skip
    teams: dict[str, GitHubTeam] = {"synced": org.new_team("synced", *users.values(), synced=True)}
    for person in chosen:
        slug = (person.department or "company").lower().replace(" ", "-")
        if slug not in teams:
            teams[slug] = org.new_team(slug)
        teams[slug].members[users[person.employee_number].login] = "member"
        org.new_seat(users[person.employee_number])
    repositories = {
        "handbook": org.new_repository("handbook", *teams.values()),
        "billing": org.new_repository("billing", *users.values()),
    }
    app = org.new_app("offboarding", private_key().as_dict(private=False), **PERMISSIONS)
    return GitHubSeed(
        users, teams, repositories, app, private_key(), org.new_classic_token(root, "admin:org", "repo").value,
        {number: org.new_classic_token(user, "repo", "read:org") for number, user in users.items()},
        {number: org.new_fine_grained_token(user, contents="read") for number, user in users.items()},
    )  # fmt: skip


def _login(org: GitHubOrganization, person: Employee) -> str:
    """The local part of the address, with a number where another user has it."""
    wanted = login = person.email.partition("@")[0].replace(".", "-")
    number = 1
    while login in org.users:
        number += 1
        login = f"{wanted}-{number}"
    return login


def app_jwt(app: InstalledApp, key: RSAKey, *, seconds: int = 300, issuer: str = "") -> str:
    """What a GitHub App signs to get installation tokens; valid for at most ten minutes."""
    now = int(time.time())
    claims = {"iss": issuer or str(app.id), "iat": now - 60, "exp": now + seconds}
    return jwt.encode({"alg": "RS256"}, claims, key)
