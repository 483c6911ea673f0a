"""A new run, in steps: find the person in HR, say when, look what would happen, and only then start.

    find ─► terms ─► preview (a worker looks, and writes nothing) ─► start

Each step is a form, so that it works without JavaScript. What a preview was asked for can be read again by its id, for
the requester: so a sign-in in between leads back to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from orchestrator.documents.runs.previews.preview import MatchQuestion, Preview
from orchestrator.documents.runs.questions import FindPeople, PeopleAnswer, PreviewAsked, Started
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.packet.history.packet_events import Phase
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.version_choice import dry_run_beside
from orchestrator.domain.permissions.command_table import refusal
from orchestrator.domain.permissions.legal_hold_roles import legal_hold_roles
from orchestrator.domain.run.search_terms import MIN_SEARCH_CHARACTERS
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.access.answers import StoredResponse
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web import starts
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.start_permissions import packets_to_start
from orchestrator.web.inquiries import HR_TIMEOUT_SECONDS
from orchestrator.web.pages.new_run.draft import RunDraft, opened, sealed, with_remedy, zones_for
from orchestrator.web.pages.new_run.preview_words import preview_page
from orchestrator.web.pages.new_run.settling import Said
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash, refusal_of, status_of
from orchestrator.web.pages.run.flashes import on_page
from orchestrator.web.requests.once import once
from orchestrator.web.state import WebState, state_of

router = APIRouter()

FIRST_WAIT_SECONDS, LONG_POLL_SECONDS, MAX_POLLS = 0.8, 8.0, 8
"""Seconds for which the preview's page waits before it says so, then again and again; and how often."""
ONE_START = timedelta(hours=1)
"""For how long pressing Start twice under one preview starts one run."""
NOTHING_SAID = Said()
AWAY = Refusal("engine_unavailable", "The systems cannot be searched: Temporal cannot be reached. No run was started.")


@dataclass(frozen=True, slots=True)
class PacketChoice:
    """A packet under which the caller may start runs. `urgent` is whether they may start at once; `dry_run` the version
    with which a dry run can be started beside the one in use, None if there is none."""

    packet: Packet
    phase: Phase
    urgent: bool
    dry_run: str | None = None

    @property
    def name(self) -> str:
        return self.packet.name


@router.get("/runs/new")
async def find(request: Request, caller: PageCaller) -> Response:
    offered = await _offered(state_of(request), caller)
    return await _find_page(request, caller, offered)


@router.get("/runs/new/people")
@router.get("/runs/new/terms")
@router.get("/runs/new/preview")
async def from_the_beginning(request: Request, caller: PageCaller) -> Response:
    """What was typed came with a form, and is not here any more."""
    return RedirectResponse("/runs/new", 303)


@router.post("/runs/new/people")
async def people(request: Request, caller: PageCaller, form: Form) -> Response:
    """Whom HR finds; as you type only the list is asked for."""
    web = state_of(request)
    offered = await _offered(web, caller)
    chosen = _chosen(offered, text(form, "packet"))
    wanted = text(form, "text")[:200]
    found: PeopleAnswer | None = None
    refused: Refusal | None = None
    if len(wanted) >= MIN_SEARCH_CHARACTERS:
        question = FindPeople(packet=chosen.name, text=wanted)
        try:
            found = await web.inquiries.ask(caller.actor.actor_id, question, within=HR_TIMEOUT_SECONDS)
        except (Refusal, EngineUnavailable) as error:
            refused = refusal_of(error, AWAY)
    fragment = request.headers.get("x-fragment") == "results"
    status = 200 if refused is None or fragment else status_of(request, refused)
    return await _find_page(
        request, caller, offered, chosen=chosen.name, text=wanted, found=found, refused=refused,
        template="new_run/people.html" if fragment else "new_run/new_run.html", status=status,
    )  # fmt: skip


