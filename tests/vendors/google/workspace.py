"""The state of a Google Workspace customer, and what its parts do to each other. Times are UTC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.embedded.vendors.simulated_state import SimulatedState

ACCESS_TOKEN_LIFETIME = timedelta(hours=1)


@dataclass
class GoogleUser:
    """`fields` have the Directory API's names: name, externalIds, organizations, relations. `sessions` are open web
    sessions, `deleted` is set for 20 days."""

    id: str
    email: str
    fields: dict[str, Any]
    created: datetime
    suspended: bool = False
    is_admin: bool = False
    aliases: list[str] = field(default_factory=list)
    sessions: int = 1
    app_passwords: dict[int, str] = field(default_factory=dict)
    backup_codes: list[str] = field(default_factory=list)
    licences: set[tuple[str, str]] = field(default_factory=set)
    deleted: datetime | None = None


@dataclass
class GoogleGroup:
    """`members` have their role by the user's id: OWNER, MANAGER or MEMBER."""

    id: str
    email: str
    name: str
    members: dict[str, str] = field(default_factory=dict)


@dataclass
class GoogleClient:
    """An app that people gave access to, or a service account: then with its public key, and the scopes for which an
    administrator let it act for users (domain-wide delegation)."""

    id: str
    name: str
    delegated: set[str] = field(default_factory=set)
    key: dict[str, Any] | None = None

    @property
    def email(self) -> str:
        return f"{self.name}@project.iam.gserviceaccount.com"


@dataclass
class GoogleToken:
    value: str
    kind: str
    client: str
    user: str
    scopes: list[str]
    expires: datetime


@dataclass
class GoogleRoleAssignment:
    """`role` is the role's id; `assignee` a user's or a group's id."""

    id: str
    role: str
    assignee: str


@dataclass
class GoogleTransfer:
    """`reads` is how many reads still show it in progress; then it is done."""

    id: str
    old_owner: str
    new_owner: str
    applications: list[dict[str, Any]]
    requested: datetime
    reads: int = 1


@dataclass
class GoogleDevice:
    id: str
    user: str
    model: str
    status: str = "APPROVED"


class GoogleWorkspace(SimulatedState):
    """`roles` are names by id; the scopes of each are in `credentials.py`."""

    def __init__(self, clock: Callable[[], datetime], customer: str = "C01simulated") -> None:
        super().__init__(clock)
        self._numbers = 100_000
        self.customer = customer
        self.users: dict[str, GoogleUser] = {}
        self.groups: dict[str, GoogleGroup] = {}
        self.clients: dict[str, GoogleClient] = {}
        self.tokens: dict[str, GoogleToken] = {}
        self.roles = {"1": "_SEED_ADMIN_ROLE", "2": "_USER_MANAGEMENT_ADMIN_ROLE", "3": "_GROUPS_ADMIN_ROLE"}
        self.role_assignments: dict[str, GoogleRoleAssignment] = {}
        self.transfers: dict[str, GoogleTransfer] = {}
        self.devices: dict[str, GoogleDevice] = {}
        self.transfer_reads = 1
        """Of each new transfer: how many reads show it in progress."""
        self.transfer_applications = {"55656082996": "Drive and Docs", "435070579839": "Calendar"}

    def new_id(self) -> str:
        self._numbers += 1
        return str(self._numbers)

    # Seeds.

    def new_user(self, email: str, *, is_admin: bool = False, **fields: Any) -> GoogleUser:
        user = GoogleUser(self.new_id(), email, fields, self.now, is_admin=is_admin)
        user.app_passwords = {1: "Mail on a phone"}
        user.backup_codes = [f"{number:08}" for number in range(10)]
        self.users[user.id] = user
        return user

    def new_group(self, email: str, *members: GoogleUser, owner: GoogleUser | None = None) -> GoogleGroup:
        group = GoogleGroup(self.new_id(), email, email.partition("@")[0], {one.id: "MEMBER" for one in members})
        if owner is not None:
            group.members[owner.id] = "OWNER"
        self.groups[group.id] = group
        return group

    def new_client(self, name: str, *delegated: str, key: dict[str, Any] | None = None) -> GoogleClient:
        client = GoogleClient(f"{self.new_id()}.apps.googleusercontent.com", name, set(delegated), key)
        self.clients[client.id] = client
        return client

    def consent(self, user: GoogleUser, client: GoogleClient, *scopes: str) -> dict[str, GoogleToken]:
        """The user gives the app access. The tokens by their kind."""
        return {kind: self.new_token(kind, client, user, list(scopes)) for kind in ("access_token", "refresh_token")}

    def new_token(self, kind: str, client: GoogleClient, user: GoogleUser, scopes: list[str]) -> GoogleToken:
        lifetime = ACCESS_TOKEN_LIFETIME if kind == "access_token" else timedelta(days=180)
        token = GoogleToken(f"ya29.{kind}-{self.new_id()}", kind, client.id, user.id, scopes, self.now + lifetime)
        self.tokens[token.value] = token
        return token

    def assign_role(self, role: str, assignee: GoogleUser | GoogleGroup) -> GoogleRoleAssignment:
        assignment = GoogleRoleAssignment(self.new_id(), role, assignee.id)
        self.role_assignments[assignment.id] = assignment
        return assignment

    def new_device(self, user: GoogleUser, model: str) -> GoogleDevice:
        device = GoogleDevice(self.new_id(), user.id, model)
        self.devices[device.id] = device
        return device

    # What belongs together.

    def live_users(self) -> list[GoogleUser]:
        return [user for user in self.users.values() if user.deleted is None]

    def find_user(self, key: str) -> GoogleUser | None:
        """By id, primary address or alias."""
        key = key.casefold()
        return next((one for one in self.live_users() if key in (one.id, one.email.casefold(), *one.aliases)), None)

    def find_group(self, key: str) -> GoogleGroup | None:
        return next((one for one in self.groups.values() if key.casefold() in (one.id, one.email.casefold())), None)

    def groups_of(self, id: str) -> list[GoogleGroup]:
        return [group for group in self.groups.values() if id in group.members]

    def assignments_of(self, user: GoogleUser, *, indirect: bool) -> list[GoogleRoleAssignment]:
        """`indirect`: also those of the user's groups."""
        ids = {user.id, *(group.id for group in self.groups_of(user.id) if indirect)}
        return [one for one in self.role_assignments.values() if one.assignee in ids]

    def suspend(self, user: GoogleUser) -> None:
        """Ends web sessions and sign-in; access tokens live until they expire or are revoked."""
        user.suspended, user.sessions = True, 0

    def revoke(self, user: GoogleUser, client: str) -> bool:
        """All tokens that the user gave the app; whether there were any."""
        gone = [value for value, one in self.tokens.items() if one.user == user.id and one.client == client]
        for value in gone:
            del self.tokens[value]
        return bool(gone)

    def accepted(self, token: GoogleToken) -> bool:
        user = self.users.get(token.user)
        if user is None or user.deleted or token.expires <= self.now:
            return False
        return token.kind == "access_token" or not user.suspended

    def delete(self, user: GoogleUser) -> None:
        user.deleted, user.sessions = self.now, 0
        for group in self.groups.values():
            group.members.pop(user.id, None)
        user.licences.clear()
        self.role_assignments = {id: one for id, one in self.role_assignments.items() if one.assignee != user.id}
