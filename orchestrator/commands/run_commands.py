"""Commands of HR, approvers and operators on one run, or on several at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orchestrator.commands.services import Done, GateOutcome, Services, decide_on, finish
from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates, naming
from orchestrator.domain.commands import (
    doing_by_hand,
    extending,
    legal_holding,
    operating,
    pausing,
    requests,
)
from orchestrator.domain.commands.starts import reported_leavings
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.embargo import change_embargo
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.persons.files import Attachment
from orchestrator.ledger.persons.uploads import Uploaded

MAX_BATCH_APPROVALS = 100

# HR


async def set_embargo(
    services: Services, actor: Actor, run_id: str, until: datetime | None, named: Sequence[str] = ()
) -> Done:
    """Ends a run's embargo (`until` None) or moves its end. `named` are the accounts that may see the run; without it
    they stay the same."""
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: change_embargo(state, until, named, actor, world)
    )


async def reschedule_run(services: Services, actor: Actor, run_id: str, cutoff: Cutoff) -> Done:
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: requests.reschedule(state, cutoff, actor, world)
    )


async def place_legal_hold(services: Services, actor: Actor, run_id: str, reason: str) -> Done:
    """Keeps every step that destroys something from running until the hold is lifted."""
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: legal_holding.place(state, reason, actor, world)
    )


async def lift_legal_hold(services: Services, actor: Actor, run_id: str, reason: str, hold_id: str | None) -> Done:
    """`hold_id` can be omitted while one hold is in force."""
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: legal_holding.lift(state, hold_id, reason, actor, world)
    )


async def report_leaving(
    services: Services, actor: Actor, run_id: str, leaving: Cutoff | None, *, moves: bool = True
) -> Done:
    """For HR's feed: HR's own record has another leaving. It reaches a run under an embargo as well, and only those who
    see the run learn of it. With `moves` off, the cutoff stays and HR is asked."""
    decided = await services.runs.decide(
        run_id,
        lambda state, world: reported_leavings.report_leaving(state, leaving, actor, world, moves=moves),
        by_account=True,
    )
    return await finish(services, decided)


async def end_run(services: Services, actor: Actor, run_id: str, reason: str) -> Done:
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: requests.end(state, reason, actor, world)
    )


# Approvers


async def approve_gate(
    services: Services, actor: Actor, run_id: str, gate_id: str, excluded: Sequence[str] = (), reason: str | None = None
) -> Done:
    """Raises `TooLate` with who decided and when, once the gate is decided."""

    def decide(actor: Actor, state: RunState, world: World) -> Sequence[Event]:
        return gates.vote(state, gate_id, actor, "approve", tuple(excluded), reason, world)

    return await decide_on(services, actor, run_id, decide, wakes_always=False)


async def reject_gate(services: Services, actor: Actor, run_id: str, gate_id: str, reason: str) -> Done:
    if is_blank(reason):
        raise Invalid("reason_missing", "A rejection needs a reason.")

    def decide(actor: Actor, state: RunState, world: World) -> Sequence[Event]:
        return gates.vote(state, gate_id, actor, "reject", (), reason, world)

    return await decide_on(services, actor, run_id, decide, wakes_always=False)


async def approve_gates(
    services: Services, actor: Actor, selection: Sequence[tuple[str, str]], reason: str | None = None
) -> tuple[GateOutcome, ...]:
    """Approves gates of several runs (run ID, gate ID). Each is a decision of its own, recorded or refused on its own.
    More than one gate only if each run's packet allows it. Raises `Invalid` if the selection is too large."""
    chosen = tuple(dict.fromkeys(selection))
    if len(chosen) > MAX_BATCH_APPROVALS:
        raise Invalid("too_many_together", f"{len(chosen)} gates were selected; the limit is {MAX_BATCH_APPROVALS}.")
    outcomes = []
    for run_id, gate_id in chosen:

        def decide(actor: Actor, state: RunState, world: World, gate_id: str = gate_id) -> Sequence[Event]:
            if len(chosen) > 1:
                gates.require_together(state, gate_id, world)
            return gates.vote(state, gate_id, actor, "approve", (), reason, world)

        try:
            done = await decide_on(services, actor, run_id, decide, wakes_always=False)
            outcomes.append(GateOutcome(run_id, gate_id, done=done))
        except Refusal as refused:
            outcomes.append(GateOutcome(run_id, gate_id, refused=refused))
    return tuple(outcomes)


