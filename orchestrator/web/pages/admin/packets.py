"""The page Packets: the three files with their owners, their meaning in sentences, and the signatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast, get_args

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from connectors.registry import SYSTEM_CLASSES
from orchestrator import commands
from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.documents.packet_changes import changes_document
from orchestrator.documents.packets import expansion_text, packet_document
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.packet.history import objections, packet_phases, packet_state
from orchestrator.domain.packet.history.packet_events import (
    FORWARD,
    OpenRuns,
    Owner,
    PacketSigned,
    Phase,
    packet_stream,
)
from orchestrator.domain.packet.packet import FILE_NAMES
from orchestrator.domain.packet.versions.file_ownership import RequiredSignatures, own_files
from orchestrator.ledger.access.sessions import Flash
from orchestrator.reading.run_lists import RunLists
from orchestrator.vocabulary.refused_packet_acts import refused_act
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.packets import counted_shelf, packet_names, readable
from orchestrator.web.pages.admin.comparison import compared
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import WebState, state_of
from orchestrator.web.words import words

router = APIRouter()

PHASES: tuple[Phase, ...] = (*FORWARD, "retired")
OWNERS = "owners"
PARTS = ("means", "levels", "files", OWNERS)
"""Of a packet's page, one at a time."""


@dataclass(frozen=True, slots=True)
class PacketActions:
    """What the caller may do with a version, by the domain's own word: the phase and owner that they may sign for, and
    the phases to which they may move it. `needed`: whether that signature is one that the version needs. `objects`:
    whether they may object. `withdraws`: the objections that they may withdraw. `edits`: whether they
    may edit a copy."""

    sign: tuple[Owner, Phase] | None
    moves: tuple[Phase, ...]
    needed: bool
    objects: bool
    withdraws: tuple[str, ...]
    edits: bool


@router.get("/packets")
async def packets(request: Request, caller: PageCaller) -> Response:
    web = state_of(request)
    found: list[dict[str, Any]] = []
    for packet in await web.queries.readable_packets(caller.viewer):
        shelf = await web.services.runs.shelf(packet.name)
        known = shelf.history.version(packet.version)
        newest = shelf.history.newest
        found.append(
            {
                "packet": packet,
                "known": known,
                "versions": len(shelf.history.versions),
                "newer": newest if newest is not None and newest.version != packet.version else None,
            }
        )
    order = {phase: at for at, phase in enumerate(("production", "pilot", "shadow", "draft", "retired"))}
    found.sort(key=lambda one: order[one["known"].phase])
    return await page(request, "admin/packets.html", title="Packets", caller=caller, current="packets", found=found)


@router.get("/packets/{name}")
async def packet(request: Request, caller: PageCaller, name: str) -> Response:
    """The version that works for people, else the newest."""
    current = await readable(state_of(request), caller, name)
    return await _page(request, caller, name, current.version)


@router.get("/packets/{name}/versions/{version}")
async def one_version(request: Request, caller: PageCaller, name: str, version: str) -> Response:
    return await _page(request, caller, name, version)


@router.get("/packets/{name}/differences")
async def differences(request: Request, caller: PageCaller, name: str) -> Response:
    """Between two versions, by meaning and line by line: `before` and `after` in the address are versions."""
    web = state_of(request)
    current = await readable(web, caller, name)
    shelf = await web.services.runs.shelf(name)
    versions = shelf.history.versions
    asked = {side: request.query_params.get(side, "")[:64] for side in ("before", "after")}
    after = shelf.history.version(asked["after"]) if asked["after"] else versions[-1]
    before = shelf.history.version(asked["before"]) if asked["before"] else shelf.compared_with(after.version) or after
    one, other = shelf.version(before.version), shelf.version(after.version)
    texts = [(file, one.files[file].decode(), other.files[file].decode()) for file in FILE_NAMES]
    if one.expansion or other.expansion:
        texts.append(("Steps for every system of a class", expansion_text(one), expansion_text(other)))
    files = [{"name": name, "compared": await web.heavy.run(compared, *both)} for name, *both in texts]
    return await page(
        request,
        "admin/packet_differences.html",
        title=f"Differences: {current.workflow.title}",
        caller=caller,
        current="packets",
        packet=current,
        before=before,
        after=after,
        meaning=await web.heavy.run(changes_document, one, other),
        files=files,
        versions=[(one.version, f"{one.version[:12]} · {words(one.phase, 'phase')}") for one in reversed(versions)],
    )


