"""What BambooHR keeps: employees with their history, users and their credentials, webhooks and deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

NO_DATE = "0000-00-00"
"""How BambooHR writes a date that is not set."""
TERMINATED = "Terminated"


@dataclass
class BambooEmployee:
    """`fields` have BambooHR's aliases. The rows of `employmentStatus` and `jobInfo` are not sorted; a row has `id`,
    `date` and the columns of its table. `reportsTo` in a row of `jobInfo` is an employee's id here."""

    id: str
    fields: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"employmentStatus": [], "jobInfo": []})

    @property
    def name(self) -> str:
        return f"{self.fields.get('firstName', '')} {self.fields.get('lastName', '')}".strip()


@dataclass
class BambooUser:
    """Who can sign in. `hidden` are aliases of fields that the access level does not show; `sees` the employees that it
    shows, None for all. `employee` is the user's own record, if there is one."""

    id: int
    email: str
    employee: str = ""
    hidden: set[str] = field(default_factory=set)
    sees: set[str] | None = None
    enabled: bool = True


@dataclass
class BambooToken:
    """An access or a refresh token of an app, for a user."""

    value: str
    user: int
    scopes: list[str]
    expires: datetime | None


@dataclass
class BambooWebhook:
    id: int
    user: int
    name: str
    url: str
    monitored: list[str]
    posted: dict[str, str]
    format: str
    events: list[str]
    private_key: str
    created: datetime
    company_domain: bool = False
    sent: datetime | None = None


@dataclass
class BambooDelivery:
    """`due` is None when it is over: `status` has the last answer."""

    webhook: int
    body: bytes
    due: datetime | None
    attempts: int = 0
    status: int = 0
