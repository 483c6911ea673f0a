"""The pages, put together from one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.web.pages import (
    away,
    changes,
    decisions,
    exceptions,
    files,
    inbox,
    ledger,
    new_run,
    outcomes,
    packets,
    repairs,
    run,
    runs,
    streams,
    systems,
    tokens,
    webhooks,
)

router = APIRouter(include_in_schema=False)
# What has a name under `/runs` comes before `/runs/{id}`.
for part in (
    new_run, streams, inbox, runs, run, decisions, changes, repairs, exceptions, files,
    packets, systems, ledger, outcomes, away, tokens, webhooks,
):  # fmt: skip
    router.include_router(part.router)
