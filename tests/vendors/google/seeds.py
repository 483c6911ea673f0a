"""The people of the embedded company as users of Google Workspace, with what users have there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.company.population import groups_of
from orchestrator.embedded.vendors.keys import private_key
from tests.vendors.google.simulator import GoogleSimulator
from tests.vendors.google.workspace import GoogleClient, GoogleGroup, GoogleToken, GoogleUser

PREFIX = "https://www.googleapis.com/auth/"
SCOPES = tuple(
    PREFIX + name for name in (
        "admin.directory.user", "admin.directory.user.security", "admin.directory.group",
        "admin.directory.rolemanagement", "admin.directory.device.mobile", "admin.datatransfer", "apps.licensing",
    )
)  # fmt: skip
LICENCE = ("Google-Apps", "1010020028")


@dataclass
class GoogleSeed:
    """`service` is a service account that may act for users with all scopes above; its private key is `key`.
    `admin` is a super administrator who is none of the people. `mobile` is an app to which each user gave access;
    `tokens` has their tokens, by employee number and kind."""

    users: Mapping[str, GoogleUser]
    groups: Mapping[str, GoogleGroup]
    admin: GoogleUser
    service: GoogleClient
    key: RSAKey
    mobile: GoogleClient
    tokens: Mapping[str, Mapping[str, GoogleToken]]

    def user(self, employee_number: str) -> GoogleUser:
        return self.users[employee_number]


def seed_google(google: GoogleSimulator, people: Sequence[Employee] | None = None) -> GoogleSeed:
    """Groups: the company's, each owned by the first manager. Each person has an alias, a phone, a licence, app
    passwords and backup codes. An administrator among them is a user management administrator."""
    workspace = google.state
    chosen = default_people() if people is None else list(people)
    users = {one.employee_number: workspace.new_user(one.email, **_fields(one, chosen)) for one in chosen}
    managers = [users[one.manager_number] for one in chosen if one.manager_number in users]
    mobile = workspace.new_client("Mail on a phone")
    groups: dict[str, GoogleGroup] = {}
    tokens = {}
    for person in chosen:
        user = users[person.employee_number]
        user.aliases.append(f"{person.employee_number.lower()}@corp.example")
        user.licences.add(LICENCE)
        workspace.new_device(user, "Phone")
        for name in groups_of(person):
            if name not in groups:
                groups[name] = workspace.new_group(f"{name}@corp.example")
            groups[name].members[user.id] = "OWNER" if user in managers[:1] else "MEMBER"
        if "admin" in person.traits:
            workspace.assign_role("2", user)
        tokens[person.employee_number] = workspace.consent(user, mobile, "https://mail.google.com/")
    admin = workspace.new_user("offboarding-admin@corp.example", is_admin=True)
    service = workspace.new_client("offboarding", *SCOPES, key=private_key().as_dict(private=False))
    return GoogleSeed(users, groups, admin, service, private_key(), mobile, tokens)


def service_assertion(google: GoogleSimulator, seed: GoogleSeed, *scopes: str, **changed: Any) -> str:
    """What a service account signs to act for `seed.admin`; `changed` replaces claims."""
    now = int(time.time())
    claims = {
        "iss": seed.service.email,
        "sub": seed.admin.email,
        "scope": " ".join(scopes or SCOPES),
        "aud": google.token_url,
        "iat": now,
        "exp": now + 3600,
        **changed,
    }
    return jwt.encode({"alg": "RS256"}, claims, seed.key)


def _fields(person: Employee, people: Sequence[Employee]) -> dict[str, Any]:
    manager = next((one.email for one in people if one.employee_number == person.manager_number), "")
    return {
        "name": {"givenName": person.given_name, "familyName": person.family_name, "fullName": person.name},
        "externalIds": [{"value": person.employee_number, "type": "organization"}],
        "organizations": [{"department": person.department, "title": person.title, "primary": True}],
        "relations": [{"value": manager, "type": "manager"}] if manager else [],
    }
