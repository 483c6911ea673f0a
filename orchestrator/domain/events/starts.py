"""How many runs are started, and what happens above a packet's limits; and many runs that are started as one, a batch.

Streams: `starts`, one for all packets; `batch:ID`; and `batches`, which names the batches there are.

Requesters are named by `requester`: the opaque id of a person, so that two accounts of one person count as one, or the
account of a service.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from orchestrator.domain.events.event import Event, Personal

StartsScope = Literal["requester", "packet"]


class StartCounted(Event):
    """A start that counts toward the limits. `held_id` is the held start that it was before, if any.
    `embargoed`: the run is visible only to some people, or the request was only received."""

    run_id: str
    packet: str
    by: str
    requester: str
    urgent: bool = False
    embargoed: bool = False
    held_id: str | None = None


class StartsTripped(Event):
    """A limit was reached: further starts of one requester, or under one packet, are held. `counted` are the starts
    within the packet's window, `run_id` the latest of them that is under no embargo."""

    trip_id: str
    packet: str
    scope: StartsScope
    by: str
    requester: str
    urgent: bool
    counted: int
    limit: int
    run_id: str | None = None


class StartHeld(Event):
    """A start that was refused until a second person confirms it, or until the limit is released. `why` is what held
    it; `named` are the accounts that an embargo names, if any; `label` is the person's name."""

    held_id: str
    packet: str
    person_id: str
    by: str
    requester: str
    urgent: bool
    why: Literal["requester", "packet", "last_holder"]
    named: tuple[str, ...] = ()
    label: Personal[str] = None


class StartConfirmed(Event):
    """A second person confirmed a held start; the requester can repeat it for an hour."""

    held_id: str
    by: str
    human: str


class StartsReleaseApproved(Event):
    """One of the two people who release a limit."""

    trip_id: str
    by: str
    human: str


class StartsReleased(Event):
    """Two people released a limit: starts are counted again from here."""

    trip_id: str
    by: tuple[str, ...]


class BatchListed(Event):
    """In the stream `batches`: there is a batch with this ID."""

    batch_id: str


class BatchOver(Event):
    """In the stream `batches`: this batch starts no further run, since it ended or was cancelled."""

    batch_id: str


class BatchProposed(Event):
    """The first event of a batch, with one `BatchRowProposed` for each of its `rows` after it. `requester` is as in the
    events of limits on starts: the opaque ID of a person, or the account of a service. `requester_human` is the person
    who answers for the request. `broken` is how many rows of the list cannot be used and are not part of the batch.
    `needs_confirmation`: the safety owner confirms the batch before it starts runs, since it has more rows than the
    packet's `batch_cap`, or than its limits on starts allow. `shadow`: the rows start dry runs."""

    batch_id: str
    packet: str
    packet_version: str
    by: str
    requester: str
    requester_human: str | None = None
    rows: int
    broken: int = 0
    needs_confirmation: bool = False
    shadow: bool = False


class BatchRowProposed(Event):
    """One person of the batch, under whose key the personal fields are encrypted. `row` counts from 1. `place` says
    where the row is in the list, such as `line 12`. `cutoff`, `zone` and `local_cutoff` are as in `RunRequested`."""

    row: int
    place: str
    person_id: str
    cutoff: datetime
    zone: str
    local_cutoff: str
    hr_id: Personal[str] = None
    label: Personal[str] = None


class BatchStarted(Event):
    """The batch starts its runs from now on, or once the safety owner has confirmed it where it needs that."""

    by: str


class BatchConfirmed(Event):
    """The safety owner accepts the number of runs of the batch: its starts count toward no limit."""

    by: str
    human: str


class BatchHeld(Event):
    """The batch starts no runs until it is resumed. `by` is empty where Offboard paused it, and `code` is then that of
    the refusal that all further rows would get."""

    by: str
    code: str = ""


class BatchResumed(Event):
    by: str


class BatchCancelled(Event):
    """The batch starts no further run. Runs that it started continue. `reason` is encrypted with the key of the user
    who cancels."""

    by: str
    reason: Personal[str] = None


class BatchRowStarted(Event):
    """Recorded in the same append as the start of the run. `run_id` is None where the request was only received, since
    other people look at it."""

    row: int
    run_id: str | None = None


class BatchRowRefused(Event):
    """No run was started for this row. `code` is the code of the refusal, or of HR's error."""

    row: int
    code: str


class BatchEnded(Event):
    """No row waits any more. `started` counts runs and received requests, `refused` the other rows."""

    started: int
    refused: int