async def _find_page(
    request: Request,
    caller: Caller,
    offered: Sequence[PacketChoice],
    *,
    chosen: str = "",
    text: str = "",
    found: PeopleAnswer | None = None,
    refused: Refusal | None = None,
    template: str = "new_run/new_run.html",
    status: int = 200,
) -> Response:
    web = state_of(request)
    packet = chosen or (offered[0].name if offered else "")
    matches = [
        (
            person,
            sealed(web.services.keyring, caller.actor.actor_id, RunDraft.begin(packet, person, caller.zone)),
            await _open_run(web, caller, person.hr_id),
        )
        for person in (found.people if found is not None else ())
    ]
    return await page(
        request, template, title="New run", caller=caller, current="new-run", status=status,
        offered=offered, chosen=packet, text=text, found=found, matches=matches, refused=on_page(refused),
        shortest=MIN_SEARCH_CHARACTERS,
    )  # fmt: skip


async def _open_run(web: WebState, caller: Caller, hr_id: str) -> str | None:
    """The person's open run, if there is one that the caller sees."""
    person_id = await web.services.keyring.find_person("hr", hr_id)
    return await web.queries.open_run_of(caller.viewer, person_id) if person_id is not None else None


@router.post("/runs/new/terms")
async def terms(request: Request, caller: PageCaller, form: Form) -> Response:
    """When, how urgently, and for whom it exists."""
    web = state_of(request)
    draft = opened(web.services.keyring, caller.actor.actor_id, text(form, "draft"))
    return await _terms_page(request, caller, draft)


@router.post("/runs/new/preview")
async def look_ahead(request: Request, caller: PageCaller, form: Form) -> Response:
    """Asks a worker what would happen, and sends the browser where the answer will be."""
    web = state_of(request)
    actor_id = caller.actor.actor_id
    draft = opened(web.services.keyring, actor_id, text(form, "draft")).typed(form)
    if faults := draft.faults():
        return await _terms_page(request, caller, draft, faults=faults, status=422)
    try:
        inquiry_id = await web.inquiries.put(actor_id, draft.question(actor_id))
    except EngineUnavailable:
        return await _terms_page(request, caller, draft, refused=AWAY, status=503)
    return RedirectResponse(_address(inquiry_id), 303)


async def _terms_page(
    request: Request,
    caller: Caller,
    draft: RunDraft,
    *,
    faults: Sequence[tuple[str, str]] = (),
    refused: Refusal | None = None,
    status: int = 200,
) -> Response:
    web = state_of(request)
    offered = await _offered(web, caller)
    chosen = _chosen(offered, draft.packet)
    asks_alike = [one for one in offered if _hr(one.packet) == _hr(chosen.packet)]
    colleagues = sorted(
        (
            (actor_id, member.name or actor_id, member.actor.roles)
            for actor_id, member in (await web.queries.staff()).items()
            if member.actor.kind == "person" and actor_id != caller.actor.actor_id
        ),
        key=lambda one: one[1].casefold(),
    )
    return await page(
        request,
        "new_run/terms.html",
        title=f"New run: {draft.person.name}",
        caller=caller,
        current="new-run",
        status=status,
        draft=draft,
        handle=sealed(web.services.keyring, caller.actor.actor_id, draft),
        offered=asks_alike,
        chosen=chosen,
        colleagues=colleagues,
        faults=list(faults),
        errors=dict(faults),
        refused=on_page(refused),
        zones=zones_for(draft.person.time_zone, caller.zone),
        twice=draft.offsets(),
    )


@router.get("/runs/new/preview/{inquiry_id}")
async def preview(request: Request, caller: PageCaller, inquiry_id: str, look: int = 0) -> Response:
    """The preview of the run. While a worker computes it, the page says so and reloads itself; `load` counts how
    often."""
    return await _preview_page(request, caller, inquiry_id, look)


