"""Commands of HR, approvers and operators on one run, or on several at once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orchestrator.commands.dry_runs import require_few_dry_runs
from orchestrator.commands.services import Done, GateOutcome, Received, Services, decide_on, finish, nudge
from orchestrator.commands.starts import ask_about_trips
from orchestrator.deciding.packet_shelf import version_for, with_dry_run_beside
from orchestrator.deciding.snapshots import RunSnapshot, StartContext, StartDecision
from orchestrator.documents.runs.previews.shown_matches import Answered, MatchShown
from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates, naming
from orchestrator.domain.approvals.presettled import settle_beforehand
from orchestrator.domain.commands import (
    doing_by_hand,
    extending,
    legal_holding,
    operating,
    pausing,
    requests,
    restoring,
)
from orchestrator.domain.commands.requests import NOT_RECENT
from orchestrator.domain.commands.starts import reported_leavings, starting
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.embargo import EmbargoTerms, change_embargo
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn, is_late
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.persons.files import Attachment
from orchestrator.ledger.persons.uploads import Uploaded

MAX_BATCH_APPROVALS = 100

# HR


async def start_run(
    services: Services,
    actor: Actor,
    person: PersonFacts,
    packet: str,
    cutoff: Cutoff | None,
    *,
    urgent: bool = False,
    shadow: bool = False,
    embargo: EmbargoTerms | None = None,
    reason: str | None = None,
    legal_hold: str | None = None,
    answers: Sequence[Answered] = (),
    start_id: str | None = None,
    expected: bool = False,
    hr_leaving_at: datetime | None = None,
    sign_in: SignIn = NOT_RECENT,
) -> Done | Received:
    """Opens a run for a person as HR knows them. Raises `Refusal`; an open run that the actor sees is named in it. One
    that they do not see is no refusal: their request is put before those who see it. Restores give way.

    `shadow` asks for a dry run with the newest version in that phase, beside the version that is in use. A dry run
    takes no place of the person. Its requester can start a limited number (`commands/dry_runs.py`). If the person has a
    run under embargo that the actor sees, the dry run is under that embargo as well; one that they do not see makes no
    difference.

    `legal_hold` is the reason of a legal hold under which the run begins, None for none; the packet and the person's
    run before can add others (`domain/commands/legal_holding.py`).

    `answers` settle what a preview asked, under the rules of `settle_match`: refused is the whole start, so that no one
    takes for settled what is not. They count where the run's search finds what the preview showed.

    `expected`: HR's own record says that the person leaves by the cutoff. Such a start is not counted toward the limits
    on starts (`domain/commands/starts/starting.py`), but a late start is; see also `request_run`. `hr_leaving_at` is as
    there. `sign_in` is for late starts (`domain/permissions/urgent.py`).

    `start_id` names this start, so that a caller can repeat it without knowing whether it was carried out: while its
    run is open, the answer is that run (see also `run_started`)."""
    require("start_run", actor)
    shown = [(MatchShown.opened(services.keyring, actor.actor_id, answer.question), answer) for answer in answers]
    if len({match.seen.system for match, _ in shown}) < len(shown):
        raise Invalid("settled_twice", "A question has more than one answer.")
    await require_few_dry_runs(services, actor, packet, asked_for=shadow)
    person_id = await services.keyring.person_for("hr", person.hr_id)
    assert person_id is not None
    key = await services.keyring.person_key(person_id)
    run_id = _run_of(start_id) if start_id is not None else f"r{secrets.token_hex(8)}"

    def settled(actor: Actor, opening: StartContext, asked: e.RunRequested) -> list[e.MatchSettledBeforehand]:
        world, events = opening.world(asked.packet_version), []
        for match, answer in shown:
            match.require_fresh(person.hr_id, opening.now)
            chosen = match.chosen(key, answer.accounts)
            events.append(settle_beforehand(asked, match.as_of(key), chosen, answer.reason, actor, world))
        return events

    restore: list[RunSnapshot] = []

    def request(opening: StartContext) -> StartDecision:
        version = version_for(opening.shelf, packet, person, shadow=shadow)
        dry = version.phase == "shadow"
        there = opening.open_run if not dry else None
        if there is not None and there.state.run_id == run_id:
            return StartDecision()  # this very start opened it
        restore[:] = [there] if there is not None and there.state.restores is not None else []
        there = there if not restore else None
        pinned = opening.shelf.version(version.version)
        acting = acting_now(actor, opening.organisation)
        shown = there is not None and visibility.sees(there.state, acting, there.world)
        asked = requests.request_run(
            run_id=run_id,
            person_id=person_id,
            person=person,
            cutoff=cutoff,
            urgent=urgent,
            actor=opening.requester(acting, person_id),
            packet=pinned,
            phase=version.phase,
            open_run=there.state.run_id if there is not None and shown else None,
            now=opening.now,
            embargo=embargo,
            shadow=shadow,
            beside=opening.embargo_seen_by(acting) if dry else None,
            reason=reason,
            actors=opening.organisation.actors,
            abilities=services.runs.abilities,
            sign_in=sign_in,
            expected=expected,
            hr_leaving_at=hr_leaving_at,
        )
        # Checked even where it has no effect, so that a run that the actor cannot see makes no difference: a second
        # requester answers no question of the first run.
        said = settled(acting, opening, asked)
        before = opening.last_run.state if opening.last_run is not None and there is None and not dry else None
        holds = legal_holding.at_start(asked, legal_hold, acting, opening.world(version.version), before)
        holders = opening.last_holders(person_id)
        admitted = starting.admit(
            opening.starts,
            asked,
            pinned,
            acting,
            opening.now,
            opens=there is None,
            expected=expected and not is_late(asked.cutoff, pinned, opening.now),
            last_of=[role for role, others in holders.items() if opening.left.issuperset(others)],
            actors=opening.organisation.actors,
        )
        asked, twin = with_dry_run_beside(opening.shelf, asked) if there is None else (asked, None)
        events = [asked, *holds, *said] if there is None else requests.second_request(there.state, asked, legal_hold)
        cancelled = [event for one in restore for event in restoring.give_way(one.state, pinned, acting, one.world)]
        return StartDecision(events, admitted.events, admitted.refused, before=cancelled, twin=twin)

    try:
        decided = await services.runs.start(
            person_id, request, packet, urgent=urgent, cutoff=cutoff.instant if cutoff is not None else None
        )
    except Refusal as refused:
        if refused.code == "starts_held":
            await ask_about_trips(services)
        raise
    done = await finish(services, decided)
    for one in restore:
        await nudge(services, one.state.run_id)  # its workflow ends
    return done if done.run_id == run_id else Received()


async def run_started(services: Services, actor: Actor, start_id: str) -> Done | None:
    """The run that `actor` opened with the start of this id, finished or not; None where there is none."""
    try:
        state = (await services.runs.load(_run_of(start_id))).state
    except Invalid:
        return None
    if state.asked.requested_by != actor.actor_id:
        return None
    return Done(state.run_id, state.version, (), await nudge(services, state.run_id))


def _run_of(start_id: str) -> str:
    return f"r{hashlib.sha256(f'start:{start_id}'.encode()).hexdigest()[:16]}"


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
