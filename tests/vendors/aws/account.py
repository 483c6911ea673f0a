"""The state of an AWS account: users with their credentials, groups, policies, roles, and temporary credentials."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ALLOW_ALL: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def new_id(prefix: str) -> str:
    """Prefixes are on docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html."""
    return prefix + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(17))


@dataclass
class AccessKey:
    id: str
    secret: str
    created: datetime
    status: str = "Active"
    token: str = ""
    """Of temporary credentials, for which `created` is when they were issued."""


@dataclass
class AwsItem:
    """An SSH key, a service-specific credential, a signing certificate or an MFA device."""

    id: str
    created: datetime
    service: str = ""
    status: str = "Active"


@dataclass
class AwsUser:
    id: str
    name: str
    path: str
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)
    password: str = ""
    password_last_used: datetime | None = None
    keys: list[AccessKey] = field(default_factory=list)
    ssh_keys: list[AwsItem] = field(default_factory=list)
    service_credentials: list[AwsItem] = field(default_factory=list)
    certificates: list[AwsItem] = field(default_factory=list)
    devices: list[AwsItem] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)
    inline: dict[str, str] = field(default_factory=dict)
    boundary: str = ""

    def key(self, id: str) -> AccessKey | None:
        return next((key for key in self.keys if key.id == id), None)


@dataclass
class AwsGroup:
    id: str
    name: str
    created: datetime
    members: set[str] = field(default_factory=set)
    attached: list[str] = field(default_factory=list)


@dataclass
class AwsRole:
    id: str
    name: str
    path: str
    created: datetime
    statements: list[dict[str, Any]] = field(default_factory=list)


class AwsAccount:
    """Users, groups and roles are by name; `managed` has the documents of managed policies by ARN."""

    def __init__(self, id: str = "123456789012") -> None:
        self.id = id
        self.users: dict[str, AwsUser] = {}
        self.groups: dict[str, AwsGroup] = {}
        self.roles: dict[str, AwsRole] = {}
        self.managed: dict[str, dict[str, Any]] = {
            "arn:aws:iam::aws:policy/AdministratorAccess": policy(ALLOW_ALL),
            "arn:aws:iam::aws:policy/ReadOnlyAccess": policy(
                {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"}
            ),
        }
        self.sessions: list[tuple[str, AccessKey]] = []
        """Temporary credentials: the ARN of the user or role, and the credential."""
        self.virtual_devices: set[str] = set()
        self._last_used: dict[str, datetime] = {}

    def arn(self, kind: str, name: str, path: str = "/") -> str:
        return f"arn:aws:iam::{self.id}:{kind}{path}{name}"

    def arn_of(self, user: AwsUser) -> str:
        return self.arn("user", user.name, user.path)

    def new_user(self, name: str, now: datetime, *, path: str = "/", **tags: str) -> AwsUser:
        self.users[name] = AwsUser(new_id("AIDA"), name, path, now, tags)
        return self.users[name]

    def new_group(self, name: str, now: datetime, *attached: str) -> AwsGroup:
        self.groups[name] = AwsGroup(new_id("AGPA"), name, now, attached=list(attached))
        return self.groups[name]

    def new_key(self, user: AwsUser, now: datetime) -> AccessKey:
        user.keys.append(AccessKey(new_id("AKIA"), secrets.token_urlsafe(30), now))
        return user.keys[-1]

    def new_session(self, arn: str, now: datetime) -> AccessKey:
        """As GetSessionToken or AssumeRole issue it; it lasts longer than any test."""
        key = AccessKey(new_id("ASIA"), secrets.token_urlsafe(30), now, token=secrets.token_urlsafe(60))
        self.sessions.append((arn, key))
        return key

    def new_device(self, user: AwsUser, now: datetime, *, virtual: bool = True) -> AwsItem:
        serial = self.arn("mfa", user.name) if virtual else "GAHT12345678"
        user.devices.append(AwsItem(serial, now))
        if virtual:
            self.virtual_devices.add(serial)
        return user.devices[-1]

    def sign_in(self, name: str, password: str, now: datetime) -> AccessKey | None:
        """The console: the session's credentials; None if it refuses."""
        user = self.users.get(name)
        if user is None or not user.password or user.password != password:
            return None
        user.password_last_used = now
        return self.new_session(self.arn_of(user), now)

    def rename(self, user: AwsUser, name: str) -> None:
        """UpdateUser: the ID stays."""
        for group in self.groups.values():
            if user.name in group.members:
                group.members = group.members - {user.name} | {name}
        del self.users[user.name]
        user.name = name
        self.users[name] = user

    def groups_of(self, user: AwsUser) -> list[AwsGroup]:
        return [group for group in self.groups.values() if user.name in group.members]

    def used(self, key: str, now: datetime) -> None:
        self._last_used[key] = now

    def last_use_of(self, key: str) -> datetime | None:
        return self._last_used.get(key)

    def credentials(self) -> Iterator[tuple[str, AccessKey]]:
        """Every credential with the ARN of its principal. Those of a deleted user are gone."""
        for user in self.users.values():
            yield from ((self.arn_of(user), key) for key in user.keys)
        arns = {self.arn_of(user) for user in self.users.values()}
        arns |= {self.arn("role", role.name, role.path) for role in self.roles.values()}
        yield from ((arn, key) for arn, key in self.sessions if arn in arns)