async def name_decider(
    services: Services, actor: Actor, run_id: str, exception_id: str, decider: str, reason: str
) -> Done:
    """Names the account `decider` for the gate or review that has too few people, about which the exception is."""
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: naming.name_decider(state, exception_id, decider, reason, actor, world),
    )


# Operators


async def retry_step(
    services: Services, actor: Actor, run_id: str, step: str, *, again: bool = False, reason: str | None = None
) -> Done:
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: operating.retry(state, step, again, reason, actor, world)
    )


async def skip_step(services: Services, actor: Actor, run_id: str, step: str, reason: str, *further: str) -> Done:
    """With `further` steps, all of them are skipped, or none."""
    steps = (step, *further)
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: operating.skip_steps(state, steps, reason, actor, world)
    )


async def do_step_by_hand(services: Services, actor: Actor, run_id: str, step: str, evidence: str) -> Done:
    """Reports that a failed step was done by hand. Where the system can be read, a worker reads it first."""
    said = {"note": evidence}
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: doing_by_hand.do_by_hand(state, step, said, actor, world)
    )


async def settle_match(
    services: Services, actor: Actor, run_id: str, system: str, accounts: Sequence[str], reason: str | None = None
) -> Done:
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: operating.settle(state, system, tuple(accounts), reason, actor, world),
    )


async def replan_run(
    services: Services, actor: Actor, run_id: str, reason: str | None = None, version: str | None = None
) -> Done:
    """Under the packet version `version`, if one is given: the one in use, which covers further systems."""

    def decide(actor: Actor, state: RunState, world: World) -> Sequence[Event]:
        if version is None:
            return operating.replan(state, reason, actor, world)
        return extending.extend(state, version, reason, actor, world)

    return await decide_on(services, actor, run_id, decide)


async def complete_task(
    services: Services,
    actor: Actor,
    run_id: str,
    task_id: str,
    outcome: str,
    evidence: dict[str, Any] | None,
    attachments: Sequence[Attachment] = (),
    uploaded: Sequence[Uploaded] = (),
) -> Done:
    """Files are stored once, encrypted, and named by the evidence; none is where the command is refused. `uploaded`
    were handed over before, by the same account for the same task. The event also has their rows, for verification."""
    if outcome not in ("done", "not_done"):
        raise Invalid("unknown_outcome", f"{outcome!r} is not an outcome of a task.")
    said = dict(evidence or {})
    stored_files: tuple[e.StoredFile, ...] = ()
    if attachments or uploaded:
        snapshot = await services.runs.load(run_id)
        visibility.require_visible(snapshot.state, actor, snapshot.world)
        names = [*(file.name for file in attachments), *(file.name for file in uploaded)]
        said["attachments"] = [{"name": name} for name in names]
        operating.complete_task(snapshot.state, task_id, outcome, said, actor, snapshot.world)
        person_id, ledger = snapshot.state.asked.person_id, services.runs.ledger
        used = [await ledger.uploads.use(person_id, actor.actor_id, run_id, task_id, file) for file in uploaded]
        said["attachments"] = used + await ledger.files.keep_all(person_id, attachments)
        stored_files = await ledger.files.rows(person_id, [file["stored"] for file in said["attachments"]])
    return await decide_on(
        services,
        actor,
        run_id,
        lambda actor, state, world: operating.complete_task(
            state, task_id, outcome, said or None, actor, world, stored_files
        ),
    )


async def hold_run(
    services: Services, actor: Actor, run_id: str, reason: str | None = None, until: datetime | None = None
) -> Done:
    """`until`: when the pause ends automatically; None for the packet's longest time, if it has one."""
    return await decide_on(
        services, actor, run_id, lambda actor, state, world: pausing.hold(state, reason, actor, world, until)
    )


async def release_run(services: Services, actor: Actor, run_id: str) -> Done:
    return await decide_on(services, actor, run_id, lambda actor, state, world: pausing.release(state, actor, world))
