"""Starting a run from the web process: a worker is asked, and its answer is the start.

Where no worker answers in time, or Temporal is away, the start is withdrawn, and the run is looked up by its id before
the caller is refused: a worker may have opened it already.
"""

from __future__ import annotations

from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.domain.permissions.levels import Actor
from orchestrator.engine import EngineUnavailable
from orchestrator.web.inquiries import Inquiries, InquiryFailed, NotAnswered, StartAsked, Started, new_inquiry_id

WITHIN = 8.0
"""Seconds in which a worker has to ask HR and open the run, while the caller waits."""


async def start(
    services: Services, inquiries: Inquiries, actor: Actor, asked: StartAsked, *, within: float = WITHIN
) -> Started:
    """Starts a run for `actor`, no further than the access goes that they came with. Raises the worker's `Refusal`,
    `NotAnswered`, `EngineUnavailable` and `LedgerUnavailable`."""
    asked = asked.model_copy(update={"up_to": actor.up_to})
    start_id = new_inquiry_id()
    try:
        return await inquiries.ask(actor.actor_id, asked, within=within, inquiry_id=start_id)
    except InquiryFailed:
        raise  # a worker has said that it is not done
    except (NotAnswered, EngineUnavailable):
        answer = await inquiries.withdraw(start_id, actor.actor_id)
        if isinstance(answer, Started):
            return answer
        done = await commands.run_started(services, actor, start_id)
        if done is None:
            raise
        return commands.started(done)
