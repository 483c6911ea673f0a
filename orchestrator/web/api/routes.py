"""The API, put together from one module a noun."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.web.api import access, health, runs

router = APIRouter()
for part in (health, access, runs):
    router.include_router(part.router)
