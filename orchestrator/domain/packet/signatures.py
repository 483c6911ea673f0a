"""Which signatures of a packet's versions count, for the accounts as they are now. As with votes at a gate, a signature
counts while its account has the owner's role; and two signatures of one person, whom HR has linked to both accounts
since, are one."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.domain.packet.history.packet_state import PacketState, SignatureRecord, VersionState
from orchestrator.domain.permissions.levels import Actor


def counted(state: PacketState, actors: Mapping[str, Actor]) -> PacketState:
    """The packet with the signatures that count. `actors` are the known accounts, by id: nothing of an account that the
    ledger does not know could have been revoked."""
    versions = tuple(known.model_copy(update={"signatures": _counted(known, actors)}) for known in state.versions)
    return state.model_copy(update={"versions": versions})


def _counted(known: VersionState, actors: Mapping[str, Actor]) -> tuple[SignatureRecord, ...]:
    kept: list[SignatureRecord] = []
    for one in known.signatures:
        role = known.value_owner if one.owner == "value" else known.safety_owner
        if one.by in actors and role not in actors[one.by].roles:
            continue
        if any(other.phase == one.phase and _same_person(other, one, actors) for other in kept):
            continue
        kept.append(one)
    return tuple(kept)


def _same_person(one: SignatureRecord, other: SignatureRecord, actors: Mapping[str, Actor]) -> bool:
    known = actors.get(one.by)
    return one.human == other.human or (known is not None and known.is_person(other.human))
