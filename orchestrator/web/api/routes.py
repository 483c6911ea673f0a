"""The API, put together from one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.web.api import (
    access,
    away,
    evidence,
    exceptions,
    gates,
    health,
    hr_hook,
    inbox,
    inquiries,
    ledger,
    outcomes,
    packets,
    people,
    reference,
    run_commands,
    runs,
    starts,
    steps,
    stream,
    systems,
    tasks,
    tokens,
    webhooks,
)

PARTS = (
    runs, starts, run_commands, stream, inquiries, inbox, gates, tasks, evidence, exceptions, steps, people,
    packets, systems, ledger, outcomes, away, access, tokens, webhooks, hr_hook, health, reference,
)  # fmt: skip
"""In the order in which the document describes them."""

router = APIRouter()
for part in PARTS:
    router.include_router(part.router)
