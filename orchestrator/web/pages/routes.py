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
    new_run,
    repairs,
    run,
    runs,
    streams,
    systems,
)

router = APIRouter(include_in_schema=False)
# What has a name under `/runs` comes before `/runs/{id}`.
for part in (new_run, streams, inbox, runs, run, decisions, changes, repairs, exceptions, files, systems, away):
    router.include_router(part.router)
