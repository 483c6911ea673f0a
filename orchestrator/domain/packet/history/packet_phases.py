"""What the two owners of a packet do with its versions: adopt, sign, and move from phase to phase.

A version starts as a draft. It goes forward one phase at a time, draft → shadow → pilot → production, and for each of
these moves both owners sign that version for that phase: two different people, one with the role which owns the
workflow file, one with the role which owns the platform file. A version that only changes wording in the version in
production, or makes it stricter, needs the owners of the files that differ (`file_ownership`), and can go forward by
several phases. Back, or out of use, either owner may move it alone. An objection of an owner keeps a version where it
is (`objections`). It enters shadow once each of its systems has support (`support`).
A version in shadow is used for starts that ask for a dry run, and for all starts while no version is in production or
pilot.

Each function returns what to append to the packet's stream, and raises a `Refusal` instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Draft
from orchestrator.domain.organisation.roles import any_of, role_words
from orchestrator.domain.packet.history.packet_events import (
    FORWARD,
    OpenRuns,
    Owner,
    PacketAdopted,
    PacketMoved,
    PacketSigned,
    Phase,
)
from orchestrator.domain.packet.history.packet_state import PacketState, VersionState
from orchestrator.domain.packet.packet import FILE_NAMES, Packet
from orchestrator.domain.packet.packet_yaml import PacketProblems, invisible_characters
from orchestrator.domain.packet.versions.file_ownership import BOTH_OWNERS, RequiredSignatures, require_own_files
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor


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
            raise not_an_owner(actor, "adopt", before)
        handed_on = (
            (state.newest.value_owner, packet.workflow.value_owner),
            (state.newest.safety_owner, packet.platform.safety_owner),
        )
        for today, tomorrow in handed_on:
            if today != tomorrow and today not in actor.roles:
                raise not_an_owner(actor, "adopt", {today})
    if not actor.roles & owners:
        raise not_an_owner(actor, "adopt", owners)
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
    following = following_phase(known)
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
        raise not_an_owner(actor, "sign", {known.value_owner, known.safety_owner})
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
    missing_support: Sequence[str] = (),
) -> list[Draft]:
    """Forward with the required signatures, by either owner; back or into retirement by either owner alone, with the
    answer to what happens to its open runs. Nothing to append where the version is in that phase already. The reason
    needs a person behind the account, whose key encrypts it; accounts without one are refused (`require`).
    `missing_support` is what the version's systems lack (`support.missing_support`): with any, it does not enter phase
    shadow. A version that goes further directly changes only wording or makes the version in production stricter, so
    that no system lacks more than there."""
    require("move_packet", actor)
    known = state.version(version)
    if not actor.roles & {known.value_owner, known.safety_owner}:
        raise not_an_owner(actor, "move", {known.value_owner, known.safety_owner})
    if known.phase == to_phase:
        return []
    if known.phase == "retired":
        raise TooLate("packet_retired", f"Version {known.version[:12]} is retired.")
    back = moves_back(known.phase, to_phase)
    if not back:
        following = following_phase(known)
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
        if to_phase == "shadow" and missing_support:
            raise TooLate(
                "support_missing",
                f"Version {known.version[:12]} can't enter phase shadow: {'; '.join(missing_support)}.",
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


def moves_back(from_phase: Phase, to_phase: Phase) -> bool:
    """Whether the move is to an earlier phase or into retirement; False for the same phase."""
    if from_phase in (to_phase, "retired"):
        return False
    return to_phase == "retired" or FORWARD.index(to_phase) < FORWARD.index(from_phase)


def _reachable(known: VersionState, required: RequiredSignatures) -> tuple[Phase, ...]:
    """The phases that the version can move forward to."""
    later = FORWARD[FORWARD.index(following_phase(known)) :]
    return later if required.direct else later[:1]


def following_phase(known: VersionState) -> Phase:
    if known.phase in ("production", "retired"):
        raise TooLate(
            "no_next_phase", f"Version {known.version[:12]} is in phase {known.phase!r}, which has no next phase."
        )
    return FORWARD[FORWARD.index(known.phase) + 1]


def not_an_owner(actor: Actor, act: str, owners: set[str]) -> NotAllowed:
    roles = ", ".join(role_words(role) for role in sorted(actor.roles)) or "none"
    return NotAllowed("not_an_owner", f"Only {any_of(owners)} can {act} this packet; your roles: {roles}.")
