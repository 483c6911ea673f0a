"""Account matches that the requester confirms before the run starts, from what a preview showed.

They are decided by the rule of a running run (`operating.settle`), applied to the run as it would be if its search
found what the preview found. The answer is kept in the run. It counts once the run's own search finds exactly the same;
if a system answers anything else, the answer is void and people are asked as usual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.domain import events as e
from orchestrator.domain.commands import operating
from orchestrator.domain.commands.kept_access import kept_by_settling
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.accounts import same_accounts
from orchestrator.domain.run.run import RunState, fold
from orchestrator.domain.run.steps.readiness import World


def settle_beforehand(
    asked: e.RunRequested,
    seen: e.SystemSearched,
    accounts: tuple[str, ...],
    reason: str | None,
    actor: Actor,
    world: World,
) -> e.MatchSettledBeforehand:
    """Raises whatever `operating.settle` refuses with."""
    state = fold(fold(RunState(), asked, world.now), e.AccountsSearched(results=(seen,)), world.now)
    for settled in operating.settle(state, seen.system, accounts, reason, actor, world):
        if isinstance(settled, e.MatchSettled):
            return e.MatchSettledBeforehand(
                seen=seen,
                accounts=settled.accounts,
                by=settled.by,
                on_behalf_of=settled.on_behalf_of,
                reason=settled.reason,
            )
    raise AssertionError("a match that may be confirmed is confirmed")


def why_not_settle(asked: e.RunRequested, seen: e.SystemSearched, actor: Actor, world: World) -> Refusal | None:
    """Why this actor may not confirm which of the shown accounts are the person's; None if they may."""
    try:
        settle_beforehand(asked, seen, (), None, actor, world)
    except Refusal as refused:
        return refused
    return None


def who_may_settle(
    asked: e.RunRequested, seen: e.SystemSearched, actors: Iterable[Actor], world: World
) -> tuple[str, ...]:
    """Those of these for whom the run would exist and who could say it, by id."""
    state = fold(RunState(), asked, world.now)
    return tuple(
        sorted(
            actor.actor_id
            for actor in actors
            if state.exists_for(actor.actor_id, world.now) and why_not_settle(asked, seen, actor, world) is None
        )
    )


def borne_out(state: RunState, world: World) -> Iterator[Event]:
    """What was said beforehand about systems that have now answered the run as they answered the preview."""
    for system, said in state.accounts.presettled.items():
        found = state.accounts.planned_on.get(system)
        if found is not None and same_accounts(said.seen, found):
            yield e.MatchSettled(
                system=system,
                accounts=said.accounts,
                by=said.by,
                on_behalf_of=said.on_behalf_of,
                beforehand=True,
                reason=said.reason,
            )
            yield from kept_by_settling(state, system, said.accounts, said.by, world)
