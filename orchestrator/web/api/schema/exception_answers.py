"""What people recorded about an exception and can do about it, in answers of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field

from orchestrator.web.api.schema.description import ResponseModel


class Waiver(ResponseModel):
    """The last one of an exception, also once it has ended."""

    by: str
    on_behalf_of: str | None
    at: datetime
    until: datetime
    reason: str | None = Field(description="Null once the person is erased")
    compensating_control: str | None = Field(description="What protects the company until it is resolved")


class Comment(ResponseModel):
    by: str
    at: datetime
    text: str | None = Field(description="Null once the person is erased")


class RefusedAction(ResponseModel):
    code: str
    message: str


class OfferedAction(ResponseModel):
    """What can be done about an open exception, tried for the caller and not carried out."""

    action: str = Field(description="A repair, or `skip_all`, `assign`, `snooze` or `comment`")
    allowed: bool = Field(description="Whether the caller can do it now")
    instead_of: str | None = Field(description="The delegator's account, if the caller would act as its delegate")
    refused: RefusedAction | None = Field(description="Why the caller can't do it")
    steps: list[str] = Field(description="Of `skip_all`, the IDs of the steps")
    accounts: list[str] = Field(description="Of `name_decider`, the accounts that the caller can name")


class SecondRequest(ResponseModel):
    """A request for a run of the same person, by a person who cannot see this one."""

    by: str
    cutoff: datetime
    zone: str
    urgent: bool
    packet: str
    reason: str | None
    legal_hold: str | None


ASSIGNED: Final = "The account of the person who is to resolve it; null if its roles are"
SNOOZED: Final = "Until then inboxes do not show it"
WAIVED: Final = "While it is waived: it is open again from then on"
REASON: Final = "Why it was closed"
BEHALF: Final = "The delegator's account, if a delegate closed it"
