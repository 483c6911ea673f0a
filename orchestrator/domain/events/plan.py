"""The plan of a run."""

from __future__ import annotations

from orchestrator.domain.events.event import Event, Personal, added_later
from orchestrator.domain.planning.plan import PlannedStep


class PlanFrozen(Event):
    """`open_steps` are the packet's names of steps that could not be planned yet, because it is still a question
    which accounts on their system are theirs."""

    revision: int
    digest: str
    steps: tuple[PlannedStep, ...]
    open_steps: tuple[str, ...] = ()


class RunReplanned(Event):
    """A user requested a new search and a new plan, after a rejection or a difference. `still_refused` are the digests
    that stay rejected or excluded. Earlier versions did not record them, and asked again about all.

    With a `packet_version`, the run is planned under that version from here on. Only the systems of `further_steps`
    (steps by name, each with its system) are searched for it, and the present plan goes on until then."""

    by: str
    on_behalf_of: str | None = None
    still_refused: tuple[str, ...] = added_later(())
    reason: Personal[str] = None
    packet_version: str = added_later("")
    further_steps: dict[str, str] = added_later({})
