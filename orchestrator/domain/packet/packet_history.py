"""A packet's life: adopted, signed by its two owners, moved from phase to phase. Stream `packet:NAME`.

A version starts as a draft. It goes forward one phase at a time, draft → shadow → pilot → production, and for each of
these moves both owners sign that version for that phase: two different people, one with the role which owns the
workflow file, one with the role which owns the platform file. A version that only changes wording in the version in
production, or makes it stricter, needs the owners of the files that differ (`file_ownership`), and can go forward by
several phases. Back, or out of use, either owner may move it alone. An objection of an owner keeps a version where it
is until its author withdraws it; a new version is not affected by it.
Each version has its own phase, so that a new one can be signed and moved on while the one before stays in production.
A version in shadow is used for starts that ask for a dry run, and for all starts while no version is in production or
pilot. A signature counts while its account has the owner's role (`signatures.counted`).
Files are no personal data; people are opaque ids.

Over 400 lines: one noun, with its events, its state and what owners do with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Draft, Event, Personal, added_later
from orchestrator.domain.organisation.roles import any_of, role_words
from orchestrator.domain.packet.packet import FILE_NAMES, Packet
from orchestrator.domain.packet.packet_yaml import PacketProblems, invisible_characters
from orchestrator.domain.packet.versions.file_ownership import BOTH_OWNERS, RequiredSignatures, require_own_files
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor

Phase = Literal["draft", "shadow", "pilot", "production", "retired"]
Owner = Literal["value", "safety"]
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


PACKET_EVENTS: tuple[type[Event], ...] = (
    PacketAdopted,
    PacketSigned,
    PacketMoved,
    PacketObjected,
    PacketObjectionWithdrawn,
)


class SignatureRecord(BaseModel):
    model_config = ConfigDict(frozen=True)

    owner: Owner
    phase: Phase
    by: str
    human: str


class ObjectionRecord(BaseModel):
    model_config = ConfigDict(frozen=True)

    objection: str
    by: str
    human: str
    withdrawn: bool = False


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


class PacketState(BaseModel):
    """A packet as its stream tells it. `versions` are in the order of adoption, the newest last."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    versions: tuple[VersionState, ...] = ()

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
        found = [known for known in self.versions if len(version) >= 8 and known.version.startswith(version)]
        if len(found) != 1:
            raise Invalid("unknown_packet_version", f"Packet {self.name!r} has no version {version[:16]!r}.")
        return found[0]

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
            return PacketState(name=event.name, versions=(*others, adopted))
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


# What people ask for. Each returns what to append to the packet's stream, and raises a `Refusal` instead.


def adopt(
    state: PacketState,
    packet: Packet,
    actor: Actor,
    production: Packet | None = None,
    adopted: Iterable[Mapping[str, bytes]] = (),
) -> list[Draft]:
    """A new version, as a draft; runs go on under the versions there are. Nothing to append where the newest version
    is this one, or where this one is in use. Raises `NotAllowed` for an assistant and an actor who owns neither file,
    by the new packet's own roles and by those of the version before: otherwise a file could give itself away. That
    another role owns a file from now on is for its owner of today: otherwise one owner could take the other's file, and
    sign for both. `production` is the version in production, and `adopted` are the files of the packet's versions:
    neither owner changes the file of the other (`file_ownership`)."""
    if state.name and state.name != packet.name:
        raise Invalid("packet_renamed", f"This is the packet {state.name!r}, not {packet.name!r}.")
    require("adopt_packet", actor)
    owners = {packet.workflow.value_owner, packet.platform.safety_owner}
    if state.newest is not None:
        before = {state.newest.value_owner, state.newest.safety_owner}
        if not actor.roles & before:
            raise _not_an_owner(actor, "adopt", before)
        handed_on = (
            (state.newest.value_owner, packet.workflow.value_owner),
            (state.newest.safety_owner, packet.platform.safety_owner),
        )
        for today, tomorrow in handed_on:
            if today != tomorrow and today not in actor.roles:
                raise _not_an_owner(actor, "adopt", {today})
    if not actor.roles & owners:
        raise _not_an_owner(actor, "adopt", owners)
    if state.newest is not None and state.newest.version == packet.version:
        return []
    if any(known.version == packet.version and known.phase in FORWARD[1:] for known in state.versions):
        return []  # as a draft again it would be out of use, without the answer what happens to its open runs
    require_own_files(actor, packet, production, adopted)
    # A version that was adopted before this rule stays, and can be adopted again.
    if packet.version not in {known.version for known in state.versions}:
        problems = [each for name in FILE_NAMES for each in invisible_characters(name, packet.files[name])]
        if problems:
            raise PacketProblems(problems)
    workflow, platform, approvals = (packet.files[name].decode() for name in FILE_NAMES)
    again = next((known.changes + 1 for known in state.versions if known.version == packet.version), 0)
    event = PacketAdopted(
        name=packet.name,
        version=packet.version,
        workflow=workflow,
        platform=platform,
        approvals=approvals,
        value_owner=packet.workflow.value_owner,
        safety_owner=packet.platform.safety_owner,
        by=actor.actor_id,
        expansion=dict(packet.expansion or {}),
    )
    return [Draft(key=f"adopted/{packet.version}/{again}", event=event)]