async def _preview_page(
    request: Request,
    caller: Caller,
    inquiry_id: str,
    look: int = 0,
    flash: Flash | None = None,
    status: int = 200,
    said: Said = NOTHING_SAID,
) -> Response:
    web = state_of(request)
    try:
        draft = await _draft(web, caller, inquiry_id)
        answer = await web.inquiries.wait(
            inquiry_id, caller.actor.actor_id, within=LONG_POLL_SECONDS if look else FIRST_WAIT_SECONDS
        )
    except Invalid as refused:
        if refused.code != "unknown_inquiry":
            return await _refused_page(request, caller, draft, refused)
        return await page(
            request,
            "new_run/expired.html",
            title="This preview has expired",
            caller=caller,
            current="new-run",
            status=404,
        )
    except Refusal as refused:
        return await _refused_page(request, caller, draft, refused)
    handle = sealed(web.services.keyring, caller.actor.actor_id, draft)
    if not isinstance(answer, Preview):
        next_look = None if look >= MAX_POLLS else f"{_address(inquiry_id)}?look={look + 1}"
        return await page(
            request,
            "new_run/waiting.html",
            title=f"Preview: {draft.person.name}",
            caller=caller,
            current="new-run",
            draft=draft,
            handle=handle,
            next_look=next_look,
            again=_address(inquiry_id),
        )
    return await page(
        request,
        "new_run/preview.html",
        title=f"Preview: {draft.person.name}",
        caller=caller,
        current="new-run",
        status=status,
        flashes=(flash,) if flash is not None else (),
        draft=draft,
        handle=handle,
        may_hold=await _may_place_legal_hold(web, caller, draft.packet),
        address=_address(inquiry_id),
        steps_up=_steps_up(web, caller, answer, inquiry_id),
        said=said,
        faults=said.faults(),
        **preview_page(answer, draft, await web.queries.staff()),
    )


@router.post("/runs/new/preview/{inquiry_id}")
async def start(request: Request, caller: PageCaller, form: Form, inquiry_id: str) -> Response:
    """Starts what was previewed. One preview starts one run, however often the button is pressed."""
    web, actor_id = state_of(request), caller.actor.actor_id
    draft = await _draft(web, caller, inquiry_id)
    questions = await _questions(web, caller, inquiry_id)
    said = Said.of(form, questions)
    if said.faults() or text(form, "stay"):
        status = 422 if said.faults() else 200
        return await _preview_page(request, caller, inquiry_id, status=status, said=said)
    request_hash = hashlib.sha256(inquiry_id.encode()).digest()
    async with once(web.answers, actor_id, f"new run:{inquiry_id}", request_hash, ONE_START) as attempt:
        if attempt.earlier is not None:
            return RedirectResponse(attempt.earlier.headers["location"], 303)
        if not attempt.mine:
            already = Flash(
                "done", "The run is already being started.", "It will appear in the list of runs in a moment."
            )
            return await back_to(request, caller, _address(inquiry_id), already)
        try:
            if draft.urgent:
                caller.require_step_up(web.settings)
            wanted = draft.start(said.reason or None, said.legal_hold or None, said.answers(questions))
            sign_in = caller.sign_in(web.settings)
            done = await starts.start(
                web.services, web.inquiries, caller.actor, wanted, sign_in=sign_in, start_id=attempt.request_id
            )
        except (Refusal, EngineUnavailable) as error:
            flash, status = refusal_flash(request, error, AWAY)
            return await _preview_page(request, caller, inquiry_id, flash=flash, status=status, said=said)
        to = "/runs" if done.run_id is None else f"/runs/{done.run_id}"
        await attempt.keep(StoredResponse(303, {"location": to}, ""))
        return await back_to(request, caller, to, _started_flash(done, draft))


async def _may_place_legal_hold(web: WebState, caller: Caller, packet: str) -> bool:
    """Whether the caller has a role for it under today's packet. The command decides again."""
    current = (await web.services.runs.shelf(packet)).current
    refused = refusal("place_legal_hold", caller.actor)
    return current is not None and refused is None and caller.actor.has_one_of(legal_hold_roles(current, current))


