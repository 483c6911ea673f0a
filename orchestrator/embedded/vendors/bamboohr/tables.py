"""Tables of an employee's history, and what changed since a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orchestrator.embedded.vendors.bamboohr.company import utc
from orchestrator.embedded.vendors.bamboohr.errors import refusal
from orchestrator.embedded.vendors.bamboohr.fields import hidden
from orchestrator.embedded.vendors.bamboohr.people import seen
from orchestrator.embedded.vendors.bamboohr.records import BambooEmployee
from orchestrator.embedded.vendors.simulator import Call, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator

COLUMNS = {
    "employmentStatus": {
        "employmentStatus": "employmentHistoryStatus", "comment": "employmentHistoryStatus",
        "terminationTypeId": "employmentHistoryStatus", "terminationReasonId": "employmentHistoryStatus",
        "terminationRehireId": "employmentHistoryStatus", "terminationRegrettableId": "employmentHistoryStatus",
    },
    "jobInfo": {
        "location": "location", "department": "department", "division": "division", "jobTitle": "jobTitle",
        "reportsTo": "supervisor",
    },
}  # fmt: skip
"""The columns of each table, and the field whose access decides on them."""


def _row(bamboo: BambooSimulator, call: Call, employee: BambooEmployee, table: str, row: dict[str, Any]) -> Any:
    """`reportsTo` is shown as a name; columns that are hidden are left out."""
    shown: dict[str, Any] = {"id": row["id"], "employeeId": employee.id, "date": row["date"]}
    for name, guard in COLUMNS[table].items():
        if hidden(guard, call.caller.user.hidden):
            continue
        known = row.get(name)
        if name == "reportsTo":
            manager = bamboo.state.employees.get(known or "")
            known = manager.name if manager else None
        shown[name] = known
    return shown


def get_table(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/get-employee-table-data: rows in no order, here in that of their
    entry. `all` are all employees that the credential sees."""
    table, id = call.given["table"], call.given["id"]
    employee = bamboo.state.employees.get(id)
    if table not in COLUMNS:
        raise refusal(404, "Table not found")
    if id != "all" and (employee is None or not call.caller.sees(employee)):
        raise refusal(404, "Employee not found")
    found = seen(bamboo, call) if employee is None else [employee]
    return answer([_row(bamboo, call, one, table, row) for one in found for row in one.tables[table]])


def _since(call: Call) -> datetime:
    """A `+` that was not encoded arrives as a space, and is no date."""
    try:
        moment = datetime.fromisoformat(call.first("since"))
    except ValueError:
        raise refusal(400, "since is not a valid ISO 8601 date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def list_changed(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/get-changed-employee-ids: any field and row counts."""
    since, kind = _since(call), call.first("type", "all")
    visible = call.caller.user.sees
    found = {
        id: {"id": id, "action": action, "lastChanged": utc(moment)}
        for id, (action, moment) in bamboo.state.changed.items()
        if moment >= since and kind in ("all", action.lower()) and (visible is None or id in visible)
    }
    latest = max((one["lastChanged"] for one in found.values()), default=utc(since))
    return answer({"latest": latest, "employees": found})


def list_changed_tables(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/get-changed-employee-table-data: all rows of an employee of whom
    anything changed."""
    since, table = _since(call), call.given["table"]
    if table not in COLUMNS:
        raise refusal(404, "Table not found")
    found = {
        one.id: {
            "lastChanged": utc(bamboo.state.changed[one.id][1]),
            "rows": [_row(bamboo, call, one, table, row) for row in one.tables[table]],
        }
        for one in seen(bamboo, call)
        if bamboo.state.changed[one.id][1] >= since
    }
    return answer({"table": table, "employees": found})