def require_author(actor: Actor) -> None:
    """What can be refused before the files of a new version are read. Raises `NotAllowed` for accounts that adopt no
    packet, and for an account without any role, which owns no file."""
    require("adopt_packet", actor)
    if not actor.roles:
        raise NotAllowed("not_an_owner", "Only an owner can adopt a packet; your roles: none.")


def sign(
    state: PacketState,
    version: str,
    actor: Actor,
    *,
    phase: Phase | None = None,
    required: RequiredSignatures = BOTH_OWNERS,
) -> list[Draft]:
    """Signs for the next phase, or for `phase`: the next one, or any later one if the version can go there directly.
    The actor signs as the owner whose role they have; an actor with both roles signs for whichever is still missing.
    Nothing to append where the same person signed this already."""
    require("sign_packet", actor)
    known = state.version(version)
    following = _following(known)
    if phase is not None and phase not in _reachable(known, required):
        raise Invalid(
            "not_the_next_phase",
            f"Version {known.version[:12]} is in phase {known.phase!r}; its next phase is {following!r}, not "
            f"{phase!r}.",
            following=following,
        )
    following = phase or following
    mine: list[Owner] = []
    if known.value_owner in actor.roles:
        mine.append("value")
    if known.safety_owner in actor.roles:
        mine.append("safety")
    if not mine:
        raise _not_an_owner(actor, "sign", {known.value_owner, known.safety_owner})
    signatures = [known.signed(owner, following) for owner in ("value", "safety")]
    if any(one is not None and (actor.is_person(one.human) or one.by == actor.actor_id) for one in signatures):
        if all(known.signed(owner, following) for owner in mine):
            return []
        raise NotAllowed(
            "one_person_signs_once",
            "You have already signed as the other owner; the two owners must be different people.",
        )
    missing = [owner for owner in mine if known.signed(owner, following) is None]
    if not missing:
        taken = known.signed(mine[0], following)
        who = taken.by if taken is not None else "Another user"
        raise TooLate("already_signed", f"{who} has already signed as {mine[0]} owner for {following!r}.")
    event = PacketSigned(
        version=known.version, owner=missing[0], phase=following, by=actor.actor_id, human=actor.human or ""
    )
    return [Draft(key=f"signed/{known.version}/{following}/{missing[0]}/{known.changes}", event=event)]


def move(
    state: PacketState,
    version: str,
    to_phase: Phase,
    actor: Actor,
    reason: str = "",
    open_runs: OpenRuns = "continue",
    required: RequiredSignatures = BOTH_OWNERS,
) -> list[Draft]:
    """Forward with the required signatures, by either owner; back or into retirement by either owner alone, with the
    answer to what happens to its open runs. Nothing to append where the version is in that phase already. The reason
    needs a person behind the account, whose key encrypts it; accounts without one are refused (`require`)."""
    require("move_packet", actor)
    known = state.version(version)
    if not actor.roles & {known.value_owner, known.safety_owner}:
        raise _not_an_owner(actor, "move", {known.value_owner, known.safety_owner})
    if known.phase == to_phase:
        return []
    if known.phase == "retired":
        raise TooLate("packet_retired", f"Version {known.version[:12]} is retired.")
    back = moves_back(known.phase, to_phase)
    if not back:
        following = _following(known)
        if to_phase not in _reachable(known, required):
            raise Invalid(
                "not_the_next_phase",
                f"The next phase after {known.phase!r} is {following!r}, not {to_phase!r}.",
                following=following,
            )
        if known.open_objections:
            by = " and ".join(dict.fromkeys(each.by for each in known.open_objections))
            raise TooLate(
                "objection_open",
                f"Version {known.version[:12]} can't go forward: {by} objects to it.",
            )
        missing = required.missing(one.owner for one in known.signatures if one.phase == to_phase)
        if missing:
            roles = {"value": known.value_owner, "safety": known.safety_owner}
            named = (" and " if required.owners else " or ").join(
                f"the {owner} owner (role {roles[owner]!r})" for owner in missing
            )
            raise NotAllowed(
                "signature_missing",
                f"The change of version {known.version[:12]} to {to_phase!r} is not signed by {named}.",
            )
    event = PacketMoved(
        version=known.version,
        from_phase=known.phase,
        to_phase=to_phase,
        by=actor.actor_id,
        explanation=(reason or None) if actor.human is not None else None,
        open_runs=open_runs if back else None,
    )
    subject = actor.human if event.explanation is not None else None
    return [Draft(key=f"moved/{known.version}/{known.changes}", event=event, subject=subject)]


