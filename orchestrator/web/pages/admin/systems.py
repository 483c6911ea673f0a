"""The page Systems: whether each can be reached, whom to contact if not, and pausing changes in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from connectors.registry import LISTS_ACCOUNTS, REFERENCE_KINDS
from orchestrator import commands
from orchestrator.commands.services import active_people, packets_in_use
from orchestrator.documents.document import Document
from orchestrator.documents.hr_feed import FeedStatus, feed_status
from orchestrator.documents.runs.questions import CheckSystems
from orchestrator.documents.systems.support import support_document
from orchestrator.documents.systems.system_standing import SystemStanding
from orchestrator.documents.systems.system_uses import uses_of
from orchestrator.domain.commands.ends_of_pauses import latest_end
from orchestrator.domain.commands.systems import hold_system, release_system, require_listing
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events import EVERYTHING
from orchestrator.domain.organisation.organisation import Holds
from orchestrator.domain.packet.packet import Packet, SystemSpec
from orchestrator.domain.permissions.levels import Actor
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.access.sessions import Flash
from orchestrator.ledger.engine.hr_feeds import HrFeedRows
from orchestrator.ledger.engine.system_reports import SystemReport, last_reports
from orchestrator.vocabulary.states import MISSING_LEAVERS
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.packets import packet_names, readable
from orchestrator.web.access.read_permissions import looks_after, require_looking_after
from orchestrator.web.pages.new_run.local_times import instant_given
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.state import state_of

router = APIRouter()

CHECK_TIMEOUT_SECONDS = 20.0
"""Seconds: systems that do not answer are waited for until their deadline."""


@dataclass(frozen=True, slots=True)
class SystemLine:
    """`seen` is the result of the last check, None before the first; `use` how the system answers the calls of runs
    (`uses_of`), None before the first. `may_hold` and `may_release` are what the domain would let the caller do, and so
    is `may_list`, of the accounts of a system whose kind lists them. `feed` is of the HR system."""

    name: str
    spec: SystemSpec
    support: Document
    seen: SystemReport | None
    use: dict[str, Any] | None
    held: bool
    held_until: datetime | None
    may_hold: bool
    may_release: bool
    may_list: bool
    feed: FeedStatus | None = None

    @property
    def origin(self) -> str:
        """What brings the connector, and whether it is one that only the embedded company speaks."""
        reference = " (reference connector: represents a real system)" if self.spec.connector in REFERENCE_KINDS else ""
        return self.spec.connector_origin + reference

    @property
    def _standing(self) -> SystemStanding:
        if self.use is None:
            return SystemStanding(self.seen)
        return SystemStanding(self.seen, self.use["answered_at"], self.use["failed_at"], self.use["failing_since"])

    @property
    def failing(self) -> bool:
        return self._standing.fails_for_runs

    @property
    def standing(self) -> str:
        """A word of the vocabulary `reachable`."""
        return {True: "yes", False: "no", None: "unknown"}[self._standing.responds]


@dataclass(frozen=True, slots=True)
class PacketSystems:
    """`all_held` holds back every change on every system, `older_ledger` because the ledger is an older copy;
    `may_check` is whether the caller looks after these."""

    packet: Packet
    lines: tuple[SystemLine, ...]
    all_held: bool
    all_held_until: datetime | None
    older_ledger: bool
    may_hold_all: bool
    may_release_all: bool
    may_check: bool


@router.get("/systems")
async def systems(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.post("/systems/{packet}/check")
async def check(request: Request, caller: PageCaller, form: Form, packet: str) -> Response:
    """A worker looks at each system and changes nothing."""
    web = state_of(request)
    current = await readable(web, caller, packet)
    require_looking_after(caller, current)
    try:
        checked = await web.inquiries.ask(
            caller.actor.actor_id, CheckSystems(packet=current.name), within=CHECK_TIMEOUT_SECONDS
        )
    except (Refusal, EngineUnavailable) as error:
        return await _page(request, caller, *refusal_flash(request, error))
    silent = [system.title for system in checked.systems if system.reachable is False]
    if silent:
        said = f"Not reachable: {', '.join(silent)}."
        flash = Flash("refused", said, "Details and support contacts are shown below.")
    else:
        flash = Flash("done", "All systems that can be checked from here respond and accept the credentials.")
    return await back_to(request, caller, f"/systems#{current.name}", flash)


@router.post("/systems/{packet}/hold")
async def hold(request: Request, caller: PageCaller, form: Form, packet: str) -> Response:
    """`system` is one of the packet's, or `*` for all. `until` is a time in `zone` at which changes resume."""
    web = state_of(request)
    current = await readable(web, caller, packet)
    system = text(form, "system")[:100]
    reason, typed = text(form, "reason"), text(form, "until")
    try:
        zone = text(form, "zone") or caller.zone
        until = instant_given(typed, zone, "The end of the pause") if typed else None
        names = await packet_names(web)
        changed = await commands.hold_system(
            web.services, caller.actor, system, current.name, names, reason or None, until
        )
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = f"{_title(current, system)}: changes are paused in all runs." if changed else "Changes were already paused."
    return await back_to(request, caller, _place(current, system), Flash("done", said))


