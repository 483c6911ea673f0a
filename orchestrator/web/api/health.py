"""Health checks for monitoring: whether this process runs, and whether it can serve requests."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from orchestrator.documents.systems.system_standing import SystemState
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.web.parts import PartName
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["health"])


class PartHealth(BaseModel):
    part: PartName
    up: bool | None = Field(description="`null` if it is not known, because another part is down")
    since: datetime = Field(description="When the web process first saw it so")
    cause: str = Field(description="Why it is down, without personal data; empty otherwise")


class SystemHealth(BaseModel):
    """A system on which steps do not run now."""

    system: str = Field(description="Its name in the packet; `*` if changes on all systems are paused")
    state: SystemState = Field(
        description="`failing`: it fails for runs; `unreachable`: the last check failed; `paused`: changes are paused"
    )
    since: datetime | None = Field(description="Of `unreachable`, when it was checked; null if it is not known")
    code: str | None = Field(description="That of the failure; null for a pause")
    until: datetime | None = Field(description="When a pause ends automatically")


class Health(BaseModel):
    """`status` is `ok` as long as the process responds, whatever the other parts do."""

    status: Literal["ok"] = "ok"
    parts: list[PartHealth]
    findings: int | None = Field(
        None,
        description="Open findings of comparisons of the ledger with Temporal and the read tables; `null` if not known",
    )
    findings_by_kind: dict[str, int] | None = Field(
        None, description="How many of each kind are open; `null` if not known"
    )
    older_ledger_since: datetime | None = Field(
        None,
        description="When it was noticed that the ledger is an older copy of its database: changes on all systems are "
        "paused until an operator resumes them; `null` if it is not, or if `systems` is not known",
    )
    systems: list[SystemHealth] | None = Field(
        None, description="The systems of packets in use on which steps do not run now; `null` if not known"
    )


class Readiness(BaseModel):
    """Pages and API need the ledger. Without Temporal, decisions are recorded and the runs continue later. A process of
    which a background task ended unexpectedly is not ready, and ends."""

    ready: bool
    ledger: bool
    temporal: bool


@router.get("/health", summary="Liveness")
async def health(request: Request) -> Health:
    parts = state_of(request).parts
    found = await parts.look()
    shown = [PartHealth(part=p.name, up=p.up, since=p.since, cause=p.cause) for p in found]
    count = sum(parts.findings.values()) if parts.findings is not None else None
    troubles = parts.troubles
    return Health(
        parts=shown,
        findings=count,
        findings_by_kind=parts.findings,
        older_ledger_since=troubles.older_ledger_since if troubles is not None else None,
        systems=[
            SystemHealth(system=one.system, state=one.state, since=one.since, code=one.code or None, until=one.until)
            for one in troubles.systems
        ]
        if troubles is not None
        else None,
    )


@router.get(
    "/readiness",
    summary="Readiness",
    responses={503: {"model": Readiness, "description": "The ledger is not available: send no traffic here"}},
)
async def readiness(request: Request, response: Response) -> Readiness:
    web = state_of(request)
    ledger = temporal = True
    try:
        await web.services.runs.ledger.now()
    except LedgerError:
        ledger = False
    try:
        if web.services.engine is None:
            temporal = False
        else:
            await web.services.engine.look_at_cluster()
    except EngineUnavailable:
        temporal = False
    ready = ledger and not web.died
    if not ready:
        response.status_code = 503
    return Readiness(ready=ready, ledger=ledger, temporal=temporal)
