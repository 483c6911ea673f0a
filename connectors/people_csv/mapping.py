"""How an export is written: which column holds what, and its encoding, dates, zone and surrounding rows.

`hr.export_columns` and `hr.export_format` in `platform.yaml`. `offboard hr check`, `offboard start --from-csv`, the
demo and the connector `people_csv` read files with the same mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from connectors.errors import ActionRequiredError
from connectors.people_csv.condition import Condition, ConditionError
from connectors.people_csv.dates import DatePattern, DatePatternError, zones

COLUMNS: Final = frozenset(
    {
        "hr_id", "employee_number", "given_name", "family_name", "display_name", "email", "former_emails",
        "former_names", "department", "title", "manager_hr_id", "manager_email", "country", "time_zone",
        "cutoff_date", "cutoff_time", "start_date", "status",
    }
)  # fmt: skip
"""The values that a column can hold. A test compares them with those that `platform.yaml` accepts."""

Encoding = Literal[
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "windows-1252", "windows-1250", "windows-1251", "iso-8859-1",
    "iso-8859-2", "iso-8859-15", "mac-roman",
]  # fmt: skip


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class ExportFormat(BaseModel):
    """`hr.export_format`. Without it: UTF-8, dates as 2026-11-30, titles in the first row that is not empty."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    encoding: Encoding = Field("utf-8", description="the encoding of a file without a byte order mark")
    delimiter: Literal[",", ";", "tab", "|"] | None = Field(
        None, description="one of: , ; tab |. Without it, the one under which most columns are found"
    )
    dates: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        ("iso",), min_length=1, description="iso, us, german, or a pattern such as DD-MMM-YYYY; one, or a list"
    )
    time_zone: str = Field("", description="the time zone of people whose row has none, such as Europe/Berlin")
    end_of_day: str = Field(
        "18:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="when work ends on a last day without a time"
    )
    title_row: int | None = Field(None, ge=1, le=100, description="the row with the column titles, counted from 1")
    rows_after_titles: int = Field(0, ge=0, le=100, description="rows below the titles that are not people")
    trailer_rows: int = Field(0, ge=0, le=100, description="rows at the end that are not people")
    trailer: str = Field("", description="how the first trailer row begins. A file without it is not complete")
    leaves_when: str = Field(
        "", description="a CEL condition over the mapped columns, such as row.status in ['Terminated']"
    )
    several_rows: Literal["refuse", "combine"] = Field(
        "refuse", description="what several rows with one employee number mean: refuse them, or combine them"
    )

    @field_validator("dates")
    @classmethod
    def _readable(cls, dates: tuple[str, ...]) -> tuple[str, ...]:
        for written in dates:
            try:
                DatePattern.parse(written)
            except DatePatternError as wrong:
                raise ValueError(str(wrong)) from None
        return dates

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, zone: str) -> str:
        if zone and zone not in zones():
            raise ValueError("there is no such time zone; write for example Europe/Berlin")
        return zone


def mapping_problems(columns: Mapping[str, str], written: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is wrong with `hr.export_columns` and `hr.export_format`: the field below `hr` with dots, the cause and the
    remedy. Messages repeat names and no values."""
    problems = []
    if "employee_number" not in columns:
        said = "the column of the employee number is not set"
        problems.append(("export_columns", said, "add 'employee_number: TITLE', with the title of the column"))
    try:
        form = ExportFormat.model_validate(written)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_context=False, include_url=False):
            name = str(one["loc"][0]) if one["loc"] else ""
            field = ExportFormat.model_fields.get(name)
            said = one["msg"].removeprefix("Value error, ")
            remedy = f"it must be: {field.description}" if field else f"use one of: {', '.join(_names())}"
            problems.append((f"export_format.{name}", said, remedy))
        return problems
    if form.leaves_when:
        try:
            Condition.compile(form.leaves_when, columns)
        except ConditionError as wrong:
            problems.append(("export_format.leaves_when", str(wrong), "correct the condition"))
        if "cutoff_date" not in columns:
            said = "a condition for leavers needs the column of the last day"
            problems.append(("export_columns", said, "add 'cutoff_date: TITLE'"))
    return problems


def export_format(columns: Mapping[str, str], written: Mapping[str, Any]) -> ExportFormat:
    """Raises `ActionRequiredError("export_columns_incomplete" or "export_format")` with the first problem."""
    for where, said, remedy in mapping_problems(columns, written):
        code = "export_format" if where.startswith("export_format") else "export_columns_incomplete"
        raise ActionRequiredError(
            code, f"hr.{where} in platform.yaml: {said}.", remedy=f"In platform.yaml, {remedy}.", happened="no"
        )
    return ExportFormat.model_validate(written)


def _names() -> list[str]:
    return sorted(ExportFormat.model_fields)
