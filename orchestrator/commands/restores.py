"""The command that restores what a run removed."""

from __future__ import annotations

import hashlib

from orchestrator.commands.services import Done, Services, finish, nudge
from orchestrator.deciding.snapshots import StartContext, StartDecision
from orchestrator.domain.commands import legal_holding, restoring
from orchestrator.domain.errors import TooLate
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import require_visible


async def restore_access(
    services: Services, actor: Actor, run_id: str, reason: str, *, seen: int | None = None
) -> Done:
    """Opens the run that restores, and cancels the old one if it is open, in one append. Two requests at once open one
    run: the second finds it. `seen` is the version of the old run that was previewed. Raises `Refusal`; `newer_run`
    where the person has a later run."""
    old = await services.runs.load(run_id)
    require_visible(old.state, actor, old.world)
    person_id, packet = old.state.asked.person_id, old.state.asked.packet

    def request(opening: StartContext) -> StartDecision:
        acting = acting_now(actor, opening.organisation)
        restoring.require_allowed(old.state, acting, old.world)
        last = opening.last_run
        if last is not None and last.state.restores == run_id:
            require_visible(last.state, acting, last.world)
            raise TooLate("restore_exists", f"Run {last.state.run_id} restores run {run_id}.", run_id=last.state.run_id)
        if last is None or last.state.run_id != run_id:
            # A run that the actor cannot see is not named.
            raise TooLate("newer_run", f"The person of run {run_id} has a later run.")
        state, world = last.state, last.world
        require_visible(state, acting, world)
        number = f"{run_id}:{state.version}"
        restore_id = f"r{hashlib.sha256(f'restore:{number}'.encode()).hexdigest()[:16]}"
        requester = opening.requester(acting, person_id)
        asked, ended = restoring.restore(state, restore_id, reason, seen, acting, requester, world)
        holds = legal_holding.at_start(asked, None, acting, opening.world(asked.packet_version, asked), state)
        return StartDecision([asked, *holds], before=ended)

    decided = await services.runs.start(person_id, request, packet)
    done = await finish(services, decided)
    if not old.state.finished:
        await nudge(services, run_id)  # it is cancelled: its workflow ends
    return done
