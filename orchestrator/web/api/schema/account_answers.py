"""An account in answers of the API."""

from __future__ import annotations

from pydantic import Field

from orchestrator.web.api.schema.description import ResponseModel


class AccountInRun(ResponseModel):
    account_id: str = Field(description="Opaque and stable")
    label: str | None = Field(None, description="The account's name in the system")
    active: bool | None = None
    privileged: bool | None = None
    attributes: dict[str, str] = Field({}, description="Attributes from the system")
