"""The events of a packet's stream `packet:NAME`. Files are no personal data; people are opaque ids."""

from __future__ import annotations

from typing import Final, Literal

from orchestrator.domain.events.event import Event, Personal, added_later
from orchestrator.domain.packet.packet import FILE_NAMES
from orchestrator.domain.permissions.levels import ActorKind

Phase = Literal["draft", "shadow", "pilot", "production", "retired"]
Owner = Literal["value", "safety"]
PacketAct = Literal["adopt", "sign", "move", "object", "withdraw"]
OpenRuns = Literal["continue", "pause"]
"""What happens to a version's open runs when it is moved back or retired: they continue under it, or are paused."""
FORWARD: Final[tuple[Phase, ...]] = ("draft", "shadow", "pilot", "production")


def packet_stream(name: str) -> str:
    return f"packet:{name}"


class PacketAdopted(Event):
    """A version came into this installation, as the texts of its three files. The owners' roles are read from them.
    `expansion` has the systems of each step that is written for every system of a class (`class_steps`)."""

    name: str
    version: str
    workflow: str
    platform: str
    approvals: str
    value_owner: str
    safety_owner: str
    by: str
    expansion: dict[str, tuple[str, ...]] = added_later({})

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes that `packet_version` was taken of, with the expansion."""
        texts = (self.workflow, self.platform, self.approvals)
        return {name: text.encode() for name, text in zip(FILE_NAMES, texts, strict=True)}


class PacketSigned(Event):
    """One owner agrees that this version may enter `phase`. `human` is the person behind the account."""

    version: str
    owner: Owner
    phase: Phase
    by: str
    human: str


class PacketMoved(Event):
    """`explanation` is why, encrypted under the key of the person who moved it. `reason` is the same in events from
    before it was encrypted. `open_runs` is None for a move forward, and in events from before it was asked."""

    version: str
    from_phase: Phase
    to_phase: Phase
    by: str
    reason: str = ""
    explanation: Personal[str] = None
    open_runs: OpenRuns | None = added_later()


class PacketObjected(Event):
    """An owner objects to a version. `objection` numbers it within the packet. `human` is the person behind the
    account; `explanation` is why, encrypted under that person's key."""

    version: str
    objection: str
    by: str
    human: str
    explanation: Personal[str] = None


class PacketObjectionWithdrawn(Event):
    """By the person who objected."""

    version: str
    objection: str
    by: str


class PacketObjectionAnswered(Event):
    """The account `by` adopts the version `answered_by` and says that it answers an objection to `version`.
    `explanation` is how, encrypted under the key of the person behind the account."""

    version: str
    objection: str
    answered_by: str
    by: str
    explanation: Personal[str] = None


class PacketActRefused(Event):
    """What an account wanted to do with a version of the packet, and may not, or too late: `act`, with the `phase` that
    it named. `refusal` is the code of the refusal, and `account_kind` the type of the account `by`. `human` is the
    person behind it as HR knows them; of a program, the person who answers for it. Recorded once for each version, act,
    account and code; an adoption once for each account and code, since anyone can write further versions."""

    version: str
    act: PacketAct
    by: str
    account_kind: ActorKind
    human: str | None
    refusal: str
    phase: Phase | None = None


PACKET_EVENTS: tuple[type[Event], ...] = (
    PacketAdopted,
    PacketSigned,
    PacketMoved,
    PacketObjected,
    PacketObjectionWithdrawn,
    PacketObjectionAnswered,
    PacketActRefused,
)