@router.post("/packets/{name}/versions/{version}/sign")
async def sign(request: Request, caller: PageCaller, form: Form, name: str, version: str) -> Response:
    """As the owner whose role the caller has, for the phase that the button named: a phase that has passed meanwhile is
    not signed by mistake."""
    web = state_of(request)
    await readable(web, caller, name)
    try:
        phase = _phase(text(form, "phase"))
        known = (await web.services.runs.shelf(name)).history.version(version)
        names = await packet_names(web)
        await commands.sign_packet(web.services, caller.actor, name, known.version, phase, names)
    except Refusal as refused:
        return await _page(request, caller, name, version, *refusal_flash(request, refused), default=OWNERS)
    said = f"You have signed version {known.version[:12]} for {words(phase, 'phase').lower()}."
    return await back_to(request, caller, f"{_address(name, known.version)}?part={OWNERS}", Flash("done", said))


@router.post("/packets/{name}/versions/{version}/move")
async def move(request: Request, caller: PageCaller, form: Form, name: str, version: str) -> Response:
    web = state_of(request)
    await readable(web, caller, name)
    try:
        phase = _phase(text(form, "phase"))
        known = (await web.services.runs.shelf(name)).history.version(version)
        names, why = await packet_names(web), text(form, "reason")
        running = await RunLists(web.database, web.queries).open_under(caller.viewer, known.version)
        await commands.move_packet(
            web.services, caller.actor, name, known.version, phase, names, why, _open_runs(form), running
        )
    except Refusal as refused:
        return await _page(request, caller, name, version, *refusal_flash(request, refused), default=OWNERS)
    said = f"Version {known.version[:12]} is now in the phase {words(phase, 'phase').lower()}."
    return await back_to(request, caller, f"{_address(name, known.version)}?part={OWNERS}", Flash("done", said))


@router.post("/packets/{name}/versions/{version}/object")
async def object_to(request: Request, caller: PageCaller, form: Form, name: str, version: str) -> Response:
    web = state_of(request)
    await readable(web, caller, name)
    try:
        await commands.object_to_packet(web.services, caller.actor, name, version, text(form, "reason"))
    except Refusal as refused:
        return await _page(request, caller, name, version, *refusal_flash(request, refused), default=OWNERS)
    said = f"Your objection to version {version[:12]} is recorded."
    return await back_to(request, caller, f"{_address(name, version)}?part={OWNERS}", Flash("done", said))


@router.post("/packets/{name}/versions/{version}/withdraw-objection")
async def withdraw_objection(request: Request, caller: PageCaller, form: Form, name: str, version: str) -> Response:
    web = state_of(request)
    await readable(web, caller, name)
    try:
        await commands.withdraw_objection(web.services, caller.actor, name, version, text(form, "objection"))
    except Refusal as refused:
        return await _page(request, caller, name, version, *refusal_flash(request, refused), default=OWNERS)
    said = f"Your objection to version {version[:12]} is withdrawn."
    return await back_to(request, caller, f"{_address(name, version)}?part={OWNERS}", Flash("done", said))


