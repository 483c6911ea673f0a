"""The list of exceptions in all runs: owner, age, due date and outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from orchestrator import commands
from orchestrator.documents.document import Document
from orchestrator.domain.events import ExceptionKind
from orchestrator.ledger.access.sessions import Flash
from orchestrator.reading.exception_lists import ExceptionFilter, ExceptionLists, ListScope
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.pages.lists.choices import choices
from orchestrator.web.pages.lists.filters import status_with, understood
from orchestrator.web.pages.page import page
from orchestrator.web.pages.run.cards import anchor, exception_card
from orchestrator.web.pages.run.run_access import load_runs, name_in
from orchestrator.web.state import WebState, state_of
from orchestrator.web.words import words

router = APIRouter()

PAGE_SIZE = 25
STANDINGS: Mapping[ListScope, str] = {"open": "Open", "overdue": "Overdue", "closed": "Closed", "all": "All"}
KINDS: tuple[str, ...] = get_args(ExceptionKind)


@router.get("/exceptions")
async def exceptions(request: Request, caller: PageCaller) -> Response:
    return await show_exceptions(request, caller, request.query_params)


async def show_exceptions(
    request: Request, caller: Caller, query: QueryParams, status: int = 200, flashes: Sequence[Flash] = ()
) -> Response:
    web = state_of(request)
    choice = await choices(web, caller)
    query, misread = understood(
        query,
        {"standing": STANDINGS, "kind": KINDS, "owner": dict(choice.owners), "system": dict(choice.systems)},
    )
    status = status_with(misread, status)
    asked = wanted(query)
    lists = ExceptionLists(web.database, web.queries)
    found = await lists.page(caller.viewer, asked, query.get("after") or None, PAGE_SIZE)
    counts = await lists.counts(caller.viewer, asked)
    runs = await load_runs(web, caller, [line.run_id for line in found.lines if line.closed_at is None])
    staff = await web.queries.staff()
    lines = [
        {
            "line": line,
            "anchor": anchor(line.run_id, line.id),
            "by": name_in(staff, line.closed_by),
            "card": exception_card(runs[line.run_id], line.id)
            if line.run_id in runs and line.id in runs[line.run_id].state.work.exceptions
            else None,
        }
        for line in found.lines
    ]
    parked = await _parked(web, caller, asked.system) if asked.system and asked.standing != "closed" else []
    numbers = {"open": counts.open, "overdue": counts.overdue, "closed": counts.closed, "all": None}
    return await page(
        request,
        "lists/exceptions.html",
        title="Exceptions",
        caller=caller,
        current="exceptions",
        status=status,
        flashes=(*flashes, *misread),
        here=address(asked, after=query.get("after", "")),
        stream=address(asked, path="/exceptions/stream"),
        live=status == 200,
        lines=lines,
        parked=parked,
        asked=asked,
        tabs=[
            (standing, label, address(asked, standing=standing), numbers[standing])
            for standing, label in STANDINGS.items()
        ],
        kinds=sorted(((kind, words(kind, "exception")) for kind in KINDS), key=lambda pair: pair[1]),
        systems=choice.systems,
        owners=choice.owners,
        more=address(asked, after=found.after) if found.after else None,
        first=address(asked) if query.get("after") else None,
    )


async def _parked(web: WebState, caller: Caller, system: str) -> list[Document]:
    """The steps on the system that the caller can retry together."""
    run_ids, _ = await ExceptionLists(web.database, web.queries).parked_on(
        caller.viewer, system, commands.MAX_BATCH_RETRIES
    )
    found = await commands.parked_steps(web.services, caller.actor, system, run_ids)
    can = [one for one in found if one.refused is None]
    runs = await load_runs(web, caller, [one.run_id for one in can])
    return [
        {"value": f"{one.run_id}/{one.step_id}", "person": runs[one.run_id].person, "title": step.title}
        for one in can
        if one.run_id in runs and (step := runs[one.run_id].state.plan.steps.get(one.step_id)) is not None
    ]


def wanted(query: QueryParams) -> ExceptionFilter:
    """A word that is none is passed over; the page has said so."""
    standing: ListScope = next((known for known in STANDINGS if known == query.get("standing")), "open")
    kind = query.get("kind", "")
    return ExceptionFilter(
        standing=standing,
        owner=query.get("owner") or None,
        kind=kind if kind in KINDS else None,
        system=query.get("system") or None,
    )


def address(asked: ExceptionFilter, *, standing: str | None = None, after: str = "", path: str = "/exceptions") -> str:
    fields = {
        "standing": standing or asked.standing,
        "owner": asked.owner,
        "kind": asked.kind,
        "system": asked.system,
        "after": after,
    }
    said = {name: value for name, value in fields.items() if value and (name, value) != ("standing", "open")}
    return f"{path}?{urlencode(said)}" if said else path
