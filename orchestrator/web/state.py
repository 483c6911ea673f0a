"""The objects that pages and API use. An entry point makes them; none is made at import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastapi import Request
from jinja2 import Environment

from orchestrator.commands import Services
from orchestrator.deciding.assistant_calls import AssistantCalls
from orchestrator.ledger.access.answers import StoredResponses
from orchestrator.ledger.access.devices import Devices
from orchestrator.ledger.access.sessions import Sessions
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.ledger.book.following import Following
from orchestrator.ledger.engine.webhooks import Webhooks
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries
from orchestrator.web.access.provider import Provider
from orchestrator.web.inquiries import Inquiries
from orchestrator.web.parts import Parts
from orchestrator.web.requests.heavy_work import HeavyWork
from orchestrator.web.search import Searches
from orchestrator.web.settings import WebSettings

if TYPE_CHECKING:
    from orchestrator.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class LocalMember:
    """Someone who may sign in by name alone, on the embedded stack. `kind` is an actor's."""

    alias: str
    employee_number: str
    roles: tuple[str, ...]
    duty: str


@dataclass(frozen=True, slots=True)
class WebState:
    """`services` is for commands, `queries` for what people may read. `local` are those who may sign in by name; it is
    empty where others than this machine's owner can connect. `watched` is None where telemetry is off. `died` names the
    background tasks of this process that ended unexpectedly: the process is about to end."""

    settings: WebSettings
    services: Services
    database: Database
    queries: Queries
    assistant_calls: AssistantCalls
    inquiries: Inquiries
    following: Following
    sessions: Sessions
    tokens: Tokens
    devices: Devices
    answers: StoredResponses
    searches: Searches
    parts: Parts
    templates: Environment
    provider: Provider | None = None
    local: Sequence[LocalMember] = ()
    heavy: HeavyWork = field(default_factory=HeavyWork)
    watched: Telemetry | None = None
    died: list[str] = field(default_factory=list)


def state_of(request: Request) -> WebState:
    """A request that changes nothing has queries of its own, which read once what all of them rest on."""
    kept: WebState | None = getattr(request.state, "web", None)
    if kept is not None:
        return kept
    web: WebState = request.app.state.web
    if request.method in ("GET", "HEAD"):
        web = request.state.web = replace(web, queries=web.queries.for_one_answer())
    return web


def webhooks_of(web: WebState) -> Webhooks:
    return Webhooks(web.database, web.services.keyring, web.services.runs.ledger)
