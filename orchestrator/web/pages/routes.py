"""The routes of the pages, one module for each noun."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.web.pages.admin import (
    away,
    ledger,
    orphans,
    packet_editing,
    packet_records,
    packet_shadow,
    packets,
    setup_checklist,
    staff,
    starts,
    system_tests,
    systems,
    tokens,
    webhooks,
)
from orchestrator.web.pages.lists import assistants, exceptions, inbox, outcomes, runs, search, streams
from orchestrator.web.pages.new_run import batches, new_run
from orchestrator.web.pages.run import (
    changes,
    decisions,
    erasures,
    files,
    parked_steps,
    repairs,
    replays,
    restores,
    run,
)

router = APIRouter(include_in_schema=False)
# What has a name under `/runs` comes before `/runs/{id}`.
for part in (
    new_run,
    batches,
    streams,
    inbox,
    runs,
    run,
    replays,
    erasures,
    restores,
    decisions,
    changes,
    repairs,
    parked_steps,
    exceptions,
    files,
    search,
    packets,
    packet_editing,
    packet_records,
    packet_shadow,
    systems,
    system_tests,
    orphans,
    setup_checklist,
    ledger,
    outcomes,
    away,
    tokens,
    assistants,
    staff,
    webhooks,
    starts,
):
    router.include_router(part.router)
