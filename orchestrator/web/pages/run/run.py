"""The page of a run: its state, open items, plan and timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from orchestrator.documents.document import Document
from orchestrator.documents.runs.previews.duties import duty_documents
from orchestrator.documents.runs.run import run_document
from orchestrator.documents.runs.still_removed import still_removed_lines
from orchestrator.domain.commands.pausing import latest_end
from orchestrator.domain.commands.starts.making_urgent import before_gates
from orchestrator.domain.measures.added_exposure import added_exposure
from orchestrator.domain.measures.exposure import Clock, exposure
from orchestrator.ledger.access.sessions import Flash
from orchestrator.reading.queries import RunPage
from orchestrator.vocabulary.ended import ended_sentences
from orchestrator.vocabulary.states import UNDER_HOLD, in_sentence
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.pages.page import page
from orchestrator.web.pages.run.cards import (
    Typed,
    exception_card,
    gate_card,
    task_card,
    with_typed,
)
from orchestrator.web.pages.run.run_access import RunAccess, as_unknown, people_of
from orchestrator.web.pages.run.timeline import files_of, timeline
from orchestrator.web.rendering import person_label
from orchestrator.web.state import state_of
from orchestrator.web.times import instant, moment, zone_of
from orchestrator.web.words import words

router = APIRouter()

BEFORE = "before"
MAX_CARDS = 50
"""Open items, and completed items, that the page of a run shows."""
MAX_DRAWN_STEPS = 150
"""A plan with more steps is a table only."""


@router.get("/runs/{run_id}")
async def run(
    request: Request, caller: PageCaller, run_id: str, before: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """`before` is the version before which the timeline's page ends."""
    return await show_run(request, caller, run_id, request.query_params)


async def show_run(
    request: Request,
    caller: Caller,
    run_id: str,
    query: QueryParams,
    status: int = 200,
    flashes: Sequence[Flash] = (),
    typed: Typed | None = None,
    postponed: Document | None = None,
) -> Response:
    """`postponed` is a later cutoff that is to be confirmed, with what it adds to the exposure. Raises `Invalid`
    (`unknown_run`) for a run that there is not, or that the caller does not see."""
    web = state_of(request)
    with as_unknown():
        found = await web.queries.run_page(caller.viewer, run_id)
    seen = RunAccess(found.snapshot, caller, await web.queries.staff(), people_of([found.snapshot]))
    before = query.get(BEFORE, "")
    at = int(before) if before.isdecimal() and len(before) < 10 else None
    here = f"/runs/{seen.state.run_id}{f'?{BEFORE}={at}' if at is not None else ''}"
    context = run_context(seen, found)
    with_typed(context["waiting"], typed)
    return await page(
        request,
        "run/run.html",
        title=person_label(seen.person),
        caller=caller,
        current="runs",
        status=status,
        flashes=tuple(flashes),
        here=here,
        live=status == 200,
        run=context | {"postponed": postponed},
        timeline=timeline(seen, found, at),
    )


def run_context(seen: RunAccess, found: RunPage) -> Document:
    state, world, permissions = seen.state, seen.world, seen.permissions
    document = run_document(found)
    files = _files(found)
    steps = [
        step
        | {
            "system": seen.system(step["system"]) or None,
            "gate": seen.gate_title(step["gate"]) if step["gate"] else None,
            "files": files.get(step["step_id"], []),
            "ended": _ended(step["ended"], seen),
            "retry": step["status"] in ("failed", "unknown", "retrying") and permissions.retry(step["step_id"]).allowed,
            "skip": permissions.skip(step["step_id"]).allowed,
        }
        for step in document["steps"]
    ]
    waiting = _open_cards(seen)
    over, more_over = _completed_cards(seen)
    return document | {
        "steps": steps,
        "graph_gates": [gate | {"gate": seen.gate_title(gate["gate"])} for gate in document["gates"]],
        "waiting": waiting[:MAX_CARDS],
        "more_waiting": max(len(waiting) - MAX_CARDS, 0),
        "over": over,
        "more_over": more_over,
        "drawn": len(steps) <= MAX_DRAWN_STEPS,
        "outcomes": [one | {"title": seen.place(one["place"])} for one in document["outcomes"]],
        "systems": [system | {"title": seen.system(system["system"])} for system in document["systems"]],
        "watch": _watch(document["watch"], seen),
        "holds": [seen.system(name) if name != "*" else "all systems" for name in document["holds"]],
        "duties": duty_documents(found.duties),
        "asked_by": seen.name(state.asked.requested_by),
        "reason": state.asked.reason,
        "title": world.pinned.workflow.title,
        "clock": _clock(seen),
        "embargo": _embargo(seen),
        "legal_holds": _legal_holds(document, seen),
        "under_hold": {code: [step["title"] for step in steps if step["legal_hold"] == code] for code in UNDER_HOLD},
        "may": {
            "legal_hold": permissions.place_legal_hold(),
            "lift": any(permissions.lift_legal_hold(hold["hold_id"]).allowed for hold in document["legal_holds"]),
            "hold": permissions.hold(),
            "take_over": permissions.take_over(),
            "release": permissions.release(),
            "reschedule": permissions.reschedule(),
            "urgent": permissions.make_urgent(),
            "end": permissions.end().allowed,
            "replan": permissions.replan().allowed,
            "replay": permissions.may_replay(),
            "erase": permissions.may_erase(),
            "restore": permissions.may_restore(),
            "embargo": permissions.embargo(),
        },
        "pause_hint": _pause_hint(seen),
        "would_resume": " or ".join(in_sentence(words(role, "role")) for role in permissions.would_resume()),
        "kept_open": _kept_open(seen),
        "before_gates": [
            f"{step.title} ({seen.system(step.system)})" for step in before_gates(state, world) if step.system
        ],
        "still_removed": still_removed_lines(document["still_removed"], seen.system),
        "left_changed": [step for step in steps if step["changed"]],
        "local_input": state.cutoff.astimezone(zone_of(state.zone)).strftime("%Y-%m-%dT%H:%M"),
    }


