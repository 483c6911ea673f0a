"""The API, put together from one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.web.api import access, health, hr_hook, inquiries, people
from orchestrator.web.api.admin import away, ledger, packets, systems, tokens, webhooks
from orchestrator.web.api.admin import starts as start_limits
from orchestrator.web.api.runs import (
    evidence,
    exceptions,
    gates,
    inbox,
    outcomes,
    run_commands,
    runs,
    starts,
    steps,
    stream,
    tasks,
)
from orchestrator.web.api.schema import reference

PARTS = (
    runs, starts, run_commands, stream, inquiries, inbox, gates, tasks, evidence, exceptions, steps, people,
    packets, start_limits, systems, ledger, outcomes, away, access, tokens, webhooks, hr_hook, health, reference,
)  # fmt: skip
"""In the order in which the document describes them."""

router = APIRouter()
for part in PARTS:
    router.include_router(part.router)
