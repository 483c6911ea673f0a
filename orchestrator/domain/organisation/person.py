"""The facts of the leaver, from HR."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field


class PersonFacts(BaseModel):
    """What HR says about one person. Text is as HR wrote it; an unknown value is the empty string, never a guess.

    `hr_id` is HR's immutable id. `employee_number` is what people call the person by; some companies give a number to
    another person years later, so it identifies no person on its own. `time_zone` is an IANA name such as
    `Europe/Berlin`. `former_emails` and `former_names` help to look, and are never enough to decide. `shared` names
    the match keys, `employee_number` or `email`, whose value HR has for another person too: such a value decides
    nothing. It is no field that a packet can use.
    Everything here is personal data: it goes into encrypted fields only, and into no log or error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    hr_id: str
    employee_number: str
    given_name: str = ""
    family_name: str = ""
    display_name: str = ""
    email: str = ""
    former_emails: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    department: str = ""
    title: str = ""
    manager_hr_id: str | None = None
    manager_email: str | None = None
    country: str = ""
    time_zone: str = ""
    shared: tuple[str, ...] = Field(default=(), exclude_if=lambda keys: not keys)

    def __repr__(self) -> str:
        return "PersonFacts(…)"

    __str__ = __repr__


PERSON_FIELDS: Final = frozenset(PersonFacts.model_fields) - {"shared"}
"""The names that packets may use: in conditions as `person.NAME`, as match keys, and as columns of an HR export."""
