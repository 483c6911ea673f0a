"""The people of the embedded company as users of an Okta organisation, with what users have there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.company.population import groups_of, password_of
from orchestrator.embedded.vendors.keys import private_key
from orchestrator.embedded.vendors.okta.organisation import OktaApp, OktaClient, OktaGroup, OktaUser
from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

SERVICE_SCOPES = tuple(
    f"okta.{area}.{act}"
    for area in ("users", "groups", "apps", "roles", "apiTokens", "sessions", "devices")
    for act in ("read", "manage")
)


@dataclass
class OktaSeed:
    """`api_token` is an SSWS token of a super administrator who is none of the people; `service` a service app with
    every scope and the same role, whose private key is `key`. `mobile` is an app to which users gave access."""

    users: Mapping[str, OktaUser]
    groups: Mapping[str, OktaGroup]
    apps: Mapping[str, OktaApp]
    api_token: str
    service: OktaClient
    key: RSAKey
    mobile: OktaClient

    def user(self, employee_number: str) -> OktaUser:
        return self.users[employee_number]


def seed_okta(okta: OktaSimulator, people: Sequence[Employee] | None = None) -> OktaSeed:
    """Each person is a user with factors. Groups: one for each department, filled by a group rule, and the company's
    others; `Domain Users` is mastered by Active Directory. Wiki is assigned by a group, Payroll directly to Finance.
    An administrator among the people has a role, an API token and a group that has a role."""
    org = okta.state
    chosen = default_people() if people is None else list(people)
    users = {person.employee_number: org.new_user(person.email, **_profile(person)) for person in chosen}
    groups: dict[str, OktaGroup] = {}
    for person in chosen:
        user = users[person.employee_number]
        user.password = password_of(person)
        for name in groups_of(person):
            if name not in groups:
                groups[name] = org.new_group(name)
            groups[name].members.add(user.id)
        org.new_factor(
            user, "push", credentialId=user.login, deviceType="SmartPhone_IPhone", name="Phone", platform="IOS"
        )
        org.new_factor(user, "webauthn", "FIDO", authenticatorName="Security key", credentialId=f"key-{user.id}")
        org.new_device(user, f"{person.given_name}'s laptop")
    for department in {person.department for person in chosen if person.department}:
        group = next(
            groups[name]
            for person in chosen
            if person.department == department
            for name in groups_of(person)
            if name.startswith("department-")
        )
        org.new_rule(f"Department {department}"[:50], "department", department, group)
    directory = org.new_app("Active Directory")
    groups["Domain Users"] = org.new_group("Domain Users", *users.values(), type="APP_GROUP", app=directory)
    everyone = groups.get("everyone", org.everyone)
    finance = [users[person.employee_number] for person in chosen if person.department == "Finance"]
    apps = {"Wiki": org.new_app("Wiki", everyone), "Payroll": org.new_app("Payroll", *finance)}
    groups["help-desk"] = org.new_group("help-desk")
    org.new_role("HELP_DESK_ADMIN", groups["help-desk"])
    for person in chosen:
        if "admin" in person.traits:
            admin = users[person.employee_number]
            org.new_role("ORG_ADMIN", admin)
            org.new_api_token(admin, "export script")
            groups["help-desk"].members.add(admin.id)
    automation = org.new_user("offboarding@corp.example", firstName="Offboarding", lastName="Automation")
    org.new_role("SUPER_ADMIN", automation)
    service = org.new_client("Offboarding", *SERVICE_SCOPES, key=private_key().as_dict(private=False))
    org.new_role("SUPER_ADMIN", service)
    mobile = org.new_client("Mobile app", "openid", "offline_access")
    for user in users.values():
        org.consent(user, mobile, "openid", "offline_access")
    api_token = org.new_api_token(automation, "offboarding").value
    return OktaSeed(users, groups, apps, api_token, service, private_key(), mobile)


def client_assertion(okta: OktaSimulator, client: OktaClient, key: RSAKey, **changed: Any) -> str:
    """What a service app sends instead of a secret; `changed` replaces claims."""
    now = int(time.time())
    claims = {
        "iss": client.id,
        "sub": client.id,
        "aud": f"{okta.url}/oauth2/v1/token",
        "iat": now,
        "exp": now + 300,
        "jti": okta.state.new_id("jti"),
        **changed,
    }
    return jwt.encode({"alg": "RS256", "kid": "simulated"}, claims, key)


def _profile(person: Employee) -> dict[str, Any]:
    known = {
        "firstName": person.given_name,
        "lastName": person.family_name,
        "displayName": person.name,
        "employeeNumber": person.employee_number,
        "department": person.department,
        "title": person.title,
        "managerId": person.manager_number,
        "timezone": person.time_zone,
    }
    return {name: value for name, value in known.items() if value}
