"""Packets: read them, adopt a version, sign it, change its phase."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field, JsonValue

from connectors.registry import SYSTEM_CLASSES
from orchestrator import commands
from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.documents.packets import packet_document
from orchestrator.domain.packet.ability import SystemClass
from orchestrator.domain.packet.history.packet_events import OpenRuns, Owner, PacketAct, Phase, packet_stream
from orchestrator.domain.packet.history.packet_state import VersionState
from orchestrator.domain.packet.packet import APPROVALS_FILE, PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.versions.changes import FileOwner
from orchestrator.domain.permissions.levels import ActorKind, Level
from orchestrator.reading.run_lists import RunLists
from orchestrator.web.access.caller import ApiCaller, Caller
from orchestrator.web.access.packets import counted_shelf, packet_names, readable
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import Id, PacketName, Reason, Text, Version
from orchestrator.web.api.schema.support_answers import SupportFacts
from orchestrator.web.new_versions import checked_version
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1/packets", tags=["packets"], route_class=IdempotentRoute)


class Signature(ResponseModel):
    owner: Owner
    phase: Phase = Field(description="The phase that the signature is for")
    by: str


class RequiredSignature(ResponseModel):
    owners: list[Owner] = Field(description="All of them sign; if empty, one of the two owners does")
    direct: bool = Field(
        description="Whether the version can go to any later phase directly: compared with the version in production, "
        "all its changes are wording or stricter"
    )


class OpenObjection(ResponseModel):
    objection: str
    by: str
    withdrawn: bool


class PacketVersion(ResponseModel):
    version: str
    phase: Phase
    value_owner: str = Field(description="The role that owns workflow.yaml")
    safety_owner: str = Field(description="The role that owns platform.yaml")
    signatures: list[Signature] = Field(description="Those that still count")
    past_signatures: list[Signature] = Field(
        [], description="Those that a move to another phase has used up, oldest first"
    )
    open_runs: int = Field(0, description="The number of open runs under this version, of those that you can see")
    required: RequiredSignature = Field(description="Whose signatures a move to a later phase needs")
    objections: list[OpenObjection] = Field(
        [], description="While one is not withdrawn, the version does not go to a later phase"
    )


class PacketInList(ResponseModel):
    name: str
    title: str
    purpose: str
    phase: Phase
    version: str = Field(description="The version that new runs use, or else the newest")


class Packets(ResponseModel):
    packets: list[PacketInList]


class PacketShown(PacketInList):
    batch_cap: int = Field(description="The number of runs that can start from one list without a confirmation")
    late_after: float | None = Field(
        None,
        description="Seconds after which a cutoff in the past makes a start urgent; "
        "null if the packet allows no urgent starts",
    )
    export_columns: dict[str, str] = Field(description="Titles of the columns in HR's export, by field")
    export_format: dict[str, JsonValue] = Field(
        {}, description="How HR's export is written: encoding, dates, time zone and the like"
    )
    versions: list[PacketVersion] = Field(description="In the order of adoption, newest last")


class PacketFile(ResponseModel):
    name: str = Field(examples=["workflow.yaml"])
    owner: FileOwner
    roles: list[str] = Field(description="The roles that own it")
    text: str = Field(description="The source text; it has no secrets")


class PacketChange(ResponseModel):
    at: datetime
    what: Literal["adopted", "signed", "moved", "objected", "objection_withdrawn", "objection_answered", "refused"]
    version: str
    by: str
    owner: Owner | None = None
    from_phase: Phase | None = None
    phase: Phase | None = None
    reason: str | None = None
    open_runs: OpenRuns | None = Field(None, description="What happened to open runs when the version was moved back")
    objection: str | None = None
    act: PacketAct | None = Field(None, description="What was refused")
    code: str | None = Field(None, description="Why it was refused")


class Objection(ResponseModel):
    objection: str
    by: str
    at: datetime
    reason: str | None = Field(description="Null if the person's data was erased")
    state: Literal["open", "withdrawn", "answered"] = Field(
        description="`answered`: another version was adopted that answers it; this version does not go forward still"
    )
    answered_by: str | None = Field(description="The version that answers it")
    answer: str | None = Field(None, description="How it answers it; null also if the person's data was erased")


class StepMeant(ResponseModel):
    name: str
    title: str
    system: str | None
    gate: str | None
    needs: list[str]
    task_for: str | None
    instruction: str | None
    sentence: str
    written_as: str | None = Field(
        None, description="The name in workflow.yaml of the step for every system of a class that this step comes from"
    )


class ClassStep(ResponseModel):
    """A step that workflow.yaml has for every system of a class."""

    name: str
    title: str
    every: SystemClass
    ability: str
    systems: list[str] = Field(description="The systems of the class that can do it, when the version was adopted")
    steps: list[str] = Field(description="The names of its steps, one for each system")
    sentence: str


class PacketNotice(ResponseModel):
    file: str
    line: int | None
    field: str
    message: str
    remedy: str


class GateMeant(ResponseModel):
    name: str
    title: str
    sentence: str
    steps: list[str] = Field(description="Titles of the steps that need its approval")


class SignatureMeant(ResponseModel):
    name: str
    title: str
    sentence: str


class SystemMeant(ResponseModel):
    name: str
    title: str
    connector: str
    hosts: list[str]
    support: str | None = Field(description="The team")
    runbook: str | None
    support_details: SupportFacts
    sentences: list[str]


class Meaning(ResponseModel):
    """The three files in sentences."""

    outcomes: list[str]
    steps: list[StepMeant]
    class_steps: list[ClassStep] = Field([], description="The steps for every system of a class, as they are written")
    left_out: str
    gates: list[GateMeant]
    close: list[SignatureMeant] = Field(default=[], description="Signatures that a run needs before it closes")
    never_decide: str
    thresholds: list[str]
    urgent: list[str]
    embargo: list[str]
    systems: list[SystemMeant]


class LevelRow(ResponseModel):
    who: str = Field(description="A role; `*` for every actor of this kind")
    levels: dict[str, Level | None] = Field(description="By system; null: no permission")


class LevelTable(ResponseModel):
    kind: ActorKind
    systems: list[str]
    rows: list[LevelRow]


class WholeVersion(ResponseModel):
    name: str
    title: str
    purpose: str
    version: str
    phase: Phase
    current: bool = Field(description="Whether new runs use this version")
    value_owner: str
    safety_owner: str
    files: list[PacketFile]
    signatures: list[Signature] = Field(description="Those that still count")
    past_signatures: list[Signature] = Field(
        [], description="Those that a move to another phase has used up, oldest first"
    )
    open_runs: int = Field(0, description="The number of open runs under this version, of those that you can see")
    history: list[PacketChange] = Field(description="Of all versions")
    objections: list[Objection] = Field([], description="To this version, oldest first")
    meaning: Meaning
    notices: list[PacketNotice] = Field(
        [],
        description="Systems that no step changes anything in, systems of a class that cannot do what a step for the "
        "class does, and classes that no system has",
    )
    levels: list[LevelTable] = Field(description="Permissions by kind of actor")
    level_words: dict[str, str]


class NewAnswer(RequestModel):
    objection: Id = Field(examples=["objection-1"])
    answer: Reason = Field(
        description="How the version answers the objection. Encrypted; visible to all who can read the packet"
    )


class NewPacket(RequestModel):
    """The texts of the three files; the first one has the packet's name."""

    workflow: str = Field(max_length=300_000)
    platform: str = Field(max_length=300_000)
    approvals: str = Field(max_length=300_000)
    answers: list[NewAnswer] = Field(
        [], max_length=20, description="The objections that the version answers. Their authors see it in their inbox"
    )


