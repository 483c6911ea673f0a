"""Owner and deputy of each service, for the list of tokens."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.organisation.services import answers_for
from orchestrator.web.state import WebState


@dataclass(frozen=True, slots=True)
class ShownOwners:
    """`owner` and `deputy` are accounts. `answered` is whether one of them can act today."""

    owner: str
    deputy: str | None
    answered: bool


async def service_owners(web: WebState) -> dict[str, ShownOwners]:
    """By token. Only services that the ledger knows as such."""
    organisation = await web.services.runs.organisation()
    departed = await web.services.runs.departures.departed(organisation)
    return {
        program.token_id: ShownOwners(
            program.owner, program.deputy, answers_for(program, organisation.actors, departed) is not None
        )
        for account, program in organisation.programs.items()
        if account in organisation.actors and organisation.actors[account].kind == "service"
    }
