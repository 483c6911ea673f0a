"""Gates: which step digests wait for people, who may decide about them, and when enough have.

What was not decided is not done, and what did not change is not asked again: an approval is kept per digest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from orchestrator.domain import events as e
from orchestrator.domain.approvals.delegation import absent_in, authority, on_behalf_of
from orchestrator.domain.commands import kept_access
from orchestrator.domain.commands.requests import run_finished
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import own_run, refusal, require
from orchestrator.domain.permissions.grants import require_level
from orchestrator.domain.permissions.levels import Actor, limited
from orchestrator.domain.permissions.parties import is_party
from orchestrator.domain.run.decisions import GateState, decision_due
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World


def undecided(state: RunState, gate: str, now: datetime, unfounded: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Digests of steps behind this gate without a decision that still holds. `unfounded` are
    digests whose approval rests on an approver who no longer has the level for it."""
    return tuple(
        step.digest
        for step in state.plan.steps.values()
        if step.gate == gate
        and not state.work.steps[step.step_id].final
        and not state.goes_before_gates(step)
        and step.digest not in state.decisions.excluded
        and step.digest not in state.decisions.rejected
        and (state.approval_of(step, now) is None or step.digest in unfounded)
    )


def opening(
    state: RunState,
    gate: str,
    digests: tuple[str, ...],
    packet: Packet,
    now: datetime,
    close: e.CloseRecord | None = None,
    continues: GateState | None = None,
) -> e.GateOpened:
    """`close` is what people sign, if the gate is one of the close. The votes of `continues` count at this gate, for as
    long as they would have counted there."""
    spec = packet.approvals.decisions[gate]
    number = sum(1 for other in state.decisions.gates.values() if other.opened.gate == gate) + 1
    return e.GateOpened(
        gate_id=f"g-{gate}-{number}",
        gate=gate,
        digests=digests,
        roles=spec.decided_by,
        quorum=spec.quorum,
        decide_by=decision_due(now, state.cutoff, spec.decide_within),
        # Counted from the cutoff, but never over before an approver could act on it.
        valid_until=continues.opened.valid_until if continues else max(state.cutoff, now) + spec.valid_for,
        close=close,
        continues=continues.opened.gate_id if continues else "",
    )


def gate_in(gate_id: str) -> str | None:
    """The gate's name in the packet, by the id of one that opened: `access` of `g-access-2`. None for other ids."""
    return gate_id.removeprefix("g-").rpartition("-")[0] or None if gate_id.startswith("g-") else None


def decision(state: RunState, gate: GateState, actors: Mapping[str, Actor]) -> e.GateDecided | None:
    """The first rejection ends it; otherwise the quorum of distinct people. What one of them left out stays out.
    `actors` are the known ones."""
    votes = votes_that_count(state, gate, actors)
    opened = gate.opened
    for vote in votes:
        if vote.verdict == "reject":
            return e.GateDecided(
                gate_id=opened.gate_id,
                outcome="rejected",
                by=(vote.by,),
                rests_on=_rests_on([vote]),
                valid_until=opened.valid_until,
            )
    if people_of(votes, actors) < opened.quorum:
        return None
    excluded = {digest for vote in votes for digest in vote.excluded}
    return e.GateDecided(
        gate_id=opened.gate_id,
        outcome="approved",
        approved=tuple(digest for digest in opened.digests if digest not in excluded),
        excluded=tuple(digest for digest in opened.digests if digest in excluded),
        by=tuple(vote.by for vote in votes),
        rests_on=_rests_on(votes),
        valid_until=opened.valid_until,
    )


def votes_that_count(state: RunState, gate: GateState, actors: Mapping[str, Actor]) -> list[e.GateVoted]:
    """The votes whose voter, or delegator, still has a role of the gate or was named for it, and does not turn out to
    be the requester or the leaver. Until the gate is decided, revoking a role takes back the votes that rest on it."""
    assigned = state.decisions.assigned(gate.opened.gate_id)
    return [vote for vote, _ in gate.votes if _counts(vote, state, gate, actors, assigned)]


