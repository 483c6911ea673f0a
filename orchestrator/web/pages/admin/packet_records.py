"""The record of a packet version, on one page that can be printed."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.vocabulary.refused_packet_acts import refused_act
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.access.packets import record_of
from orchestrator.web.pages.page import page
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()


@router.get("/packets/{name}/versions/{version}/record")
async def show_record(request: Request, caller: PageCaller, name: str, version: str) -> Response:
    web = state_of(request)
    found = await record_of(web, caller, name, version)
    staff = await web.queries.staff()
    return await page(
        request,
        "admin/packet_record.html",
        title=f"Record: {found['title']}",
        caller=caller,
        current="packets",
        found=found,
        acts=sorted([*found["adopted"], *found["signatures"], *found["moves"]], key=lambda one: int(one["position"])),
        name_of=lambda actor_id: name_in(staff, actor_id),
        refused_act=refused_act,
    )
