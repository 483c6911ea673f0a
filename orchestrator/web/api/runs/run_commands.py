"""Commands on a run: move the cutoff, make it urgent, cancel, pause, re-plan, its legal holds, and its embargo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.domain.measures.added_exposure import added_exposure
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.runs.starts import Local, Zone
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, GivenInstant, Id, Reason, RunId
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}", tags=["runs"], route_class=IdempotentRoute)

REFUSED = {**problems_of_post(404), **LATER}


class Rescheduling(RequestModel):
    cutoff: Local
    zone: Zone


class Ending(RequestModel):
    reason: Reason = Field(description="Why the run is cancelled", examples=["The person stays with the company."])


class WithReason(RequestModel):
    reason: Reason | None = Field(None, description="Encrypted; visible to everyone who can see the run")


class Pausing(WithReason):
    until: GivenInstant | None = Field(
        None,
        description="When the run resumes automatically. Null: the packet's longest time, or no end if it has none",
    )


class Replanning(WithReason):
    packet_version: Id | None = Field(
        None,
        description="The packet version in use, if it covers systems that the run does not (exceptions of the kind "
        "`system_not_covered`), by at least 8 characters. Only those systems are searched. Null: the run keeps its "
        "version",
    )


class LegalHoldReason(RequestModel):
    reason: Reason = Field(
        description="Encrypted; visible to everyone who can see the run", examples=["Claim before the labour court"]
    )


class LegalHoldLifting(LegalHoldReason):
    hold_id: Id | None = Field(None, description="Can be omitted while one hold is in force", examples=["hold-1"])


class EmbargoChange(RequestModel):
    until: GivenInstant | None = Field(
        description="The new end; null ends the embargo now, and the complete record becomes visible"
    )
    named: list[Id] = Field(
        [], max_length=100, description="The accounts that can see the run until then; unchanged if empty"
    )


class ExposureOfMove(ResponseModel):
    """What a later cutoff would keep open. Zero and empty if the cutoff would not be later."""

    added_seconds: float = Field(description="For how much longer access stays open")
    systems: list[str] = Field(description="Systems on which access is still open")
    tasks: list[str] = Field([], description="Titles of tasks that remove access and are not completed")
    privileged_accounts: int = Field(description="Privileged accounts among them")


@router.get("/exposure", summary="Preview a later cutoff", responses=problems(404))
async def exposure(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    cutoff: Annotated[str, Query(max_length=100, pattern=TEXT, description="As in a request to change it")],
    zone: Annotated[str, Query(max_length=100, pattern=TEXT, description="An IANA time zone")],
) -> ExposureOfMove:
    """Nothing is changed."""
    web = state_of(request)
    # Counted on the complete run: a count without the systems that the caller does not read would be too small.
    snapshot = await web.services.runs.load(await web.queries.find_run(caller.viewer, run_id))
    added = added_exposure(snapshot.state, parse_cutoff(cutoff, zone).instant, snapshot.world.now)
    if added is None:
        return ExposureOfMove(added_seconds=0.0, systems=[], privileged_accounts=0)
    return ExposureOfMove(
        added_seconds=added.longer.total_seconds(),
        systems=[name for name in added.systems if name not in added.tasks],
        tasks=[
            step.title for step in snapshot.state.plan.steps.values() if not step.system and step.name in added.tasks
        ],
        privileged_accounts=len(added.privileged),
    )


@router.post("/reschedule", summary="Change the cutoff", responses=REFUSED)
async def reschedule(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: Rescheduling,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """Approvals stay valid unless the new cutoff is after they expire."""
    cutoff = parse_cutoff(asked.cutoff, asked.zone)
    return run_outcome(
        await commands.reschedule_run(state_of(request).services, caller.actor, run_id, cutoff), response
    )


@router.post("/urgent", summary="Make a scheduled run urgent", responses=REFUSED)
async def make_urgent(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: WithReason,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """The cutoff is now, and reversible steps that remove access run before approval. It needs a recent sign-in, counts
    as an urgent start, and is reviewed afterwards."""
    web = state_of(request)
    sign_in = caller.sign_in(web.settings)
    done = await commands.make_run_urgent(web.services, caller.actor, run_id, asked.reason, sign_in=sign_in)
    return run_outcome(done, response)


@router.post("/end", summary="Cancel a run", responses=REFUSED)
async def end(
    request: Request, caller: ApiCaller, run_id: RunId, asked: Ending, response: Response, key: IdempotencyKey = None
) -> RunStanding:
    """Completed steps are not undone; no further step runs."""
    return run_outcome(await commands.end_run(state_of(request).services, caller.actor, run_id, asked.reason), response)


@router.post("/hold", summary="Pause a run", responses=REFUSED)
async def hold(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: Pausing,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """No further step starts until it is resumed. With another `until`, the end of a pause is changed."""
    services = state_of(request).services
    return run_outcome(await commands.hold_run(services, caller.actor, run_id, asked.reason, asked.until), response)


@router.post("/release", summary="Resume a run", responses=REFUSED)
async def release(
    request: Request, caller: ApiCaller, run_id: RunId, response: Response, key: IdempotencyKey = None
) -> RunStanding:
    return run_outcome(await commands.release_run(state_of(request).services, caller.actor, run_id), response)


@router.post("/replan", summary="Re-plan a run", responses=REFUSED)
async def replan(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: Replanning,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """Searches all systems again. Approvals of unchanged steps stay valid. Rejected and excluded steps are submitted
    for approval again only if the person who rejected or excluded them asks for it, or a person with a role that the
    gate escalates to, who gives a reason."""
    services = state_of(request).services
    done = await commands.replan_run(services, caller.actor, run_id, asked.reason, asked.packet_version)
    return run_outcome(done, response)


@router.post("/legal-holds", summary="Place a legal hold", responses=REFUSED)
async def place_legal_hold(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: LegalHoldReason,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """Until it is lifted, no step that destroys data runs, whether it is approved or not. Steps that remove access
    continue. A step that was begun before may have taken effect: see `legal_hold` of each step."""
    services = state_of(request).services
    return run_outcome(await commands.place_legal_hold(services, caller.actor, run_id, asked.reason), response)


@router.post("/legal-holds/lift", summary="Lift a legal hold", responses=REFUSED)
async def lift_legal_hold(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: LegalHoldLifting,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """A second person lifts it. Once no hold is in force, approved steps run that destroy data."""
    services = state_of(request).services
    done = await commands.lift_legal_hold(services, caller.actor, run_id, asked.reason, asked.hold_id)
    return run_outcome(done, response)


@router.post("/embargo", summary="Change or end the embargo", responses=REFUSED)
async def embargo(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: EmbargoChange,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    services = state_of(request).services
    return run_outcome(await commands.set_embargo(services, caller.actor, run_id, asked.until, asked.named), response)
