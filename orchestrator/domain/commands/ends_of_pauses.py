"""The end of a pause, of a run, a system or everything: how late it can be, and who ends the pause before.

The section `pause` of approvals.yaml says for how long a pause lasts at most, and whether another person than the one
who paused ends it before. Where several packets are concerned, the shortest time holds, and one that asks is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from orchestrator.domain.commands.requests import require_plausible
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor


def latest_end(packets: Iterable[Packet], now: datetime) -> datetime | None:
    """The latest end of a pause that is placed now; None where the packets set none."""
    specs = [packet.approvals.pause for packet in packets]
    longest = min((spec.ends_within for spec in specs if spec is not None), default=None)
    return now + longest if longest is not None else None


def end_of_pause(until: datetime | None, packets: Iterable[Packet], now: datetime) -> datetime | None:
    """The end that was asked for, or the latest one that the packets allow; None where neither has one."""
    latest = latest_end(packets, now)
    if until is None:
        return latest
    if until <= now:
        raise Invalid("pause_end_past", f"The end of the pause, {until:%Y-%m-%d %H:%M} UTC, has passed.")
    require_plausible(until, now, "The end of the pause")
    if latest is not None and until > latest:
        raise Invalid("pause_too_long", f"The packet allows pauses until {latest:%Y-%m-%d %H:%M} UTC at the latest.")
    return until


def require_second_person(
    what: str,
    by: Collection[str],
    until: datetime | None,
    packets: Iterable[Packet],
    actor: Actor,
    actors: Mapping[str, Actor],
) -> None:
    """Raises `NotAllowed` for each person who paused, with any account, where a packet asks for another one: who paused
    as well has not agreed that changes resume. `by` are the accounts that paused, and `what` is "a paused run". A pause
    without an end, from before the packet asked, is ended by one person: it would never end otherwise."""
    specs = [packet.approvals.pause for packet in packets]
    if until is None or not by or not any(spec is not None and spec.second_person for spec in specs):
        return
    if any(account == actor.actor_id or _is_person(actors.get(account), actor) for account in by):
        raise NotAllowed(
            "second_person_needed",
            f"The packet asks for a second person to resume {what}. The pause ends automatically at "
            f"{until:%Y-%m-%d %H:%M} UTC.",
        )


def _is_person(known: Actor | None, actor: Actor) -> bool:
    return known is not None and known.is_person(actor.human)
