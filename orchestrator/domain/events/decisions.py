"""Gates, and what people decide there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from orchestrator.domain.events.event import Event, Personal, added_later
from orchestrator.domain.planning.plan import Frozen

SystemOutcome = Literal["verified", "attested", "with_exceptions"]
"""`verified`: every step was read back. `attested`: every step was done, one at least without a read-back.
`with_exceptions`: a step was skipped, or an exception about the system is open or was waived."""


class SignedStep(Frozen):
    """How a step ended. `digest` and `generation` name what was done, so that a repeat is something else."""

    step_id: str
    digest: str
    generation: int
    status: str


class SignedSystem(Frozen):
    """`place` is a system, or the name of a task without one."""

    place: str
    outcome: SystemOutcome


class SignedException(Frozen):
    """An exception that the account `by` accepted although its cause is still there."""

    exception_id: str
    kind: str
    place: str = ""
    by: str


class CloseRecord(Frozen):
    """What people sign before a run closes. `reopened` is how often the run had been opened again."""

    outcome: Literal["clean", "with_exceptions"]
    reopened: int
    systems: tuple[SignedSystem, ...]
    steps: tuple[SignedStep, ...]
    exceptions: tuple[SignedException, ...]


class GateOpened(Event):
    """`close` is what people sign at a gate before the run closes; its digest is then the only one of the gate. None at
    a gate about steps. `continues` is an earlier gate of the same digest, withdrawn before it was decided: its votes
    count at this one. Empty where there is none."""

    gate_id: str
    gate: str
    digests: tuple[str, ...]
    roles: tuple[str, ...]
    quorum: int
    decide_by: datetime
    valid_until: datetime
    close: CloseRecord | None = added_later()
    continues: str = added_later("")


class GateVoted(Event):
    """`human` is the person behind the account as HR knows them; `managers` is the chain that was looked at.
    `on_behalf_of` is the account that delegated its decisions to this one, `for_human` the person behind it: the vote
    then rests on them, and counts for both as the one that each has."""

    gate_id: str
    by: str
    human: str
    roles: tuple[str, ...]
    managers: tuple[str, ...] = ()
    verdict: Literal["approve", "reject"]
    excluded: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    for_human: str | None = None
    reason: Personal[str] = None


class VoteRefused(Event):
    """A vote that does not count. `refusal` is the code of the refusal, `verdict` what the account `by` wanted to
    decide, and `account_kind` the type of that account. `human` is the person behind it as HR knows them; of a program,
    the person who answers for it. Recorded once for each gate, account and code."""

    gate_id: str
    by: str
    account_kind: Literal["person", "service", "assistant"]
    human: str | None
    verdict: Literal["approve", "reject"]
    refusal: str


class DeciderNamed(Event):
    """One person says that the account `decider` can decide a gate or review (`item_id`), which has too few people who
    can. It counts once two people have named the same account. `not_counted` are accounts that named it before and
    can't any more: they have lost the role, or turn out to be the requester's or the leaver's."""

    item_id: str
    decider: str
    by: str
    human: str
    reason: Personal[str] = None
    not_counted: tuple[str, ...] = added_later(())


class GateDecided(Event):
    """`rests_on` are the accounts whose levels the effects rest on: those who decided, or who delegated that to them.
    Empty where they are the same as `by`."""

    gate_id: str
    outcome: Literal["approved", "rejected"]
    approved: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    by: tuple[str, ...]
    rests_on: tuple[str, ...] = ()
    valid_until: datetime


class GateEscalated(Event):
    gate_id: str
    roles: tuple[str, ...]


class GateWithdrawn(Event):
    """None of the steps it was about needs a decision any more."""

    gate_id: str
