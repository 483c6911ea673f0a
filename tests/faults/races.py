"""Votes at a gate at the moment at which it expires or is escalated: what each person was answered, and what the ledger
has. Used with the deciding loop alone, for many races, and with workers and Temporal.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from orchestrator import commands
from orchestrator.commands import Done, Services
from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.book.records import Recorded

GATE = "g-all-1"
Moment = Literal["expiry", "escalation"]
LATE = frozenset({"gate_decided", "gate_withdrawn", "gate_lapsed", "already_voted", "run_finished"})
"""Refusals of a vote that another event preceded; `role_missing` is one of a vote before the escalation."""


def near(chance: random.Random, moment: float) -> float:
    """Seconds from now to wait, of at most twice as many as until the moment. Mostly some before it, for a decision
    takes longer while many are made."""
    return chance.triangular(0.0, 2 * moment, moment / 2)


@dataclass
class Race:
    """One run whose gate `GATE` is open until `moment`. `answers` has, for each vote that was sent, the account, the
    verdict and the code of the refusal, None if it was done."""

    run_id: str
    moment: Moment
    at: datetime
    chance: random.Random
    answers: list[tuple[Actor, str, str | None]] = field(default_factory=list)

    async def vote(self, services: Services, actor: Actor, verdict: str, after: float) -> None:
        await asyncio.sleep(after)
        code: str | None = None
        try:
            if verdict == "approve":
                done = await commands.approve_gate(services, actor, self.run_id, GATE)
            else:
                done = await commands.reject_gate(services, actor, self.run_id, GATE, "not yet")
            assert isinstance(done, Done)
        except Refusal as refused:
            code = refused.code
        self.answers.append((actor, verdict, code))

    def votes(
        self, processes: Sequence[Services], approvers: Sequence[Actor], escalated: Actor, moment: float
    ) -> list[Awaitable[None]]:
        """Two to five votes, in any process, near the moment, which is that many seconds from now."""
        sent = []
        for _ in range(self.chance.randint(2, 5)):
            actor = self.chance.choice([*approvers, escalated])
            verdict = self.chance.choice(["approve", "approve", "reject"])
            sent.append(self.vote(self.chance.choice(processes), actor, verdict, near(self.chance, moment)))
        return sent

    def wrong(self, happened: Sequence[Recorded], escalated: Actor) -> list[str]:
        """What disagrees: the answers, the order of the events, and their times. `happened` are the run's events."""
        of_gate = [one for one in happened if getattr(one.event, "gate_id", None) == GATE]
        outcomes = [one for one in of_gate if isinstance(one.event, e.GateDecided | e.GateWithdrawn)]
        found = []
        if len(outcomes) > 1 or (self.moment == "expiry" and not outcomes):
            found.append(f"{len(outcomes)} outcomes")
        votes = [(one.version, one.recorded_at, one.event) for one in of_gate if isinstance(one.event, e.GateVoted)]
        escalations = [one.version for one in of_gate if isinstance(one.event, e.GateEscalated)]
        end = outcomes[0].version if outcomes else None
        if len(escalations) > 1:
            found.append(f"{len(escalations)} escalations")
        if end is not None and any(version > end for version in (*escalations, *(version for version, *_ in votes))):
            found.append("a vote or an escalation after the outcome")
        for version, recorded_at, vote in votes:
            if vote.by == escalated.actor_id and not any(version > earlier for earlier in escalations):
                found.append("a vote of the further role before the escalation")
            if self.moment == "expiry" and recorded_at >= self.at:
                found.append(f"a vote recorded {recorded_at - self.at} after the gate expired")
        if len(votes) > 1:
            found.append(f"{len(votes)} votes, and one decides")
        recorded = {(vote.by, vote.verdict) for _, _, vote in votes}
        answered = {(actor.actor_id, verdict) for actor, verdict, code in self.answers if code is None}
        if recorded != answered:
            found.append(f"votes in the ledger: {recorded}, answered as done: {answered}")
        if votes and not (outcomes and isinstance(outcomes[0].event, e.GateDecided)):
            found.append("a vote without its decision")
        if not votes and outcomes and isinstance(outcomes[0].event, e.GateDecided):
            found.append("a decision without a vote")
        unexpected = {code for _, _, code in self.answers if code is not None} - LATE - {"role_missing"}
        if unexpected:
            found.append(f"refused with {unexpected}")
        return [f"{self.run_id} ({self.moment}): {one}" for one in found]
