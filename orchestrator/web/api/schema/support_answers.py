"""The support of a system in answers of the API."""

from __future__ import annotations

from pydantic import Field

from orchestrator.web.api.schema.description import ResponseModel


class SupportFacts(ResponseModel):
    team: str | None
    role: str | None = Field(description="The role that owns exceptions of the system")
    hours: str | None = Field(description="When the team works", examples=["Mon-Fri 08:00-18:00 Europe/Berlin", "24/7"])
    on_call: str | None = Field(description="The contact at other times")
    escalation: str | None = Field(description="The contact if neither responds")
    runbook_url: str | None


class SupportDetails(SupportFacts):
    contact_now: str | None = Field(description="The team in its hours, and the on-call contact at other times")
