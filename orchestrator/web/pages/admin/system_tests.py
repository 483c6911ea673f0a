"""The page of one system's test: run it, see the parts that are done, and read the last result."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from orchestrator.documents.runs.questions import SystemTestAsked
from orchestrator.documents.system_test import SystemTested
from orchestrator.domain.commands.systems import require_check
from orchestrator.domain.errors import Refusal
from orchestrator.domain.packet.packet import Packet
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.access.sessions import Flash
from orchestrator.ledger.engine.system_tests import SystemTestRow, last_system_tests
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.packets import readable
from orchestrator.web.pages.page import page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()

POLL_SECONDS, MAX_POLLS = 1.0, 90
"""Seconds between two looks at a test that runs, and how many. A test ends within a minute."""
MAX_PERSON_CHARACTERS = 320


@dataclass(frozen=True, slots=True)
class TestShown:
    """`by` is the name of who ran it. `finished` is false while it runs, and if its worker stopped."""

    __test__ = False

    row: SystemTestRow
    result: SystemTested
    by: str

    @property
    def finished(self) -> bool:
        return self.row.finished_at is not None


@router.get("/systems/{packet}/{system}/test")
async def last_test(request: Request, caller: PageCaller, packet: str, system: str) -> Response:
    return await _page(request, caller, await _allowed(request, caller, packet, system), system)


@router.post("/systems/{packet}/{system}/test")
async def begin(request: Request, caller: PageCaller, form: Form, packet: str, system: str) -> Response:
    """A worker tests the system and changes nothing."""
    web = state_of(request)
    current = await _allowed(request, caller, packet, system)
    wanted = text(form, "person")[:MAX_PERSON_CHARACTERS].strip()
    question = SystemTestAsked(packet=current.name, system=system, wanted=wanted or None)
    try:
        inquiry_id = await web.inquiries.put(caller.actor.actor_id, question)
    except (Refusal, EngineUnavailable) as error:
        return await _page(request, caller, current, system, *refusal_flash(request, error))
    return RedirectResponse(f"/systems/{current.name}/{system}/test/{inquiry_id}", 303)


@router.get("/systems/{packet}/{system}/test/{inquiry_id}")
async def result(
    request: Request, caller: PageCaller, packet: str, system: str, inquiry_id: str, look: int = 0
) -> Response:
    """The result for the person who asked, with the accounts that were found. Until then, the parts that are done."""
    web = state_of(request)
    current = await _allowed(request, caller, packet, system)
    try:
        found = await web.inquiries.wait(inquiry_id, caller.actor.actor_id, within=POLL_SECONDS)
    except Refusal as error:
        return await _page(request, caller, current, system, *refusal_flash(request, error))
    if isinstance(found, SystemTested):
        return await _page(request, caller, current, system, accounts=found.accounts)
    address = f"/systems/{current.name}/{system}/test/{inquiry_id}"
    return await _page(
        request,
        caller,
        current,
        system,
        waits=inquiry_id,
        next_look=f"{address}?look={look + 1}" if look < MAX_POLLS else None,
    )


async def _allowed(request: Request, caller: Caller, packet: str, system: str) -> Packet:
    """The packet, for a caller who may have its system checked. Raises a `Refusal`."""
    current = await readable(state_of(request), caller, packet)
    require_check(system, caller.actor, current)
    return current


async def _page(
    request: Request,
    caller: Caller,
    packet: Packet,
    system: str,
    flash: Flash | None = None,
    status: int = 200,
    *,
    accounts: tuple[str, ...] = (),
    waits: str = "",
    next_look: str | None = None,
) -> Response:
    web = state_of(request)
    row = (await last_system_tests(web.database, packet.name)).get(system)
    shown = None
    if row is not None and (not waits or row.inquiry_id == waits):
        staff = await web.queries.staff()
        shown = TestShown(row, SystemTested.model_validate_json(row.result), name_in(staff, row.tested_by))
    spec = packet.platform.systems[system]
    return await page(
        request,
        "admin/system_test.html",
        title=f"Test of {spec.title}",
        caller=caller,
        current="systems",
        status=status,
        flashes=(flash,) if flash is not None else (),
        packet=packet,
        system=system,
        spec=spec,
        titles={step.name: step.title for step in packet.workflow.steps},
        shown=shown,
        accounts=accounts,
        waits=waits,
        next_look=next_look,
    )
