"""The decisions of a run: its gates, the votes at them, and which step digests are approved, excluded or rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.packet import Packet

if TYPE_CHECKING:
    from orchestrator.domain.run.run import RunState


NAMED_BY = 2
"""So many people name an account before it can decide."""


def decision_due(opened_at: datetime, cutoff: datetime, within: timedelta) -> datetime:
    """By when a gate that opened then is to be decided: the time that the packet gives, and that long before the cutoff
    if that is later. Approvers of a leaving that is months away are not reminded today."""
    return max(opened_at + within, cutoff - within)


@dataclass(frozen=True, slots=True)
class GateState:
    opened: e.GateOpened
    opened_at: datetime
    votes: tuple[tuple[e.GateVoted, datetime], ...] = ()
    outcome: Literal["open", "approved", "rejected", "withdrawn"] = "open"
    decided_at: datetime | None = None
    escalated_at: datetime | None = None
    escalated_to: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.outcome == "open"

    @property
    def signs_close(self) -> bool:
        """Whether people sign the close of the run here, and decide about no step."""
        return self.opened.close is not None

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.opened.roles) | frozenset(self.escalated_to)

    @property
    def voters(self) -> frozenset[str]:
        """The people whose one vote has been cast, by themselves or on their behalf."""
        humans = (human for vote, _ in self.votes for human in (vote.human, vote.for_human))
        return frozenset(human for human in humans if human is not None)

    def has_vote_by(self, account: str) -> bool:
        """Whether this account has voted. It does not vote again if HR knows another person behind it since."""
        return any(vote.by == account for vote, _ in self.votes)

    def escalated(self, roles: tuple[str, ...], at: datetime) -> GateState:
        """The gate as it would be after an escalation to these roles."""
        return replace(self, escalated_at=at, escalated_to=roles)

    def lapsed(self, cutoff: datetime, now: datetime) -> bool:
        """Whether a decision made here no longer holds: it is too late, or the cutoff moved beyond it."""
        return now >= self.opened.valid_until or cutoff > self.opened.valid_until


def signature_late_at(gate: GateState, packet: Packet) -> datetime | None:
    """When an exception about a signature of the close opens: at its due date; if the gate escalates, once the further
    roles have had as much time. None until it has escalated."""
    spec = packet.approvals.decisions[gate.opened.gate]
    if not spec.escalate_to:
        return gate.opened.decide_by
    return max(gate.opened.decide_by, gate.escalated_at + spec.decide_within) if gate.escalated_at else None


@dataclass(frozen=True, slots=True)
class Approval:
    """`by` are the accounts that it rests on."""

    gate_id: str
    by: tuple[str, ...]
    valid_until: datetime

    def holds(self, cutoff: datetime, now: datetime) -> bool:
        """A decision holds until it expires, or the cutoff is moved beyond that."""
        return now < self.valid_until and cutoff <= self.valid_until


@dataclass(frozen=True, slots=True)
class DecisionState:
    """`gates` by id. `approved`, `excluded` and `rejected` map a step's digest to the latest decision about it. `named`
    has, by gate or review, who named which account to decide it. `refused_votes` has the gate, account and code of each
    refused vote that is recorded."""

    gates: Mapping[str, GateState] = field(default_factory=dict)
    approved: Mapping[str, Approval] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, tuple[e.DeciderNamed, ...]] = field(default_factory=dict)
    refused_votes: frozenset[tuple[str, str, str]] = frozenset()

    def assigned(self, item_id: str) -> frozenset[str]:
        """The accounts that two people, with an account each, have named to decide this gate or review."""
        people: dict[str, set[str]] = {}
        accounts: dict[str, set[str]] = {}
        for event in self.named.get(item_id, ()):
            people.setdefault(event.decider, set()).add(event.human)
            accounts.setdefault(event.decider, set()).add(event.by)
        return frozenset(one for one in people if min(len(people[one]), len(accounts[one])) >= NAMED_BY)

    def with_gate(self, gate_id: str, **changes: Any) -> DecisionState:
        return replace(self, gates={**self.gates, gate_id: replace(self.gates[gate_id], **changes)})


@singledispatch
def fold_decisions(event: Event, run: RunState, at: datetime) -> DecisionState:
    """The decisions after one more event; as before where the event is about another part of the run."""
    return run.decisions


@fold_decisions.register(e.GateOpened)
def _(event: e.GateOpened, run: RunState, at: datetime) -> DecisionState:
    opened, earlier = GateState(event, at), run.decisions.gates.get(event.continues)
    if earlier is not None:
        opened = replace(
            opened, votes=earlier.votes, escalated_at=earlier.escalated_at, escalated_to=earlier.escalated_to
        )
    return replace(run.decisions, gates={**run.decisions.gates, event.gate_id: opened})


@fold_decisions.register(e.GateVoted)
def _(event: e.GateVoted, run: RunState, at: datetime) -> DecisionState:
    votes = run.decisions.gates[event.gate_id].votes
    return run.decisions.with_gate(event.gate_id, votes=(*votes, (event, at)))


@fold_decisions.register(e.VoteRefused)
def _(event: e.VoteRefused, run: RunState, at: datetime) -> DecisionState:
    known = run.decisions.refused_votes | {(event.gate_id, event.by, event.refusal)}
    return replace(run.decisions, refused_votes=known)


@fold_decisions.register(e.DeciderNamed)
def _(event: e.DeciderNamed, run: RunState, at: datetime) -> DecisionState:
    named = run.decisions.named
    before = tuple(
        one for one in named.get(event.item_id, ()) if one.decider != event.decider or one.by not in event.not_counted
    )
    return replace(run.decisions, named={**named, event.item_id: (*before, event)})


@fold_decisions.register(e.GateDecided)
def _(event: e.GateDecided, run: RunState, at: datetime) -> DecisionState:
    known = run.decisions.with_gate(event.gate_id, outcome=event.outcome, decided_at=at)
    opened = known.gates[event.gate_id].opened
    # The latest decision about a digest is the only one: an older one never comes back.
    asked = set(opened.digests)
    approved = {digest: one for digest, one in known.approved.items() if digest not in asked}
    excluded = {digest: one for digest, one in known.excluded.items() if digest not in asked}
    rejected = {digest: one for digest, one in known.rejected.items() if digest not in asked}
    if event.outcome == "rejected":
        rejected |= dict.fromkeys(opened.digests, event.gate_id)
    else:
        approval = Approval(event.gate_id, event.rests_on or event.by, event.valid_until)
        approved |= dict.fromkeys(event.approved, approval)
        excluded |= dict.fromkeys(event.excluded, event.gate_id)
    return replace(known, approved=approved, excluded=excluded, rejected=rejected)


@fold_decisions.register(e.GateEscalated)
def _(event: e.GateEscalated, run: RunState, at: datetime) -> DecisionState:
    return run.decisions.with_gate(event.gate_id, escalated_at=at, escalated_to=event.roles)


@fold_decisions.register(e.GateWithdrawn)
def _(event: e.GateWithdrawn, run: RunState, at: datetime) -> DecisionState:
    return run.decisions.with_gate(event.gate_id, outcome="withdrawn", decided_at=at)


@fold_decisions.register(e.RunReplanned)
def _(event: e.RunReplanned, run: RunState, at: datetime) -> DecisionState:
    kept = set(event.still_refused)
    rejected = {digest: gate for digest, gate in run.decisions.rejected.items() if digest in kept}
    excluded = {digest: gate for digest, gate in run.decisions.excluded.items() if digest in kept}
    return replace(run.decisions, rejected=rejected, excluded=excluded)