class Adopted(ResponseModel):
    packet: str
    version: str


class NewSignature(RequestModel):
    phase: Phase | None = Field(
        None, description="The version's next phase, which is also the default, or a later one if `required.direct`"
    )


class NewMove(RequestModel):
    phase: Phase
    reason: Text = ""
    open_runs: OpenRuns = Field(
        "continue",
        description="For a move back or to retired: `continue` leaves open runs under this version; `pause` pauses "
        "those that you can see, which needs a role that can pause them",
    )


@router.get("", summary="List packets", responses=problems())
async def packets(request: Request, caller: ApiCaller) -> Packets:
    web = state_of(request)
    found = await web.queries.readable_packets(caller.viewer)
    return Packets(packets=[PacketInList(**await _line(web, packet)) for packet in found])


@router.get("/{name}", summary="Get a packet and its versions", responses=problems(404))
async def one(request: Request, caller: ApiCaller, name: PacketName) -> PacketShown:
    web = state_of(request)
    packet = await readable(web, caller, name)
    shelf = await counted_shelf(web, packet.name)
    versions = [await _shown(web, caller, shelf, known) for known in shelf.history.versions]
    urgent = packet.approvals.urgent
    return PacketShown(
        **await _line(web, packet),
        batch_cap=packet.workflow.thresholds.batch_cap,
        late_after=urgent.late_after.total_seconds() if urgent is not None else None,
        export_columns=dict(packet.platform.hr.export_columns),
        export_format=dict(packet.platform.hr.export_format),
        versions=versions,
    )


