"""The state of one GitHub organization, and what its parts do to each other. Users are known by their login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.embedded.vendors.simulated_state import SimulatedState

INSTALLATION_TOKEN_LIFETIME = timedelta(hours=1)


@dataclass
class GitHubUser:
    login: str
    id: int
    name: str
    email: str
    keys: list[str] = field(default_factory=list)
    verified_emails: list[str] = field(default_factory=list)


@dataclass
class GitHubIdentity:
    """What the identity provider says of a person: by SAML (`name_id`, `attributes`), by SCIM (`user_name`), or both.
    `login` is empty until a member has linked it."""

    login: str
    name_id: str = ""
    user_name: str = ""
    emails: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class GitHubDeployKey:
    id: int
    title: str
    added_by: str
    read_only: bool = True


@dataclass
class GitHubTeam:
    """`synced`: filled by the identity provider, GitHub refuses changes. `members` have their role."""

    slug: str
    id: int
    members: dict[str, str] = field(default_factory=dict)
    synced: bool = False


@dataclass
class GitHubRepository:
    """Private. `collaborators` were added directly, `teams` are slugs."""

    name: str
    id: int
    collaborators: dict[str, str] = field(default_factory=dict)
    teams: list[str] = field(default_factory=list)
    deploy_keys: list[GitHubDeployKey] = field(default_factory=list)


@dataclass
class GitHubInvitation:
    """Of a user, or, with an empty `login`, of a mail address."""

    id: int
    login: str
    email: str
    created: datetime


@dataclass
class GitHubToken:
    """`kind` is classic, fine-grained or installation. A fine-grained token has the permissions of `permissions` in the
    organization that approved it; `scopes` are those of a classic one. `authorized` is the id of its SSO authorization,
    0 without one."""

    value: str
    id: int
    kind: str
    login: str
    created: datetime
    scopes: list[str] = field(default_factory=list)
    permissions: dict[str, str] = field(default_factory=dict)
    expires: datetime | None = None
    granted: bool = True
    authorized: int = 0


@dataclass
class InstalledApp:
    """A GitHub App, installed in the organization with these permissions; `key` is its public JWK."""

    id: int
    slug: str
    installation: int
    permissions: dict[str, str]
    key: dict[str, Any]


@dataclass
class GitHubSeat:
    """A seat of Copilot; `team` is the slug of the team that brings it, or empty. A cancelled seat works to the end of
    the billing period (`pending`)."""

    login: str
    created: datetime
    team: str = ""
    pending: str = ""


class GitHubOrganization(SimulatedState):
    """`members` have their role, admin (an owner) or member. With `saml`, personal access tokens need an authorization
    for single sign-on; `provider` is whether there is an identity provider, which belongs to the
    enterprise with the slug `enterprise` if there is one. `base_permission` is what members may do
    with every repository."""

    def __init__(self, clock: Callable[[], datetime], login: str = "corp") -> None:
        super().__init__(clock)
        self._numbers = 1000
        self.login = login
        self.id = self.new_id()
        self.saml = False
        self.base_permission = "none"
        self.users: dict[str, GitHubUser] = {}
        self.members: dict[str, str] = {}
        self.teams: dict[str, GitHubTeam] = {}
        self.repositories: dict[str, GitHubRepository] = {}
        self.provider = True
        self.enterprise = ""
        self.identities: list[GitHubIdentity] = []
        self.invitations: dict[int, GitHubInvitation] = {}
        self.tokens: dict[str, GitHubToken] = {}
        self.apps: dict[int, InstalledApp] = {}
        self.seats: dict[str, GitHubSeat] = {}

    def new_id(self) -> int:
        self._numbers += 1
        return self._numbers

    # Seeds.

    def new_user(self, login: str, role: str = "", *, name: str = "", email: str = "") -> GitHubUser:
        """`role` in the organization: admin, member, or nothing."""
        user = GitHubUser(
            login, self.new_id(), name or login, email or f"{login}@corp.example", [f"ssh-ed25519 {login}"]
        )
        self.users[login] = user
        if role:
            self.members[login] = role
        return user

    def new_team(self, slug: str, *members: GitHubUser, synced: bool = False) -> GitHubTeam:
        team = GitHubTeam(slug, self.new_id(), {one.login: "member" for one in members}, synced)
        self.teams[slug] = team
        return team

    def new_repository(self, name: str, *allowed: GitHubUser | GitHubTeam) -> GitHubRepository:
        repository = GitHubRepository(name, self.new_id())
        repository.collaborators = {one.login: "push" for one in allowed if isinstance(one, GitHubUser)}
        repository.teams = [one.slug for one in allowed if isinstance(one, GitHubTeam)]
        self.repositories[name] = repository
        return repository

    def invite(self, user: GitHubUser) -> GitHubInvitation:
        invitation = GitHubInvitation(self.new_id(), user.login, user.email, self.now)
        self.invitations[invitation.id] = invitation
        return invitation

    def invite_address(self, email: str) -> GitHubInvitation:
        invitation = GitHubInvitation(self.new_id(), "", email, self.now)
        self.invitations[invitation.id] = invitation
        return invitation

    def new_deploy_key(self, repository: GitHubRepository, user: GitHubUser, title: str) -> GitHubDeployKey:
        key = GitHubDeployKey(self.new_id(), title, user.login)
        repository.deploy_keys.append(key)
        return key

    def new_classic_token(self, user: GitHubUser, *scopes: str, authorized: bool = True) -> GitHubToken:
        token = GitHubToken(f"ghp_{self.new_id()}", self.new_id(), "classic", user.login, self.now, list(scopes))
        token.authorized = self.new_id() if authorized else 0
        self.tokens[token.value] = token
        return token

    def new_fine_grained_token(self, user: GitHubUser, **permissions: str) -> GitHubToken:
        value = f"github_pat_{self.new_id()}"
        token = GitHubToken(value, self.new_id(), "fine-grained", user.login, self.now, permissions=permissions)
        self.tokens[token.value] = token
        return token

    def new_app(self, slug: str, key: dict[str, Any], **permissions: str) -> InstalledApp:
        app = InstalledApp(self.new_id(), slug, self.new_id(), permissions, key)
        self.apps[app.id] = app
        return app

    def new_installation_token(self, app: InstalledApp) -> GitHubToken:
        token = GitHubToken(
            f"ghs_{self.new_id()}",
            app.installation,
            "installation",
            "",
            self.now,
            permissions=dict(app.permissions),
            expires=self.now + INSTALLATION_TOKEN_LIFETIME,
        )
        self.tokens[token.value] = token
        return token

    def new_seat(self, user: GitHubUser, team: str = "") -> GitHubSeat:
        seat = GitHubSeat(user.login, self.now, team)
        self.seats[user.login] = seat
        return seat

    # What belongs together.

    def outside_collaborators(self) -> list[str]:
        """With access to a repository, and no members."""
        found = {login for one in self.repositories.values() for login in one.collaborators}
        return sorted(found - self.members.keys())

    def permission(self, login: str, repository: GitHubRepository) -> str:
        """What the user may do with the repository: admin, push, pull or none."""
        role = self.members.get(login)
        if role == "admin":
            return "admin"
        if login in repository.collaborators:
            return repository.collaborators[login]
        if role and any(login in self.teams[slug].members for slug in repository.teams):
            return "push"
        return {"read": "pull", "write": "push"}.get(self.base_permission, "none") if role else "none"

    def remove_member(self, login: str) -> None:
        """From the organization, all teams and all repositories; Copilot seats go with it."""
        self.members.pop(login, None)
        for team in self.teams.values():
            team.members.pop(login, None)
        for repository in self.repositories.values():
            repository.collaborators.pop(login, None)
        self.seats.pop(login, None)

    def owners(self) -> list[str]:
        return [login for login, role in self.members.items() if role == "admin"]
