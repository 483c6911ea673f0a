"""Which owner can change which file of a packet, and whose signatures a version needs.

What counts is the difference from the version in production (`changes`). Without one, any owner can bring all three
files, and both sign. With one:

| a version with | who |
|---|---|
| another workflow.yaml or platform.yaml | is adopted by the owner of that file |
| only wording and stricter changes | is signed by the owner of each file that differs; for approvals.yaml, by one |
| a change that is laxer or other | is signed by both owners |

A file that an owner brought in an earlier version is that owner's change: the other owner can adopt it with a change
of their own, so that changes that belong together are one version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.roles import any_of, role_words
from orchestrator.domain.packet.packet import APPROVALS_FILE, FILE_NAMES, PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.versions.changes import changes
from orchestrator.domain.permissions.levels import Actor


@dataclass(frozen=True, slots=True)
class RequiredSignatures:
    """`owners` all sign; if there are none, one of the two does, whichever it is. `direct`: the version can be signed
    for and moved to any later phase, since all its changes are wording or stricter."""

    owners: frozenset[Literal["value", "safety"]]
    direct: bool = False

    def missing(self, signed: Iterable[str]) -> tuple[Literal["value", "safety"], ...]:
        """The owners whose signatures are missing; both, if one of them is enough and none has signed."""
        found = set(signed)
        if not self.owners:
            return () if found else ("value", "safety")
        return tuple(owner for owner in ("value", "safety") if owner in self.owners and owner not in found)


BOTH_OWNERS: Final = RequiredSignatures(frozenset({"value", "safety"}))


def required_signatures(production: Packet | None, packet: Packet) -> RequiredSignatures:
    """`production` is the version in production, None if there is none."""
    found = changes(production, packet) if production is not None else ()
    if not found or any(change.kind in ("laxer", "other") for change in found):
        return BOTH_OWNERS
    owners = {change.owner for change in found}
    return RequiredSignatures(
        frozenset(owner for owner in BOTH_OWNERS.owners if owner in owners),
        direct=True,
    )


def require_own_files(
    actor: Actor, packet: Packet, production: Packet | None, adopted: Iterable[Mapping[str, bytes]]
) -> None:
    """Raises `NotAllowed` (`file_of_other_owner`) if a file of the other owner differs from the version in production,
    and no version that was adopted before has it. `adopted` are the files of those versions."""
    if production is None:
        return
    roles = {WORKFLOW_FILE: production.workflow.value_owner, PLATFORM_FILE: production.platform.safety_owner}
    known = [production.files, *adopted]
    for file, role in roles.items():
        if role in actor.roles or any(files[file] == packet.files[file] for files in known):
            continue
        yours = ", ".join(role_words(known_role) for known_role in sorted(actor.roles)) or "none"
        raise NotAllowed(
            "file_of_other_owner",
            f"{file} differs from the version in production, and only {any_of({role})} can change it; your roles: "
            f"{yours}.",
        )


def own_files(actor: Actor, production: Packet | None, *, required: bool = False) -> frozenset[str]:
    """The files that this actor can change while `production` is in production; all of them if no version is. With
    `required`, raises `NotAllowed` (`not_an_owner`) if there are none."""
    if production is None:
        return frozenset(FILE_NAMES)
    owners = {WORKFLOW_FILE: production.workflow.value_owner, PLATFORM_FILE: production.platform.safety_owner}
    found = {file for file, role in owners.items() if role in actor.roles}
    if required and not found:
        yours = ", ".join(role_words(role) for role in sorted(actor.roles)) or "none"
        raise NotAllowed(
            "not_an_owner", f"Only {any_of(set(owners.values()))} can adopt this packet; your roles: {yours}."
        )
    return frozenset({*found, APPROVALS_FILE}) if found else frozenset()