@router.post("/systems/{packet}/release")
async def release(request: Request, caller: PageCaller, form: Form, packet: str) -> Response:
    web = state_of(request)
    current = await readable(web, caller, packet)
    system = text(form, "system")[:100]
    try:
        names = await packet_names(web)
        changed = await commands.release_system(web.services, caller.actor, system, current.name, names)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = f"{_title(current, system)}: changes are resumed." if changed else "Changes were not paused."
    return await back_to(request, caller, _place(current, system), Flash("done", said))


async def _page(request: Request, caller: Caller, flash: Flash | None = None, status: int = 200) -> Response:
    web = state_of(request)
    in_use = await packets_in_use(web.services, await packet_names(web))
    found = [await _systems_of(request, caller, packet, in_use) for packet in await _packets(request, caller)]
    return await page(
        request,
        "admin/systems.html",
        title="Systems",
        caller=caller,
        current="systems",
        status=status,
        flashes=(flash,) if flash is not None else (),
        found=found,
        missing_leavers=MISSING_LEAVERS,
    )


async def _packets(request: Request, caller: Caller) -> list[Packet]:
    """Those with the most systems first; each system is shown under every packet that uses it."""
    found = await state_of(request).queries.readable_packets(caller.viewer)
    return sorted(found, key=lambda packet: (-len(packet.platform.systems), packet.name))


async def _systems_of(request: Request, caller: Caller, packet: Packet, in_use: Sequence[Packet]) -> PacketSystems:
    web = state_of(request)
    reports = await last_reports(web.database, packet.name)
    uses = await uses_of(web.database, web.queries, caller.viewer, packet.name)
    held = await web.services.runs.held_systems(packet.platform.systems)
    active = await active_people(web.services) if held else {}
    now = await web.services.runs.ledger.now()
    feed = await feed_status(HrFeedRows(web.database, web.services.keyring), web.queries, caller.viewer, packet)
    lines = tuple(
        SystemLine(
            name=name,
            spec=spec,
            support=support_document(spec.support, now),
            seen=reports.get(name),
            use=uses.get(name),
            held=name in held,
            held_until=held[name].until if name in held else None,
            may_hold=_may_hold(caller, held.get(name, Holds()), name, packet, in_use, active, now),
            may_release=name in held and _may_release(caller, held[name], name, packet, in_use, active),
            may_list=bool(spec.match) and LISTS_ACCOUNTS.get(spec.connector, True) and _may_list(caller, name, packet),
            feed=feed if name == packet.platform.hr.system else None,
        )
        for name, spec in packet.platform.systems.items()
    )
    everything = EVERYTHING in held
    return PacketSystems(
        packet=packet,
        lines=lines,
        all_held=everything,
        all_held_until=held[EVERYTHING].until if everything else None,
        older_ledger=everything and held[EVERYTHING].older_ledger,
        may_hold_all=_may_hold(caller, held.get(EVERYTHING, Holds()), EVERYTHING, packet, in_use, active, now),
        may_release_all=everything and _may_release(caller, held[EVERYTHING], EVERYTHING, packet, in_use, active),
        may_check=looks_after(caller, packet),
    )


def _may_hold(
    caller: Caller,
    holds: Holds,
    system: str,
    packet: Packet,
    in_use: Sequence[Packet],
    active: Mapping[str, Actor],
    now: datetime,
) -> bool:
    """Whether the caller can pause changes there, or change the end of a pause of theirs."""
    if holds.held and caller.actor.actor_id not in holds.by:
        return False
    latest = latest_end((packet, *in_use), now)
    until = (latest or (holds.until or now) + timedelta(days=1)) if holds.held else None
    try:
        return bool(hold_system(holds, system, None, caller.actor, packet, in_use, now, until, active))
    except Refusal:
        return False


def _may_release(
    caller: Caller, holds: Holds, system: str, packet: Packet, in_use: Sequence[Packet], active: Mapping[str, Actor]
) -> bool:
    try:
        release_system(holds, system, caller.actor, packet, in_use, active)
    except Refusal:
        return False
    return True


def _may_list(caller: Caller, system: str, packet: Packet) -> bool:
    try:
        require_listing(system, caller.actor, packet)
    except Refusal:
        return False
    return True


def _title(packet: Packet, system: str) -> str:
    spec = packet.platform.systems.get(system)
    return spec.title if spec is not None else "All systems"


def _place(packet: Packet, system: str) -> str:
    return f"/systems#{packet.name}-{system}" if system in packet.platform.systems else f"/systems#{packet.name}"
