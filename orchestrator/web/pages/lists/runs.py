"""The list of runs: filtered, sorted, by keyset, with how many there are in each state."""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from orchestrator.reading.queries import StateFilter
from orchestrator.reading.rows import RunRow
from orchestrator.reading.run_lists import FINISHED, RunFilter, RunLists, Sort
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.pages.lists.choices import choices
from orchestrator.web.pages.lists.filters import status_with, understood
from orchestrator.web.pages.page import page
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()

PAGE_SIZE = 50
YES = "yes"
STATES: tuple[str, ...] = get_args(StateFilter)
OPEN = ("needs_attention", "awaiting_decision", "in_progress", "scheduled", "searching", "held")
SORTS: tuple[tuple[Sort, str], ...] = (
    ("latest", "Newest request"), ("cutoff", "Earliest cutoff"), ("due", "Earliest due date"),
)  # fmt: skip


@router.get("/runs")
async def runs(request: Request, caller: PageCaller) -> Response:
    """`state`, `packet`, `system`, `urgent`, `mine` and `legal_hold` narrow the list; `sort` and `after` as the
    ledger's lists."""
    web = state_of(request)
    choice = await choices(web, caller)
    query, misread = understood(
        request.query_params,
        {
            "state": STATES,
            "sort": [key for key, _ in SORTS],
            "urgent": (YES,),
            "mine": (YES,),
            "legal_hold": (YES,),
            "packet": dict(choice.packets),
            "system": dict(choice.systems),
        },
    )
    asked, sort = wanted(query), sorting(query)
    lists = RunLists(web.database, web.queries)
    found, counts = await lists.page_and_counts(caller.viewer, asked, sort, query.get("after") or None, PAGE_SIZE)
    staff = await web.queries.staff()
    return await page(
        request,
        "lists/runs.html",
        title="Runs",
        caller=caller,
        current="runs",
        status=status_with(misread, 200),
        flashes=misread,
        live=not query.get("after"),
        stream=address(asked, sort, path="/runs/stream"),
        lines=[(line, name_in(staff, line.requested_by), waits(line)) for line in found.lines],
        asked=asked,
        state=asked.states[0] if asked.states else "",
        sort=sort,
        sorts=SORTS,
        sorted_by={key: address(asked, key) for key, _ in SORTS},
        counts=counts,
        states=[
            (state, counts.by_state.get(state, 0), address(asked, sort, states=(state,)))
            for state in (*OPEN, *FINISHED)
            if counts.by_state.get(state) or state in asked.states
        ],
        tabs=[
            ("", "All", address(asked, sort, states=()), counts.total),
            ("open", "Open", address(asked, sort, states=("open",)), counts.open),
            ("finished", "Finished", address(asked, sort, states=("finished",)), counts.finished),
        ],
        packets=choice.packets,
        titles=dict(choice.packets),
        systems=choice.systems,
        narrowed=bool(asked.packet or asked.system or asked.urgent or asked.mine or asked.legal_hold),
        widened=address(RunFilter(states=asked.states), sort),
        more=address(asked, sort, after=found.after) if found.after else None,
        first=address(asked, sort) if query.get("after") else None,
    )


def wanted(query: QueryParams) -> RunFilter:
    """A word that is none is passed over; the page has said so."""
    return RunFilter(
        states=tuple(state for state in query.getlist("state") if state in STATES)[:1],
        packet=query.get("packet") or None,
        system=query.get("system") or None,
        urgent=True if query.get("urgent") == YES else None,
        mine=query.get("mine") == YES,
        legal_hold=query.get("legal_hold") == YES,
    )


def sorting(query: QueryParams) -> Sort:
    return next((key for key, _ in SORTS if key == query.get("sort")), "latest")


def address(
    asked: RunFilter,
    sort: Sort,
    *,
    states: tuple[str, ...] | None = None,
    after: str | None = None,
    path: str = "/runs",
) -> str:
    state = asked.states if states is None else states
    fields: dict[str, Any] = {
        "state": state[0] if state else None,
        "packet": asked.packet,
        "system": asked.system,
        "urgent": YES if asked.urgent else None,
        "mine": YES if asked.mine else None,
        "legal_hold": YES if asked.legal_hold else None,
        "sort": sort if sort != "latest" else None,
        "after": after,
    }
    said = {name: value for name, value in fields.items() if value}
    return f"{path}?{urlencode(said)}" if said else path


def waits(line: RunRow) -> list[str]:
    """What waits in a run, in a few words."""
    parts = []
    for name, one, several in (
        ("open_exceptions", "1 exception", "exceptions"),
        ("open_gates", "1 approval", "approvals"),
        ("open_tasks", "1 task", "tasks"),
    ):
        number = line.summary.get(name, 0)
        if number:
            parts.append(one if number == 1 else f"{number} {several}")
    return parts
