"""The record of a packet version: signatures, changes of phase, objections, and the changes that were signed."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import Field

from orchestrator.domain.packet.history.packet_events import Owner, PacketAct, Phase
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import record_of
from orchestrator.web.api.admin.packet_changes import VersionChanges
from orchestrator.web.api.admin.packets import Objection
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import PacketName, Version
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/packets", tags=["packets"], route_class=IdempotentRoute)


class RecordedAct(ResponseModel):
    at: datetime
    position: int = Field(description="The position of the event in the ledger")
    by: str


class RecordedSignature(RecordedAct):
    owner: Owner
    phase: Phase
    compared_with: str | None = Field(description="The version in production when it was signed; null if none was")


class RecordedMove(RecordedAct):
    from_phase: Phase
    phase: Phase
    reason: str | None
    compared_with: str | None = Field(description="The version in production before the move; null if none was")


class RecordedRefusal(RecordedAct):
    """What was refused to an account: once for each act, account and code."""

    act: PacketAct
    phase: Phase | None = Field(description="The phase that it was for, if the account named one")
    code: str = Field(description="The code of the refusal")


class PacketRecord(ResponseModel):
    packet: str
    title: str
    version: str
    phase: Phase
    adopted: list[RecordedAct] = Field(description="More than one if the same files were adopted again")
    signatures: list[RecordedSignature]
    moves: list[RecordedMove]
    objections: list[Objection]
    refused: list[RecordedRefusal] = Field([], description="Oldest first")
    changes: list[VersionChanges] = Field(
        description="The changes from each version in `compared_with` of a signature; without signatures, from the "
        "version in production"
    )


@router.get("/{name}/versions/{version}/record", summary="Get the record of a packet version", responses=problems(404))
async def record(request: Request, caller: ApiCaller, name: PacketName, version: Version) -> PacketRecord:
    """Who adopted, signed, moved and objected to the version, when, and on which changes."""
    return PacketRecord.model_validate(await record_of(state_of(request), caller, name, version))
