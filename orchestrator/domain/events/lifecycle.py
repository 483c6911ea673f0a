"""A run as a whole: requested, rescheduled, held, under embargo, ended or closed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from orchestrator.domain.events.event import Event, Personal, added_later
from orchestrator.domain.planning.restoration import Restoration


class RunRequested(Event):
    """`facts` are HR's words about the person (a `PersonFacts` as JSON). `local_cutoff` is the time as HR gave it.
    Until `embargo_until` the run exists for those `named` only, actors by their ids. `hr_disagrees`: HR's feed reported
    the leaving, and HR's own record did not have it. `hr_leaving_at`: when the person leaves by HR's own record at the
    start; None where it had no leaving, and in events of versions that did not record it.

    `twin` is the dry run beside this run, and `twin_of` the run beside which this dry run is; None where there is none.

    `restores` is the run that this one undoes, None for an offboarding. `restorations` say of each step of that run
    what is restored, in its order; `taken` are the things to restore, by the id of the step that gives them."""

    run_id: str
    person_id: str
    packet: str
    packet_version: str
    phase: str
    cutoff: datetime
    zone: str
    local_cutoff: str
    urgent: bool = False
    requested_by: str
    requester_human: str | None = None
    embargo_until: datetime | None = None
    named: tuple[str, ...] = ()
    facts: Personal[dict[str, Any]] = None
    reason: Personal[str] = None
    hr_disagrees: bool = added_later(False)
    hr_leaving_at: datetime | None = added_later()
    restores: str | None = added_later()
    restorations: tuple[Restoration, ...] = added_later(())
    taken: Personal[dict[str, Any]] = added_later()
    twin: str | None = added_later()
    twin_of: str | None = added_later()


class RunRescheduled(Event):
    """`repeated_steps` are the ids of the steps that are carried out again, since a system was sent the cutoff before.
    None in events of versions that did not record them. If the cutoff was moved later: `added_seconds` is for how much
    longer access stays open, `open_systems` on which systems, `open_privileged` how many privileged accounts."""

    cutoff: datetime
    zone: str
    local_cutoff: str
    by: str
    repeated_steps: tuple[str, ...] | None = added_later()
    added_seconds: float | None = added_later()
    open_systems: tuple[str, ...] | None = added_later()
    open_privileged: int | None = added_later()


class RunMadeUrgent(Event):
    """A scheduled run became an urgent one: the reversible steps that remove access run before approval. `human` is the
    opaque id of the person behind `by`."""

    by: str
    human: str | None = None
    reason: Personal[str] = None


class LeavingChanged(Event):
    """HR's own record of the person has another leaving than when the run was started, or than at the change before.
    `leaving_at` is None where it has none any more."""

    leaving_at: datetime | None
    by: str


class EmbargoChanged(Event):
    """`until` None: the embargo is over, and the whole record is readable as any other."""

    until: datetime | None
    named: tuple[str, ...]
    by: str


class SecondRequestReceived(Event):
    """An account that cannot see this run asked for the same person to be offboarded. The response said that the
    request was received, and nothing else. `legal_hold` is the reason of the legal hold that the request asked for,
    None where it asked for none."""

    by: str
    requester_human: str | None = None
    packet: str
    cutoff: datetime
    zone: str
    local_cutoff: str
    urgent: bool = False
    reason: Personal[str] = None
    legal_hold: Personal[str] = None


class RunHeld(Event):
    """`until`: when the pause ends automatically, None where it has no end."""

    by: str
    reason: Personal[str] = None
    until: datetime | None = added_later()


class RunReleased(Event):
    """`by` is empty where the pause ended at its time."""

    by: str


class LegalHoldPlaced(Event):
    """Until the hold is lifted, no step that destroys something runs. `by` is empty where the packet's condition placed
    it at the start. `from_run`: it was still in force in the person's run before, from which it is carried over."""

    hold_id: str
    by: str = ""
    from_run: str | None = None
    reason: Personal[str] = None


class LegalHoldLifted(Event):
    hold_id: str
    by: str
    reason: Personal[str] = None


class RunEnded(Event):
    """Stopped before its end: a person called the leaving off, or refused the plan for good; or the run is a restore,
    and a run that removes access was started. `reopened` is how often the run had been opened again after it was
    closed."""

    by: str
    reason: Personal[str] = None
    reopened: int = added_later(0)


class RunClosed(Event):
    """Everything planned is final and nothing is open. `outcome` is `shadow` where nothing was to be changed.
    `reopened` is how often the run had been opened again after it was closed. `watch_days`: so many days afterwards the
    systems are checked again; none in events of versions that did not do that. `signed_at` are the gates at which
    people signed the close, empty where the packet asks for no signature."""

    outcome: Literal["clean", "with_exceptions", "shadow"]
    verified: int
    attested: int
    skipped: int
    reopened: int = added_later(0)
    watch_days: tuple[int, ...] = added_later(())
    signed_at: tuple[str, ...] = added_later(())
