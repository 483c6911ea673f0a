"""The dry run beside a run, called its twin: a version in phase shadow plans what the version in use carries out.

Both are opened in one append and name each other, so that a run has one twin at most. The twin takes no place of the
person, changes nothing and asks no one. What happens to the run happens to it, in the append of the run's own event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event


def twin_id(run_id: str) -> str:
    return f"r{hashlib.sha256(f'twin:{run_id}'.encode()).hexdigest()[:16]}"


def with_twin(asked: e.RunRequested, version: str) -> tuple[e.RunRequested, e.RunRequested]:
    """The request of a run with the name of its twin, and the request of the twin, under this version of the packet in
    phase shadow. HR's date of leaving is not in it, as in no dry run."""
    twin = e.RunRequested(
        run_id=twin_id(asked.run_id),
        person_id=asked.person_id,
        packet=asked.packet,
        packet_version=version,
        phase="shadow",
        cutoff=asked.cutoff,
        zone=asked.zone,
        local_cutoff=asked.local_cutoff,
        urgent=asked.urgent,
        requested_by=asked.requested_by,
        requester_human=asked.requester_human,
        embargo_until=asked.embargo_until,
        named=asked.named,
        facts=asked.facts,
        twin_of=asked.run_id,
    )
    return asked.model_copy(update={"twin": twin.run_id}), twin


def followed(happened: Iterable[Event], systems: Collection[str] | None) -> Iterator[Event]:
    """What happens to a twin because of these events of its run. `systems` are those of the twin's packet version, None
    where that is not known yet. The reasons that people gave stay in the run. A re-plan under another version plans the
    twin again under its own."""
    for event in happened:
        match event:
            case e.RunRescheduled():
                yield e.RunRescheduled(
                    cutoff=event.cutoff,
                    zone=event.zone,
                    local_cutoff=event.local_cutoff,
                    by=event.by,
                    repeated_steps=(),
                )
            case e.RunMadeUrgent():
                yield e.RunMadeUrgent(by=event.by, human=event.human)
            case e.EmbargoChanged():
                yield event
            case e.MatchSettled() if systems is None or event.system in systems:
                yield e.MatchSettled(system=event.system, accounts=event.accounts, by=event.by)
            case e.RunReplanned():
                yield e.RunReplanned(by=event.by)
            case e.RunEnded():
                yield e.RunEnded(by=event.by)