def _pause_hint(seen: RunAccess) -> str:
    """How long a pause lasts if no end is given, as the packet says."""
    latest = latest_end(seen.world)
    if latest is None:
        return "Optional. Without it, the run stays paused until a person resumes it."
    return f"At the latest, and if you give no time: {instant(latest, seen.caller.zone)}."


def _watch(watch: Document | None, seen: RunAccess) -> Document | None:
    """With the titles of systems."""
    if watch is None:
        return None
    named = {
        kind: [one | {"title": seen.system(one["system"])} for one in watch[kind]] for kind in ("checks", "failing")
    }
    return watch | named


def _legal_holds(document: Document, seen: RunAccess) -> list[Document]:
    """Those in force, each with whether the viewer can lift it."""
    return [
        hold
        | {
            "placed_by": seen.name(hold["placed_by"]) if hold["placed_by"] else "",
            "lift": seen.permissions.lift_legal_hold(hold["hold_id"]),
        }
        for hold in document["legal_holds"]
        if hold["lifted_at"] is None
    ]


def _kept_open(seen: RunAccess) -> Document | None:
    """What a later cutoff would keep open; None where access is gone."""
    state = seen.state
    added = added_exposure(state, state.cutoff + timedelta(seconds=1), seen.world.now)
    if added is None or not added.systems:
        return None
    return {
        "systems": [seen.system(name) for name in added.systems if name not in added.tasks],
        "tasks": [seen.place(name) for name in added.tasks],
        "privileged": len(added.privileged),
    }


def _open_cards(seen: RunAccess) -> list[Document]:
    """What the viewer can act on and what is due first at the top."""
    work, gates = seen.state.work, seen.state.decisions.gates
    cards = [
        *(exception_card(seen, id_) for id_, known in work.exceptions.items() if known.open),
        *(gate_card(seen, id_) for id_, gate in gates.items() if gate.open),
        *(task_card(seen, id_) for id_, task in work.tasks.items() if task.open),
    ]
    return sorted(cards, key=lambda card: (not card["may"], card["due_at"]))


def _completed_cards(seen: RunAccess) -> tuple[list[Document], int]:
    """The completed items that were opened last, and how many there are besides. No card is made of these."""
    work, gates = seen.state.work, seen.state.decisions.gates
    items = [
        *((gate.opened_at, gate_card, id_) for id_, gate in gates.items() if not gate.open),
        *((task.opened_at, task_card, id_) for id_, task in work.tasks.items() if not task.open),
        *((known.opened_at, exception_card, id_) for id_, known in work.exceptions.items() if not known.open),
    ]
    latest = sorted(range(len(items)), key=lambda number: items[number][0])[-MAX_CARDS:]
    return [items[number][1](seen, items[number][2]) for number in sorted(latest)], len(items) - len(latest)


def _files(found: RunPage) -> dict[str, list[Document]]:
    """What people attached when they did a step, by the step's id."""
    files: dict[str, list[Document]] = {}
    for recorded in found.events:
        if attached := files_of(recorded.event):
            files.setdefault(getattr(recorded.event, "step_id", ""), []).extend(attached)
    return files


def _ended(ended: Document | None, seen: RunAccess) -> list[str]:
    """What a step ended, in sentences."""
    if ended is None:
        return []
    zone = seen.caller.zone
    return ended_sentences(ended, ended["access_tokens_until"], seen.world.now, lambda at: instant(at, zone))


def _clock(seen: RunAccess) -> Document:
    """The exposure clock for its drawing: the whole run, then each system where there are several."""
    clocks = exposure(seen.state, seen.world)
    within = seen.world.pinned.workflow.outcomes.access_gone_within
    systems = [_row(seen.place(name), clock, within, seen) for name, clock in clocks.systems.items()]
    whole = _row("Whole run", clocks.whole, within, seen)
    return {
        "known": clocks.whole.known,
        "systems": [whole, *systems] if len(systems) > 1 else systems,
        "within": within,
    }


def _row(title: str, clock: Clock, within: timedelta, seen: RunAccess) -> Document:
    reached = seen.world.now >= clock.cutoff
    # Whether tokens outlast the target is known as soon as the access is removed.
    lasts = clock.tokens_until - clock.cutoff if clock.tokens_until is not None else clock.open_for
    return {
        "title": title,
        "approved": clock.approved,
        "executed": clock.executed,
        "verified": clock.verified,
        "proof": clock.proof,
        "exposed": clock.open_for if reached else None,
        "gone": clock.verified is not None,
        "tokens_until": clock.tokens_until if clock.tokens_live else None,
        "tokens_unknown": clock.tokens_unknown,
        "late": reached and clock.open_for is not None and lasts is not None and lasts > within,
    }


def _embargo(seen: RunAccess) -> Document | None:
    """None where the run is readable as any other."""
    state, until = seen.state, moment(seen.state.embargo_until)
    if until is None or until <= seen.world.now:
        return None
    everybody = [
        (actor_id, seen.name(actor_id), actor_id in state.named)
        for actor_id, actor in sorted(seen.world.actors.items())
        if actor.kind == "person"
    ]
    return {
        "until": until,
        "named": seen.names(state.named),
        "everybody": everybody,
        "local_input": until.astimezone(zone_of(seen.caller.zone)).strftime("%Y-%m-%dT%H:%M"),
    }
