"""The preview of an erasure as a document, for API, pages and terminal."""

from __future__ import annotations

from orchestrator.deciding.erasures import PersonSnapshot
from orchestrator.documents.document import Document
from orchestrator.domain.commands import erasing
from orchestrator.domain.errors import Refusal
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import sees
from orchestrator.vocabulary.erasures import ERASED, KEPT


def erasure_document(about: PersonSnapshot, actor: Actor) -> Document:
    """For a viewer of the run; other runs of the person are listed if the actor sees them."""
    state, world = about.run.state, about.run.world
    acting = acting_now(actor, world)
    erasure = about.records.erasure
    waiting = erasure.waiting(world.now)
    refused = refusal_of(about, actor)
    return {
        "run_id": state.run_id,
        "person": _name(state.asked.facts),
        "runs": [one.state.run_id for one in about.runs if sees(one.state, acting, one.world)],
        "erased_at": erasure.erased_at,
        "erased_by": erasure.erased.by if erasure.erased is not None else None,
        "requested_by": waiting.by if waiting is not None else None,
        "requested_at": erasure.requested_at if waiting is not None else None,
        "requested_until": erasure.until if waiting is not None else None,
        "reason": waiting.reason if waiting is not None else None,
        "roles": list(erasing.erasing_roles(world)),
        "obstacles": [
            {"kind": one.kind, "run_id": one.run_id}
            for one in (erasing.obstacles(state, about.records, acting, world) if erasure.erased is None else ())
        ],
        "erases": list(ERASED),
        "keeps": list(KEPT),
        "can_erase": refused is None and erasure.erased is None,
    }


def refusal_of(about: PersonSnapshot, actor: Actor) -> Refusal | None:
    """Why this account cannot request or confirm the erasure now; None if it can."""
    state, world = about.run.state, about.run.world
    try:
        erasing.erase(state, about.records, "why", acting_now(actor, world), world)
    except Refusal as refused:
        return refused
    return None


def _name(facts: object) -> str | None:
    return PersonFacts.model_validate(facts).display_name if facts is not None else None
