"""The limit on dry runs: each one searches every system, and would take the requests that removals of access need."""

from __future__ import annotations

from orchestrator.commands.services import Services
from orchestrator.domain.commands.starting import requester_of
from orchestrator.domain.errors import TooOften
from orchestrator.domain.packet.version_choice import only_dry_runs
from orchestrator.domain.permissions.levels import Actor


async def require_few_dry_runs(services: Services, actor: Actor, packet: str, *, asked_for: bool) -> None:
    """Raises `TooOften` (`too_many_dry_runs`) for a start that would be a dry run, if its requester has started as many
    of them as the packet's limit on starts (`per_requester` within `window`). Dry runs are not held: a second person
    has nothing to confirm."""
    shelf = await services.runs.shelf(packet)
    current = shelf.current
    if current is None or not (asked_for or only_dry_runs(shelf.history)):
        return
    limits = current.approvals.start_limits
    if await services.runs.ledger.dry_runs_by(requester_of(actor), limits.window) >= limits.per_requester:
        seconds = round(limits.window.total_seconds())
        most, minutes = limits.per_requester, max(1, seconds // 60)
        raise TooOften(
            "too_many_dry_runs",
            f"You started {most} dry runs in the last {minutes} minutes, which is the limit.",
            again_after=seconds,
        )
