"""Signatures of packet versions that wait for an account: for its inbox, wherever it is read."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.domain.errors import Refusal
from orchestrator.domain.packet.history import packet_phases
from orchestrator.domain.packet.history.packet_events import FORWARD, Owner, PacketSigned, Phase
from orchestrator.domain.permissions.levels import Actor


@dataclass(frozen=True, slots=True)
class WaitingSignature:
    version: str
    owner: Owner
    phase: Phase


def waiting_signatures(shelf: PacketShelf, actor: Actor) -> list[WaitingSignature]:
    """Of the newest version while it is a draft, and of versions that the other owner has signed, those that need a
    signature of this account. `shelf` has the signatures that count (`counted`)."""
    found = []
    for known in shelf.history.versions:
        begun = bool(known.signatures) or (known == shelf.history.newest and known.phase == "draft")
        if not begun or known.phase not in FORWARD[:-1]:
            continue
        required = shelf.required_signatures(known.version)
        signed_for = [signature.phase for signature in known.signatures]
        following = FORWARD[FORWARD.index(known.phase) + 1]
        phase = signed_for[-1] if signed_for else "production" if required.direct else following
        missing = required.missing(one.owner for one in known.signatures if one.phase == phase)
        try:
            drafts = packet_phases.sign(shelf.history, known.version, actor, phase=phase, required=required)
        except Refusal:
            continue
        found += [
            WaitingSignature(known.version, draft.event.owner, draft.event.phase)
            for draft in drafts
            if isinstance(draft.event, PacketSigned) and draft.event.owner in missing
        ]
    return found
