"""What people recorded about an exception, in answers of the API."""

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


ASSIGNED: Final = "The account of the person who is to resolve it; null if its roles are"
SNOOZED: Final = "Until then inboxes do not show it"
WAIVED: Final = "While it is waived: it is open again from then on"
REASON: Final = "Why it was closed"
BEHALF: Final = "The delegator's account, if a delegate closed it"
