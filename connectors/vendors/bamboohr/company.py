"""What all requests to one company's BambooHR share: where it is, the key, its zones, and the form of its errors."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, field_validator

from connectors.errors import ActionRequiredError
from connectors.http.auth import Auth, StaticHeaders
from connectors.http.connector import HttpSettings
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import unexpected
from connectors.http.requests import Answer

REASON = "x-bamboohr-error-message"
"""The header with the reason of an error, documentation.bamboohr.com/docs/api-details. Most errors have no body."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown name, one that is a path, a folder of zones
        raise ValueError("not an IANA time zone") from None
    return name


ZoneName = Annotated[str, AfterValidator(_zone)]


class BambooHrSettings(HttpSettings):
    """One company in BambooHR."""

    url: str = Field(description="address of the company in BambooHR, https://COMPANY.bamboohr.com")
    api_key: SecretStr = Field(description="API key of a user whose access level shows all employees")
    time_zone: ZoneName = Field(
        description="IANA time zone of the company, such as Europe/Berlin: in which its days begin, and of people "
        "whose location is not in time_zones"
    )
    time_zones: dict[str, ZoneName] = Field(
        {}, description='time zones of other locations as JSON: {"Denver": "America/Denver"}'
    )
    end_of_day: str = Field(
        "18:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="when work ends on the day of a termination, in the person's time zone, such as 18:00",
    )
    max_answer_bytes: int = Field(16 * 1024 * 1024, gt=0, description="size limit of a response, in bytes")

    @field_validator("time_zones", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value


@dataclass(slots=True)
class LastList:
    """Of the list of employees that was read last, `at` a time: each one's id, employee number and mail address, the
    latter two in the form in which they are compared."""

    keys: Sequence[tuple[str, str, str]] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BambooHrCompany:
    """`clock` is the time in seconds since 1970. BambooHR shows neither the company's zone nor a person's."""

    settings: BambooHrSettings
    clock: Callable[[], float] = time.time
    last: LastList = field(default_factory=LastList)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    @property
    def today(self) -> date:
        """The day in the company's zone, in which BambooHR's days begin."""
        return self.now.astimezone(ZoneInfo(self.settings.time_zone)).date()

    def zone_of(self, location: str) -> str:
        return self.settings.time_zones.get(location, self.settings.time_zone)

    def end_of(self, day: date, zone: str) -> datetime:
        """When work ends on a day, in UTC."""
        ends = time_of_day.fromisoformat(self.settings.end_of_day)
        return datetime.combine(day, ends, ZoneInfo(zone)).astimezone(UTC)


def auth_of(settings: BambooHrSettings) -> Auth:
    """The key is the user name of Basic authentication, with any password
    (documentation.bamboohr.com/docs/getting-started)."""
    key = settings.api_key.get_secret_value()
    encoded = base64.b64encode(f"{key}:x".encode()).decode("ascii")
    return StaticHeaders({"Authorization": f"Basic {encoded}"}, [key, encoded])


def _code(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


DIALECT = Dialect(
    code=_code,
    verdicts={(400, "BadPage"): Verdict.RETRY},  # the employee at the end of the last page was deleted or changed
    message_header=REASON,
)


def require_own(answer: Answer) -> None:
    """Raises `ActionRequiredError("answer_not_understood")` for a 404 that is not BambooHR's own: one of a proxy says
    nothing about an employee."""
    if REASON not in answer.headers:
        unexpected(f"A response with the status 404 has no header {REASON}, so it is not BambooHR's own.")


class FieldsHiddenError(ActionRequiredError):
    """The access level of the key's user does not show these fields. BambooHR leaves them out, and what is left out
    must not count as empty."""

    def __init__(self, names: Collection[str], whose: str) -> None:
        self.names = frozenset(names)
        said = ", ".join(sorted(names))
        super().__init__(
            "fields_hidden",
            f"BambooHR does not show {said} of {whose}.",
            remedy=f"Let the access level of the API key's user view {said} of all employees.",
            happened="no",
        )
