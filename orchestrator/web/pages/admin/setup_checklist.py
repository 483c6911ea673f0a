"""The page Checklist: what a new installation still needs before its first run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.documents.checklist import StepName, checklist
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.pages.page import page
from orchestrator.web.state import state_of

router = APIRouter()

TESTS: Final[Mapping[StepName, str]] = {
    "hr": "To test it, select “Test” at the system on the page Systems.",
    "system": "To test it, select “Test” at the system on the page Systems.",
    "mail": "To test it, an administrator sends a test mail at the terminal of the worker.",
}


@router.get("/checklist")
async def show_checklist(request: Request, caller: PageCaller) -> Response:
    web = state_of(request)
    found = await checklist(web.database, web.queries, caller.viewer, TESTS)
    return await page(request, "admin/checklist.html", title="Checklist", caller=caller, current="systems", found=found)
