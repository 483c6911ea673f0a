"""Starting a run from the web process: a worker is asked, and its answer is the start.

Where there is no answer, or the worker failed, the start is withdrawn, and the run is looked up by its id before the
caller is refused: a worker may have opened it already.
"""

from __future__ import annotations

import asyncio

from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.documents.runs.questions import StartAsked, Started
from orchestrator.domain.commands.requests import NOT_RECENT
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.web.inquiries import ANSWER_READ_WITHIN, Inquiries, InquiryFailed, NotAnswered, new_inquiry_id

START_TIMEOUT_SECONDS = 8.0
"""Seconds in which a worker has to ask HR and open the run, while the caller waits."""
WITHDRAWAL_PAUSE_SECONDS = 0.25
"""Seconds between two attempts to withdraw a start while the ledger is away."""


async def start(
    services: Services,
    inquiries: Inquiries,
    actor: Actor,
    asked: StartAsked,
    *,
    sign_in: SignIn = NOT_RECENT,
    within: float = START_TIMEOUT_SECONDS,
    start_id: str | None = None,
) -> Started:
    """Starts a run for `actor`, no further than the access goes that they came with; `sign_in` is the caller's.
    `start_id`, an inquiry's ID, is the same if the request is repeated since the process died that received it first:
    the run that was opened for it is the answer. Raises the worker's `Refusal`, `NotAnswered`, `EngineUnavailable` and
    `LedgerUnavailable`."""
    if start_id is not None:
        if (before := await commands.run_started(services, actor, start_id)) is not None:
            return commands.started(before)
        await inquiries.forget(start_id, actor.actor_id)
    asked = asked.model_copy(
        update={
            "up_to": actor.up_to,
            "signed_in_recently": sign_in.recent,
            "sign_in_minutes": sign_in.minutes,
        }
    )
    start_id = start_id or new_inquiry_id()
    # From then on the row has expired, and no worker begins with it.
    over = asyncio.get_running_loop().time() + within + ANSWER_READ_WITHIN.total_seconds()
    try:
        return await inquiries.ask(actor.actor_id, asked, within=within, inquiry_id=start_id)
    except (NotAnswered, EngineUnavailable, LedgerUnavailable):
        done = await _withdrawn(services, inquiries, actor, start_id, over)
        if done is None:
            raise
        return done


async def _withdrawn(
    services: Services, inquiries: Inquiries, actor: Actor, start_id: str, over: float
) -> Started | None:
    """What came of a start until it was withdrawn; None if no run was opened. It is tried until `over`, a time of the
    loop's clock, while the ledger is away. Raises the worker's `Refusal`, and `LedgerUnavailable`."""
    while True:
        try:
            return await _outcome(services, inquiries, actor, start_id)
        except LedgerUnavailable:
            if asyncio.get_running_loop().time() >= over:
                raise
        await asyncio.sleep(WITHDRAWAL_PAUSE_SECONDS)


async def _outcome(services: Services, inquiries: Inquiries, actor: Actor, start_id: str) -> Started | None:
    try:
        answer = await inquiries.withdraw(start_id, actor.actor_id)
    except InquiryFailed:
        answer = None  # it can fail after the run was opened
    if isinstance(answer, Started):
        return answer
    done = await commands.run_started(services, actor, start_id)
    return None if done is None else commands.started(done)
