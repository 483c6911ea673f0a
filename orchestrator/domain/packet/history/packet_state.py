"""The state of a packet and of each of its versions, folded from the events of its stream.

Each version has its own phase, so that a new one can be signed and moved on while the one before stays in production.
A signature counts while its account has the owner's role (`signatures.counted`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.history.packet_events import (
    Owner,
    PacketAct,
    PacketActRefused,
    PacketAdopted,
    PacketMoved,
    PacketObjected,
    PacketObjectionAnswered,
    PacketObjectionWithdrawn,
    PacketSigned,
    Phase,
)


class SignatureRecord(BaseModel):
    model_config = ConfigDict(frozen=True)

    owner: Owner
    phase: Phase
    by: str
    human: str


class ObjectionRecord(BaseModel):
    """`answered_by` is the version of the last answer; empty while there is none."""

    model_config = ConfigDict(frozen=True)

    objection: str
    by: str
    human: str
    withdrawn: bool = False
    answered_by: str = ""


class VersionState(BaseModel):
    """One version: its phase now, the signatures that still count, those that a move has used up (oldest first), the
    objections to it, and how often it was moved, signed or objected to."""

    model_config = ConfigDict(frozen=True)

    version: str
    phase: Phase = "draft"
    value_owner: str
    safety_owner: str
    signatures: tuple[SignatureRecord, ...] = ()
    past_signatures: tuple[SignatureRecord, ...] = ()
    objections: tuple[ObjectionRecord, ...] = ()
    changes: int = 0

    @property
    def open_objections(self) -> tuple[ObjectionRecord, ...]:
        return tuple(known for known in self.objections if not known.withdrawn)

    def signed(self, owner: Owner, phase: Phase) -> SignatureRecord | None:
        return next((known for known in self.signatures if (known.owner, known.phase) == (owner, phase)), None)


def version_named(packet: str, versions: Iterable[str], version: str) -> str:
    """The one of these versions that is named, also by its beginning of at least eight characters. Raises `Invalid`
    (code `unknown_packet_version`), also for a beginning of several."""
    found = [known for known in versions if len(version) >= 8 and known.startswith(version)]
    if len(found) != 1:
        raise Invalid("unknown_packet_version", f"Packet {packet!r} has no version {version[:16]!r}.")
    return found[0]


class PacketState(BaseModel):
    """A packet as its stream tells it. `versions` are in the order of adoption, the newest last. `refused` has what was
    refused: the version (empty for an adoption), the act, the account and the code."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    versions: tuple[VersionState, ...] = ()
    refused: frozenset[tuple[str, PacketAct, str, str]] = frozenset()

    @property
    def newest(self) -> VersionState | None:
        return self.versions[-1] if self.versions else None

    @property
    def current(self) -> VersionState | None:
        """The version that works for people: the newest in production, or in pilot if that one is newer. See
        `version_choice` for what one run starts under."""
        return self._newest_in("pilot", "production") or self._newest_in("shadow")

    @property
    def current_version(self) -> str | None:
        return self.current.version if self.current is not None else None

    @property
    def phase(self) -> Phase:
        """The phase of the current version; of the newest where none is in use."""
        shown = self.current or self.newest
        return shown.phase if shown is not None else "draft"

    @property
    def signatures(self) -> tuple[SignatureRecord, ...]:
        """Of the newest version."""
        return self.newest.signatures if self.newest is not None else ()

    def version(self, version: str) -> VersionState:
        """Raises `Invalid` (code `unknown_packet_version`). A beginning that fits one version only is enough."""
        found = version_named(self.name, [known.version for known in self.versions], version)
        return next(known for known in self.versions if known.version == found)

    @property
    def in_pilot(self) -> VersionState | None:
        """The newest version in pilot: the one whose population counts."""
        return self._newest_in("pilot")

    @property
    def in_production(self) -> VersionState | None:
        return self._newest_in("production")

    @property
    def in_shadow(self) -> VersionState | None:
        return self._newest_in("shadow")

    def today_for(self, version: str) -> VersionState:
        """Whose levels and connections count today for a run that started under `version`: the newest version that is
        at least as far as that one is. Where none is, the run's own."""
        own = self.version(version)
        reached: dict[Phase, tuple[Phase, ...]] = {
            "shadow": ("shadow", "pilot", "production"),
            "pilot": ("pilot", "production"),
        }
        return self._newest_in(*reached.get(own.phase, ("production",))) or own

    def _newest_in(self, *phases: Phase) -> VersionState | None:
        return next((known for known in reversed(self.versions) if known.phase in phases), None)


