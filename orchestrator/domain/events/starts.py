"""How many runs are started, and what happens above a packet's limits. Stream: `starts`, one for all packets.

Requesters are named by `requester`: the opaque id of a person, so that two accounts of one person count as one, or the
account of a service.
"""

from __future__ import annotations

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
