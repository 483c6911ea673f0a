"""What can happen around runs: to the person, to what is on hold, and to who acts here.

Streams: `person:ID`, `holds:SYSTEM` (and `holds:*`), `organisation`, `assistant:ACCOUNT/DATE` (one for each day, in
UTC). Starts are in `starts.py`, erasures in `erasures.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from orchestrator.domain.events.event import Event, Personal, added_later


class RunOpened(Event):
    """In the person's stream: who has an open run finds a second one refused."""

    run_id: str


class HoldPlaced(Event):
    """`lost_tail` is why Offboard placed the hold itself, on everything: the ledger's last events are missing, since an
    older copy of its database was restored. It names an event that is not there any more, `POSITION:HASH` of the
    ledger or `STREAM@VERSION`, or the last one of a backup that was restored: `after POSITION:HASH`. `by` is then
    empty. `until` is when this account's hold ends automatically, None where it has no end."""

    by: str
    reason: Personal[str] = None
    lost_tail: str | None = added_later()
    until: datetime | None = added_later()


class HoldReleased(Event):
    """`by` is empty where the hold ended at its time."""

    by: str


class ActorRecorded(Event):
    """Who acts here, as seen at sign-in: roles, the person HR knows behind the account, and everyone above them.
    `up_to` is as far as an API token goes. `time_zone` is an IANA name. `maker_human` is the person who created the
    program's token: None for people, and in events of versions that did not record it."""

    actor_id: str
    kind: Literal["person", "service", "assistant"]
    roles: tuple[str, ...]
    human: str | None = None
    managers: tuple[str, ...] = ()
    up_to: str | None = None
    name: Personal[str] = None
    email: Personal[str] = None
    time_zone: Personal[str] = None
    maker_human: str | None = added_later()


class RolesRevoked(Event):
    """`reason` is encrypted with the key of the user who revokes, as in the other events that revoke access."""

    actor_id: str
    roles: tuple[str, ...]
    by: str
    reason: Personal[str] = None


class DecisionsDelegated(Event):
    """`to` may decide what `by` may, from `since` until before `until`. Both are accounts."""

    delegation_id: str
    by: str
    to: str
    since: datetime
    until: datetime
    reason: Personal[str] = None


class DelegationEnded(Event):
    """Before its time."""

    delegation_id: str
    by: str


class AssistantCalled(Event):
    """One request of an AI assistant, recorded before it is answered. `operation` is the method and the route's
    template, without values. `run_id` is the run that the address names. `code` is that of the refusal, None where
    there was none."""

    operation: str
    run_id: str | None = None
    status: int
    code: str | None = None


class AssistantLimited(Event):
    """In the same stream: the assistant sent more requests than it may in a minute. Those beyond are refused and have
    no event each."""

    calls_per_minute: int


class AssistantStopped(Event):
    """In the stream `organisation`. `actor_id` is the account of the assistant, `*` for all of them, also those that
    are created later. `reason` is encrypted with the key of the user who stops it."""

    actor_id: str
    by: str
    human: str | None = None
    reason: Personal[str] = None


class AssistantResumed(Event):
    actor_id: str
    by: str
    human: str | None = None
