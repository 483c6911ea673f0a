"""The accounts of a system that no person who works here owns, as a worker answers and pages, API and terminal show."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_SHOWN_ACCOUNTS = 1000


class UnownedAccount(BaseModel):
    """An account that is not of a person who works here, or not surely. `person` and `employee_number` are those of a
    person who has left, for callers who read the HR system."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    ownership: Literal["left", "ambiguous", "orphan"] = Field(
        description="`left`: of a person who has left, by HR; `ambiguous`: possibly of one person or of several; "
        "`orphan`: of no person whom HR knows"
    )
    label: str = Field(repr=False, description="The account's name in the system")
    active: bool | None = Field(description="Null where the system does not show it")
    privileged: bool
    attributes: dict[str, str] = Field(repr=False, description="The attributes of the packet's match keys")
    person: str | None = Field(None, repr=False)
    employee_number: str | None = Field(None, repr=False)


class OwnershipCounts(BaseModel):
    """How many accounts there are of each kind, of those that were read."""

    model_config = ConfigDict(frozen=True)

    owned: int = Field(0, description="Of a person who works here, by HR")
    left: int = 0
    ambiguous: int = 0
    orphan: int = 0
    service: int = Field(0, description="Of no person, and named in the packet's `service_accounts`")


class AccountOwners(BaseModel):
    """`code` and `detail` say why the system's accounts could not be listed; else `code` is empty."""

    model_config = ConfigDict(frozen=True)

    packet: str
    system: str
    title: str
    read_at: datetime = Field(description="When the list of accounts was read")
    complete: bool = Field(description="Whether the system's list was read to its end")
    counts: OwnershipCounts
    accounts: tuple[UnownedAccount, ...] = Field(
        description=f"At most {MAX_SHOWN_ACCOUNTS}: those of people who have left first, then orphans"
    )
    code: str = ""
    detail: str = ""
