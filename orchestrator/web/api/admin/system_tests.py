"""Testing one system of a packet: a worker tests it, and the result is kept for all who may."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from orchestrator.documents.runs.questions import SystemTestAsked
from orchestrator.documents.system_test import SystemTested
from orchestrator.domain.commands.systems import require_check
from orchestrator.domain.errors import Invalid
from orchestrator.ledger.engine.system_tests import last_system_tests
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.access.packets import readable
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.inquiries import InquiryWaiting, result_at_location, waiting
from orchestrator.web.api.schema.description import RequestModel, ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, Id, InPacket, SystemName
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["systems"], route_class=IdempotentRoute)

PersonText = Annotated[str, StringConstraints(min_length=1, max_length=320, pattern=TEXT, strip_whitespace=True)]


class SystemTestWanted(RequestModel):
    packet: Id = Field(examples=["standard-leaver"])
    person: PersonText | None = Field(
        None, description="A person to look up: a mail address, an employee number or HR's ID. Stored for 15 minutes"
    )


class LastSystemTest(ResponseModel):
    packet: str
    system: str
    tested_by: str = Field(description="The account that requested it")
    started_at: datetime
    finished_at: datetime | None = Field(description="Null while the test runs, and if its worker stopped")
    result: SystemTested = Field(description="Without the accounts of the person; while it runs, the parts so far")


@router.post(
    "/systems/{system}/test",
    summary="Test a system",
    status_code=202,
    responses={
        **problems_of_post(404, 429),
        202: result_at_location("A worker is testing the system; the result will be at `Location`"),
    },
)
async def test_system(
    request: Request,
    caller: ApiCaller,
    response: Response,
    system: SystemName,
    wanted: SystemTestWanted,
    key: IdempotencyKey = None,
) -> InquiryWaiting:
    """For operators. A worker connects, checks the credential and its permissions, looks up the person, and lists the
    requests that a run would send. It sends only requests that read, and changes nothing. Looking up a person needs the
    permission to prepare runs."""
    web = state_of(request)
    require_check(system, caller.actor, await readable(web, caller, wanted.packet))
    question = SystemTestAsked(packet=wanted.packet, system=system, wanted=wanted.person)
    inquiry_id = await web.inquiries.put(caller.actor.actor_id, question)
    return waiting(response, inquiry_id)


test_system.__test__ = False  # type: ignore[attr-defined]  # a route, whatever imports it


@router.get("/systems/{system}/test", summary="Get the last test of a system", responses=problems(403, 404))
async def last_test(request: Request, caller: ApiCaller, system: SystemName, packet: InPacket) -> LastSystemTest:
    """For operators."""
    web = state_of(request)
    current = await readable(web, caller, packet)
    require_check(system, caller.actor, current)
    row = (await last_system_tests(web.database, current.name)).get(system)
    if row is None:
        raise Invalid("unknown_system_test", "The system has not been tested yet.")
    return LastSystemTest(
        packet=row.packet,
        system=row.system,
        tested_by=row.tested_by,
        started_at=row.started_at,
        finished_at=row.finished_at,
        result=SystemTested.model_validate_json(row.result),
    )
