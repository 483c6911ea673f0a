"""What owners and others may not do with a packet version is recorded, as refused votes at gates are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.packet.history.packet_events import PacketAct, PacketActRefused, Phase
from orchestrator.domain.packet.history.packet_state import PacketState
from orchestrator.domain.permissions.levels import Actor


@contextmanager
def recording(
    state: PacketState, act: PacketAct, version: str, actor: Actor, phase: Phase | None = None
) -> Iterator[None]:
    """A refusal that is raised inside carries its record, which is appended before it is answered. `version` is the one
    that is adopted, or one of the packet; of another one nothing is recorded."""
    try:
        yield
    except (NotAllowed, TooLate) as refused:
        refused.records = _record(state, act, version, actor, phase, refused)
        raise


def _record(
    state: PacketState, act: PacketAct, version: str, actor: Actor, phase: Phase | None, refused: NotAllowed | TooLate
) -> tuple[PacketActRefused, ...]:
    """Empty for a packet or version that there is not, and where the same was refused before, so that an account that
    repeats it adds no further event."""
    if state.newest is None:
        return ()
    if act == "adopt":
        about, version = "", version
    else:
        try:
            about = version = state.version(version).version
        except Invalid:
            return ()
    if (about, act, actor.actor_id, refused.code) in state.refused:
        return ()
    event = PacketActRefused(
        version=version,
        act=act,
        by=actor.actor_id,
        account_kind=actor.kind,
        human=actor.answers_for,
        refusal=refused.code,
        phase=phase,
    )
    return (event,)
