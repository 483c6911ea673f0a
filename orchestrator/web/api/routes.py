"""The routes of the API, one module for each noun."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError

from orchestrator.web.api import access, assistants, bamboohr_hook, health, hr_hook, inquiries, people
from orchestrator.web.api.admin import (
    away,
    comparisons,
    ledger,
    packet_changes,
    packet_objections,
    packet_records,
    packet_shadow,
    packets,
    setup_checklist,
    system_tests,
    systems,
    tokens,
    users,
    webhooks,
)
from orchestrator.web.api.admin import starts as start_limits
from orchestrator.web.api.runs import (
    batches,
    differences,
    erasures,
    exceptions,
    outcomes,
    parked_steps,
    replays,
    restores,
    run_commands,
    runs,
    search,
    starts,
    steps,
    stream,
)
from orchestrator.web.api.runs.inbox import evidence, gates, inbox, tasks
from orchestrator.web.api.schema import reference

PARTS = (
    runs, search, starts, batches, run_commands, replays, restores, erasures, stream, inquiries, inbox, gates, tasks,
    evidence, exceptions, steps, differences, parked_steps, people, packets, packet_changes, packet_objections,
    packet_records, packet_shadow,
    start_limits, systems, system_tests, setup_checklist, ledger,
    comparisons, outcomes, away, access, tokens, assistants, users,
    webhooks, hr_hook, bamboohr_hook, health, reference,
)  # fmt: skip
"""In the order in which the document describes them."""


def known_parameters(request: Request) -> None:
    """Raises `RequestValidationError` for a query parameter that the route does not have: a misspelled filter would
    otherwise be answered with everything."""
    known = {field.alias for field in get_flat_params(request.scope["route"].dependant)}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name[:100]), "msg": "Unknown parameter", "input": None}
                for name in unknown[:20]
            ]
        )


router = APIRouter(dependencies=[Depends(known_parameters)])
for part in PARTS:
    router.include_router(part.router)
