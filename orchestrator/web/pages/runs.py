"""The list of runs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.web.access.caller import PageCaller
from orchestrator.web.pages.page import page
from orchestrator.web.parts import parts_of

router = APIRouter()


@router.get("/runs")
async def runs(request: Request, caller: PageCaller) -> Response:
    found = await parts_of(request).queries.run_list(caller.viewer)
    return await page(request, "runs.html", title="Runs", caller=caller, current="runs", found=found)