def people_of(votes: Sequence[e.GateVoted], actors: Mapping[str, Actor]) -> int:
    """How many people cast these votes. Accounts that HR links to one person since are of one person."""
    people: list[frozenset[str]] = []
    for vote in votes:
        known = actors.get(vote.by)
        one = frozenset({vote.human}).union(known.people if known is not None else ())
        if all(one.isdisjoint(other) for other in people):
            people.append(one)
    return len(people)


def _counts(
    vote: e.GateVoted, state: RunState, gate: GateState, actors: Mapping[str, Actor], assigned: Collection[str]
) -> bool:
    accounts = (actors.get(vote.by), actors.get(vote.on_behalf_of or vote.by))
    if any(known is not None and is_party(state, known) for known in accounts):
        return False
    rests_on = actors.get(vote.on_behalf_of or vote.by)
    if vote.on_behalf_of is None and vote.by in assigned:
        return True
    return rests_on is not None and not rests_on.roles.isdisjoint(gate.roles)


def _rests_on(votes: Sequence[e.GateVoted]) -> tuple[str, ...]:
    if all(vote.on_behalf_of is None for vote in votes):
        return ()
    return tuple(vote.on_behalf_of or vote.by for vote in votes)


def why_not_decide(state: RunState, gate: GateState, actor: Actor) -> NotAllowed | None:
    """Why this actor may not decide at this gate, whatever they would say; None where they may."""
    # Delegators are asked too: an access that only reads is refused when it votes.
    if (refused := refusal("approve_gate", actor.model_copy(update={"up_to": None}))) is not None:
        return refused
    if actor.actor_id in state.decisions.assigned(gate.opened.gate_id):
        return _conflict(state, gate, actor, assigned=True)
    if not actor.roles & gate.roles:
        return NotAllowed("role_missing", f"Only {any_of(gate.roles)} can decide at gate {gate.opened.gate_id}.")
    return _conflict(state, gate, actor)


def who_may_vote(state: RunState, gate: GateState, actor: Actor, world: World) -> tuple[Actor, ...]:
    """Those whose vote this actor may still cast here: their own, and in their absence that of others. Empty where they
    may not decide, or where that vote has been cast."""
    if not actor.people.isdisjoint(gate.voters) or gate.has_vote_by(actor.actor_id):
        return ()
    return tuple(one for one in _candidates(state, gate, actor, world) if one.people.isdisjoint(gate.voters))


def _candidates(state: RunState, gate: GateState, actor: Actor, world: World) -> list[Actor]:
    """The actor's own conflicts of interest count for every delegator."""
    refused = why_not_decide(state, gate, actor)
    if refused is not None and (refused.code != "role_missing" or _conflict(state, gate, actor) is not None):
        return []
    delegators = [one for one in absent_in(state, actor, world) if one.roles & gate.roles]
    absent = [one for one in delegators if why_not_decide(state, gate, one) is None]
    return absent if refused is not None else [actor, *absent]


def _conflict(state: RunState, gate: GateState, actor: Actor, *, assigned: bool = False) -> NotAllowed | None:
    """An account that two people assigned may report to the leaver: everyone may."""
    asked = state.asked
    if actor.requested(asked.requested_by, asked.requester_human):
        return NotAllowed("requester_never_decides", "The requester can't approve their own request.")
    if (own := own_run(actor, asked.person_id)) is not None:
        return own
    if asked.person_id in actor.managers and not assigned:
        return NotAllowed(
            "reports_to_person", "People who report to the leaver, directly or indirectly, can't approve or reject."
        )
    return signed_at_another(state, gate, actor)


