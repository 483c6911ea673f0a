"""Which accounts are the person's: searches, and the answers of people."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.domain.events.event import Event, Personal
from orchestrator.domain.planning.plan import Frozen

SearchOutcome = Literal["matched", "none", "ambiguous", "weak", "failed"]


class SystemSearched(Frozen):
    """What one system said to "which accounts are theirs?". `accounts` are the matched ones, `candidates` those that a
    person has to choose among. The look is made for a new plan, or to confirm the plan just before a change."""

    system: str
    purpose: Literal["plan", "confirm"]
    outcome: SearchOutcome
    accounts: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    matched_on: str = ""
    code: str = ""


class AccountsSearched(Event):
    """`details` maps an account's opaque id to what the system shows of it (a `FoundAccount` as JSON); `troubles` has
    the words of systems that failed."""

    results: tuple[SystemSearched, ...]
    details: Personal[dict[str, Any]] = None
    troubles: Personal[dict[str, str]] = None


class MatchSettled(Event):
    """A person said which accounts are theirs; none is an answer too. `beforehand` is whether they said so before the
    run began: a `MatchSettledBeforehand` that the run's own search has borne out."""

    system: str
    accounts: tuple[str, ...]
    by: str
    on_behalf_of: str | None = None
    beforehand: bool = False
    reason: Personal[str] = None


class MatchSettledBeforehand(Event):
    """The requester of the run was shown by a preview what a system said (`seen`), and said which of its candidates
    are theirs; none is an answer too. It counts where the run's own search finds the very same, and nowhere else."""

    seen: SystemSearched
    accounts: tuple[str, ...]
    by: str
    on_behalf_of: str | None = None
    reason: Personal[str] = None

    @property
    def system(self) -> str:
        return self.seen.system
