"""The assistants that a person may stop, with what they called. Page and API show the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from orchestrator.commands.services import packets_in_use
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.organisation.organisation import ALL_ASSISTANTS, Organisation
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.assistants import require_may_resume, require_may_stop
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.access.tokens import Token
from orchestrator.web.access.caller import Caller
from orchestrator.web.access.packets import packet_names
from orchestrator.web.state import WebState


@dataclass(frozen=True, slots=True)
class ShownCall:
    """`status` and `code` are those of the answer; both are None where requests were refused for their number."""

    at: datetime
    operation: str
    run_id: str | None
    status: int | None
    code: str | None


@dataclass(frozen=True, slots=True)
class ShownAssistant:
    """Counts are of today (UTC). `stopped` is whether it was stopped, by itself or with all others."""

    token: Token
    stopped: bool
    calls: int
    refused: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownAssistants:
    """`all_stopped` is whether every assistant is stopped at once, `may_resume` whether the caller may end that."""

    assistants: Sequence[ShownAssistant]
    all_stopped: bool
    may_stop_all: bool
    may_resume: bool


async def assistants(web: WebState, caller: Caller) -> ShownAssistants:
    """Those that the caller may stop, the latest token first."""
    known, in_use = await _known(web)
    today = await web.assistant_calls.today()
    shown = []
    for token in await web.tokens.made_by():
        actor = known.actors.get(token.actor_id)
        if actor is None or actor.kind != "assistant" or not _may_stop(caller.actor, token.actor_id, known, in_use):
            continue
        calls = [_call(one.recorded_at, one.event) for one in await web.assistant_calls.of_day(token.actor_id, today)]
        refused = [call for call in calls if call.status is None or call.status >= 400]
        last = calls[-1].at if calls else None
        shown.append(ShownAssistant(token, known.stopped(actor), len(calls), len(refused), last))
    return ShownAssistants(
        shown,
        ALL_ASSISTANTS in known.stopped_assistants,
        _may_stop(caller.actor, ALL_ASSISTANTS, known, in_use),
        _may_resume(caller.actor, in_use),
    )


async def calls_of(web: WebState, caller: Caller, account: str, day: date | None) -> tuple[date, Sequence[ShownCall]]:
    """What an assistant called on a day (UTC; None: today), the latest first, without runs that the caller may not see.
    Raises `Invalid` (`unknown_assistant`), also where the caller may not stop it."""
    known, in_use = await _known(web)
    actor = known.actors.get(account)
    if actor is None or actor.kind != "assistant" or not _may_stop(caller.actor, account, known, in_use):
        raise Invalid("unknown_assistant", "There is no assistant with this account.")
    day = day or await web.assistant_calls.today()
    calls = [_call(one.recorded_at, one.event) for one in await web.assistant_calls.of_day(account, day)]
    named = {call.run_id for call in calls if call.run_id is not None}
    visible = await web.queries.visible_runs(caller.viewer, named)
    shown = [call if call.run_id in visible else _without_run(call) for call in calls]
    return day, shown[::-1]


def _call(at: datetime, event: object) -> ShownCall:
    if isinstance(event, e.AssistantCalled):
        return ShownCall(at, event.operation, event.run_id, event.status, event.code)
    return ShownCall(at, "", None, None, "assistant_limited")


def _without_run(call: ShownCall) -> ShownCall:
    return ShownCall(call.at, call.operation, None, call.status, call.code)


async def _known(web: WebState) -> tuple[Organisation, Sequence[Packet]]:
    in_use = await packets_in_use(web.services, await packet_names(web))
    return (await web.queries.organisation_snapshot()).organisation, in_use


def _may_stop(actor: Actor, account: str, known: Organisation, in_use: Sequence[Packet]) -> bool:
    try:
        require_may_stop(actor, account, known, in_use)
    except NotAllowed:
        return False
    return True


def _may_resume(actor: Actor, in_use: Sequence[Packet]) -> bool:
    try:
        require_may_resume(actor, in_use)
    except NotAllowed:
        return False
    return True