def signed_at_another(state: RunState, gate: GateState, actor: Actor) -> NotAllowed | None:
    """A person signs the close for one entry of the packet: HR, IT and finance are different people. Signatures that no
    longer count keep no one from signing."""
    for id_, other in state.decisions.gates.items():
        if not gate.signs_close or other.opened.gate == gate.opened.gate or other.opened.close != gate.opened.close:
            continue
        approval = state.decisions.approved.get(other.opened.digests[0])
        counts = other.open or (approval is not None and approval.gate_id == id_)
        if counts and not actor.people.isdisjoint(other.voters):
            return NotAllowed(
                "close_signed_once",
                f"A person signs the close of a run once, and this person has signed at gate {id_}.",
            )
    return None


def vote(
    state: RunState,
    gate_id: str,
    actor: Actor,
    verdict: str,
    excluded: tuple[str, ...],
    reason: str | None,
    world: World,
) -> list[Event]:
    """An approver's word about a gate; `excluded` are step ids that are to be left out. Empty if the same was said
    by the same person before. If one person approves alone what they selected, HR confirms it (`kept_access`). Raises
    `TooLate` with who decided and when, `NotAllowed` or `Invalid`. The first two record that the vote was refused."""
    try:
        require("approve_gate" if verdict == "approve" else "reject_gate", actor)
        return _vote(state, gate_id, actor, verdict, excluded, reason, world)
    except (NotAllowed, TooLate) as refused:
        refused.records = refused_vote(state, gate_id, actor, verdict, refused)
        raise


def refused_vote(
    state: RunState, gate_id: str, actor: Actor, verdict: str, refused: NotAllowed | TooLate
) -> tuple[Event, ...]:
    """The record of a refused vote; empty where the run has no such gate, and where the same gate refused this account
    for the same reason before, so that an account that repeats its vote adds no further event."""
    if gate_id not in state.decisions.gates:
        return ()
    if (gate_id, actor.actor_id, refused.code) in state.decisions.refused_votes:
        return ()
    known = {"gate_id": gate_id, "by": actor.actor_id, "account_kind": actor.kind, "human": actor.answers_for}
    return (e.VoteRefused.model_validate({**known, "verdict": verdict, "refusal": refused.code}),)


def _vote(
    state: RunState,
    gate_id: str,
    actor: Actor,
    verdict: str,
    excluded: tuple[str, ...],
    reason: str | None,
    world: World,
) -> list[Event]:
    gate = state.decisions.gates.get(gate_id)
    if gate is None:
        known = ", ".join(g for g, s in state.decisions.gates.items() if s.open) or "none"
        raise Invalid("unknown_gate", f"Run {state.run_id} has no gate {gate_id}. Open gates: {known}.")
    candidates = _candidates(state, gate, actor, world)
    refused = why_not_decide(state, gate, actor) if not candidates else None
    if not gate.open:
        if refused is not None and not actor.roles & gate.roles:
            raise refused
        if state.finished and gate.outcome == "withdrawn":
            raise run_finished(state)
        raise too_late(gate)
    if refused is not None:
        raise refused
    if state.finished:
        raise run_finished(state)
    if gate.lapsed(state.cutoff, world.now):
        raise TooLate(
            "gate_lapsed",
            f"Gate {gate_id} expired at {gate.opened.valid_until:%Y-%m-%d %H:%M:%S} UTC.",
        )
    for earlier, _ in gate.votes:
        if actor.is_person(earlier.human):
            if earlier.verdict == verdict and set(earlier.excluded) == set(_digests_of(state, gate, excluded)):
                return []
            raise _voted(f"You have already decided at gate {gate_id}: {earlier.verdict}.")
        if earlier.by == actor.actor_id:
            raise _voted(f"This account has already decided at gate {gate_id}, when HR knew another person behind it.")
        if actor.is_person(earlier.for_human):
            raise _voted(f"{earlier.by} has already decided for you at gate {gate_id}: {earlier.verdict}.")
    candidates = [one for one in candidates if one.people.isdisjoint(gate.voters)]
    if not candidates:
        raise _voted(f"The person you are a delegate for has already decided at gate {gate_id}.")
    digests = _digests_of(state, gate, excluded)
    rests_on = candidates[0]
    if verdict == "approve":
        if len(digests) == len(gate.opened.digests):
            raise Invalid("nothing_left", "An approval can't exclude every step.")
        rests_on = authority(candidates, lambda one: level_missing(state, gate, actor, one, digests, world))
    instead_of = on_behalf_of(actor, rests_on)
    alone = verdict == "approve" and gate.opened.quorum == 1
    approved = set(gate.opened.digests) - set(digests) if alone else ()
    return [
        e.GateVoted.model_validate(
            {
                "gate_id": gate_id,
                "by": actor.actor_id,
                "human": actor.human,
                "roles": tuple(sorted(actor.roles)),
                "managers": tuple(sorted(actor.managers)),
                "verdict": verdict,
                "excluded": digests,
                "reason": reason,
                "on_behalf_of": instead_of,
                "for_human": rests_on.human if instead_of is not None else None,
            }
        ),
        *kept_access.kept_by_approving(state, approved, actor, world),
    ]


