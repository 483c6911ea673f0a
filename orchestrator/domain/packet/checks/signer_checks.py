"""Whether enough different people can sign the close of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from orchestrator.domain.packet.formulas import Path
from orchestrator.domain.packet.packet import APPROVALS_FILE, Packet
from orchestrator.domain.permissions.different_people import different_people
from orchestrator.domain.permissions.levels import Actor


def signer_problems(packet: Packet, actors: Collection[Actor]) -> Iterator[tuple[str, Path, str, str]]:
    """Each problem's file and field, what is wrong, and the remedy. A person signs for one entry only, so that each
    entry can have enough people and all of them together too few."""
    close = packet.approvals.close
    people = {
        name: frozenset(
            actor.human
            for actor in actors
            if actor.kind == "person" and actor.human and actor.roles & {*spec.decided_by, *spec.escalate_to}
        )
        for name, spec in close.items()
    }
    if any(len(people[name]) < spec.quorum for name, spec in close.items()):
        return  # said about the entry itself
    wanted = [people[name] for name, spec in close.items() for _ in range(spec.quorum)]
    if (found := different_people(wanted)) < len(wanted):
        said = f"{len(wanted)} different people sign the close of a run, but only {found} can sign together"
        yield APPROVALS_FILE, ("close",), said, "assign the roles to more people"
