"""The pages, put together from one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.web.pages import new_run, runs

router = APIRouter(include_in_schema=False)
for part in (new_run, runs):  # `/runs/new` comes before `/runs/{id}`
    router.include_router(part.router)
