"""Limits on starts: which are reached, which starts are held, and releasing them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field

from orchestrator import commands
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.starts import shown_starts
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import ID, MAX_ID_CHARACTERS
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/starts", tags=["starts"], route_class=IdempotentRoute)

TripId = Annotated[str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]
HeldId = Annotated[str, Path(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]


class Limits(ResponseModel):
    """How many runs can be started within the window before further starts are held."""

    packet: str
    window_seconds: int
    per_requester: int
    per_packet: int
    urgent_per_requester: int
    urgent_per_packet: int


class _Limit(ResponseModel):
    trip_id: str
    packet: str
    scope: Literal["requester", "packet"] = Field(description="Whose further starts are held")
    by: str = Field(description="The account whose start reached it")
    urgent: bool = Field(description="Whether it is the limit of urgent starts")
    limit: int
    reached_at: datetime
    starts_held: int = Field(description="How many starts it held that are recorded")


class ReleasedLimit(_Limit):
    released_by: list[str] = Field(description="The accounts of the two people who released it")
    released_at: datetime


class ReachedLimit(_Limit):
    released_by: list[str] = Field(description="The first of the two people who release it")
    roles: list[str] = Field(description="The roles that can release it")
    can_release: bool = Field(description="Whether the caller can")


class HeldStart(ResponseModel):
    held_id: str
    packet: str
    person: str | None = Field(description="Null once the person is erased")
    by: str
    urgent: bool
    why: Literal["requester", "packet", "last_holder"] = Field(
        description="The limit that holds it; `last_holder`: the person is the last one with a role that runs need"
    )
    held_at: datetime
    confirmed_by: str | None
    confirmed_until: datetime | None = Field(description="Until then, the requester can repeat it")
    roles: list[str] = Field(description="The roles that can confirm it")
    can_confirm: bool = Field(description="Whether the caller can")


class StartsShown(ResponseModel):
    limits: list[Limits]
    reached: list[ReachedLimit]
    held: list[HeldStart] = Field(description="Those that the caller requested or can confirm")
    released: list[ReleasedLimit] = Field(description="Limits that were reached and released, the latest first")


class Released(ResponseModel):
    trip_id: str
    released: bool = Field(description="False while a second person is missing")


class Confirmed(ResponseModel):
    held_id: str
    changed: bool = Field(description="False if it was confirmed already")


@router.get("", summary="List limits on starts, and held starts", responses=problems())
async def starts(request: Request, caller: ApiCaller) -> StartsShown:
    return StartsShown.model_validate(await shown_starts(state_of(request), caller))


@router.post("/limits/{trip_id}/release", summary="Release a limit that is reached", responses=problems_of_post(404))
async def release(request: Request, caller: ApiCaller, trip_id: TripId, key: IdempotencyKey = None) -> Released:
    """Two different people have to do this, neither of them the requester. Counting starts again at zero."""
    released = await commands.release_starts(state_of(request).services, caller.actor, trip_id)
    return Released(trip_id=trip_id, released=released)


@router.post("/held/{held_id}/confirmation", summary="Confirm a held start", responses=problems_of_post(404))
async def confirm(request: Request, caller: ApiCaller, held_id: HeldId, key: IdempotencyKey = None) -> Confirmed:
    """A person other than the requester confirms it; the requester can then repeat the start for an hour."""
    changed = await commands.confirm_start(state_of(request).services, caller.actor, held_id)
    return Confirmed(held_id=held_id, changed=changed)
