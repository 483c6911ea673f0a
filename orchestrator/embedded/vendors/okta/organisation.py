"""The state of an Okta organisation, and what its parts do to each other: group rules, assignments by group, sessions
and tokens that end with a user. Times are UTC. Answers are written in `documents.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from orchestrator.embedded.vendors.simulated_state import SimulatedState

ACCESS_TOKEN_LIFETIME = timedelta(hours=1)
"""Of the org authorization server; it cannot be changed there."""
SESSION_LIFETIME = timedelta(hours=2)


@dataclass
class OktaUser:
    """`status` is one of Okta's. `mastered_by` is the id of the app, such as Active Directory, that owns the profile.
    `deactivates_after` counts the reads that still show the old status, after `Prefer: respond-async`."""

    id: str
    profile: dict[str, Any]
    password: str
    created: datetime
    status: str = "ACTIVE"
    changed: datetime | None = None
    mastered_by: str = ""
    deactivates_after: int = 0

    @property
    def login(self) -> str:
        return str(self.profile["login"])


@dataclass
class OktaGroup:
    """`type` is OKTA_GROUP, APP_GROUP or BUILT_IN; `app` the id of the app that a group of type APP_GROUP is from."""

    id: str
    name: str
    created: datetime
    type: str = "OKTA_GROUP"
    members: set[str] = field(default_factory=set)
    owners: list[str] = field(default_factory=list)
    app: str = ""


@dataclass
class OktaRule:
    """Adds everyone whose `attribute` has this `value` to `groups`. A member who is removed by hand is added to
    `excluded`; with `puts_back`, the rule adds the member again at once, as when two administrators work against each
    other."""

    id: str
    name: str
    attribute: str
    value: str
    groups: list[str]
    created: datetime
    status: str = "ACTIVE"
    excluded: list[str] = field(default_factory=list)
    puts_back: bool = False

    def takes(self, user: OktaUser) -> bool:
        return (
            self.status == "ACTIVE"
            and user.status != "DEPROVISIONED"
            and user.id not in self.excluded
            and user.profile.get(self.attribute) == self.value
        )


@dataclass
class OktaApp:
    """`users` are assigned directly, `groups` bring their members."""

    id: str
    name: str
    label: str
    created: datetime
    status: str = "ACTIVE"
    users: set[str] = field(default_factory=set)
    groups: list[str] = field(default_factory=list)


@dataclass
class OktaRole:
    """An assignment of an admin role to a user, a group or a client."""

    id: str
    type: str
    assignee: str
    created: datetime


@dataclass
class OktaFactor:
    id: str
    type: str
    provider: str
    user: str
    created: datetime
    profile: dict[str, Any] = field(default_factory=dict)


@dataclass
class OktaClient:
    """An app that gets tokens. `key` is its public JWK for private_key_jwt; `scopes` are those that were granted."""

    id: str
    label: str
    scopes: list[str] = field(default_factory=list)
    key: dict[str, Any] | None = None
    issued: set[str] = field(default_factory=set)


@dataclass
class OktaToken:
    """`kind` is access_token or refresh_token; `user` is empty for a client that acts for itself."""

    value: str
    id: str
    kind: str
    client: str
    user: str
    scopes: list[str]
    created: datetime
    expires: datetime
    revoked: bool = False


@dataclass
class OktaGrant:
    id: str
    user: str
    client: str
    scope: str
    created: datetime


@dataclass
class OktaSession:
    """`token` is the one-time token that a sign-in returns; `id` the value of the cookie `sid`."""

    id: str
    user: str
    created: datetime
    expires: datetime


@dataclass
class OktaApiToken:
    """An SSWS token: it has the rights of the user who made it."""

    id: str
    name: str
    value: str
    user: str
    created: datetime


@dataclass
class OktaDevice:
    id: str
    name: str
    user: str
    created: datetime
    status: str = "ACTIVE"


class OktaOrganisation(SimulatedState):
    """Everything by its id. `clock` gives the time."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._numbers = 0
        self.users: dict[str, OktaUser] = {}
        self.groups: dict[str, OktaGroup] = {}
        self.rules: dict[str, OktaRule] = {}
        self.apps: dict[str, OktaApp] = {}
        self.roles: dict[str, OktaRole] = {}
        self.factors: dict[str, OktaFactor] = {}
        self.clients: dict[str, OktaClient] = {}
        self.tokens: dict[str, OktaToken] = {}
        self.grants: dict[str, OktaGrant] = {}
        self.sessions: dict[str, OktaSession] = {}
        self.session_tokens: dict[str, str] = {}
        self.api_tokens: dict[str, OktaApiToken] = {}
        self.devices: dict[str, OktaDevice] = {}
        self.suspension_ends_sessions = True
        """Said of the permission okta.users.lifecycle.suspend on https://developer.okta.com/docs/concepts/role-assignment/,
        and not on the page of the request; False tries the other reading."""
        self.everyone = self.new_group("Everyone", type="BUILT_IN")

    def new_id(self, prefix: str) -> str:
        """20 characters, as Okta's; the same in every run of a test."""
        self._numbers += 1
        return prefix + hashlib.sha256(f"{prefix} {self._numbers}".encode()).hexdigest()[: 20 - len(prefix)]

    # Seeds.

    def new_user(self, login: str, *, password: str = "", status: str = "ACTIVE", **profile: Any) -> OktaUser:
        """`profile` has Okta's names: firstName, lastName, email, employeeNumber, department, title, managerId ..."""
        user = OktaUser(
            self.new_id("00u"), {"login": login, "email": login, **profile}, password or f"Pw-{login}", self.now, status
        )
        self.users[user.id] = user
        self.everyone.members.add(user.id)
        self.apply_rules(user)
        return user

    def new_group(
        self, name: str, *members: OktaUser, type: str = "OKTA_GROUP", app: OktaApp | None = None
    ) -> OktaGroup:
        group = OktaGroup(
            self.new_id("00g"), name, self.now, type, {one.id for one in members}, [], app.id if app else ""
        )
        self.groups[group.id] = group
        return group

    def new_rule(self, name: str, attribute: str, value: str, *groups: OktaGroup, puts_back: bool = False) -> OktaRule:
        rule = OktaRule(
            self.new_id("0pr"), name, attribute, value, [one.id for one in groups], self.now, puts_back=puts_back
        )
        self.rules[rule.id] = rule
        for user in self.users.values():
            self.apply_rules(user)
        return rule

    def new_app(self, label: str, *assigned: OktaUser | OktaGroup) -> OktaApp:
        app = OktaApp(self.new_id("0oa"), label.lower().replace(" ", "_"), label, self.now)
        app.users = {one.id for one in assigned if isinstance(one, OktaUser)}
        app.groups = [one.id for one in assigned if isinstance(one, OktaGroup)]
        self.apps[app.id] = app
        return app

    def new_role(self, type: str, assignee: OktaUser | OktaGroup | OktaClient) -> OktaRole:
        role = OktaRole(self.new_id("ra1"), type, assignee.id, self.now)
        self.roles[role.id] = role
        return role

    def new_factor(self, user: OktaUser, type: str, provider: str = "OKTA", **profile: Any) -> OktaFactor:
        factor = OktaFactor(self.new_id("opf"), type, provider, user.id, self.now, profile)
        self.factors[factor.id] = factor
        return factor

    def new_client(self, label: str, *scopes: str, key: dict[str, Any] | None = None) -> OktaClient:
        client = OktaClient(self.new_id("0oa"), label, list(scopes), key)
        self.clients[client.id] = client
        return client

    def new_api_token(self, user: OktaUser, name: str) -> OktaApiToken:
        token = OktaApiToken(self.new_id("00T"), name, f"00{self.new_id('secret')}{user.id}", user.id, self.now)
        self.api_tokens[token.id] = token
        return token

    def new_device(self, user: OktaUser, name: str) -> OktaDevice:
        device = OktaDevice(self.new_id("guo"), name, user.id, self.now)
        self.devices[device.id] = device
        return device

    def consent(self, user: OktaUser, client: OktaClient, *scopes: str) -> tuple[OktaToken, OktaToken]:
        """The user lets the client act for them: grants, an access token and a refresh token."""
        for scope in scopes:
            grant = OktaGrant(self.new_id("oag"), user.id, client.id, scope, self.now)
            self.grants[grant.id] = grant
        return (
            self.new_token("access_token", client, list(scopes), user),
            self.new_token("refresh_token", client, list(scopes), user),
        )

    def new_token(self, kind: str, client: OktaClient, scopes: list[str], user: OktaUser | None = None) -> OktaToken:
        lifetime = ACCESS_TOKEN_LIFETIME if kind == "access_token" else timedelta(days=90)
        id = self.new_id("oar" if kind == "refresh_token" else "AT.")
        user_id = user.id if user else ""
        token = OktaToken(f"{kind}-{id}", id, kind, client.id, user_id, scopes, self.now, self.now + lifetime)
        self.tokens[token.value] = token
        return token

    def new_session(self, user: OktaUser) -> OktaSession:
        session = OktaSession(self.new_id("102"), user.id, self.now, self.now + SESSION_LIFETIME)
        self.sessions[session.id] = session
        return session

    # What belongs together.

    def find_user(self, id: str) -> OktaUser | None:
        """By id, login, or login without its domain if only one user has it."""
        if id in self.users:
            return self.users[id]
        for user in self.users.values():
            if user.login.casefold() == id.casefold():
                return user
        short = [user for user in self.users.values() if user.login.partition("@")[0].casefold() == id.casefold()]
        return short[0] if len(short) == 1 else None

    def groups_of(self, user: OktaUser) -> list[OktaGroup]:
        return [group for group in self.groups.values() if user.id in group.members]

    def assignment(self, app: OktaApp, user: OktaUser) -> str:
        """USER for a direct assignment, GROUP for one by a group, or nothing."""
        if user.status == "DEPROVISIONED":
            return ""
        if user.id in app.users:
            return "USER"
        return "GROUP" if any(user.id in self.groups[group].members for group in app.groups) else ""

    def roles_of(self, user: OktaUser) -> Iterator[tuple[OktaRole, str]]:
        """Each with how it is assigned: USER or GROUP."""
        groups = {group.id for group in self.groups_of(user)}
        for role in self.roles.values():
            if role.assignee == user.id:
                yield role, "USER"
            elif role.assignee in groups:
                yield role, "GROUP"

    def apply_rules(self, user: OktaUser) -> None:
        for rule in self.rules.values():
            if rule.takes(user):
                for group in rule.groups:
                    self.groups[group].members.add(user.id)

    def remove_member(self, group: OktaGroup, user: OktaUser) -> None:
        """By hand: rules then leave the user out, except those that put members back."""
        group.members.discard(user.id)
        for rule in self.rules.values():
            if group.id in rule.groups and rule.takes(user) and not rule.puts_back:
                rule.excluded.append(user.id)
        self.apply_rules(user)

    def set_status(self, user: OktaUser, status: str) -> None:
        user.status, user.changed = status, self.now
        if status == "DEPROVISIONED":
            for app in self.apps.values():
                app.users.discard(user.id)
            for token in [one for one in self.api_tokens.values() if one.user == user.id]:
                del self.api_tokens[token.id]
        if status == "DEPROVISIONED" or (status == "SUSPENDED" and self.suspension_ends_sessions):
            self.end_sessions(user)

    def end_sessions(self, user: OktaUser) -> None:
        self.sessions = {id: one for id, one in self.sessions.items() if one.user != user.id}

    def revoke_tokens(self, user: OktaUser, client: str = "", kinds: tuple[str, ...] = ("refresh_token",)) -> None:
        for token in self.tokens.values():
            if token.user == user.id and token.client == (client or token.client) and token.kind in kinds:
                token.revoked = True

    def live(self, token: OktaToken) -> bool:
        """Whether the authorization server still accepts it. A refresh token needs a user who can sign in."""
        if token.revoked or token.expires <= self.now:
            return False
        if not token.user:
            return True
        user = self.users.get(token.user)
        return user is not None and (token.kind == "access_token" or user.status == "ACTIVE")

    def delete_user(self, user: OktaUser) -> None:
        del self.users[user.id]
        for group in self.groups.values():
            group.members.discard(user.id)
            group.owners = [id for id in group.owners if id != user.id]
        self.roles = {id: one for id, one in self.roles.items() if one.assignee != user.id}
        for table in (self.factors, self.grants, self.devices):
            for id in [id for id, one in table.items() if one.user == user.id]:
                del table[id]
        self.end_sessions(user)
        self.tokens = {value: one for value, one in self.tokens.items() if one.user != user.id}
