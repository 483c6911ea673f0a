"""The state of a company in BambooHR, and what HR does there. Dates have no time zone: they begin at midnight in the
company's zone. Moments are UTC, in whole seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from orchestrator.embedded.vendors.bamboohr.fields import name_of, value
from orchestrator.embedded.vendors.bamboohr.records import (
    NO_DATE,
    TERMINATED,
    BambooDelivery,
    BambooEmployee,
    BambooToken,
    BambooUser,
    BambooWebhook,
)
from orchestrator.embedded.vendors.simulated_state import SimulatedState
from orchestrator.embedded.vendors.simulator import VendorEffect

ACTIONS = {"created": "Created", "updated": "Updated", "deleted": "Deleted"}


class BambooCompany(SimulatedState):
    """`effects` has what HR and the API changed, in its order. `changed` has the last change of each employee, also of
    those that were deleted: its action and moment."""

    def __init__(self, clock: Callable[[], datetime], domain: str = "corp", zone: str = "America/Denver") -> None:
        super().__init__(clock)
        self._numbers = 100
        self.domain = domain
        self.zone = ZoneInfo(zone)
        self.employees: dict[str, BambooEmployee] = {}
        self.changed: dict[str, tuple[str, datetime]] = {}
        self.users: dict[int, BambooUser] = {}
        self.keys: dict[str, int] = {}
        self.tokens: dict[str, BambooToken] = {}
        self.refresh_tokens: dict[str, BambooToken] = {}
        self.webhooks: dict[int, BambooWebhook] = {}
        self.deliveries: list[BambooDelivery] = []
        self.effects: list[VendorEffect] = []
        self.shares_directory = True

    @property
    def now(self) -> datetime:
        return super().now.replace(microsecond=0)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def new_number(self) -> int:
        self._numbers += 1
        return self._numbers

    # Who may ask.

    def new_user(self, email: str, employee: BambooEmployee | None = None, *hidden: str) -> BambooUser:
        user = BambooUser(self.new_number(), email, employee.id if employee else "", set(hidden))
        self.users[user.id] = user
        return user

    def new_key(self, user: BambooUser) -> str:
        value = f"simulated-key-{self.new_number()}"
        self.keys[value] = user.id
        return value

    def new_tokens(self, user: BambooUser, *scopes: str) -> tuple[BambooToken, BambooToken]:
        """An access token for an hour and a refresh token."""
        access = BambooToken(f"access-{self.new_number()}", user.id, list(scopes), self.now + timedelta(hours=1))
        refresh = BambooToken(f"refresh-{self.new_number()}", user.id, list(scopes), None)
        self.tokens[access.value], self.refresh_tokens[refresh.value] = access, refresh
        return access, refresh

    # What HR does.

    def hire(self, on: date | str = "2020-01-15", **fields: Any) -> BambooEmployee:
        """`jobTitle`, `department`, `division`, `location` and `reportsTo` (an employee's id) are in `jobInfo`."""
        job = {
            name: fields.pop(name)
            for name in ("jobTitle", "department", "division", "location", "reportsTo")
            if name in fields
        }
        employee = BambooEmployee(str(self.new_number()), {"hireDate": str(on), "originalHireDate": str(on), **fields})
        self.employees[employee.id] = employee
        self._add_row(employee, "employmentStatus", on, employmentStatus="Full-Time")
        self._add_row(employee, "jobInfo", on, **job)
        self._note(employee, "Inserted", "hired", "created")
        return employee

    def change(self, employee: BambooEmployee, **fields: Any) -> None:
        employee.fields.update(fields)
        self._note(employee, "Updated", "changed", "updated", fields)

    def move(self, employee: BambooEmployee, on: date | str, **job: Any) -> None:
        """A new row of `jobInfo`: another title, department or manager (`reportsTo`) from that day."""
        last = self.rows(employee, "jobInfo")[-1:] or [{}]
        kept = {name: value for name, value in last[0].items() if name not in ("id", "date")}
        self._add_row(employee, "jobInfo", on, **{**kept, **job})
        self._note(employee, "Updated", "moved", "updated", job)

    def terminate(self, employee: BambooEmployee, on: date | str, kind: str = "Resignation (Voluntary)") -> None:
        """A row of `employmentStatus`; `on` may be in the past or in the future."""
        self._add_row(employee, "employmentStatus", on, employmentStatus=TERMINATED, terminationTypeId=kind)
        self._note(employee, "Updated", "terminated", "updated", ("employmentHistoryStatus",))

    def take_back_termination(self, employee: BambooEmployee) -> None:
        """The last row of `employmentStatus` that ends the employment is deleted, as if it had never been."""
        rows = self.rows(employee, "employmentStatus")
        last = next(row for row in reversed(rows) if row["employmentStatus"] == TERMINATED)
        employee.tables["employmentStatus"].remove(last)
        self._note(employee, "Updated", "termination_taken_back", "updated", ("employmentHistoryStatus",))

    def rehire(self, employee: BambooEmployee, on: date | str) -> None:
        """The same record again, with a new row; `hireDate` is the new one, `originalHireDate` stays."""
        self._add_row(employee, "employmentStatus", on, employmentStatus="Full-Time")
        employee.fields["hireDate"] = str(on)
        self._note(employee, "Updated", "rehired", "updated", ("employmentHistoryStatus", "hireDate"))

    def delete(self, employee: BambooEmployee) -> None:
        del self.employees[employee.id]
        self._note(employee, "Deleted", "deleted", "deleted")

    def _add_row(self, employee: BambooEmployee, table: str, on: date | str, **columns: Any) -> None:
        employee.tables[table].append({"id": str(self.new_number()), "date": str(on), **columns})

    # What follows from it.

    def rows(self, employee: BambooEmployee, table: str) -> list[dict[str, Any]]:
        """From the oldest to the newest; a row without a date is the oldest."""
        return sorted(employee.tables[table], key=lambda row: (row["date"] or NO_DATE, int(row["id"])))

    def current(self, employee: BambooEmployee, table: str, *, future: bool = False) -> dict[str, Any]:
        """The row that is in force today, or with `future` the last one."""
        rows = self.rows(employee, table)
        found = [row for row in rows if future or (row["date"] or NO_DATE) <= self.today.isoformat()]
        return found[-1] if found else (rows[0] if rows else {})

    def terminated(self, employee: BambooEmployee) -> bool:
        return self.current(employee, "employmentStatus").get("employmentStatus") == TERMINATED

    def _note(
        self, employee: BambooEmployee, action: str, effect: str, event: str, changed: Iterable[str] = ()
    ) -> None:
        """A date on which something comes into force changes nothing here, and sends nothing."""
        self.changed[employee.id] = (action, self.now)
        self.effects.append(VendorEffect(effect, employee.id, ",".join(changed)))
        for webhook in self.webhooks.values():
            body = self._body(webhook, employee, event, list(changed))
            if body is not None:
                self.deliveries.append(BambooDelivery(webhook.id, body, self.now))

    def _body(self, webhook: BambooWebhook, employee: BambooEmployee, event: str, changed: list[str]) -> bytes | None:
        """By event, https://documentation.bamboohr.com/docs/event-based-webhooks, or by field,
        https://documentation.bamboohr.com/docs/field-based-webhooks. The owner's access level limits both,
        https://documentation.bamboohr.com/docs/permissioned-webhooks."""
        user = self.users[webhook.user]
        seen = [one for one in changed if one in webhook.monitored and one not in user.hidden]
        if not user.enabled or (user.sees is not None and employee.id not in user.sees):
            return None
        if event == "updated" and not seen:
            return None
        moment = self.now.strftime("%Y-%m-%dT%H:%M:%S+0000")
        document: Mapping[str, Any]
        if f"employee.{event}" in webhook.events:
            data = {"companyId": "12345", "employeeId": employee.id} | ({"changedFields": seen} if seen else {})
            document = {"type": f"employee.{event}", "timestamp": moment, "data": data}
        elif f"employee_with_fields.{event}" in webhook.events:
            posted = {
                external: value(self, employee, alias)
                for alias, external in webhook.posted.items()
                if event == "updated" and alias not in user.hidden
            }
            document = {
                "employees": [
                    {
                        "id": employee.id,
                        "action": ACTIONS[event],
                        "timestamp": moment,
                        "changedFields": [name_of(one) for one in seen],
                        "fields": posted,
                    }
                ]
            }
        else:
            return None
        if webhook.format == "json":
            return json.dumps(document).encode()
        return urlencode(list(_form("", document))).encode()


def _form(prefix: str, value: Any) -> Iterable[tuple[str, str]]:
    """As PHP writes nested values in a form: `data[changedFields][0]`."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _form(f"{prefix}[{name}]" if prefix else str(name), one)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _form(f"{prefix}[{number}]", one)
    else:
        yield prefix, "" if value is None else str(value)


def utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