def fold(events: Iterable[Event], state: PacketState | None = None) -> PacketState:
    """The state after these events, going on from `state` where it is given. Events of other kinds are passed over."""
    now = state if state is not None else PacketState()
    for event in events:
        now = _after(now, event)
    return now


def _after(state: PacketState, event: Event) -> PacketState:
    match event:
        case PacketAdopted():
            # Adopting a known version again makes it the newest, and it begins as a draft once more.
            others = tuple(known for known in state.versions if known.version != event.version)
            before = next((known for known in state.versions if known.version == event.version), None)
            adopted = VersionState(
                version=event.version,
                value_owner=event.value_owner,
                safety_owner=event.safety_owner,
                past_signatures=(*before.past_signatures, *before.signatures) if before is not None else (),
                objections=before.objections if before is not None else (),
                changes=before.changes + 1 if before is not None else 0,
            )
            return PacketState(name=event.name, versions=(*others, adopted), refused=state.refused)
        case PacketSigned():
            signature = SignatureRecord(owner=event.owner, phase=event.phase, by=event.by, human=event.human)
            return _changed(state, event.version, signature=signature)
        case PacketMoved():
            return _changed(state, event.version, phase=event.to_phase)
        case PacketObjected():
            made = ObjectionRecord(objection=event.objection, by=event.by, human=event.human)
            return _with_objections(state, event.version, lambda known: (*known, made))
        case PacketObjectionWithdrawn():
            return _with_objections(
                state, event.version, lambda known: tuple(_withdrawn(each, event.objection) for each in known)
            )
        case PacketObjectionAnswered():
            return _with_objections(state, event.version, lambda known: tuple(_answered(each, event) for each in known))
        case PacketActRefused():
            about = "" if event.act == "adopt" else event.version
            return state.model_copy(update={"refused": state.refused | {(about, event.act, event.by, event.refusal)}})
        case _:
            return state


def _changed(
    state: PacketState, version: str, *, signature: SignatureRecord | None = None, phase: Phase | None = None
) -> PacketState:
    def change(known: VersionState) -> VersionState:
        if known.version != version:
            return known
        update: dict[str, Any] = {"changes": known.changes + 1}
        if phase is not None:
            # A move uses the signatures up: after a move back, the next move forward needs new ones.
            past = (*known.past_signatures, *known.signatures)
            update |= {"phase": phase, "signatures": (), "past_signatures": past}
        if signature is not None:
            update["signatures"] = (*known.signatures, signature)
        return known.model_copy(update=update)

    return state.model_copy(update={"versions": tuple(change(known) for known in state.versions)})


def _with_objections(
    state: PacketState, version: str, change: Callable[[tuple[ObjectionRecord, ...]], tuple[ObjectionRecord, ...]]
) -> PacketState:
    versions = tuple(
        known.model_copy(update={"objections": change(known.objections), "changes": known.changes + 1})
        if known.version == version
        else known
        for known in state.versions
    )
    return state.model_copy(update={"versions": versions})


def _withdrawn(known: ObjectionRecord, objection: str) -> ObjectionRecord:
    return known.model_copy(update={"withdrawn": True}) if known.objection == objection else known


def _answered(known: ObjectionRecord, event: PacketObjectionAnswered) -> ObjectionRecord:
    return known.model_copy(update={"answered_by": event.answered_by}) if known.objection == event.objection else known
