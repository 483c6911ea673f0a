"""A refusal on the form's page: its text, and the response's status."""

from __future__ import annotations

from fastapi import Request

from orchestrator.domain.errors import Refusal
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.pages.remedies import remedy_of
from orchestrator.web.requests.problems import refused as problem_of

SEARCH_UNAVAILABLE = Refusal(
    "engine_unavailable", "The systems cannot be searched: Temporal cannot be reached. Nothing was changed."
)


def refusal_of(error: Refusal | EngineUnavailable, away: Refusal = SEARCH_UNAVAILABLE) -> Refusal:
    """`away` is what is said where Temporal cannot be reached."""
    return error if isinstance(error, Refusal) else away


def refusal_flash(
    request: Request, error: Refusal | EngineUnavailable, away: Refusal = SEARCH_UNAVAILABLE
) -> tuple[Flash, int]:
    refused = refusal_of(error, away)
    return Flash("refused", refused.message, remedy_of(refused)), status_of(request, refused)


def status_of(request: Request, refused: Refusal) -> int:
    return 503 if refused.code == "engine_unavailable" else problem_of(refused, request.path_params).status