def require_together(state: RunState, gate_id: str, world: World) -> None:
    """Raises `Invalid` unless the packet lets several runs' gates of this name be decided in one go."""
    gate = state.decisions.gates.get(gate_id)
    if gate is not None and not world.pinned.approvals.decisions[gate.opened.gate].decide_together:
        raise Invalid(
            "decided_one_by_one",
            f"Gate {gate_id} can't be approved together with others: its packet does not allow it.",
        )


def _voted(said: str) -> TooLate:
    return TooLate("already_voted", said)


def too_late(gate: GateState) -> TooLate:
    if gate.outcome == "withdrawn":
        why = (
            "the run has changed since. People are asked to sign once every step has ended."
            if gate.signs_close
            else "its steps no longer need approval, or need it at another gate."
        )
        return TooLate(
            "gate_withdrawn",
            f"Gate {gate.opened.gate_id} was withdrawn at {gate.decided_at:%Y-%m-%d %H:%M:%S} UTC: {why}",
        )
    who = ", ".join(f"{vote.by} ({vote.verdict}, {at:%Y-%m-%d %H:%M:%S} UTC)" for vote, at in gate.votes)
    when = f"{gate.decided_at:%Y-%m-%d %H:%M:%S} UTC" if gate.decided_at else "already"
    return TooLate(
        "gate_decided", f"Gate {gate.opened.gate_id} was {gate.outcome} at {when}{f' by {who}' if who else ''}."
    )


def _digests_of(state: RunState, gate: GateState, step_ids: tuple[str, ...]) -> tuple[str, ...]:
    digests = []
    for id_ in step_ids:
        # A name means every step of that name: there is one for each account.
        named = [
            s.digest
            for s in state.plan.steps.values()
            if id_ in (s.step_id, s.name) and s.digest in gate.opened.digests
        ]
        if not named:
            raise Invalid("not_at_this_gate", f"Gate {gate.opened.gate_id} has no step {id_}.")
        digests.extend(named)
    return tuple(dict.fromkeys(digests))


def level_missing(
    state: RunState, gate: GateState, actor: Actor, rests_on: Actor, excluded: tuple[str, ...], world: World
) -> NotAllowed | None:
    """Why this actor's approval of the gate would not cover all its steps but the excluded ones (digests). It rests on
    the delegator's level, and is limited by the actor's access."""
    for step in state.plan.steps.values():
        if step.digest not in gate.opened.digests or step.digest in excluded:
            continue
        if not actor.reaches(step.level):
            return limited(actor, step.level)
        if not step.is_task:
            try:
                require_level(
                    world.pinned.platform, world.current.platform, rests_on, step.system, state.asked.packet, step.level
                )
            except NotAllowed as refused:
                return refused
    return None
