"""The people of the embedded company as users of an Entra ID tenant, with what users have there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.company.population import groups_of, password_of
from tests.vendors.entra.directory import EntraApplication, EntraGroup, EntraTicket, EntraUser
from tests.vendors.entra.simulator import EntraSimulator

E5, VISIO = "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "c5928f49-12ba-48f7-ada3-0d743a3601d5"
"""Licences: E5 comes with a group, Visio is assigned directly."""
PERMISSIONS = (
    "User.ReadWrite.All", "User.RevokeSessions.All", "User.DeleteRestore.All", "Group.ReadWrite.All",
    "Directory.Read.All", "RoleManagement.ReadWrite.Directory", "AppRoleAssignment.ReadWrite.All",
    "Application.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All", "LicenseAssignment.ReadWrite.All",
    "UserAuthenticationMethod.ReadWrite.All",
)  # fmt: skip


@dataclass
class EntraSeed:
    """`service` is an app with all permissions above and the role that administrators need. `mobile` is an app to which
    each user gave access; `tickets` has their tokens, by employee number and kind."""

    users: Mapping[str, EntraUser]
    groups: Mapping[str, EntraGroup]
    apps: Mapping[str, EntraApplication]
    service: EntraApplication
    mobile: EntraApplication
    tickets: Mapping[str, Mapping[str, EntraTicket]]

    def user(self, employee_number: str) -> EntraUser:
        return self.users[employee_number]


def seed_entra(entra: EntraSimulator, people: Sequence[Employee] | None = None) -> EntraSeed:
    """Groups: the company's, each owned by the first manager; a dynamic one for each department; `Domain Users`, synced
    from Active Directory; `Licensed`, which brings E5, with the whole company as a nested group. An administrator among
    the people is a User Administrator. Expenses is assigned to all directly, Wiki by a group."""
    tenant = entra.state
    chosen = default_people() if people is None else list(people)
    users = {
        one.employee_number: tenant.new_user(one.email, password=password_of(one), **_fields(one)) for one in chosen
    }
    mobile = tenant.new_application("Mobile mail")
    wiki, expenses = tenant.new_application("Wiki"), tenant.new_application("Expenses")
    groups: dict[str, EntraGroup] = {}
    tickets = {}
    for person in chosen:
        user = users[person.employee_number]
        if person.manager_number in users:
            user.manager = users[person.manager_number].id
        for name in groups_of(person):
            if name not in groups:
                groups[name] = tenant.new_group(name)
            groups[name].members.add(user.id)
        tenant.new_method(user, "phoneAuthenticationMethod", phoneNumber="+49 30 000000", phoneType="mobile")
        tenant.new_method(user, "fido2AuthenticationMethod", displayName="Security key", model="Simulated")
        tenant.assign_app(expenses, user)
        user.licences.add(VISIO)
        if "admin" in person.traits:
            tenant.new_role_assignment("User Administrator", user)
        tickets[person.employee_number] = tenant.consent(user, mobile, "Mail.Read offline_access")
    managers = [users[one.manager_number] for one in chosen if one.manager_number in users]
    for group in groups.values():
        group.owners = [one.id for one in managers[:1]]
    for department in sorted({person.department for person in chosen if person.department}):
        name = f"All of {department}"
        groups[name] = tenant.new_group(name, rule=("department", department))
    groups["Domain Users"] = tenant.new_group("Domain Users", *users.values(), synced=True)
    groups["Licensed"] = tenant.new_group("Licensed", *users.values(), licences={E5})
    groups["Everything"] = tenant.new_group("Everything", groups["Licensed"])
    tenant.assign_app(wiki, groups["Licensed"])
    service = tenant.new_application("Offboarding", *PERMISSIONS)
    tenant.new_role_assignment("Privileged Authentication Administrator", service)
    return EntraSeed(users, groups, {"Wiki": wiki, "Expenses": expenses}, service, mobile, tickets)


def _fields(person: Employee) -> dict[str, Any]:
    known = {
        "displayName": person.name,
        "givenName": person.given_name,
        "surname": person.family_name,
        "employeeId": person.employee_number,
        "department": person.department,
        "jobTitle": person.title,
    }
    return {name: value or None for name, value in known.items()}
