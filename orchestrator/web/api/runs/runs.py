"""Runs: list them, and read one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request

from orchestrator.documents.runs.previews.duties import duty_documents
from orchestrator.documents.runs.run import run_document, without_content
from orchestrator.ledger.book.records import Recorded
from orchestrator.reading.queries import RunPage, StateFilter
from orchestrator.reading.rows import PersonName, RunRow
from orchestrator.reading.run_lists import RunFilter, RunLists
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import After, InstantParameter, Limit, RunId, Word
from orchestrator.web.api.schema.run_answers import EventInRun, PersonInRun, RunCounts, RunInList, RunsPage, WholeRun
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=IdempotentRoute)


class Events(ResponseModel):
    events: list[EventInRun]
    after: int | None = None
    """Give it as `after` for what comes next; null where this is all so far."""
    finished: bool
    """Whether the run is over, so that nothing comes any more but late results."""


@router.get("/runs", summary="List runs", responses=problems(403))
async def runs(
    request: Request,
    caller: ApiCaller,
    state: Annotated[list[StateFilter], Query(description="Only runs in these states")] = [],  # noqa: B006
    packet: Word = None,
    system: Annotated[Word, Query(description="Only runs whose plan has steps on it")] = None,
    urgent: bool | None = None,
    mine: Annotated[bool, Query(description="Only runs that the caller's account requested")] = False,
    legal_hold: Annotated[bool, Query(description="Only runs with a legal hold in force")] = False,
    cutoff_from: InstantParameter = None,
    cutoff_until: Annotated[InstantParameter, Query(description="Exclusive")] = None,
    sort: Annotated[
        Literal["latest", "cutoff", "due"],
        Query(description="By newest request, earliest cutoff or earliest due date"),
    ] = "latest",
    counts: Annotated[bool, Query(description="Include the counts by state")] = False,
    after: After = None,
    limit: Limit = 50,
) -> RunsPage:
    web = state_of(request)
    lists = RunLists(web.database, web.queries)
    wanted = RunFilter(tuple(state), packet, system, urgent, mine, cutoff_from, cutoff_until, legal_hold)
    found = await lists.page(caller.viewer, wanted, sort, after, limit)
    counted = await lists.counts(caller.viewer, wanted) if counts else None
    return RunsPage(
        runs=[in_list(line) for line in found.lines],
        after=found.after,
        now=found.now,
        counts=RunCounts.model_validate(counted) if counted is not None else None,
    )


@router.get("/runs/{run_id}", summary="Get a run", responses=problems(404))
async def one(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    events: Annotated[bool, Query(description="Include the events")] = False,
) -> WholeRun:
    found = await state_of(request).queries.run_page(caller.viewer, run_id)
    happened = [event_in_run(recorded, found.hashes) for recorded in found.events] if events else None
    return WholeRun.model_validate(run_document(found) | {"duties": duty_documents(found.duties), "events": happened})


@router.get("/runs/{run_id}/events", summary="List the events of a run", responses=problems(404))
async def happened(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    after: Annotated[int, Query(description="Only events after this version", ge=0, le=2**31 - 1)] = 0,
    limit: Limit = 100,
) -> Events:
    """Oldest first. `data` has the event's fields, without the content of attached files."""
    found = await state_of(request).queries.run_page(caller.viewer, run_id)
    return events_after(found, after, limit)


def events_after(found: RunPage, after: int, limit: int) -> Events:
    rest = [recorded for recorded in found.events if recorded.version > after]
    shown = [event_in_run(recorded, found.hashes) for recorded in rest[:limit]]
    more = shown[-1].version if len(rest) > limit else None
    return Events(events=shown, after=more, finished=found.snapshot.state.finished)


def event_in_run(recorded: Recorded, hashes: Mapping[int, str]) -> EventInRun:
    """An event as viewers of its run get it. Its position in the ledger is not: that would say how much
    happens elsewhere."""
    data: dict[str, Any] = recorded.event.model_dump(mode="json")
    if "evidence" in data:
        data["evidence"] = without_content(data["evidence"])
    return EventInRun(
        version=recorded.version,
        at=recorded.recorded_at,
        type=recorded.type,
        hash=hashes.get(recorded.version),
        data=data,
    )


def in_list(line: RunRow) -> RunInList:
    fields = asdict(line) | {"finished_at": line.closed_at, "person": person(line.person)}
    return RunInList.model_validate(fields)


def person(named: PersonName) -> PersonInRun | None:
    if named.name is None and named.employee_number is None:
        return None
    return PersonInRun.model_validate(named)
