"""The state of an Entra ID tenant, and what its parts do to each other. Times are UTC; ids are GUIDs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.embedded.vendors.simulated_state import SimulatedState

ACCESS_TOKEN_LIFETIME = timedelta(minutes=75)
"""Entra gives a random lifetime between 60 and 90 minutes, 75 on average."""


@dataclass
class EntraUser:
    """`fields` have Graph's names. `synced`: mastered by Active Directory, Graph cannot change its properties."""

    id: str
    fields: dict[str, Any]
    password: str
    valid_from: datetime
    manager: str = ""
    synced: bool = False
    guest: bool = False
    licences: set[str] = field(default_factory=set)
    deleted: datetime | None = None

    @property
    def upn(self) -> str:
        return str(self.fields["userPrincipalName"])

    @property
    def enabled(self) -> bool:
        return bool(self.fields["accountEnabled"])


@dataclass
class EntraGroup:
    """`rule` of a dynamic group is the name of a user's field and the value that its members have. `parents` come
    from `members`: a group may be a member of a group."""

    id: str
    name: str
    created: datetime
    members: set[str] = field(default_factory=set)
    owners: list[str] = field(default_factory=list)
    rule: tuple[str, str] | None = None
    synced: bool = False
    mail_enabled: bool = False
    unified: bool = False
    role_assignable: bool = False
    licences: set[str] = field(default_factory=set)


@dataclass
class EntraApplication:
    """An app registration and its service principal (`principal`). `permissions` are application permissions that an
    administrator granted, such as User.Read.All; `key` is the public JWK of its certificate, with
    its thumbprint (`x5t#S256`, RFC 7517 section 4.9), if it has one. `assertions` are the IDs of those that it used."""

    id: str
    app_id: str
    principal: str
    name: str
    secret: str
    permissions: set[str] = field(default_factory=set)
    owners: list[str] = field(default_factory=list)
    key: dict[str, Any] | None = None
    assertions: set[str] = field(default_factory=set)


@dataclass
class EntraRoleAssignment:
    """`role` is the name of a directory role, `principal` a user, a group or a service principal."""

    id: str
    role: str
    principal: str


@dataclass
class EntraAppAssignment:
    id: str
    principal: str
    resource: str
    created: datetime


@dataclass
class EntraConsent:
    """Delegated permissions that a user gave to an app."""

    id: str
    client: str
    principal: str
    scope: str


@dataclass
class EntraMethod:
    """`kind` is the type in Graph without its namespace: phoneAuthenticationMethod."""

    id: str
    kind: str
    user: str
    fields: dict[str, Any]


@dataclass
class EntraTicket:
    """A token: `kind` is access_token or refresh_token; `user` is empty for an app that acts for itself."""

    value: str
    kind: str
    app: str
    user: str
    issued: datetime
    expires: datetime