async def _page(
    request: Request,
    caller: Caller,
    name: str,
    version: str,
    flash: Flash | None = None,
    status: int = 200,
    default: str = "means",
) -> Response:
    web = state_of(request)
    await readable(web, caller, name)
    shelf = await counted_shelf(web, name)
    known = shelf.history.version(version)
    shown = shelf.version(known.version)
    stream = packet_stream(name)
    happened = (await web.services.runs.ledger.read({stream: 0})).events[stream]
    staff = await web.queries.staff()
    running = await RunLists(web.database, web.queries).open_under(caller.viewer, known.version)
    required = await web.heavy.run(shelf.required_signatures, known.version)
    following = _following(known, required)
    document = packet_document(shown, shelf, happened, web.services.runs.abilities, SYSTEM_CLASSES)
    return await page(
        request,
        "admin/packet.html",
        title=shown.workflow.title,
        caller=caller,
        current="packets",
        status=status,
        flashes=(flash,) if flash is not None else (),
        found=document,
        known=known,
        owners=[
            ("value", known.value_owner, known.signed("value", following) if following is not None else None),
            ("safety", known.safety_owner, known.signed("safety", following) if following is not None else None),
        ],
        following=following,
        required=required,
        offered=_offered(shelf, known, caller, required),
        holders=await _holders(web, known),
        titles={system: spec.title for system, spec in shown.platform.systems.items()},
        gate_titles={gate: spec.title for gate, spec in shown.approvals.gates.items()},
        running=len(running),
        name_of=lambda actor_id: name_in(staff, actor_id),
        refused_act=refused_act,
        address=_address(name, known.version),
        part=part if (part := request.query_params.get("part") or default) in PARTS else PARTS[0],
    )


def _following(known: packet_state.VersionState, required: RequiredSignatures) -> Phase | None:
    """The phase that the page offers to sign for: the next one, or production where the version can go there
    directly."""
    if known.phase in ("production", "retired"):
        return None
    if required.direct:
        return "production"
    return FORWARD[FORWARD.index(known.phase) + 1]


def _offered(
    shelf: PacketShelf, known: packet_state.VersionState, caller: Caller, required: RequiredSignatures
) -> PacketActions:
    sign: tuple[Owner, Phase] | None = None
    following = _following(known, required)
    try:
        for draft in packet_phases.sign(shelf.history, known.version, caller.actor, phase=following, required=required):
            if isinstance(draft.event, PacketSigned):
                sign = (draft.event.owner, draft.event.phase)
    except Refusal:
        pass
    moves, lacks = [], shelf.missing_support(known.version)
    for phase in PHASES:
        try:
            if packet_phases.move(
                shelf.history, known.version, phase, caller.actor, required=required, missing_support=lacks
            ):
                moves.append(phase)
        except Refusal:
            continue
    missing = required.missing(one.owner for one in known.signatures if one.phase == following)
    return PacketActions(
        sign,
        tuple(moves),
        needed=sign is not None and sign[0] in missing,
        objects=_may_object(shelf, known, caller),
        edits=_may_edit(shelf, known, caller),
        withdraws=tuple(one.objection for one in known.open_objections if _may_withdraw(shelf, known, one, caller)),
    )


def _may_edit(shelf: PacketShelf, known: packet_state.VersionState, caller: Caller) -> bool:
    try:
        packet_phases.require_author(caller.actor)
    except Refusal:
        return False
    return bool(own_files(caller.actor, shelf.production or shelf.version(known.version)))


def _may_object(shelf: PacketShelf, known: packet_state.VersionState, caller: Caller) -> bool:
    try:
        return bool(objections.object_to(shelf.history, known.version, caller.actor, "asked"))
    except Refusal:
        return False


def _may_withdraw(
    shelf: PacketShelf, known: packet_state.VersionState, one: packet_state.ObjectionRecord, caller: Caller
) -> bool:
    try:
        return bool(objections.withdraw_objection(shelf.history, known.version, one.objection, caller.actor))
    except Refusal:
        return False


async def _holders(web: WebState, known: packet_state.VersionState) -> dict[str, list[str]]:
    """Who holds the owners' roles, by role."""
    staff = await web.queries.staff()
    return {
        role: sorted(
            name_in(staff, actor_id)
            for actor_id, member in staff.items()
            if member.actor.kind == "person" and role in member.actor.roles
        )
        for role in (known.value_owner, known.safety_owner)
    }


def _phase(phase: str) -> Phase:
    for known in PHASES:
        if known == phase:
            return known
    raise Invalid("unknown_phase", f"There is no phase {phase[:40]!r}.")


def _open_runs(form: FormData) -> OpenRuns | None:
    for known in get_args(OpenRuns):
        if text(form, "open_runs") == known:
            return cast(OpenRuns, known)
    return None


def _address(name: str, version: str) -> str:
    return f"/packets/{name}/versions/{version}"