def _started_flash(done: Started, draft: RunDraft) -> Flash:
    if done.run_id is None:
        return Flash("done", done.message)
    if not done.nudged:
        return Flash(
            "done",
            "The run has been recorded. Temporal cannot be reached at the moment.",
            "The run continues automatically once Temporal is back.",
        )
    if draft.shadow:
        return Flash("done", "Dry run started. All systems are being searched for the person's accounts.")
    if draft.urgent:
        return Flash("done", "Run started. Reversible steps that remove access start now.")
    return Flash("done", "Run started. All systems are being searched for the person's accounts.")


async def _refused_page(request: Request, caller: Caller, draft: RunDraft, refused: Refusal) -> Response:
    """The form again, with what was typed, and the refusal at its field where it is about one."""
    status = status_of(request, refused)
    if refused.code.startswith("cutoff_"):
        return await _terms_page(request, caller, draft, faults=[("cutoff", with_remedy(refused))], status=status)
    if refused.code.startswith("embargo_"):
        return await _terms_page(
            request, caller, draft, faults=[("embargo_until", with_remedy(refused))], status=status
        )
    return await _terms_page(request, caller, draft, refused=refused, status=status)


async def _draft(web: WebState, caller: Caller, inquiry_id: str) -> RunDraft:
    question = await web.inquiries.question(inquiry_id, caller.actor.actor_id)
    if not isinstance(question, PreviewAsked):
        raise Invalid("unknown_inquiry", "This request was not found, or it has expired.")
    return RunDraft.of(question)


async def _questions(web: WebState, caller: Caller, inquiry_id: str) -> tuple[MatchQuestion, ...]:
    """What the preview asks; nothing where there is none, which is for the start to refuse."""
    try:
        answer = await web.inquiries.result(inquiry_id, caller.actor.actor_id)
    except Refusal:
        return ()
    return answer.questions if isinstance(answer, Preview) else ()


async def _offered(web: WebState, caller: Caller) -> list[PacketChoice]:
    """The packets under which the caller may start runs, those in production first; none where there is no packet in
    use. Raises `NotAllowed` as the domain does for someone who may start none."""
    offered: list[PacketChoice] = []
    for current, shelf in packets_to_start(caller.actor, (await web.queries.organisation_snapshot()).shelves.values()):
        urgent = current.approvals.urgent
        may = urgent is not None and caller.actor.kind == "person" and bool(caller.actor.roles & set(urgent.allowed_to))
        beside = dry_run_beside(shelf.history)
        offered.append(PacketChoice(current, shelf.history.phase, may, beside.version if beside is not None else None))
    order = ("production", "pilot", "shadow")
    return sorted(offered, key=lambda one: (order.index(one.phase), -len(one.packet.workflow.steps), one.name))


def _chosen(offered: Sequence[PacketChoice], name: str) -> PacketChoice:
    for one in offered:
        if one.name == name:
            return one
    if not name and offered:
        return offered[0]
    raise Invalid("unknown_packet", f"There is no packet {name[:60]}.")


def _hr(packet: Packet) -> tuple[str, Any]:
    """An id belongs to one HR system; the same id in another one is another person."""
    return packet.platform.hr.system, packet.platform.systems[packet.platform.hr.system]


def _steps_up(web: WebState, caller: Caller, answer: Preview, inquiry_id: str) -> str | None:
    """Where an urgent start's fresh sign-in is had; None where it is not needed or there already."""
    if not answer.urgent or caller.sign_in(web.settings).recent:
        return None
    way = "/sign-in/start?step_up=true&to=" if web.provider is not None else "/sign-in?to="
    return f"{way}{_address(inquiry_id)}"


def _address(inquiry_id: str) -> str:
    return f"/runs/new/preview/{inquiry_id}"
