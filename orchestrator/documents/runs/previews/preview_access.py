"""What a preview shows of what each account can do and owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.documents.runs import run as run_document
from orchestrator.documents.runs.account_access import access_in
from orchestrator.documents.runs.shown import Shown
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.run_projection import RunProjection
from orchestrator.domain.run.run import RunState


class PreviewFact(Shown):
    """What an account has of one sort, such as groups, API tokens or owned objects. `values` are the first names,
    `count` how many there are (None for what is not a list), `amount` a sum of money. `privileged_values` are those of
    the values that the packet or the system calls privileged."""

    name: str
    values: tuple[str, ...]
    count: int | None
    amount: str | None
    privileged: bool
    privileged_values: tuple[str, ...]


class PreviewAccess(Shown):
    """What an account can do and owns, by the snapshot that the run would take of it. `trouble` is why it is not
    known."""

    system: str
    account_id: str
    label: str | None
    facts: tuple[PreviewFact, ...]
    trouble: str | None = None


def access_shown(
    state: RunState,
    packet: Packet,
    projection: RunProjection,
    recorded: Mapping[str, Mapping[str, Any]],
    unread: Mapping[str, str],
) -> Iterator[PreviewAccess]:
    """In the order of the plan, and then those that could not be read; of the systems that the reader may read.
    `recorded` are the snapshots by step, and `unread` the reasons why there is none."""
    readable = [step for step in state.plan.steps.values() if projection.reads(step.system)]
    shown = {step.step_id: projection.scrubbed(recorded[step.step_id]) for step in readable if step.step_id in recorded}
    for one in access_in(state, packet, shown):
        yield PreviewAccess.model_validate(one)
    for step in readable:
        if step.step_id in unread:
            label = run_document.account_of(state, step.account_id).get("label")
            yield PreviewAccess(
                system=step.system,
                account_id=step.account_id,
                label=label,
                facts=(),
                trouble=projection.scrubbed(unread[step.step_id]),
            )