def object_to(state: PacketState, version: str, actor: Actor, reason: str) -> list[Draft]:
    """An owner of the version, or of the one in production, objects with a reason to a version that can still go
    forward. One person has one open objection to a version."""
    require("object_to_packet", actor)
    known = state.version(version)
    _following(known)
    # A version can name other owners; those of the version in production answer for what is replaced.
    concerned = [known, *(each for each in state.versions if each.phase == "production")]
    owners = {role for each in concerned for role in (each.value_owner, each.safety_owner)}
    if not actor.roles & owners:
        raise _not_an_owner(actor, "object to", owners)
    if not reason.strip():
        raise Invalid("reason_missing", "An objection needs a reason.")
    if any(_is_author(each, actor) for each in known.open_objections):
        raise TooLate("objected_already", f"You already object to version {known.version[:12]}.")
    number = 1 + sum(len(each.objections) for each in state.versions)
    event = PacketObjected(
        version=known.version,
        objection=f"objection-{number}",
        by=actor.actor_id,
        human=actor.human or "",
        explanation=reason.strip(),
    )
    return [Draft(key=f"objected/{event.objection}", event=event, subject=actor.human)]


def withdraw_objection(state: PacketState, version: str, objection: str, actor: Actor) -> list[Draft]:
    """By its author, whatever their roles are now. Nothing to append if it is withdrawn already."""
    require("withdraw_objection", actor)
    known = state.version(version)
    found = next((each for each in known.objections if each.objection == objection), None)
    if found is None:
        raise Invalid("unknown_objection", f"Version {known.version[:12]} has no objection {objection[:40]!r}.")
    if not _is_author(found, actor):
        raise NotAllowed("not_your_objection", f"Only {found.by}, who objected, can withdraw this objection.")
    if found.withdrawn:
        return []
    event = PacketObjectionWithdrawn(version=known.version, objection=objection, by=actor.actor_id)
    return [Draft(key=f"objection-withdrawn/{objection}", event=event)]


def _is_author(known: ObjectionRecord, actor: Actor) -> bool:
    return known.by == actor.actor_id or actor.is_person(known.human)


def moves_back(from_phase: Phase, to_phase: Phase) -> bool:
    """Whether the move is to an earlier phase or into retirement; False for the same phase."""
    if from_phase in (to_phase, "retired"):
        return False
    return to_phase == "retired" or FORWARD.index(to_phase) < FORWARD.index(from_phase)


def _reachable(known: VersionState, required: RequiredSignatures) -> tuple[Phase, ...]:
    """The phases that the version can move forward to."""
    later = FORWARD[FORWARD.index(_following(known)) :]
    return later if required.direct else later[:1]


def _following(known: VersionState) -> Phase:
    if known.phase in ("production", "retired"):
        raise TooLate(
            "no_next_phase", f"Version {known.version[:12]} is in phase {known.phase!r}, which has no next phase."
        )
    return FORWARD[FORWARD.index(known.phase) + 1]


def _not_an_owner(actor: Actor, act: str, owners: set[str]) -> NotAllowed:
    roles = ", ".join(role_words(role) for role in sorted(actor.roles)) or "none"
    return NotAllowed("not_an_owner", f"Only {any_of(owners)} can {act} this packet; your roles: {roles}.")