@router.get("/{name}/versions/{version}", summary="Get a packet version", responses=problems(404))
async def whole(request: Request, caller: ApiCaller, name: PacketName, version: Version) -> WholeVersion:
    """The three files with an explanation in sentences."""
    web = state_of(request)
    await readable(web, caller, name)
    shelf = await counted_shelf(web, name)
    known = shelf.history.version(version)
    packet = shelf.version(known.version)
    stream = packet_stream(name)
    happened = (await web.services.runs.ledger.read({stream: 0})).events[stream]
    document = packet_document(packet, shelf, happened, web.services.runs.abilities, SYSTEM_CLASSES)
    running = await RunLists(web.database, web.queries).open_under(caller.viewer, known.version)
    return WholeVersion.model_validate(document | {"open_runs": len(running)})


@router.post("", summary="Adopt a packet", status_code=201, responses=problems_of_post())
async def adopt(request: Request, caller: ApiCaller, asked: NewPacket, key: IdempotencyKey = None) -> Adopted:
    """As a draft, by one of its owners. `errors` lists every problem in the files."""
    web = state_of(request)
    files = {WORKFLOW_FILE: asked.workflow, PLATFORM_FILE: asked.platform, APPROVALS_FILE: asked.approvals}
    packet = await checked_version(web, caller, {name: text.encode() for name, text in files.items()})
    answers = {one.objection: one.answer for one in asked.answers}
    version = await commands.adopt_packet(web.services, caller.actor, packet, await packet_names(web), answers)
    return Adopted(packet=packet.name, version=version)


@router.post("/{name}/versions/{version}/signatures", summary="Sign a packet version", responses=problems_of_post(404))
async def sign(
    request: Request,
    caller: ApiCaller,
    name: PacketName,
    version: Version,
    asked: NewSignature,
    key: IdempotencyKey = None,
) -> PacketVersion:
    """For its next phase, as the owner whose role the caller has; for any later phase if `required.direct`."""
    web = state_of(request)
    await readable(web, caller, name)
    await commands.sign_packet(web.services, caller.actor, name, version, asked.phase, await packet_names(web))
    return await shown_version(web, caller, name, version)


@router.post(
    "/{name}/versions/{version}/moves", summary="Change the phase of a packet version", responses=problems_of_post(404)
)
async def move(
    request: Request,
    caller: ApiCaller,
    name: PacketName,
    version: Version,
    asked: NewMove,
    key: IdempotencyKey = None,
) -> PacketVersion:
    """Forward with the signatures that `required` names; back, or to retired, by either owner alone."""
    web = state_of(request)
    await readable(web, caller, name)
    names = await packet_names(web)
    known = (await web.services.runs.shelf(name)).history.version(version)
    running = await RunLists(web.database, web.queries).open_under(caller.viewer, known.version)
    await commands.move_packet(
        web.services, caller.actor, name, known.version, asked.phase, names, asked.reason, asked.open_runs, running
    )
    return await shown_version(web, caller, name, version)


async def shown_version(web: WebState, caller: Caller, name: str, version: str) -> PacketVersion:
    shelf = await counted_shelf(web, name)
    return await _shown(web, caller, shelf, shelf.history.version(version))


async def _shown(web: WebState, caller: Caller, shelf: PacketShelf, known: VersionState) -> PacketVersion:
    running = await RunLists(web.database, web.queries).open_under(caller.viewer, known.version)
    required = await web.heavy.run(shelf.required_signatures, known.version)
    return PacketVersion.model_validate(
        known.model_dump()
        | {
            "open_runs": len(running),
            "required": {"owners": sorted(required.owners, reverse=True), "direct": required.direct},
        }
    )


async def _line(web: WebState, packet: Packet) -> dict[str, str]:
    shelf = await web.services.runs.shelf(packet.name)
    return {
        "name": packet.name,
        "title": packet.workflow.title,
        "purpose": packet.workflow.purpose,
        "phase": shelf.history.version(packet.version).phase,
        "version": packet.version,
    }
