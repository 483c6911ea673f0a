"""What every connector promises, as one table: each ability of each kind, and what the company must show for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.abilities import Ability, Account, Connector, Effect, Lookup
from connectors.protocols.smtp import message_id
from connectors.registry import connector_kinds
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from tests.connectors.company_settings import SYSTEM_OF

STRONG_KEY: Mapping[str, Callable[[Employee], Lookup]] = {
    "scim": lambda person: Lookup("externalId", person.employee_number),
    "ldap": lambda person: Lookup("employeeNumber", person.employee_number),
    "hr": lambda person: Lookup("employee_number", person.employee_number),
    "code_hosting": lambda person: Lookup("employee_number", person.employee_number),
    "cards": lambda person: Lookup("employee_number", person.employee_number),
    "mail": lambda person: Lookup("address", person.email),
}
TEXT_KEYS: Mapping[str, tuple[str, ...]] = {
    "scim": ("userName", "externalId", "emails.value", "id"),
    "ldap": ("uid", "mail", "employeeNumber"),
    "hr": ("id", "employee_number", "email"),
    "code_hosting": ("id", "username", "email", "employee_number"),
    "cards": ("id", "email", "employee_number"),
    "mail": ("address",),
}


@dataclass(frozen=True)
class Case:
    """One ability: the effects that one attempt leaves in the company's log, and those that a second one with the same
    key adds; the method of the request that changes something; whether that request is the whole change; for an ability
    that gives access, the one that it undoes, which comes first."""

    kind: str
    ability: str
    effects: int
    repeat_adds: int = 0
    method: str = ""
    one_request: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    undoes: str = ""

    @property
    def declared(self) -> Ability:
        return connector_kinds()[self.kind][self.ability]

    @property
    def over_http(self) -> bool:
        return self.kind != "ldap" and self.ability != "send_notice"

    def __str__(self) -> str:
        return f"{self.kind}-{self.ability}"


CASES = (
    Case("scim", "snapshot_access", 0),
    Case("scim", "disable_account", 1, method="PATCH"),
    Case("scim", "remove_from_groups", 3, method="PATCH", one_request=False),
    Case("scim", "delete_account", 1, method="DELETE"),
    Case("ldap", "snapshot_access", 0),
    Case("ldap", "lock_account", 1),
    Case("ldap", "remove_from_groups", 3),
    Case("ldap", "scramble_password", 2, one_request=False),
    Case("ldap", "remove_ssh_keys", 0),
    Case("hr", "record_leaving", 1, method="POST", parameters={"at": "2027-01-15T17:00:00+01:00"}),
    Case("hr", "schedule_final_pay", 1, repeat_adds=1, method="POST"),
    Case("code_hosting", "snapshot_access", 0),
    Case("code_hosting", "suspend_account", 1, method="POST"),
    Case("code_hosting", "revoke_sessions", 1, method="DELETE"),
    Case("code_hosting", "revoke_tokens", 1, method="DELETE"),
    Case("code_hosting", "demote_admin", 1, method="POST"),
    Case("code_hosting", "transfer_repositories", 1, method="POST"),
    Case("cards", "snapshot_access", 0),
    Case("cards", "freeze_card", 1, method="POST"),
    Case("cards", "close_card", 1, method="POST"),
    Case("mail", "send_notice", 1, repeat_adds=1, parameters={"subject": "Your last day", "text": "Good bye, dear."}),
    Case("mail", "forward_mail", 1, method="PATCH", parameters={"forward_to": "heir@wolkenmuehle.example"}),
    Case("mail", "release_license", 1, method="PATCH"),
    Case("scim", "enable_account", 1, method="PATCH", undoes="disable_account"),
    Case("scim", "add_to_groups", 3, method="PATCH", one_request=False, undoes="remove_from_groups"),
    Case("ldap", "unlock_account", 1, undoes="lock_account"),
    Case("ldap", "add_to_groups", 3, undoes="remove_from_groups"),
    Case("ldap", "add_ssh_keys", 0, undoes="remove_ssh_keys"),
    Case("hr", "withdraw_leaving", 1, method="DELETE", undoes="record_leaving"),
    Case("code_hosting", "unsuspend_account", 1, method="POST", undoes="suspend_account"),
    Case("code_hosting", "promote_admin", 1, method="POST", undoes="demote_admin"),
    Case("cards", "unfreeze_card", 1, method="POST", undoes="freeze_card"),
    Case("mail", "restore_forwarding", 1, method="PATCH", undoes="forward_mail"),
    Case("mail", "assign_license", 1, method="PATCH", undoes="release_license"),
)
CHANGES = tuple(case for case in CASES if case.effects)
HTTP_CHANGES = tuple(case for case in CHANGES if case.over_http)


async def the_account(connector: Connector, person: Employee) -> Account:
    (account,) = await connector.find_accounts([STRONG_KEY[connector.kind](person)])
    return account


async def effect_for(case: Case, connector: Connector, person: Employee, heir: Employee) -> Effect:
    parameters = dict(case.parameters)
    if case.ability == "transfer_repositories":
        parameters["to_email"] = heir.email
    if case.ability == "send_notice":
        parameters["to"] = heir.email
    account = await the_account(connector, person) if case.declared.needs_account else None
    taken: Sequence[Mapping[str, Any]] = ()
    if case.undoes:
        [removal] = [one for one in CASES if (one.kind, one.ability) == (case.kind, case.undoes)]
        reply = await connector.attempt(await effect_for(removal, connector, person, heir))
        taken = reply.detail[removal.declared.taken_as] if removal.declared.taken_as else ()
    key = f"run-1/step-{secrets.token_hex(8)}/1"
    return Effect(case.ability, key, account, parameters, deadline=10.0, taken=taken)


class Counter:
    """Counts what an effect key left in the company's own log. LDAP and SCIM carry no key, so there it is everything
    since."""

    def __init__(self, company: Company, case: Case, effect: Effect, before: int) -> None:
        self._company, self._case, self._effect, self._before = company, case, effect, before

    @classmethod
    async def start(cls, company: Company, case: Case, effect: Effect) -> Counter:
        return cls(company, case, effect, len(await company.effects(SYSTEM_OF[case.kind])))

    async def count(self) -> int:
        since = (await self._company.effects(SYSTEM_OF[self._case.kind]))[self._before :]
        if self._case.kind in ("ldap", "scim"):
            return len(since)
        key = self._effect.effect_key
        if self._case.ability == "send_notice":
            key = message_id(key, "offboard@wolkenmuehle.example")
        return sum(entry["key"] == key for entry in since)
