"""Two versions of a packet, compared by meaning."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import Field

from orchestrator.documents.packet_changes import changes_document
from orchestrator.domain.packet.versions.change_table import ChangeKind
from orchestrator.domain.packet.versions.changes import FileOwner
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import readable
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems
from orchestrator.web.api.schema.parameters import OtherVersion, PacketName, Version
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/packets", tags=["packets"], route_class=IdempotentRoute)


class VersionChange(ResponseModel):
    file: str = Field(examples=["workflow.yaml"])
    owner: FileOwner = Field(description="Who owns what is changed")
    kind: ChangeKind
    place: str = Field(description="The path in the file", examples=["gates.access.quorum"])
    sentence: str
    before: str | None
    after: str | None


class VersionChanges(ResponseModel):
    packet: str
    before: str | None = Field(description="The version compared with; null if there is none")
    after: str
    counts: dict[ChangeKind, int]
    changes: list[VersionChange]


@router.get(
    "/{name}/versions/{version}/changes", summary="Compare a packet version with another one", responses=problems(404)
)
async def version_changes(
    request: Request, caller: ApiCaller, name: PacketName, version: Version, before: OtherVersion = None
) -> VersionChanges:
    """By meaning: each change is wording, stricter, laxer or other. Without `before`, the other version is the one in
    production, or, if that is this one or there is none, the version adopted before this one."""
    web = state_of(request)
    await readable(web, caller, name)
    shelf = await web.services.runs.shelf(name)
    after = shelf.history.version(version)
    other = shelf.history.version(before) if before is not None else shelf.compared_with(after.version)
    one = shelf.version(other.version) if other is not None else None
    return VersionChanges.model_validate(await web.heavy.run(changes_document, one, shelf.version(after.version)))
