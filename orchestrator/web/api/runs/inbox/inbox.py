"""The open items of the caller, who else can act on them, and what happens if no one does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field

from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.documents.inbox import if_nobody_does, item_document, subject, title, with_instruction
from orchestrator.domain.approvals.deciders import PeopleByRole, deciders, effects_of_delay
from orchestrator.domain.errors import Refusal
from orchestrator.domain.packet.history.packet_events import Owner, Phase
from orchestrator.reading.rows import Item
from orchestrator.reading.staff import StaffMember
from orchestrator.web.access.caller import ApiCaller, Caller
from orchestrator.web.access.packets import objections_for, packets_to_sign
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.run_answers import PersonInRun
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1", tags=["inbox"], route_class=IdempotentRoute)

ItemKind = Literal["gate", "task", "exception", "review"]
MostItems = Annotated[int, Query(ge=1, le=200)]


class Colleague(ResponseModel):
    actor_id: str
    name: str | None = Field(description="Null if sign-in did not give a name, and if the caller is a program")


class Waiting(ResponseModel):
    id: str = Field(description="The ID of the gate, task or exception within its run")
    run_id: str
    person: PersonInRun | None
    kind: ItemKind
    subject: str = Field(description="A short subject without personal data")
    title: str
    roles: list[str] = Field(description="Roles that can act on it")
    system: str | None
    opened_at: datetime
    due_at: datetime | None
    cutoff: datetime
    zone: str
    packet: str
    packet_version: str
    shadow: bool = Field(False, description="Whether its run is a dry run")
    on_behalf_of: str | None = Field(None, description="The account for which the caller would act as delegate")
    detail: dict[str, Any] = Field(description="Details by kind of item")
    instruction: str | None = Field(None, description="The instructions of a task")
    may_take_effect_until: datetime | None = Field(
        None, description="Of a task that asks for an outcome: until then the call can still take effect"
    )
    others: list[Colleague] = Field(description="Other users who can act on it now")
    if_nobody_does: str = Field(
        title="If not completed", description="What happens if it is not completed by its due date, in words"
    )
    lapses_at: datetime | None = Field(None, description="When the approval of a gate would expire")
    steps_undone: int = Field(0, description="The number of steps that are blocked until then")


class EndingEmbargo(ResponseModel):
    run_id: str
    until: datetime = Field(description="From then on the complete record is visible like that of any other run")


class PacketToSign(ResponseModel):
    packet: str
    version: str
    title: str
    owner: Owner = Field(description="As which owner the caller signs")
    phase: Phase = Field(description="The phase that the signature is for")


class WaitingObjection(ResponseModel):
    """An objection of another owner to a packet version of the caller, or an answer to the caller's own."""

    packet: str
    version: str = Field(description="The version that is objected to")
    title: str
    objection: str
    by: str
    at: datetime
    reason: str | None = Field(description="Null if the person's data was erased")
    state: Literal["open", "answered"] = Field(description="`answered`: the caller objected, and a version answers it")
    answered_by: str | None = Field(description="The version that answers it")
    answer: str | None


class Inbox(ResponseModel):
    items: list[Waiting] = Field(description="Most urgent first")
    to_sign: list[PacketToSign] = Field([], description="Packet versions that wait for the caller's signature")
    objections: list[WaitingObjection] = Field(
        [], description="Objections to packet versions of the caller, and answers to the caller's objections"
    )
    embargoes_ending: list[EndingEmbargo] = Field(
        [], description="Embargoes that name the caller and end within a week"
    )
    now: datetime


@router.get("/inbox", summary="List open items", responses=problems())
async def inbox(
    request: Request,
    caller: ApiCaller,
    kind: Annotated[list[ItemKind], Query(description="Only these kinds")] = [],  # noqa: B006
    mine: Annotated[bool, Query(description="False: all open items in runs that the caller can see")] = True,
    limit: MostItems = 50,
) -> Inbox:
    return await waiting(state_of(request), caller, kind, mine=mine, limit=limit)


async def waiting(web: WebState, caller: Caller, kinds: Sequence[ItemKind], *, mine: bool, limit: int) -> Inbox:
    found = await web.queries.inbox(caller.viewer, kinds, mine=mine, limit=limit)
    staff = await web.queries.staff()
    looked = await web.queries.snapshots(caller.viewer, list(dict.fromkeys(item.run_id for item in found.items)))
    people = PeopleByRole(next((one.world.actors.values() for one in looked.values()), ()))
    ending = await web.queries.ending_embargoes(caller.viewer)
    to_sign = await packets_to_sign(web, caller) if mine and not kinds else []
    objecting = await objections_for(web, caller) if mine and not kinds else []
    return Inbox(
        items=[_item(item, looked[item.run_id], staff, people, caller) for item in found.items],
        objections=[WaitingObjection(**one) for one in objecting],
        to_sign=[PacketToSign(**one) for one in to_sign],
        embargoes_ending=[EndingEmbargo(run_id=run_id, until=until) for run_id, until in ending],
        now=found.now,
    )


def _item(item: Item, snapshot: RunSnapshot, staff: Any, people: PeopleByRole, caller: Caller) -> Waiting:
    state, world = snapshot.state, snapshot.world
    document = with_instruction(item_document(item), state) if item.kind == "task" else item_document(item)
    packet = world.pinned
    try:
        others = [one for one in deciders(state, item.id, people, world) if one != caller.actor.actor_id]
        consequence = effects_of_delay(state, item.id, world)
    except Refusal:  # it was seen to since the list was read
        return Waiting.model_validate(
            document | _words(item, packet) | {"others": [], "if_nobody_does": "It was completed."}
        )
    return Waiting.model_validate(
        document
        | _words(item, packet)
        | {
            "others": [_colleague(one, staff.get(one), caller) for one in others],
            "if_nobody_does": if_nobody_does(item, packet),
            "lapses_at": consequence.lapses_at,
            "steps_undone": len(consequence.undone),
        }
    )


def _words(item: Item, packet: Any) -> dict[str, str]:
    return {"subject": subject(item), "title": title(item, packet)}


def _colleague(actor_id: str, member: StaffMember | None, caller: Caller) -> Colleague:
    shown = member.name if member is not None and caller.actor.kind == "person" else None
    return Colleague(actor_id=actor_id, name=shown)
