"""The pages, put together from one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.web.pages import runs

router = APIRouter(include_in_schema=False)
for part in (runs,):
    router.include_router(part.router)