class EntraTenant(SimulatedState):
    """Everything by its id. `revocation_delay` is for how long refresh tokens live after revokeSignInSessions: Graph's
    documentation speaks of a few minutes."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._numbers = 0
        self.id = self.new_id()
        self.users: dict[str, EntraUser] = {}
        self.groups: dict[str, EntraGroup] = {}
        self.applications: dict[str, EntraApplication] = {}
        self.role_assignments: dict[str, EntraRoleAssignment] = {}
        self.app_assignments: dict[str, EntraAppAssignment] = {}
        self.consents: dict[str, EntraConsent] = {}
        self.methods: dict[str, EntraMethod] = {}
        self.tickets: dict[str, EntraTicket] = {}
        self.revocation_delay = timedelta()

    def new_id(self) -> str:
        """The same in every run of a test."""
        self._numbers += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"simulated {self._numbers}"))

    # Seeds.

    def new_user(
        self, upn: str, *, password: str = "", synced: bool = False, manager: EntraUser | None = None, **fields: Any
    ) -> EntraUser:
        """`fields` have Graph's names: displayName, employeeId, department, jobTitle ..."""
        known = {"userPrincipalName": upn, "mail": upn, "displayName": upn, "accountEnabled": True, **fields}
        user = EntraUser(
            self.new_id(),
            known,
            password or f"Pw-{upn}",
            self.now,
            manager.id if manager else "",
            synced,
            guest="#EXT#" in upn,
        )
        self.users[user.id] = user
        self.new_method(user, "passwordAuthenticationMethod", password=None)
        self.apply_rules(user)
        return user

    def new_group(self, name: str, *members: EntraUser | EntraGroup, **facts: Any) -> EntraGroup:
        """`facts` are other fields of `EntraGroup`."""
        group = EntraGroup(self.new_id(), name, self.now, {one.id for one in members}, **facts)
        self.groups[group.id] = group
        for user in self.users.values():
            self.apply_rules(user)
        return group

    def new_application(self, name: str, *permissions: str, owners: tuple[EntraUser, ...] = ()) -> EntraApplication:
        app = EntraApplication(
            self.new_id(),
            self.new_id(),
            self.new_id(),
            name,
            f"secret-{name}",
            set(permissions),
            [one.id for one in owners],
        )
        self.applications[app.id] = app
        return app

    def new_role_assignment(
        self, role: str, principal: EntraUser | EntraGroup | EntraApplication
    ) -> EntraRoleAssignment:
        id = principal.principal if isinstance(principal, EntraApplication) else principal.id
        assignment = EntraRoleAssignment(self.new_id(), role, id)
        self.role_assignments[assignment.id] = assignment
        return assignment

    def assign_app(self, app: EntraApplication, principal: EntraUser | EntraGroup) -> EntraAppAssignment:
        assignment = EntraAppAssignment(self.new_id(), principal.id, app.id, self.now)
        self.app_assignments[assignment.id] = assignment
        return assignment

    def new_method(self, user: EntraUser, kind: str, **fields: Any) -> EntraMethod:
        method = EntraMethod(self.new_id(), kind, user.id, fields)
        self.methods[method.id] = method
        return method

    def consent(self, user: EntraUser, app: EntraApplication, scope: str) -> dict[str, EntraTicket]:
        """The user lets the app act for them. The tokens by their kind."""
        given = EntraConsent(self.new_id(), app.principal, user.id, scope)
        self.consents[given.id] = given
        return {kind: self.new_ticket(kind, app, user) for kind in ("access_token", "refresh_token")}

    def new_ticket(self, kind: str, app: EntraApplication, user: EntraUser | None = None) -> EntraTicket:
        lifetime = ACCESS_TOKEN_LIFETIME if kind == "access_token" else timedelta(days=90)
        user_id = user.id if user else ""
        ticket = EntraTicket(f"{kind}-{self.new_id()}", kind, app.id, user_id, self.now, self.now + lifetime)
        self.tickets[ticket.value] = ticket
        return ticket

    # What belongs together.

    def live_users(self) -> list[EntraUser]:
        return [user for user in self.users.values() if user.deleted is None]

    def find_user(self, id: str) -> EntraUser | None:
        """By id or user principal name."""
        for user in self.live_users():
            if user.id == id or user.upn.casefold() == id.casefold():
                return user
        return None

    def find_application(self, **wanted: str) -> EntraApplication | None:
        ((name, value),) = wanted.items()
        return next((one for one in self.applications.values() if getattr(one, name) == value), None)

    def groups_of(self, id: str) -> list[EntraGroup]:
        """Direct memberships."""
        return [group for group in self.groups.values() if id in group.members]

    def all_groups_of(self, id: str) -> list[EntraGroup]:
        """With those that a group brings."""
        found: dict[str, EntraGroup] = {}
        pending = [id]
        while pending:
            for group in self.groups_of(pending.pop()):
                if group.id not in found:
                    found[group.id] = group
                    pending.append(group.id)
        return list(found.values())

    def roles_of(self, user: EntraUser) -> list[EntraRoleAssignment]:
        """Direct ones and those of role-assignable groups."""
        ids = {user.id, *(group.id for group in self.groups_of(user.id) if group.role_assignable)}
        return [one for one in self.role_assignments.values() if one.principal in ids]

    def apply_rules(self, user: EntraUser) -> None:
        """Dynamic groups: the members are those whose field has the value."""
        for group in self.groups.values():
            if group.rule is not None:
                name, value = group.rule
                change = group.members.add if user.fields.get(name) == value else group.members.discard
                change(user.id)

    def accepted(self, ticket: EntraTicket) -> bool:
        """A refresh token ends with revokeSignInSessions, disabling and deletion; an access token only when it expires,
        if the client and the resource do not support continuous access evaluation."""
        if ticket.expires <= self.now:
            return False
        if ticket.kind == "access_token" or not ticket.user:
            return True
        user = self.users.get(ticket.user)
        if user is None or user.deleted or not user.enabled:
            return False
        return ticket.issued >= user.valid_from or self.now < user.valid_from + self.revocation_delay

    def purge(self, user: EntraUser) -> None:
        del self.users[user.id]
        for group in self.groups.values():
            group.members.discard(user.id)
            group.owners = [id for id in group.owners if id != user.id]
        for table in (self.role_assignments, self.app_assignments, self.consents):
            for id in [id for id, one in table.items() if one.principal == user.id]:
                del table[id]
