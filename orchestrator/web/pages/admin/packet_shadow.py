"""The page that compares a packet version's dry runs with what people did, and the judgement of a difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.domain.commands.judging import OF_CHANGES, OF_STEPS, judging_roles
from orchestrator.domain.errors import Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.packets import readable, shadow_of
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of
from orchestrator.web.words import words

router = APIRouter()

_VERDICTS: Final = {"step": OF_STEPS, "change": OF_CHANGES}


@router.get("/packets/{name}/versions/{version}/shadow")
async def shadow(request: Request, caller: PageCaller, name: str, version: str) -> Response:
    return await _page(request, caller, name, version)


@router.post("/packets/{name}/versions/{version}/shadow")
async def judge(request: Request, caller: PageCaller, form: Form, name: str, version: str) -> Response:
    """Judges the difference `about` of the dry run `run` as `verdict`, with a reason."""
    web = state_of(request)
    await readable(web, caller, name)
    try:
        verdict, reason = text(form, "verdict"), text(form, "reason")
        await commands.judge_difference(
            web.services, caller.actor, text(form, "run"), text(form, "about"), verdict, reason
        )
    except Refusal as refused:
        return await _page(request, caller, name, version, *refusal_flash(request, refused))
    said = f"Judged: {words(verdict, 'comparison_result')}."
    return await back_to(request, caller, f"/packets/{name}/versions/{version}/shadow", Flash("done", said))


async def _page(
    request: Request, caller: Caller, name: str, version: str, flash: Flash | None = None, status: int = 200
) -> Response:
    web = state_of(request)
    found = await shadow_of(web, caller, name, version)
    packet = await readable(web, caller, name)
    staff = await web.queries.staff()
    return await page(
        request,
        "admin/packet_shadow.html",
        title=f"Comparison: {found['title']}",
        caller=caller,
        current="packets",
        status=status,
        flashes=(flash,) if flash is not None else (),
        found=found,
        judges=caller.actor.has_one_of(judging_roles(packet)),
        verdicts={kind: [("", "Choose"), *_labels(known)] for kind, known in _VERDICTS.items()},
        name_of=lambda actor_id: name_in(staff, actor_id),
    )


def _labels(verdicts: Iterable[str]) -> list[tuple[str, str]]:
    return [(verdict, words(verdict, "comparison_result")) for verdict in verdicts]
