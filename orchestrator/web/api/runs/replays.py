"""Replays of a run, with their previews."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from orchestrator import commands
from orchestrator.documents.runs.previews.replay import decided_again_document, replay_document
from orchestrator.domain.commands.replaying import ReplayAct, Scope
from orchestrator.domain.measures.decided_again import DifferenceKind
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.schema.account_answers import AccountInRun
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import ID, MAX_ID_CHARACTERS, Id, Reason, RunId
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}", tags=["runs"], route_class=IdempotentRoute)

_FROM = "The name or ID of the step that the replay begins with. It includes every step that depends on it"
_SYSTEM = "The system whose steps the replay includes. Without a step or system, it includes the whole run"


class StepInReplay(ResponseModel):
    step_id: str
    name: str
    title: str
    system: str | None
    account: AccountInRun | None
    status: str = Field(description="As in the run")
    act: ReplayAct = Field(
        description="`read_back`: its effect is read again in the system; `repeat`: it is done again as a new "
        "generation; `retry`: it is tried again in its generation; `none`"
    )
    why: (
        Literal[
            "not_included",
            "in_progress",
            "not_due",
            "skipped",
            "not_readable",
            "changes_nothing",
            "never_repeated",
            "being_read",
        ]
        | None
    ) = Field(description="Why nothing is done about it")
    generation: int | None = Field(description="The generation of the repeat")
    approval: bool = Field(description="Whether the repeat needs an approval of its own at the step's gate")


class ReplayPreviewed(ResponseModel):
    run_id: str
    version: int = Field(description="The version of the run; give it to the replay")
    from_step: str | None
    system: str | None
    reopens: bool = Field(description="Whether the replay opens the run again, which is closed")
    anything: bool = Field(description="Whether the replay does anything")
    steps: list[StepInReplay] = Field(description="In the order of the plan")


class DifferenceToday(ResponseModel):
    kind: DifferenceKind = Field(
        description="`match`: other accounts match; `step_added`, `step_removed`, `step_changed`: the plan; "
        "`approval`: the votes decide otherwise; `permission`: those who caused the step lack the permission"
    )
    subject: str = Field(description="The system of a match, the ID of a gate, or the name of a step")
    recorded: str
    today: str
    fields: list[str] = Field(description="What differs of a step")


class DecidedAgain(ResponseModel):
    run_id: str
    version: int
    packet_version: str
    packet_version_in_use: str
    differences: list[DifferenceToday]


class Replaying(RequestModel):
    from_step: Id | None = Field(None, description=_FROM)
    system: Id | None = Field(None, description=_SYSTEM)
    reason: Reason | None = Field(None, description="Encrypted; visible to everyone who can see the run")
    version: int | None = Field(
        None,
        ge=1,
        le=2**31 - 1,
        description="The version that was previewed. If a replay was requested since, nothing happens: it is the same",
    )


@router.get("/replay", summary="Preview a replay", responses=problems(404, 409))
async def preview(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    from_step: Annotated[
        str | None, Query(alias="from", description=_FROM, min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)
    ] = None,
    system: Annotated[
        str | None, Query(description=_SYSTEM, min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)
    ] = None,
) -> ReplayPreviewed:
    """Nothing is changed. Every step of the plan is listed. What a system shows of the account of a step is null
    or empty where you can't read that system."""
    found = (await state_of(request).queries.run_page(caller.viewer, run_id)).snapshot
    document = replay_document(found.state, Scope(from_step or "", system or ""), found.world)
    return ReplayPreviewed.model_validate(document)


@router.get("/replay/differences", summary="Decide a run again without changing it", responses=problems(403, 404, 409))
async def differences(request: Request, caller: ApiCaller, run_id: RunId) -> DecidedAgain:
    """Decides from the recorded facts with today's program and the packet in use, and lists where the result differs.
    No system is read, and nothing is changed."""
    found = (await state_of(request).queries.run_page(caller.viewer, run_id)).snapshot
    return DecidedAgain.model_validate(decided_again_document(found.state, caller.actor, found.world))


@router.post("/replay", summary="Replay a run", responses={**problems_of_post(404), **LATER})
async def replay(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    asked: Replaying,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """Completed steps are read again in their systems and not repeated; failed ones are tried again. From a step, or
    for a system, completed steps are repeated. A run that is closed is opened again."""
    done = await commands.replay_run(
        state_of(request).services,
        caller.actor,
        run_id,
        Scope(asked.from_step or "", asked.system or ""),
        asked.reason,
        asked.version,
    )
    return run_outcome(done, response)
