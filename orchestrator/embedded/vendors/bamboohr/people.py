"""Employees: the directory, the list with cursors, one employee, users."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import Response

from orchestrator.embedded.vendors.bamboohr.errors import coded, refusal
from orchestrator.embedded.vendors.bamboohr.fields import DATES, FIELDS, hidden, value
from orchestrator.embedded.vendors.bamboohr.records import NO_DATE, BambooEmployee
from orchestrator.embedded.vendors.simulator import Call, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator

DIRECTORY = (
    "displayName", "firstName", "lastName", "preferredName", "jobTitle", "workEmail", "department", "location",
    "division", "supervisor",
)  # fmt: skip
LISTED = ("firstName", "lastName", "preferredName", "photoUrl", "jobTitleName", "status")
SORTABLE = ("employeeId", *(name for name in LISTED if name != "photoUrl"))


def seen(bamboo: BambooSimulator, call: Call) -> list[BambooEmployee]:
    return [one for one in bamboo.state.employees.values() if call.caller.sees(one)]


def get_directory(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/get-employees-directory: active employees. `onlyCurrent=false` has
    those too who begin later."""
    company = bamboo.state
    if not company.shares_directory:
        raise refusal(403, "The company directory is not shared")
    names = [name for name in DIRECTORY if not hidden(name, call.caller.user.hidden)]
    today = company.today.isoformat()
    found = [
        one
        for one in seen(bamboo, call)
        if not company.terminated(one)
        and (not call.flag("onlyCurrent", True) or (one.fields.get("hireDate") or NO_DATE) <= today)
    ]
    if not found:
        raise refusal(404, "The directory is empty")
    return answer(
        {
            "fields": [{"id": name, "type": FIELDS[name][2], "name": FIELDS[name][1]} for name in names],
            "employees": [{"id": one.id, **{name: value(company, one, name) for name in names}} for one in found],
        }
    )


def get_employee(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/get-employee: fields that are unknown or hidden are left out. What
    begins later is shown with `onlyCurrent=false` only. 0 is the employee of the credential."""
    id = call.given["id"] if call.given["id"] != "0" else call.caller.user.employee
    employee = bamboo.state.employees.get(id)
    if employee is None:
        raise refusal(404, "Employee not found")
    if not call.caller.sees(employee):
        raise refusal(403, "You do not have access to this employee")
    names = [one.strip() for one in call.first("fields", "firstName,lastName").split(",") if one.strip()]
    if len(names) > 400:
        raise refusal(400, "Too many fields")
    future = not call.flag("onlyCurrent", True)
    shown = {
        name: value(bamboo.state, employee, name, future=future)
        for name in names
        if name in FIELDS and not hidden(name, call.caller.user.hidden)
    }
    return answer({"id": employee.id, **shown})


def list_employees(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/list-employees: fields that are hidden are null, and named in
    `_restrictedFields`. A filter by a field that the caller may not see excludes the employee."""
    company, not_shown = bamboo.state, call.caller.user.hidden
    filters, page = call.noted["filter"], call.noted["page"]
    found = seen(bamboo, call)
    for name, wanted in filters.items():
        if name == "ids":
            found = [one for one in found if one.id in {str(each) for each in wanted}]
        elif hidden(name, not_shown):
            found = []
        elif name == "status":
            found = [one for one in found if value(company, one, "status").casefold() == wanted]
        else:
            found = [one for one in found if wanted.casefold() in str(value(company, one, name) or "").casefold()]
    found = _sorted(bamboo, found, call.first("sort", "employeeId"), not_shown)
    ids, total = [one.id for one in found], len(found)
    if "after" in page and "before" in page:
        raise coded(400, "BadPage", "Only one of after and before can be given.")
    size = call.page_size(int(page.get("limit", 250)))
    if not 1 <= size <= 2500:
        raise coded(400, "BadRequest", "page[limit] is out of range.")
    start = 0
    if "after" in page:
        start = _place(ids, "after", page["after"]) + 1
    elif "before" in page:
        start = max(0, _place(ids, "before", page["before"]) - size)
    names = [*LISTED, *(one for one in call.first("fields").split(",") if one)]
    shown = [_listed(bamboo, one, names, not_shown) for one in found[start : start + size]]
    following = _cursor("after", ids[start + size - 1]) if start + size < total else None
    former = _cursor("before", ids[start]) if start else None
    links = {"self": _link(bamboo, call, dict(page))}
    if following:
        links["next"] = _link(bamboo, call, {"limit": size, "after": following})
    if former:
        links["prev"] = _link(bamboo, call, {"limit": size, "before": former})
    meta = {"total": total, "page": {"limit": size, "nextCursor": following, "prevCursor": former}}
    return answer({"data": shown, "meta": meta, "_links": links})


def _link(bamboo: BambooSimulator, call: Call, page: dict[str, Any]) -> dict[str, str]:
    kept = [(name, one) for name, values in call.query.items() if not name.startswith("page[") for one in values]
    query = urlencode([*kept, *((f"page[{name}]", one) for name, one in page.items())])
    return {"href": f"{bamboo.url}{call.path}{'?' if query else ''}{query}"}


def _listed(bamboo: BambooSimulator, employee: BambooEmployee, names: list[str], not_shown: set[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {"employeeId": employee.id}
    restricted = [name for name in names if hidden(name, not_shown)]
    for name in names:
        known = value(bamboo.state, employee, name) if name in FIELDS and name not in restricted else None
        shown[name] = None if name in DATES and known == NO_DATE else known
    return {**shown, "_restrictedFields": restricted}


def _sorted(
    bamboo: BambooSimulator, found: list[BambooEmployee], written: str, not_shown: set[str]
) -> list[BambooEmployee]:
    for part in reversed(written.split(",")):
        name = part.removeprefix("-")
        if name not in SORTABLE:
            raise coded(400, "BadRequest", f"{name} cannot be sorted by.")
        if hidden(name, not_shown):
            return []

        def key(one: BambooEmployee, name: str = name) -> tuple[bool, Any]:
            if name == "employeeId":
                return True, int(one.id)
            known = value(bamboo.state, one, name)
            return known is not None, known or ""

        found = sorted(found, key=key, reverse=part.startswith("-"))
    return found


def _cursor(kind: str, id: str) -> str:
    return base64.urlsafe_b64encode(f'{{"cursor": "{kind}-{id}"}}'.encode()).decode()


def _place(ids: list[str], kind: str, cursor: str) -> int:
    """Where the employee at the boundary is now: one who is gone makes the cursor invalid."""
    for place, id in enumerate(ids):
        if _cursor(kind, id) == cursor:
            return place
    raise coded(400, "BadPage", "The cursor is malformed, or the boundary employee changed.")


def list_users(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/list-users."""
    wanted = {one for one in call.first("status").split(",") if one in ("enabled", "disabled")}
    shown = {
        str(one.id): {
            "id": one.id,
            "employeeId": int(one.employee or 0),
            "firstName": "",
            "lastName": "",
            "email": one.email,
            "status": "enabled" if one.enabled else "disabled",
        }
        for one in bamboo.state.users.values()
        if not wanted or ("enabled" if one.enabled else "disabled") in wanted
    }
    return answer(shown)


def list_fields(bamboo: BambooSimulator, call: Call) -> Response:
    """https://documentation.bamboohr.com/reference/list-fields: those that the access level shows."""
    return answer(
        [
            {"id": int(number) if number else name, "name": label, "type": kind, "alias": name}
            for name, (number, label, kind) in FIELDS.items()
            if not hidden(name, call.caller.user.hidden)
        ]
    )
