"""Starting a run: once for each start, with the limits on starts, and with the row of a batch where it is one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.commands.dry_runs import require_few_dry_runs
from orchestrator.commands.services import Done, Received, Services, finish, nudge
from orchestrator.commands.starts.start_limits import ask_about_trips
from orchestrator.deciding.packet_shelf import version_for, with_dry_run_beside
from orchestrator.deciding.runs import BatchRowStart
from orchestrator.deciding.snapshots import RunSnapshot, StartContext, StartDecision
from orchestrator.documents.runs.previews.shown_matches import Answered, MatchShown
from orchestrator.domain import events as e
from orchestrator.domain.approvals.presettled import settle_beforehand
from orchestrator.domain.commands import legal_holding, requests, restoring
from orchestrator.domain.commands.requests import NOT_RECENT
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn, is_late
from orchestrator.domain.run.cutoff import Cutoff


@dataclass(frozen=True, slots=True)
class RowOfBatch:
    """A row of a batch that starts a run. `start` is as in `deciding.runs.Runs.start`. `confirmed`: the safety owner
    confirmed the batch."""

    start: BatchRowStart
    confirmed: bool = False


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
    of_batch: RowOfBatch | None = None,
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

    `of_batch` is the row of a batch that this start is recorded in, with the run: neither is there without the other.

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
    run_id = run_of_start(start_id) if start_id is not None else f"r{secrets.token_hex(8)}"

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
            waited=of_batch is not None,
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
            confirmed=of_batch is not None and of_batch.confirmed,
            last_of=[role for role, others in holders.items() if opening.left.issuperset(others)],
            actors=opening.organisation.actors,
        )
        asked, twin = with_dry_run_beside(opening.shelf, asked) if there is None else (asked, None)
        events = [asked, *holds, *said] if there is None else requests.second_request(there.state, asked, legal_hold)
        cancelled = [event for one in restore for event in restoring.give_way(one.state, pinned, acting, one.world)]
        return StartDecision(events, admitted.events, admitted.refused, before=cancelled, twin=twin)

    try:
        decided = await services.runs.start(
            person_id,
            request,
            packet,
            urgent=urgent,
            cutoff=cutoff.instant if cutoff is not None else None,
            of_batch=of_batch.start if of_batch is not None else None,
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
        state = (await services.runs.load(run_of_start(start_id))).state
    except Invalid:
        return None
    if state.asked.requested_by != actor.actor_id:
        return None
    return Done(state.run_id, state.version, (), await nudge(services, state.run_id))


def run_of_start(start_id: str) -> str:
    return f"r{hashlib.sha256(f'start:{start_id}'.encode()).hexdigest()[:16]}"
