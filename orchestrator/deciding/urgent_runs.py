"""A decision about an open run that counts as a start, on the run's stream and the stream of starts at once."""

from __future__ import annotations

from collections.abc import Callable, Collection

from orchestrator.deciding.appending import drafts
from orchestrator.deciding.optimistic import until_appended
from orchestrator.deciding.person_runs import people_who_left
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import RunDecision, StartDecision
from orchestrator.domain import events as e
from orchestrator.domain.commands.starts.starting import roles_with_last_holder
from orchestrator.domain.organisation.starts import StartsState
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.access.keyed_requests import keyed_append
from orchestrator.ledger.book.records import StreamAppend

DecideUrgent = Callable[[RunState, World, StartsState, Collection[str]], StartDecision]


async def decide_urgent(runs: Runs, run_id: str, decide: DecideUrgent) -> RunDecision:
    """`decide` gets the run, its world, the recent starts, and the roles whose last holder the leaver is. Where its
    decision is refused, the events of the stream of starts are appended all the same. Raises what `decide` raises, the
    refusal that it returns, and `LedgerUnavailable`."""

    keyed = keyed_append(e.run_stream(run_id))
    if earlier := await keyed.found(runs.ledger):
        return await runs.decided(run_id, earlier)

    async def attempt() -> RunDecision:
        await runs.starts.read()
        version, starts = runs.starts.cached()
        snapshot = await runs.load(run_id)
        state, world = snapshot.state, snapshot.world
        holders = roles_with_last_holder(state.asked.person_id, world.current, world.actors.values())
        others = [person for people in holders.values() for person in people]
        left = await people_who_left(runs.ledger, runs.load, others)
        last_of = [role for role, people in holders.items() if left.issuperset(people)]
        decided = decide(state, world, starts, last_of)
        counted = StreamAppend(e.STARTS, version, drafts(decided.starts, version, state.asked.person_id))
        if decided.refused is not None:
            if decided.starts:
                rests_on = StreamAppend(e.ORGANISATION, snapshot.read_versions[e.ORGANISATION])
                runs.starts.appended(await runs.ledger.append([counted, rests_on]))
            raise decided.refused
        more = [counted] if decided.starts else ()
        return await runs.append(snapshot, list(decided.events), more, by_account=True, append_id=keyed.append_id)

    return await until_appended(attempt)
