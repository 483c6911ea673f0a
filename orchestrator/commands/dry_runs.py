"""The limit on dry runs: each one searches every system, and would take the requests that removals of access need."""

from __future__ import annotations

from orchestrator.commands.services import Services
from orchestrator.domain.commands.starts.starting import requester_of
from orchestrator.domain.errors import TooOften
from orchestrator.domain.packet.version_choice import only_dry_runs
from orchestrator.domain.permissions.levels import Actor


async def require_few_dry_runs(services: Services, actor: Actor, packet: str, *, asked_for: bool) -> None:
    """Raises `TooOften` (`too_many_dry_runs`) for a start that would be a dry run, if its requester has started as many
    of them as the packet's limit on starts (`per_requester` within `window`), with all accounts of a person together.
    Dry runs are not held: a second person has nothing to confirm. Those that start at the same moment do not count one
    another, since a dry run takes part in no stream on which starts conflict."""
    shelf = await services.runs.shelf(packet)
    current = shelf.current
    if current is None or not (asked_for or only_dry_runs(shelf.history)):
        return
    limits, requester = current.approvals.start_limits, requester_of(actor)
    others = (await services.runs.organisation()).actors.values()
    accounts = {actor.actor_id, *(one.actor_id for one in others if requester_of(one) == requester)}
    if await services.runs.ledger.dry_runs_by(accounts, limits.window) >= limits.per_requester:
        seconds = round(limits.window.total_seconds())
        most, minutes = limits.per_requester, max(1, seconds // 60)
        raise TooOften(
            "too_many_dry_runs",
            f"You started {most} dry runs in the last {minutes} minutes, which is the limit.",
            again_after=seconds,
        )
