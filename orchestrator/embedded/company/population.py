"""From people to their accounts in every system: the same people always give the same accounts.

Passwords and tokens of this make-believe company are made from names, so that a test can sign in as anyone.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.embedded.company.people import Employee

CompanyDocument = dict[str, Any]


@dataclass(slots=True)
class Population:
    """What each system starts with, as JSON documents in the system's own form (the directory's as plain entries).

    identity_groups and directory_groups: group name -> employee numbers of its members."""

    hr: list[CompanyDocument] = field(default_factory=list)
    identity: list[CompanyDocument] = field(default_factory=list)
    identity_groups: dict[str, list[str]] = field(default_factory=dict)
    directory: list[CompanyDocument] = field(default_factory=list)
    directory_groups: dict[str, list[str]] = field(default_factory=dict)
    code: list[CompanyDocument] = field(default_factory=list)
    cards: list[CompanyDocument] = field(default_factory=list)
    mail: list[CompanyDocument] = field(default_factory=list)


def populate(people: Sequence[Employee], after: Sequence[Employee] = ()) -> Population:
    """Every person gets an HR record, an identity, a directory entry, a mailbox and at least one code account.

    `after` are those who are there already: their user names are taken."""
    population = Population()
    user_names = _user_names([*after, *people])
    for person in people:
        user_name = user_names[person.employee_number]
        groups = groups_of(person)
        population.hr.append(hr_record(person))
        population.identity.append(_identity(person))
        population.directory.append(_directory_entry(person, user_name))
        population.code.extend(_code_accounts(person, user_name))
        if "no_card" not in person.traits:
            population.cards.append(_card(person))
        population.mail.append({"address": person.email, "forward_to": None, "auto_reply": None, "license": True})
        for name in groups:
            population.identity_groups.setdefault(name, []).append(person.employee_number)
            population.directory_groups.setdefault(name, []).append(person.employee_number)
    return population


def groups_of(person: Employee) -> list[str]:
    """Names of the groups, the same in the identity provider and the directory."""
    groups = ["everyone"]
    if person.department:
        groups.append(f"department-{_slug(person.department)}")
    if "admin" in person.traits:
        groups.append("global-admins")
    if person.department == "Finance":
        groups.append("payroll-admins")
    return groups


def password_of(person: Employee) -> str:
    """The password with which this person signs in to the directory."""
    return f"Pw-{_digest('password', person.employee_number)[:20]}"


def hr_id(employee_number: str) -> str:
    return f"hr-{_digest('hr', employee_number)[:10]}"


def hr_record(person: Employee) -> CompanyDocument:
    tag = _digest("asset", person.employee_number)[:6].upper()
    return {
        "id": hr_id(person.employee_number),
        "employee_number": person.employee_number,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "display_name": person.name,
        "email": person.email,
        "former_emails": list(person.former_emails),
        "former_names": list(person.former_names),
        "department": person.department,
        "title": person.title,
        "manager_id": hr_id(person.manager_number) if person.manager_number else None,
        "country": person.country,
        "time_zone": person.time_zone,
        "status": "active",
        "leaving_at": None,
        "payroll": "running",
        "assets": [
            {"tag": f"LT-{tag}", "kind": "laptop", "returned": False},
            {"tag": f"KEY-{tag}", "kind": "office key", "returned": False},
        ],
    }


def _identity(person: Employee) -> CompanyDocument:
    """A SCIM User (RFC 7643 section 4.1) with the enterprise extension (section 4.3)."""
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", enterprise],
        "externalId": person.employee_number,
        "userName": person.email,
        "displayName": person.name,
        "name": {"givenName": person.given_name, "familyName": person.family_name},
        "emails": [{"value": person.email, "type": "work", "primary": True}],
        "title": person.title or None,
        "timezone": person.time_zone,
        "active": True,
        enterprise: {"employeeNumber": person.employee_number, "department": person.department or None},
    }


def _directory_entry(person: Employee, user_name: str) -> CompanyDocument:
    return {
        "uid": user_name,
        "cn": person.name,
        "sn": person.family_name or person.name,
        "givenName": person.given_name or person.name,
        "displayName": person.name,
        "mail": person.email,
        "employeeNumber": person.employee_number,
        "title": person.title,
        "departmentNumber": person.department,
        "password": password_of(person),
    }


def _code_accounts(person: Employee, user_name: str) -> list[CompanyDocument]:
    """The account as it should be, bent by the person's traits."""
    traits = person.traits
    email = person.former_emails[0] if "code_under_former_email" in traits else person.email
    unnumbered = bool({"code_without_number", "two_code_accounts", "code_under_former_email"} & traits)
    number = None if unnumbered else person.employee_number
    accounts = [_code_account(user_name, email, number, admin="admin" in traits)]
    if "two_code_accounts" in traits:
        # Same address, no number on either: nothing in the system says whether both are theirs.
        accounts.append(_code_account(f"{user_name}-labs", email, None, admin=False))
    if "recycled_number" in traits:
        # Someone who left long ago had this number; their account was forgotten and still carries it.
        local, _, domain = person.email.partition("@")
        gone = f"formerly-{_digest('gone', local)[:8]}"
        accounts.append(_code_account(gone, f"{gone}@{domain}", person.employee_number, admin=False))
    return accounts


def _code_account(user_name: str, email: str, number: str | None, *, admin: bool) -> CompanyDocument:
    digest = _digest("code", user_name)
    return {
        "id": f"acc-{digest[:10]}",
        "username": user_name,
        "email": email,
        "employee_number": number,
        "state": "active",
        "admin": admin,
        "sessions": [{"id": f"ses-{digest[10:16]}{n}", "created_at": "2026-05-04T08:15:00+00:00"} for n in range(2)],
        "tokens": [
            {"id": f"tok-{digest[16:22]}{n}", "name": name, "created_at": "2026-02-11T14:40:00+00:00"}
            for n, name in enumerate(("laptop", "deployment") if admin else ("laptop",))
        ],
        "repositories": [f"{user_name}/notes", f"{user_name}/tooling"] if admin else [f"{user_name}/notes"],
    }


def _card(person: Employee) -> CompanyDocument:
    digest = _digest("card", person.employee_number)
    return {
        "id": f"card-{digest[:10]}",
        "holder_email": person.email,
        "employee_number": person.employee_number,
        "last4": f"{int(digest[10:16], 16) % 10000:04d}",
        "state": "active",
        "balance_cents": int(digest[16:20], 16) % 90000,
    }


def _user_names(people: Sequence[Employee]) -> dict[str, str]:
    """given.family in ASCII; who shares it with someone earlier gets a number, as directories do."""
    taken: Counter[str] = Counter()
    names = {}
    for person in people:
        wish = ".".join(filter(None, (_slug(person.given_name), _slug(person.family_name)))) or _slug(person.email)
        taken[wish] += 1
        names[person.employee_number] = wish if taken[wish] == 1 else f"{wish}{taken[wish]}"
    return names


_SPELLED_OUT = str.maketrans({"ø": "oe", "þ": "th", "ð": "d", "æ": "ae", "ß": "ss", "ł": "l", "đ": "d"})


def _slug(text: str) -> str:
    spelled = unicodedata.normalize("NFKD", text.casefold().translate(_SPELLED_OUT))
    kept = "".join(letter if letter.isalnum() else "-" for letter in spelled if letter.isascii())
    return "-".join(filter(None, kept.split("-")))


def _digest(purpose: str, value: str) -> str:
    return hashlib.sha256(f"{purpose}\0{value}".encode()).hexdigest()
